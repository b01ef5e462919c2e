package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn/frequency"
	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
	"kyso/internal/vn"
)

// The costs of argon2id (OWASP's minimum): 19 MiB, two passes, one lane.
const (
	hashMemory = 19 * 1024
	hashTime   = 2
	hashLanes  = 1
	hashLength = 32
)

// hash returns the PHC string of a password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails; the program crashes instead
	key, err := s.derive(ctx, password, salt)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashLanes, encode(salt), encode(key)), nil
}

// matches compares in constant time.
func (s *Service) matches(ctx context.Context, stored, password string) (bool, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 {
		return false, problem.New(problem.Internal, "a stored password hash cannot be read")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil {
		return false, problem.New(problem.Internal, "a stored password hash cannot be read")
	}
	got, err := s.derive(ctx, password, salt)
	return subtle.ConstantTimeCompare(got, want) == 1, err
}

// derive waits for a place: each hash takes 19 MiB and a core.
func (s *Service) derive(ctx context.Context, password string, salt []byte) ([]byte, error) {
	timer := time.NewTimer(s.HashQueue)
	defer timer.Stop()
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-timer.C:
		return nil, limited(s.HashQueue, "too many log in at once")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, hashTime, hashMemory, hashLanes, hashLength), nil
}

// The bounds of a password, in characters.
const (
	minPassword = 8
	maxPassword = 128
)

// common are passwords that are tried first, in lower case without blanks: those of zxcvbn's list of the commonest ones
// (Mark Burnett's ten million passwords, in the order of how often they occur; MIT licence) that are long enough to be
// chosen here, some 12,000, and some of Vietnam. ASVS 6.2.4 requires 3,000.
var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, word := range frequency.FrequencyLists["passwords"] {
		if utf8.RuneCountInString(word) >= minPassword {
			set[word] = true
		}
	}
	for word := range strings.FieldsSeq(`88888888 matkhau1 matkhau123 anhyeuem emyeuanh anhyeuem123 vietnam123 vietnam1 yeuemnhieu khongbiet
		khongcopass nguyenvana sinhnhat 12341234 66668888 68686868 79797979 matkhaumoi hanoi123 saigon123 vietnam2025 vietnam2026`) {
		set[word] = true
	}
	return set
})

// Password judges a new password. There are no rules of composition, and nothing is cut off.
func Password(password, phone, email string) error {
	return passwordIn("password", password, phone, email)
}

// passwordIn judges a new password that came in a field.
func passwordIn(field, password, phone, email string) error {
	password = norm.NFC.String(password)
	plain := strings.ToLower(strings.Join(strings.Fields(vn.Fold(password)), ""))
	name, _, _ := strings.Cut(strings.ToLower(email), "@")
	tail := strings.TrimPrefix(phone, "+84")
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password) || n < minPassword || n > maxPassword:
		return invalid(field, fmt.Sprintf("a password has %d to %d characters", minPassword, maxPassword), fmt.Sprintf("Mật khẩu có từ %d đến %d ký tự", minPassword, maxPassword))
	case common()[plain]:
		return invalid(field, "this password is among those that are tried first", "Mật khẩu này quá phổ biến, dễ bị đoán")
	case plain == strings.ToLower(email), len(name) >= 4 && plain == name, tail != "" && strings.Contains(plain, tail):
		return invalid(field, "the password repeats phone or e-mail", "Mật khẩu không được lặp lại số điện thoại hoặc thư điện tử")
	}
	return nil
}
