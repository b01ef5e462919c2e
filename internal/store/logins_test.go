package store_test

import (
	"sync"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
)

func challenge(id string, at time.Time) registration.Challenge {
	return registration.Challenge{ID: id, Purpose: registration.PurposeLogin, Owner: "guest:1", CreatedAt: at.UTC(), ExpiresAt: at.UTC().Add(5 * time.Minute)}
}

func accountOf(t *testing.T, s *store.Store, registrationID string) registration.Account {
	t.Helper()
	r := s.Registrations()
	record, err := r.Registration(t.Context(), registrationID)
	must(t, err)
	a := registration.Account{ID: "acct-1", SubjectID: record.SubjectID, Phone: "+84901234567", Email: "anh@example.vn", PasswordHash: "$argon2id$one", CreatedAt: minute(0).UTC()}
	must(t, r.SaveAccount(t.Context(), a))
	return a
}

func TestChallengesOfLogIns(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := s.Registrations()
		enrolled(t, r, "r-1")
		acc := accountOf(t, s, "r-1")
		windows := []registration.Window{{Within: time.Minute, Most: 1}, {Within: time.Hour, Most: 2}}
		must(t, r.OpenChallenge(t.Context(), challenge("c-1", minute(0)), acc.Phone, "123456", windows))
		err := r.OpenChallenge(t.Context(), challenge("c-2", minute(0).Add(20*time.Second)), acc.Phone, "123456", windows)
		wantCode(t, err, problem.RateLimited)
		if problem.RetryAfterOf(err) != 40*time.Second {
			t.Errorf("retry after %s", problem.RetryAfterOf(err))
		}
		must(t, r.OpenChallenge(t.Context(), challenge("c-3", minute(2)), acc.Phone, "123456", windows))
		wantCode(t, r.OpenChallenge(t.Context(), challenge("c-4", minute(4)), acc.Phone, "123456", windows), problem.RateLimited)
		must(t, r.OpenChallenge(t.Context(), challenge("c-5", minute(4)), "+84909999999", "654321", windows)) // nobody's

		c, phone, digits, err := r.ChallengeToSend(t.Context(), "c-3", minute(3))
		must(t, err)
		if c.Purpose != registration.PurposeLogin || phone != acc.Phone || digits != "123456" {
			t.Errorf("to send: %+v %s %s", c, phone, digits)
		}
		must(t, r.MarkChallengeSent(t.Context(), "c-3", minute(3)))
		for id, at := range map[string]int{"c-3": 3, "c-5": 5, "c-1": 20} { // sent, nobody's, too old
			_, _, _, err = r.ChallengeToSend(t.Context(), id, minute(at))
			wantCode(t, err, problem.Conflict)
		}

		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:2", "123456", minute(3), minute(0))
		wantCode(t, err, problem.NotFound)
		for _, tried := range []string{"123456", "123456", "000000", "000000", "000000", "000000", "000000", ""} { // uses up neither the code nor its tries
			_, err = r.ProveChallenge(t.Context(), registration.PurposeReset, "c-3", "guest:1", tried, minute(3), minute(0))
			wantCode(t, err, problem.NotFound)
		}
		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "", minute(3), minute(0))
		wantCode(t, err, problem.OTPExpired)
		wantCode(t, r.CloseChallenge(t.Context(), "c-3", minute(3)), problem.OTPExpired)
		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "000000", minute(3), minute(0))
		wantCode(t, err, problem.OTPWrong)
		c, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "123456", minute(3), minute(0))
		must(t, err)
		if c.AccountID != acc.ID || !c.ProvenAt.Equal(minute(3)) {
			t.Errorf("proven: %+v", c)
		}
		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "123456", minute(3), minute(0))
		wantCode(t, err, problem.OTPExpired)
		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "", minute(4), minute(0))
		must(t, err)
		must(t, r.CloseChallenge(t.Context(), "c-3", minute(4)))
		wantCode(t, r.CloseChallenge(t.Context(), "c-3", minute(4)), problem.OTPExpired)
		_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-3", "guest:1", "", minute(4), minute(0))
		wantCode(t, err, problem.OTPExpired)

		for n := range 6 { // nobody's is never right, and its tries are counted like others'
			want := problem.OTPWrong
			if n >= 4 {
				want = problem.OTPLocked
			}
			_, err = r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-5", "guest:1", "654321", minute(5), minute(0))
			wantCode(t, err, want)
		}
	})
}

