package wire

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
	"sync"
	"time"

	"kyso/internal/pades"
)

// ExitCPU is the exit status of a child that used up its CPU time.
const ExitCPU = 24

// Hello is what a child says first, when it is ready.
type Hello struct {
	Shape       string      `json:"shape"`
	Confinement Confinement `json:"confinement"`
}

// Confinement is what a child has given up of what a process may do.
type Confinement struct {
	NoNewPrivileges bool     `json:"no_new_privs"`      // prctl(2): no program that it might start has more rights
	Landlock        bool     `json:"landlock"`          // landlock(7): no file by its name, no TCP
	Seccomp         bool     `json:"seccomp"`           // seccomp(2): no system call but those of a computation
	Missing         []string `json:"missing,omitempty"` // what the kernel does not grant, with the reason
}

// Shape names the form of all that crosses the pipes. A program and a child of different releases have different ones: a field that
// the other side does not know would be lost without a word.
var Shape = sync.OnceValue(func() string {
	sum, seen := sha256.New(), map[reflect.Type]bool{}
	for _, crosses := range []any{
		Call{}, Failure{}, Hello{}, Rest{}, pades.Policy{}, pades.Report{}, PrepareArgs{}, pades.Prepared{}, ExtendArgs{}, pades.Extended{},
		pades.NeedsOptions{}, NeedResult{}, pades.PrepareOptions{}, VerifyArgs{}, pades.Verification{},
	} {
		describe(sum, reflect.TypeOf(crosses), seen)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
})

// describe writes what encoding/json makes of a type.
func describe(to hash.Hash, t reflect.Type, seen map[reflect.Type]bool) {
	_, _ = fmt.Fprint(to, t.String(), t.Kind(), ";") // a hash takes everything
	if seen[t] || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[x509.Certificate]() {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		describe(to, t.Elem(), seen)
	case reflect.Struct:
		for field := range t.Fields() {
			_, _ = fmt.Fprint(to, field.Name, field.Tag, ":")
			describe(to, field.Type, seen)
		}
	}
}
