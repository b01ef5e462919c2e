package store_test

import (
	"fmt"
	"strings"
	"testing"

	"kyso/internal/access"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store"
)

func newAccount(id, subjectID, phone string) registration.Account {
	return registration.Account{ID: id, SubjectID: subjectID, Phone: phone, Email: "quynhnhu@example.vn",
		PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", CreatedAt: minute(5).UTC()}
}

func newReview(id string) registration.Review {
	return registration.Review{ID: id, Decision: registration.DecisionAsk, Reason: "address-unclear", Fields: []string{"address"},
		Officer: "officer-1", At: minute(9).UTC()}
}

func newParked(id, registrationID string, n int) process.Incident {
	return process.Incident{ProcessID: registrationID, Attention: process.Attention{IncidentID: id, Step: "issue",
		Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "ca", Since: minute(n).UTC(), Attempts: n}}
}

func TestRegistrationsAreListedNewestFirst(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		for i, id := range []string{"a", "b", "c", "d"} {
			in := newRequest(id)
			in.ReceivedAt = minute(i)
			if id == "c" {
				in.Person.IDNumber = "079095012345"
			}
			_, err := r.CreateRegistration(ctx, id, in)
			must(t, err)
		}
		must(t, r.Move(ctx, "b", registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: minute(9)}))
		must(t, r.OpenRegistrationIncident(ctx, newParked("i", "d", 1)))
		list := func(f registration.Filter) string {
			t.Helper()
			found, err := r.Registrations(ctx, f)
			must(t, err)
			ids := ""
			for _, one := range found {
				ids += one.ID
			}
			return ids
		}
		wantEqual(t, "all", list(registration.Filter{}), "dcba")
		wantEqual(t, "limit", list(registration.Filter{Limit: 2}), "dc")
		wantEqual(t, "before", list(registration.Filter{Before: minute(2)}), "ba")
		wantEqual(t, "status", list(registration.Filter{Status: registration.StatusHandedOff}), "b")
		wantEqual(t, "attention", list(registration.Filter{AttentionOnly: true}), "d")
		wantEqual(t, "citizen", list(registration.Filter{IDNumber: "079095012345"}), "c")
		wantEqual(t, "nobody", list(registration.Filter{IDNumber: "000000000000"}), "")
	})
}

// What says who somebody is takes two people who want exactly the same, in any order of tries.
func TestIdentityIsFixedInTwos(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r")
		one, other := map[string]string{"id_issued_on": "2021-05-04"}, map[string]string{"id_issued_on": "2021-05-05"}
		for i, step := range []struct {
			actor  string
			fields map[string]string
			agreed bool
		}{{"op-1", one, false}, {"op-1", one, false}, {"op-2", other, false}, {"op-1", one, false}, {"op-2", one, true}, {"op-2", one, true}, {"op-1", one, false}} {
			agreed, err := r.AgreeFix(t.Context(), "r", step.actor, step.fields, minute(i))
			must(t, err)
			if agreed != step.agreed {
				t.Errorf("step %d: %s wants %v: agreed is %v", i+1, step.actor, step.fields, agreed)
			}
		}
		_, err := r.AgreeFix(t.Context(), "nobody", "op-1", one, minute(9))
		wantCode(t, err, problem.NotFound)
	})
}

// Two names count as two persons only when neither could hold the other's key.
func TestIdentityIsNotFixedByOneHand(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r, fields := s.Registrations(), map[string]string{"id_issued_on": "2021-05-04"}
		enrolled(t, r, "r")
		for i, k := range []access.Key{{Owner: "op-1"}, {Owner: "op-2"}, {Owner: "invented", MadeBy: "op-1"}, {Owner: "sibling", MadeBy: "op-1"}, {Owner: "grandchild", MadeBy: "invented"}} {
			k.ID, k.CreatedAt, k.ExpiresAt = fmt.Sprint("key-", i), minute(0), minute(60)
			must(t, only(s.Access().CreateKey(t.Context(), k, fmt.Sprint("digest-", i))))
		}
		for i, step := range []struct {
			actor  string
			agreed bool
		}{{"invented", false}, {"op-1", false}, {"sibling", false}, {"grandchild", false}, {"op-2", true}} {
			agreed, err := r.AgreeFix(t.Context(), "r", step.actor, fields, minute(i))
			must(t, err)
			if agreed != step.agreed {
				t.Errorf("%s after invented: agreed is %t", step.actor, agreed)
			}
		}
		editors, err := r.Editors(t.Context(), "r")
		must(t, err)
		wantEqual(t, "editors", editors, []string{"invented", "op-2"})
	})
}

