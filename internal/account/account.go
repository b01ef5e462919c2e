// Package account makes and checks one-time codes and accounts, and judges what people type: phones, e-mails, names,
// citizen numbers. None of it ever enters a workflow: a process learns ids only.
//
// It imports internal/registration, internal/problem, golang.org/x and the phone number library.
package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"time"

	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// Options are the numbers; zero values mean the ones named.
type Options struct {
	CodeLife     time.Duration // 5 minutes
	ResendGap    time.Duration // 60 seconds between two codes of one registration and purpose
	PerQuarter   int           // 3 codes of one purpose in 15 minutes for one phone and reserve
	PerDay       int           // 10 codes a day for one phone and reserve
	ProofLife    time.Duration // 30 minutes in which an accepted code proves the phone
	FreeTries    int           // 5 wrong passwords in a row from one network before a try has to wait
	TryDelay     time.Duration // 1 minute, the first wait; each further one is twice as long
	HashParallel int           // hashes at a time; the number of cores
	HashQueue    time.Duration // 2 seconds of waiting for a place, then RateLimited
	Cooling      time.Duration // 24 hours between a reset and the new password
	Input        Input         // judges e-mail addresses
	Budget       limit.Budget  // of all codes together; none
}

// Service makes and checks codes and accounts. Make one with New.
type Service struct {
	Records   registration.Records
	Logins    registration.Logins
	Passwords registration.Passwords
	Counter   limit.Counter
	Now       func() time.Time
	Options
	places chan struct{}
}

// Store is what a Service keeps its things in.
type Store interface {
	registration.Records
	registration.Logins
	registration.Passwords
}

// New returns a Service.
func New(store Store, counter limit.Counter, now func() time.Time, opts Options) *Service {
	setDefault(&opts.CodeLife, 5*time.Minute)
	setDefault(&opts.ResendGap, time.Minute)
	setDefault(&opts.PerQuarter, 3)
	setDefault(&opts.PerDay, 10)
	setDefault(&opts.ProofLife, 30*time.Minute)
	setDefault(&opts.FreeTries, 5)
	setDefault(&opts.TryDelay, time.Minute)
	setDefault(&opts.HashParallel, runtime.NumCPU())
	setDefault(&opts.HashQueue, 2*time.Second)
	setDefault(&opts.Cooling, 24*time.Hour)
	return &Service{Records: store, Logins: store, Passwords: store, Counter: counter, Now: now, Options: opts, places: make(chan struct{}, opts.HashParallel)}
}

func setDefault[T int | time.Duration](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

// NewCode draws and records a code; sending it is the process's part. It answers the same whether the phone has an
// account or not. Errors: RateLimited with RetryAfter.
func (s *Service) NewCode(ctx context.Context, registrationID string, purpose registration.Purpose, phone, binding string) (registration.Code, error) {
	now := s.Now().UTC().Truncate(time.Microsecond)
	whose, err := s.whose(ctx, registrationID, purpose, phone)
	if err != nil {
		return registration.Code{}, err
	}
	digits, err := drawDigits()
	if err != nil {
		return registration.Code{}, err
	}
	code := registration.Code{ID: "code-" + rand.Text(), RegistrationID: registrationID, Purpose: purpose, Phone: phone, Binding: binding,
		CreatedAt: now, ExpiresAt: now.Add(s.CodeLife)}
	return code, s.Records.AskCode(ctx, code, digits, s.ResendGap, s.codeLimits(ctx, whose, purpose, phone)...)
}

func limited(pause time.Duration, text string) error {
	err := problem.New(problem.RateLimited, "%s", text)
	err.RetryAfter = pause
	return err
}

// drawDigits returns six digits, every one of the million as likely as any other.
func drawDigits() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%06d", n), nil
}

