package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

func TestKeysAndSessions(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		a := s.Access()
		key := access.Key{ID: "key-1", Owner: "team-a", Name: "Ban đêm", Scopes: []access.Scope{access.Signings, access.Webhooks},
			CreatedAt: minute(0).UTC(), ExpiresAt: minute(60).UTC()}
		must(t, only(a.CreateKey(t.Context(), key, "digest-1")))
		got, err := a.KeyByDigest(t.Context(), "digest-1")
		must(t, err)
		wantEqual(t, "key", got, key)
		_, err = a.KeyByDigest(t.Context(), "digest-2")
		wantCode(t, err, problem.NotFound)

		session := access.Session{ID: "s-1", Owner: "team-a", KeyID: "key-1", Scopes: key.Scopes, CreatedAt: minute(0).UTC(), SeenAt: minute(0).UTC(), ExpiresAt: minute(30).UTC(), AccountID: "acct-1", Guest: "guest:s-0", Device: "Android"}
		must(t, a.CreateSession(t.Context(), session, "secret-1"))
		must(t, a.TouchSession(t.Context(), "s-1", minute(5), minute(40)))
		found, err := a.SessionByDigest(t.Context(), "secret-1")
		must(t, err)
		session.SeenAt, session.ExpiresAt = minute(5).UTC(), minute(40).UTC()
		wantEqual(t, "session", found, session)

		must(t, a.RevokeKey(t.Context(), "key-1", minute(6)))
		must(t, a.RevokeKey(t.Context(), "key-1", minute(7)))
		wantCode(t, a.RevokeKey(t.Context(), "none", minute(7)), problem.NotFound)
		list, err := a.Keys(t.Context())
		must(t, err)
		if len(list) != 1 || !list[0].RevokedAt.Equal(minute(6)) {
			t.Errorf("keys %+v", list)
		}
		_, err = a.SessionByDigest(t.Context(), "secret-1")
		wantCode(t, err, problem.NotFound)

		guest := access.Session{ID: "s-2", Owner: "guest:s-2", CreatedAt: minute(0), SeenAt: minute(0), ExpiresAt: minute(10)}
		must(t, a.CreateSession(t.Context(), guest, "secret-2"))
		must(t, a.CreateSession(t.Context(), access.Session{ID: "s-3", Owner: "guest:s-3", CreatedAt: minute(10), SeenAt: minute(10), ExpiresAt: minute(20)}, "secret-3"))
		_, err = a.SessionByDigest(t.Context(), "secret-2") // past its time, forgotten when the next began
		wantCode(t, err, problem.NotFound)
		must(t, a.EndSession(t.Context(), "s-3"))
		_, err = a.SessionByDigest(t.Context(), "secret-3")
		wantCode(t, err, problem.NotFound)
	})
}

func TestWhatBelongsToWhom(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		a := s.Access()
		created(t, s, "s-1")
		object := access.Object{Kind: access.Signing, ID: "s-1"}
		for range 2 {
			must(t, a.Grant(t.Context(), "team-a", minute(0), object))
		}
		for owner, want := range map[string]bool{"team-a": true, "team-b": false} {
			got, err := a.Granted(t.Context(), owner, object)
			must(t, err)
			list, err := s.Signings(t.Context(), signing.Filter{Owner: owner})
			must(t, err)
			if got != want || (len(list) == 1) != want {
				t.Errorf("%s: granted %t, %d in the list", owner, got, len(list))
			}
		}
		if got, err := a.Granted(t.Context(), "team-a", access.Object{Kind: access.Registration, ID: "s-1"}); err != nil || got {
			t.Errorf("a grant of another kind: %t, %v", got, err)
		}
	})
}