func TestCorrections(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, one := t.Context(), enrolled(t, r, "r")
		enrolled(t, r, "r2")
		fields := map[string]string{"address": "Số 20 đường Trần Thái Tông", "commune": "Phường Cầu Giấy"}
		twice(t, func() error { return r.Correct(ctx, "r", registration.Round{}, "c1", "citizen-1", fields) })
		must(t, r.Correct(ctx, "r", registration.Round{}, "c1", "citizen-1", map[string]string{"address": "a late and changed retry"}))
		want := holder
		want.Address, want.Commune = fields["address"], fields["commune"]
		got, err := r.Person(ctx, "r")
		must(t, err)
		wantEqual(t, "person", got, want)
		other, err := r.Person(ctx, "r2")
		must(t, err)
		wantEqual(t, "person of another registration", other, holder)

		wantCode(t, r.Correct(ctx, "r2", registration.Round{}, "c1", "citizen-1", fields), problem.Conflict)
		wantCode(t, r.Correct(ctx, "r", registration.Round{}, "c2", "officer-1", map[string]string{"no such field": "x"}), problem.Invalid)
		wantCode(t, r.Correct(ctx, "r", registration.Round{}, "c2", "officer-1", nil), problem.Invalid)
		email := map[string]string{"email": "moi@example.vn"}
		wantCode(t, r.Correct(ctx, "r", registration.Round{}, "c3", "citizen-1", email), problem.Conflict) // no account yet
		must(t, r.SaveAccount(ctx, newAccount("a", one.SubjectID, holder.Phone)))
		must(t, r.Change(ctx, "r", func(one *registration.Registration) error { one.AccountID = "a"; return nil }))
		twice(t, func() error { return r.Correct(ctx, "r", registration.Round{}, "c3", "citizen-1", email) })
		account, err := r.Account(ctx, "a")
		must(t, err)
		wantEqual(t, "e-mail", account.Email, "moi@example.vn")

		entries := auditOf(t, r, "correction")
		wantEqual(t, "corrections", len(entries), 2)
		made, err := r.Corrections(ctx, "r")
		must(t, err)
		if len(made) != 2 || made[0].At.IsZero() {
			t.Fatalf("changes %+v", made)
		}
		wantEqual(t, "first changes", made[0].Changes, []registration.Change{
			{Field: "address", Old: holder.Address, New: fields["address"]}, {Field: "commune", Old: holder.Commune, New: fields["commune"]}})
		wantEqual(t, "second changes", made[1].Changes, []registration.Change{{Field: "email", Old: newAccount("a", one.SubjectID, holder.Phone).Email, New: "moi@example.vn"}})
		none, err := r.Corrections(ctx, "r2")
		must(t, err)
		wantEqual(t, "changes of another registration", len(none), 0)
		wantEqual(t, "what was corrected, and by whom", entries[0].Detail+" "+entries[0].Actor, "c1 address commune citizen-1")
	})
}

func TestAccounts(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, one := t.Context(), enrolled(t, r, "r")
		a := newAccount("a", one.SubjectID, holder.Phone)
		must(t, r.SaveAccount(ctx, a))
		a.PasswordHash = "$argon2id$other"
		twice(t, func() error { return r.SaveAccount(ctx, a) })
		got, err := r.Account(ctx, "a")
		must(t, err)
		wantEqual(t, "by id", got, a)

		b := newAccount("b", one.SubjectID, "+84911111111")
		must(t, r.SaveAccount(ctx, b))
		b.Phone = holder.Phone
		wantCode(t, r.SaveAccount(ctx, b), problem.Conflict)
		b.Phone = "+84922222222"
		must(t, r.SaveAccount(ctx, b))
		_, err = r.AccountByPhone(ctx, "+84911111111")
		wantCode(t, err, problem.NotFound)

		stranger := newRequest("s")
		stranger.Person.IDNumber = "079095012345"
		other, err := r.CreateRegistration(ctx, "s", stranger)
		must(t, err)
		b.SubjectID = other.SubjectID
		wantCode(t, r.SaveAccount(ctx, b), problem.Conflict)
		wantCode(t, r.SaveAccount(ctx, registration.Account{ID: "c"}), problem.Invalid)

		answers := inParallel(12, func(i int) error {
			return r.SaveAccount(ctx, newAccount(fmt.Sprint("race-", i), one.SubjectID, "+84933333333"))
		})
		wantEqual(t, "accounts on one phone", answers, map[problem.Code]int{"": 1, problem.Conflict: 11})
	})
}

