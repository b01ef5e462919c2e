package store_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"kyso/internal/account"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
)

// people are an account.Service on a store, with a clock of its own.
type people struct {
	*account.Service
	t   *testing.T
	r   store.Registrations
	now time.Time
}

func newPeople(t *testing.T, s *store.Store) *people {
	p := &people{t: t, r: s.Registrations(), now: minute(0)}
	p.Service = account.New(p.r, s.Limits(), func() time.Time { return p.now }, account.Options{HashParallel: 64, HashQueue: time.Minute})
	return p
}

func (p *people) from(address string) context.Context {
	return limit.WithAddress(p.t.Context(), netip.MustParseAddr(address))
}

// stranger enrols another person with a registration of its own.
func (p *people) stranger(id string, n int) {
	in := newRequest(id)
	in.Person.IDNumber, in.Person.Phone = fmt.Sprintf("07909500%04d", n), fmt.Sprintf("+8491000%04d", n)
	_, err := p.r.CreateRegistration(p.t.Context(), id, in)
	must(p.t, err)
}

func TestCodesAreCountedAsTheyAreMade(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		enrolled(t, p.r, "own")
		for i := range 30 {
			p.stranger(fmt.Sprint("stranger-", i), i)
		}
		ask := func(id, address string) error {
			_, err := p.NewCode(p.from(address), id, registration.PurposeAccount, holder.Phone, "")
			return err
		}
		// One registration at once: one, whatever comes beside it.
		if n := race(t, 20, func(int) error { return ask("stranger-0", "203.0.113.7") }); n != 1 {
			t.Errorf("%d codes of one registration at once, want 1", n)
		}
		// Thirty people at once, of as many networks: three in a quarter of an hour.
		if n := race(t, 30, func(i int) error { return ask(fmt.Sprint("stranger-", i), fmt.Sprint("198.51.100.", i)) }); n != 2 {
			t.Errorf("%d more codes of strangers to one phone, want 2 of 3", n)
		}
		// And ten a day.
		day := 3
		for quarter := 1; quarter < 30; quarter++ {
			p.now = minute(31 * quarter)
			day += race(t, 30, func(i int) error { return ask(fmt.Sprint("stranger-", i), fmt.Sprint("192.0.2.", i)) })
		}
		if day != 10 {
			t.Errorf("%d codes of strangers to one phone in 15 hours, want 10", day)
		}
		// The owner of the phone lost nothing by it.
		if n := race(t, 20, func(int) error { return ask("own", "203.0.113.7") }); n != 1 {
			t.Errorf("%d codes for the owner, want 1", n)
		}
	})
}

func TestANetworkAsksForSoManyCodes(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		begin := func(address, phone string) error {
			_, err := p.Begin(p.from(address), registration.PurposeLogin, "guest:1", phone)
			return err
		}
		if n := race(t, 80, func(i int) error { return begin("203.0.113.7", fmt.Sprintf("+8491%07d", i)) }); n != 60 {
			t.Errorf("%d codes of one network in an hour, want 60", n)
		}
		passed := 0
		for hour := range 12 {
			p.now = minute(60*hour + 5)
			passed += race(t, 5, func(int) error { return begin("198.51.100.9", holder.Phone) })
		}
		if passed != 5 {
			t.Errorf("%d codes of one network to one phone in a day, want 5", passed)
		}
		if err := begin("198.51.100.10", holder.Phone); err != nil {
			t.Errorf("another network: %v", err)
		}
	})
}

// opened makes an account with a password and proves its phone for a registration.
func (p *people) opened(id string) registration.Account {
	p.t.Helper()
	p.prove(id)
	acc, _, err := p.Open(p.from("203.0.113.1"), id, "anh@example.vn", "Mat khau rat dai 9")
	must(p.t, err)
	return acc
}

func (p *people) prove(id string) {
	p.t.Helper()
	code, err := p.NewCode(p.from("203.0.113.1"), id, registration.PurposeAccount, holder.Phone, "")
	must(p.t, err)
	_, digits, err := p.r.CodeToSend(p.t.Context(), code.ID)
	must(p.t, err)
	_, err = p.UseCode(p.from("203.0.113.1"), id, registration.PurposeAccount, "", digits)
	must(p.t, err)
}

func TestWrongPasswordsAreCountedAtOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		enrolled(t, p.r, "own")
		acc := p.opened("own")
		try := func(address, password string) error {
			_, _, err := p.Open(p.from(address), "own", "anh@example.vn", password)
			if problem.CodeOf(err) == problem.Denied {
				return nil // it was looked at
			}
			return err
		}
		if n := race(t, 60, func(i int) error { return try("203.0.113.7", fmt.Sprint("wrong-password-", i)) }); n != 5 {
			t.Errorf("%d of 60 wrong passwords were looked at, want 5", n)
		}
		now, err := p.r.Account(t.Context(), acc.ID)
		must(t, err)
		if now.Failures != 5 {
			t.Errorf("%d failures are counted, want 5", now.Failures)
		}
		// Whoever is elsewhere does not wait for it.
		must(t, try("198.51.100.9", "Mat khau rat dai 9"))
		// Each wait is twice as long.
		for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
			err := try("203.0.113.7", "Mat khau rat dai 9")
			if problem.CodeOf(err) != problem.RateLimited || problem.RetryAfterOf(err).Round(time.Second) != wait {
				t.Errorf("%v, retry after %s, want %s", err, problem.RetryAfterOf(err), wait)
			}
			p.now = p.now.Add(wait)
			if n := race(t, 10, func(i int) error { return try("203.0.113.7", fmt.Sprint("wrong-", i)) }); n != 1 {
				t.Errorf("%d tries after the wait, want 1", n)
			}
		}
		p.now = p.now.Add(8 * time.Minute)
		p.reproven("own")
		must(t, try("203.0.113.7", "Mat khau rat dai 9"))
		if n := race(t, 20, func(i int) error { return try("203.0.113.7", fmt.Sprint("wrong-password-", i)) }); n != 5 {
			t.Errorf("%d tries after the right password, want 5", n)
		}
	})
}

// reproven proves the phone again when the proof is old.
func (p *people) reproven(id string) {
	p.t.Helper()
	p.prove(id)
}

// A hundred wrong passwords in a row end the password, from however many networks; the right one starts again.
func TestAHundredWrongPasswordsEndIt(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		enrolled(t, p.r, "own")
		acc := p.opened("own")
		try := func(i int) error {
			return p.r.TryPassword(t.Context(), acc.ID, fmt.Sprintf("203.0.%d.%d", i/200, i%200), p.now, 5, time.Minute)
		}
		if n := race(t, 150, try); n != 100 {
			t.Errorf("%d tries of 150 networks, want 100", n)
		}
		must(t, p.r.SetPassword(t.Context(), acc.ID, acc.PasswordHash, "reset in force", "", p.now))
		must(t, try(1))
	})
}

// Strangers who ask for codes all day take nothing from a network in which the owner of the phone logged in before.
func TestStrangersUseUpNoCodesOfAKnownNetwork(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		enrolled(t, p.r, "own")
		p.opened("own") // from 203.0.113.1
		begin := func(address string) error {
			_, err := p.Begin(p.from(address), registration.PurposeLogin, "guest:1", holder.Phone)
			return err
		}
		passed := 0
		for quarter := range 30 {
			p.now = minute(31*quarter + 5)
			for i := range 4 {
				if begin(fmt.Sprint("198.51.100.", 4*quarter+i)) == nil {
					passed++
				}
				p.now = p.now.Add(2 * time.Minute)
			}
		}
		if passed != 10 {
			t.Errorf("%d codes of strangers, want 10", passed)
		}
		wantCode(t, begin("198.51.100.200"), problem.RateLimited)
		must(t, begin("203.0.113.1"))
	})
}

// Of guesses at a code no more than five are looked at, however many come at once.
func TestGuessesAtACodeAreCountedAtOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		enrolled(t, p.r, "own")
		code, err := p.NewCode(p.from("203.0.113.1"), "own", registration.PurposeAccount, holder.Phone, "")
		must(t, err)
		_, digits, err := p.r.CodeToSend(t.Context(), code.ID)
		must(t, err)
		wrong := race(t, 60, func(i int) error {
			guess := fmt.Sprintf("%06d", i)
			if guess == digits {
				guess = "999999"
			}
			_, err := p.UseCode(t.Context(), "own", registration.PurposeAccount, "", guess)
			switch problem.CodeOf(err) {
			case problem.OTPWrong:
				return nil
			case problem.OTPLocked:
				return &problem.Error{Code: problem.RateLimited, RetryAfter: time.Second}
			}
			return err
		})
		if wrong != 4 { // the fifth is told that it was the last
			t.Errorf("%d guesses were wrong before the lock, want 4", wrong)
		}
		_, err = p.UseCode(t.Context(), "own", registration.PurposeAccount, "", digits)
		wantCode(t, err, problem.OTPLocked)
	})
}

// An attacker with as many phones and networks as one likes uses up the strangers' half of the budget; the owner of a phone
// still gets a code, and what was refused is counted for the alert.
func TestAllTextsTogetherHaveABudget(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		p := newPeople(t, s)
		p.Budget = limit.Budget{Name: "texts", PerHour: 20, PerDay: 30}
		enrolled(t, p.r, "own")
		begin := func(i int) error {
			_, err := p.Begin(p.from(fmt.Sprint("198.51.100.", i)), registration.PurposeLogin, fmt.Sprint("guest:", i), fmt.Sprintf("+8491%07d", i))
			return err
		}
		if n := race(t, 45, begin); n != 10 {
			t.Errorf("%d codes of strangers in an hour, want half of 20", n)
		}
		if refused := s.Limits().Refusals()["budget-texts-hour-strangers"]; refused != 35 {
			t.Errorf("%d refusals are told of, want 35", refused)
		}
		_, err := p.NewCode(p.from("203.0.113.7"), "own", registration.PurposeAccount, holder.Phone, "")
		must(t, err)
		p.now = minute(3 * 60)
		if n := race(t, 45, func(i int) error { return begin(100 + i) }); n != 5 {
			t.Errorf("%d more codes of strangers in a day, want 15 in total", n)
		}
	})
}