// TestAnOwnersListIsInTheOrderOfItsRecords: whatever was granted first, and whether the record was there by then.
func TestAnOwnersListIsInTheOrderOfItsRecords(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		grant := func(kind access.Kind, id string) {
			t.Helper()
			must(t, s.Access().Grant(t.Context(), "team-a", minute(60), access.Object{Kind: kind, ID: id}))
		}
		grant(access.Signing, "d") // the API grants before it stores
		for i, id := range []string{"a", "b", "c", "d"} {
			in := newSigning(id)
			in.CreatedAt = minute(i)
			for _, d := range in.Documents {
				must(t, s.SaveUpload(t.Context(), newUpload(d.UploadID)))
			}
			must(t, s.CreateSigning(t.Context(), in))
			enrolled(t, s.Registrations(), "r-"+id)
		}
		for _, id := range []string{"c", "none", "a"} { // b is another's
			grant(access.Signing, id)
			grant(access.Registration, "r-"+id)
		}
		var seen []string
		after := page.Cursor{}
		for range 4 {
			list, err := s.Signings(t.Context(), signing.Filter{Owner: "team-a", After: after, Limit: 1})
			must(t, err)
			mine, err := s.Mine().SigningsOf(t.Context(), "team-a", []string{"ICA.1"}, registration.Cursor(after), 1)
			must(t, err)
			for i := range list {
				wantEqual(t, "names", mine[i].Documents[0].Name, "Hợp đồng Nguyễn Thị Ánh.pdf")
				for d := range mine[i].Documents {
					mine[i].Documents[d].Name = ""
				}
			}
			wantEqual(t, "what the owner lists and what the person lists", mine, list)
			for _, one := range list {
				seen, after = append(seen, one.ID), page.After(one.CreatedAt, one.ID)
			}
		}
		wantEqual(t, "listed", seen, []string{"d", "c", "a"})
		list, err := s.Registrations().Registrations(t.Context(), registration.Filter{Owner: "team-a"})
		must(t, err)
		wantEqual(t, "registrations", len(list), 2)
	})
}

// A link leads one of many who open it at once.
func TestLinksWorkOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		a := s.Access()
		object := access.Object{Kind: access.Registration, ID: "r-1"}
		must(t, a.CreateLink(t.Context(), "d", object, minute(10)))
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, err := a.UseLink(t.Context(), "d", "guest", minute(1))
				switch {
				case err == nil && got == object:
					taken.Add(1)
				case problem.CodeOf(err) != problem.HandoffUsed || got != object:
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("taken %d times", taken.Load())
		}
		must(t, a.CreateLink(t.Context(), "late", object, minute(10)))
		_, err := a.UseLink(t.Context(), "late", "guest", minute(10))
		wantCode(t, err, problem.DeadlinePassed)
		_, err = a.UseLink(t.Context(), "none", "guest", minute(1))
		wantCode(t, err, problem.NotFound)
	})
}

// TestALinkIsNotUsedUpWithoutItsEffect: when what the link leads to cannot be given, the link stays as it was.
func TestALinkIsNotUsedUpWithoutItsEffect(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		a, object := s.Access(), access.Object{Kind: access.Registration, ID: "r"}
		must(t, a.CreateLink(t.Context(), "d", object, minute(10)))
		_, err := s.DB().ExecContext(t.Context(), `ALTER TABLE grants RENAME TO away`)
		must(t, err)
		if _, err := a.UseLink(t.Context(), "d", "guest", minute(1)); err == nil {
			t.Error("a link was used without its effect")
		}
		_, err = s.DB().ExecContext(t.Context(), `ALTER TABLE away RENAME TO grants`)
		must(t, err)
		got, err := a.UseLink(t.Context(), "d", "guest", minute(1))
		must(t, err)
		wantEqual(t, "led to", got, object)
		granted, err := a.Granted(t.Context(), "guest", object)
		must(t, err)
		wantEqual(t, "granted", granted, true)
	})
}