func TestReviews(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		enrolled(t, r, "r2")
		twice(t, func() error {
			return r.SaveReview(ctx, "r", registration.Round{}, newReview("v"), "Xin ghi rõ số nhà", "không có trên bản đồ")
		})
		must(t, r.SaveReview(ctx, "r", registration.Round{}, newReview("v"), "other words", "of a late retry"))
		public, internal, err := r.ReviewNotes(ctx, "v")
		must(t, err)
		wantEqual(t, "notes", public+"/"+internal, "Xin ghi rõ số nhà/không có trên bản đồ")
		other := newReview("v")
		other.Decision = registration.DecisionApprove
		wantCode(t, r.SaveReview(ctx, "r", registration.Round{}, other, "", ""), problem.Conflict)
		wantCode(t, r.SaveReview(ctx, "r2", registration.Round{}, newReview("v"), "", ""), problem.Conflict)
		wantCode(t, r.SaveReview(ctx, "r", registration.Round{}, registration.Review{}, "", ""), problem.Invalid)
		must(t, r.SaveReview(ctx, "r", registration.Round{}, newReview("silent"), "", ""))
		public, internal, err = r.ReviewNotes(ctx, "silent")
		must(t, err)
		wantEqual(t, "no notes", public+internal, "")
		entries := auditOf(t, r, "review")
		if len(entries) != 2 || entries[0].Actor != "officer-1" || !strings.Contains(entries[0].Detail, "ask address-unclear [address]") {
			t.Errorf("entries: %+v", entries)
		}
	})
}

func TestRegistrationIncidents(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, want := t.Context(), enrolled(t, r, "r")
		enrolled(t, r, "r2")
		wantParked := func(all bool, want ...process.Incident) {
			t.Helper()
			got, err := r.Parked().List(ctx, incident.Filter{All: all})
			must(t, err)
			var listed []process.Incident
			for _, w := range want {
				w.Process = process.Registration
				listed = append(listed, w)
			}
			wantEqual(t, "incidents", got, listed)
		}
		one := newParked("i", "r", 1)
		twice(t, func() error { return r.OpenRegistrationIncident(ctx, one) })
		more := one
		more.Attempts, more.Message = 2, "answered 502"
		twice(t, func() error { return r.OpenRegistrationIncident(ctx, more) })
		must(t, r.OpenRegistrationIncident(ctx, one)) // a late retry
		want.Attention = more.Attention
		wantRegistration(t, r, want)
		wantParked(false, more)
		wantEqual(t, "opened", len(auditOf(t, r, "incident")), 2)

		closed := more
		closed.ClosedAt, closed.Action, closed.Actor, closed.Note = minute(3).UTC(), "retry", "ops-1", "NCC đã chạy lại"
		twice(t, func() error { return r.CloseRegistrationIncident(ctx, closed) })
		later := closed
		later.Actor, later.Attempts = "ops-2", 9
		must(t, r.CloseRegistrationIncident(ctx, later))
		must(t, r.OpenRegistrationIncident(ctx, later)) // closed stays closed
		want.Attention = process.Attention{}
		wantRegistration(t, r, want)
		wantParked(false)
		wantParked(true, closed)
		entries := auditOf(t, r, "incident")
		wantEqual(t, "entries", len(entries), 3)
		wantEqual(t, "who closed", entries[2].Actor, "ops-1")

		anew := newParked("i", "r", 1) // of a Refund that began again, and parked after that
		anew.Since = minute(4).UTC()
		twice(t, func() error { return r.OpenRegistrationIncident(ctx, anew) })
		wantParked(false, anew)
		closed.ClosedAt = minute(5).UTC()
		must(t, r.CloseRegistrationIncident(ctx, closed))

		closed.ProcessID = "r2"
		wantCode(t, r.CloseRegistrationIncident(ctx, closed), problem.Conflict)
		wantCode(t, r.OpenRegistrationIncident(ctx, newParked("i", "r2", 9)), problem.Conflict)
		wantCode(t, r.OpenRegistrationIncident(ctx, process.Incident{ProcessID: "r"}), problem.Invalid)
		wantCode(t, r.CloseRegistrationIncident(ctx, one), problem.Invalid)
	})
}