// UseCode accepts a code once. What cannot be a code costs no try. Errors: Invalid, OTPWrong, OTPExpired, OTPLocked.
func (s *Service) UseCode(ctx context.Context, registrationID string, purpose registration.Purpose, binding, digits string) (registration.Code, error) {
	if !sixDigits(digits) {
		return registration.Code{}, invalid("code", "a code has six digits", "Mã có 6 chữ số")
	}
	return s.Records.UseCode(ctx, registrationID, purpose, binding, digits, s.Now())
}

func sixDigits(s string) bool { return len(s) == 6 && strings.Trim(s, "0123456789") == "" }

// Text is the text message of a code: a registered template in ASCII, without personal data.
func (s *Service) Text(purpose registration.Purpose, digits string) string {
	what := map[registration.Purpose]string{registration.PurposeAccount: "dang ky tai khoan", registration.PurposeContract: "ky hop dong",
		registration.PurposeActivation: "kich hoat chung thu", registration.PurposeLogin: "dang nhap", registration.PurposeReset: "dat lai mat khau"}[purpose]
	return fmt.Sprintf("Ma OTP %s cua quy khach la %s, hieu luc 5 phut. Khong cung cap ma nay cho bat ky ai.", what, digits)
}

// Open creates the account on the phone that an accepted code of this registration proved, or logs in when the phone
// has one. Both do the same work. Errors: Denied without a proof or with a wrong password, RateLimited while locked or
// when too many ask at once, Invalid for an e-mail or password that will not do.
func (s *Service) Open(ctx context.Context, registrationID, email, password string) (registration.Account, bool, error) {
	phone, err := s.proven(ctx, registrationID)
	if err != nil {
		return registration.Account{}, false, err
	}
	if email, err = s.Input.Email(email); err != nil {
		return registration.Account{}, false, err
	}
	acc, err := s.Records.AccountByPhone(ctx, phone)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		acc, err = s.create(ctx, registrationID, phone, email, password)
		return acc, err == nil, err
	case err != nil:
		return registration.Account{}, false, err
	}
	return acc, false, s.enter(ctx, acc, password)
}

// proven returns the phone that was proven lately.
func (s *Service) proven(ctx context.Context, registrationID string) (string, error) {
	code, err := s.Records.LastCode(ctx, registrationID, registration.PurposeAccount)
	if problem.CodeOf(err) == problem.NotFound || err == nil && (code.UsedAt.IsZero() || s.Now().Sub(code.UsedAt) > s.ProofLife) {
		return "", problem.New(problem.Denied, "the phone is not proven")
	}
	return code.Phone, err
}

func (s *Service) create(ctx context.Context, registrationID, phone, email, password string) (registration.Account, error) {
	if err := Password(password, phone, email); err != nil {
		return registration.Account{}, err
	}
	r, err := s.Records.Registration(ctx, registrationID)
	if err != nil {
		return registration.Account{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return registration.Account{}, err
	}
	acc := registration.Account{ID: "acct-" + rand.Text(), SubjectID: r.SubjectID, Phone: phone, Email: email, PasswordHash: hash, CreatedAt: s.Now().UTC()}
	if err := s.Records.SaveAccount(ctx, acc); err != nil {
		return acc, err
	}
	return acc, s.Counter.Take(ctx, s.Now(), logIns(phone, limit.Network(limit.AddressOf(ctx))))
}

// login counts the password as a wrong one before it looks at it: of many tries at once none goes uncounted.
func (s *Service) login(ctx context.Context, acc registration.Account, password string) error {
	network := limit.Network(limit.AddressOf(ctx))
	if err := s.Passwords.TryPassword(ctx, acc.ID, network, s.Now(), s.FreeTries, s.TryDelay); err != nil {
		return err
	}
	right, err := s.matches(ctx, acc.PasswordHash, password)
	if err != nil {
		return err
	}
	if !right {
		return problem.New(problem.Denied, "e-mail or password is wrong")
	}
	if err := s.Passwords.RightPassword(ctx, acc.ID, network); err != nil {
		return err
	}
	return s.Counter.Take(ctx, s.Now(), logIns(acc.Phone, network))
}