func TestClaims(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r-1")
		claim := func(officer string, from, until int) error {
			_, err := r.Claim(t.Context(), "r-1", officer, minute(from), minute(until))
			return err
		}
		must(t, claim("officer-1", 0, 15))
		wantCode(t, claim("officer-2", 5, 20), problem.Conflict)
		must(t, claim("officer-1", 10, 25)) // prolonged
		wantCode(t, claim("officer-2", 20, 35), problem.Conflict)
		must(t, claim("officer-2", 25, 40)) // the lease is over
		must(t, r.Release(t.Context(), "r-1", "officer-1"))
		claims, err := r.Claims(t.Context(), minute(30))
		must(t, err)
		if c := claims["r-1"]; c.Officer != "officer-2" || !c.ClaimedAt.Equal(minute(25)) || !c.ExpiresAt.Equal(minute(40)) {
			t.Errorf("claims %+v", claims)
		}
		must(t, r.Release(t.Context(), "r-1", "officer-2"))
		if claims, err = r.Claims(t.Context(), minute(30)); err != nil || len(claims) != 0 {
			t.Errorf("claims %+v, %v", claims, err)
		}
		_, err = r.Claim(t.Context(), "none", "officer-1", minute(0), minute(15))
		wantCode(t, err, problem.NotFound)
		if got := auditOf(t, r, "claim"); len(got) != 2 || got[0].Actor != "officer-1" || got[1].Actor != "officer-2" {
			t.Errorf("audit %+v", got)
		}
	})
}

// Two officers who press at once: one has it.
func TestOneOfManyClaims(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r-1")
		var taken atomic.Int32
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				_, err := r.Claim(t.Context(), "r-1", string(rune('a'+i)), minute(0), minute(15))
				switch problem.CodeOf(err) {
				case "":
					taken.Add(1)
				case problem.Conflict:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("%d officers have it", taken.Load())
		}
	})
}

func TestWhoEditedAndLooked(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r-1")
		must(t, r.Correct(t.Context(), "r-1", registration.Round{}, "c-1", "operator-1", map[string]string{"address": "Số 9"}))
		must(t, r.NoteAccess(t.Context(), "r-1", "officer-1", "dossier", minute(3)))
		wantCode(t, r.NoteAccess(t.Context(), "none", "officer-1", "dossier", minute(3)), problem.NotFound)
		editors, err := r.Editors(t.Context(), "r-1")
		must(t, err)
		wantEqual(t, "editors", editors, []string{"operator-1"})
		if got := auditOf(t, r, "access"); len(got) != 1 || got[0].Actor != "officer-1" || got[0].Object != "r-1" {
			t.Errorf("audit %+v", got)
		}
		for i, decision := range []registration.Decision{registration.DecisionAsk, registration.DecisionApprove} {
			must(t, r.SaveReview(t.Context(), "r-1", registration.Round{}, registration.Review{ID: "rev-" + string(decision), Decision: decision, Officer: "o",
				At: minute(10 - i).UTC(), Checks: []string{"identity"}}, "", ""))
		}
		reviews, err := r.Reviews(t.Context(), "r-1")
		must(t, err)
		if len(reviews) != 2 || reviews[0].Decision != registration.DecisionApprove || len(reviews[0].Checks) != 1 || !reviews[0].At.Before(reviews[1].At.Add(time.Second)) {
			t.Errorf("reviews %+v", reviews)
		}
	})
}

// TestWhatAPersonHasIsAskedForAtOnce: who holds an account, and what the person has, are as many questions for one process as for nine.
func TestWhatAPersonHasIsAskedForAtOnce(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		var asked [9]int
		var account registration.Account
		for i := range asked {
			id := fmt.Sprint("r-", i)
			f.One(id)
			if i == 0 {
				account = accountOf(t, f.Store, id)
			}
			must(t, f.Access().Grant(t.Context(), "guest:1", minute(0), access.Object{Kind: access.Signing, ID: id}))
			f.Statements.Reset()
			h, err := f.Mine().Holder(t.Context(), account.ID)
			must(t, err)
			h.Proven = true // it would be, had VNeID named the phone
			list, err := f.Mine().RegistrationsOf(t.Context(), h, registration.Cursor{}, 50)
			must(t, err)
			more, err := f.Mine().SigningsOf(t.Context(), "account:"+account.ID, []string{"ICA." + h.IDNumber}, registration.Cursor{}, 50)
			must(t, err)
			_, err = f.Mine().SessionsOf(t.Context(), account.ID)
			must(t, err)
			if asked[i], _ = f.Statements.Count(); len(list) != i+1 || len(more) != i+1 {
				t.Fatalf("%d registrations and %d signings, want %d of each", len(list), len(more), i+1)
			}
		}
		if asked[0] != asked[8] {
			t.Errorf("%d questions for one process and %d for nine:\n%s", asked[0], asked[8], f.Statements.Often())
		}
	})
}