// Of many that hand in the right code at once one is accepted, and of many that ask at once as many as the window allows.
func TestChallengesAtOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := s.Registrations()
		enrolled(t, r, "r-1")
		acc := accountOf(t, s, "r-1")
		const many = 20
		count := func(do func(n int) error) int {
			var good int
			var mu sync.Mutex
			var all sync.WaitGroup
			for n := range many {
				all.Go(func() {
					if do(n) == nil {
						mu.Lock()
						defer mu.Unlock()
						good++
					}
				})
			}
			all.Wait()
			return good
		}
		opened := count(func(n int) error {
			return r.OpenChallenge(t.Context(), challenge("c-"+string(rune('a'+n)), minute(0)), acc.Phone, "123456", []registration.Window{{Within: time.Hour, Most: 3}})
		})
		must(t, r.OpenChallenge(t.Context(), challenge("c-1", minute(0)), acc.Phone, "123456", nil))
		proven := count(func(int) error {
			_, err := r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-1", "guest:1", "123456", minute(1), minute(0))
			return err
		})
		closed := count(func(int) error { return r.CloseChallenge(t.Context(), "c-1", minute(1)) })
		if opened != 3 || proven != 1 || closed != 1 {
			t.Errorf("%d opened, %d proven, %d closed", opened, proven, closed)
		}
	})
}

func TestPasswordsAndTheirResets(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := s.Registrations()
		enrolled(t, r, "r-1")
		acc := accountOf(t, s, "r-1")
		_, err := r.Reset(t.Context(), acc.ID)
		wantCode(t, err, problem.NotFound)
		for _, hash := range []string{"$argon2id$two", "$argon2id$three"} {
			want := registration.Reset{AccountID: acc.ID, PasswordHash: hash, RequestedAt: minute(1).UTC(), EffectiveAt: minute(61).UTC()}
			must(t, r.SaveReset(t.Context(), want))
			got, err := r.Reset(t.Context(), acc.ID)
			must(t, err)
			wantEqual(t, "reset", got, want)
		}
		for range 2 {
			must(t, r.DropReset(t.Context(), acc.ID, "dropped", minute(2)))
		}
		must(t, r.SaveReset(t.Context(), registration.Reset{AccountID: acc.ID, PasswordHash: "$argon2id$four", RequestedAt: minute(1).UTC(), EffectiveAt: minute(61).UTC()}))
		a := s.Access()
		for _, id := range []string{"s-1", "s-2", "s-3"} {
			session := access.Session{ID: id, Owner: "account:" + acc.ID, AccountID: acc.ID, CreatedAt: minute(0).UTC(), SeenAt: minute(0).UTC(), ExpiresAt: minute(90).UTC()}
			if id == "s-3" {
				session.AccountID = ""
			}
			must(t, a.CreateSession(t.Context(), session, "secret-"+id))
		}
		for range 3 {
			must(t, r.TryPassword(t.Context(), acc.ID, "203.0.113.7", minute(2), 5, time.Minute))
		}
		must(t, r.SetPassword(t.Context(), acc.ID, "$argon2id$five", "changed", "s-1", minute(3)))
		got, err := r.Account(t.Context(), acc.ID)
		must(t, err)
		if got.PasswordHash != "$argon2id$five" || got.Failures != 0 {
			t.Errorf("account %+v", got)
		}
		_, err = r.Reset(t.Context(), acc.ID)
		wantCode(t, err, problem.NotFound)
		list, err := s.Mine().SessionsOf(t.Context(), acc.ID)
		must(t, err)
		_, other := a.SessionByDigest(t.Context(), "secret-s-3")
		if len(list) != 1 || list[0].ID != "s-1" || other != nil {
			t.Errorf("sessions %+v, another's: %v", list, other)
		}
	})
}

// Erasing a person leaves nothing that leads to the person's phone or opens the account.
func TestErasureEndsLogIns(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := s.Registrations()
		enrolled(t, r, "r-1")
		acc := accountOf(t, s, "r-1")
		must(t, r.OpenChallenge(t.Context(), challenge("c-1", minute(0)), acc.Phone, "123456", nil))
		must(t, r.SaveReset(t.Context(), registration.Reset{AccountID: acc.ID, PasswordHash: "x", RequestedAt: minute(1).UTC(), EffectiveAt: minute(61).UTC()}))
		must(t, s.Access().CreateSession(t.Context(), access.Session{ID: "s-1", Owner: "account:" + acc.ID, AccountID: acc.ID, CreatedAt: minute(0), SeenAt: minute(0), ExpiresAt: minute(90)}, "secret"))
		eraseEnded(t, r, acc.SubjectID, minute(2))
		_, err := r.ProveChallenge(t.Context(), registration.PurposeLogin, "c-1", "guest:1", "123456", minute(3), minute(0))
		wantCode(t, err, problem.NotFound)
		_, err = r.Reset(t.Context(), acc.ID)
		wantCode(t, err, problem.NotFound)
		_, err = s.Access().SessionByDigest(t.Context(), "secret")
		wantCode(t, err, problem.NotFound)
		_, err = s.Mine().Holder(t.Context(), acc.ID)
		wantCode(t, err, problem.Erased)
	})
}
