package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/limit"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/webhook"
)

// callers is how many come at once for what only a few may have.
const callers = 45

// raced is one thing of which there are at most so many.
type raced struct {
	name  string
	most  int
	act   func(ctx context.Context, i int) error
	count string // statement that counts what was written; empty where nothing but the answer tells
}

// inARound makes the registration r, and returns the round that it is in.
func inARound(t *testing.T, r store.Registrations) (registration.Registration, registration.Round) {
	t.Helper()
	one := enrolled(t, r, "r")
	must(t, r.Move(t.Context(), "r", registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: minute(0)}))
	return one, registration.Round{Seq: 1}
}

// racedLimits are all places where the store lets at most so many pass.
func racedLimits(t *testing.T, s *store.Store) []raced {
	r := s.Registrations()
	one, round := inARound(t, r)
	enrolled(t, r, "r2")
	acc := newAccount("acct", one.SubjectID, holder.Phone)
	must(t, r.SaveAccount(t.Context(), acc))
	must(t, r.SaveCode(t.Context(), newCode("code", "r", 0), "123456"))
	must(t, r.OpenChallenge(t.Context(), challenge("login", minute(0)), holder.Phone, "123456", nil))
	must(t, s.Access().CreateLink(t.Context(), "link", access.Object{Kind: access.Signing, ID: "s"}, minute(60)))
	parked := newParked("parked", "r2", 1)
	must(t, r.OpenRegistrationIncident(t.Context(), parked))
	rings := &ringer{t: t, s: s}
	network := limit.Limit{Name: "codes", Key: "203.0.113.7", Most: 3, Per: time.Hour, Slides: true}
	return []raced{
		{"endpoints of an owner", webhook.MaxEndpoints, func(ctx context.Context, i int) error {
			return only(s.Webhooks().CreateEndpoint(ctx, webhook.Endpoint{ID: fmt.Sprint("ep-", i), Owner: "team-a", URL: "https://a.example", Secret: "whsec_x", CreatedAt: day0}))
		}, `SELECT COUNT(*) FROM webhook_endpoints w JOIN grants g ON g.object = w.id`},
		{"documents of a guest", 5, func(ctx context.Context, i int) error {
			return s.KeepUpload(ctx, sealedUpload(fmt.Sprint("quota-", i)), signing.Uploader{Owner: "guest:1", Quotas: []signing.Quota{{Key: "owner guest:1", Documents: 5, Bytes: 1 << 40}}})
		}, `SELECT COUNT(*) FROM upload_quotas q JOIN uploads u ON u.id = q.upload_id JOIN grants g ON g.object = u.id`},
		{"bytes of a guest", 3, func(ctx context.Context, i int) error {
			u := sealedUpload(fmt.Sprint("bytes-", i))
			u.Size = 1000
			return s.KeepUpload(ctx, u, signing.Uploader{Owner: "guest:2", Quotas: []signing.Quota{{Key: "owner guest:2", Documents: 50, Bytes: 3999}}})
		}, `SELECT COUNT(*) FROM uploads WHERE id LIKE 'bytes-%'`},
		{"bytes of a day", 2, func(ctx context.Context, i int) error {
			u := sealedUpload(fmt.Sprint("day-", i))
			u.Size = 1000
			return s.KeepUpload(ctx, u, signing.Uploader{Owner: "guest:3", Quotas: []signing.Quota{{Key: "network 203.0.113.7", Documents: 50, Bytes: 1 << 40, PerDay: 2 << 10}}})
		}, `SELECT COUNT(*) FROM uploads WHERE id LIKE 'day-%'`},
		{"what a limit counts", 3, func(ctx context.Context, _ int) error { return s.Limits().Take(ctx, day0, network) }, ""},
		{"pending requests for a signer", 8, func(_ context.Context, i int) error {
			_, err := rings.ask(signing.Asker{Owner: fmt.Sprint("guest:", i), Network: fmt.Sprint("192.0.2.", i)}, day0)
			return err
		}, `SELECT COUNT(*) FROM signings`},
		{"the strangers' half of a budget", 4, func(_ context.Context, i int) error {
			n := 2000 + i // every phone and every network is another one
			_, err := rings.ask(signing.Asker{Owner: fmt.Sprint("guest:", n), Network: fmt.Sprint("198.51.100.", n), Budget: limit.Budget{Name: "pushes", PerHour: 8}}, day0.Add(3*time.Hour), fmt.Sprintf("ICA.0790960%05d", n))
			return err
		}, ""},
		{"reviews in a round", 1, func(ctx context.Context, i int) error {
			return r.SaveReview(ctx, "r", round, newReview(fmt.Sprint("v-", i)), "", "")
		}, `SELECT COUNT(*) FROM reviews`},
		{"corrections in a round", 1, func(ctx context.Context, i int) error {
			return r.Correct(ctx, "r", round, fmt.Sprint("k-", i), "citizen", map[string]string{"address": fmt.Sprint("Số ", i)})
		}, `SELECT COUNT(*) FROM corrections`},
		{"codes in a gap", 1, func(ctx context.Context, i int) error {
			c := newCode(fmt.Sprint("asked-", i), "r2", 0)
			return r.AskCode(ctx, c, "123456", time.Minute)
		}, `SELECT COUNT(*) FROM codes WHERE registration_id = 'r2'`},
		{"uses of a code", 1, func(ctx context.Context, _ int) error { return use(ctx, r, "123456", 1) }, `SELECT COUNT(*) FROM codes WHERE used_at IS NOT NULL`},
		{"log-in codes in a gap", 1, func(ctx context.Context, i int) error {
			return r.OpenChallenge(ctx, challenge(fmt.Sprint("c-", i), minute(10)), holder.Phone, "123456", []registration.Window{{Within: time.Minute, Most: 1}})
		}, `SELECT COUNT(*) FROM login_challenges WHERE id LIKE 'c-%'`},
		{"uses of a log-in code", 1, func(ctx context.Context, _ int) error {
			_, err := r.ProveChallenge(ctx, registration.PurposeLogin, "login", "guest:1", "123456", minute(1), minute(0))
			return err
		}, ""},
		{"wrong passwords before a wait", 5, func(ctx context.Context, _ int) error {
			return r.TryPassword(ctx, "acct", "203.0.113.7", minute(1), 5, time.Minute)
		}, `SELECT failures FROM accounts WHERE id = 'acct'`},
		{"officers with a dossier", 1, func(ctx context.Context, i int) error {
			_, err := r.Claim(ctx, "r", fmt.Sprint("officer-", i), minute(1), minute(9))
			return err
		}, `SELECT COUNT(*) FROM claims`},
		{"uses of a link", 1, func(ctx context.Context, _ int) error {
			_, err := s.Access().UseLink(ctx, "link", "guest", minute(1))
			return err
		}, ""},
		{"registrations of a serial number", 1, func(ctx context.Context, i int) error {
			return r.TakeSerial(ctx, "issuer", "01", []string{"r", "r2"}[i%2])
		}, `SELECT COUNT(*) FROM issued_serials`},
		{"first callers of an Idempotency-Key", 1, func(ctx context.Context, _ int) error { _, err := s.Remember(ctx, "key", "digest"); return err }, `SELECT COUNT(*) FROM idempotency`},
	}
}

// Whoever counts and then writes lets callers of the same moment through. Every limit is held by exactly as many as it
// names, on both databases, and what is refused leaves nothing behind.
func TestEveryLimitHoldsWhenRaced(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		s.SetNow(func() time.Time { return minute(2) })
		for _, one := range racedLimits(t, s) {
			answers := inParallel(callers, func(i int) error { return one.act(t.Context(), i) })
			if one.name == "registrations of a serial number" { // the same one may come again
				answers[""] = min(answers[""], 1)
			}
			if answers[""] != one.most {
				t.Errorf("%s: %v, want %d", one.name, answers, one.most)
			}
			for code := range answers {
				if code.Kind() == problem.KindInternal && code != "" {
					t.Errorf("%s: answered %s", one.name, code)
				}
			}
			if one.count == "" {
				continue
			}
			var rows int
			must(t, s.DB().QueryRowContext(t.Context(), one.count).Scan(&rows))
			if rows != one.most {
				t.Errorf("%s: %d are stored, want %d", one.name, rows, one.most)
			}
		}
	})
}

// A decision that its process never took does not stand in the way of the next one, and one that it took stays.
func TestAnUntakenDecisionGivesWay(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		_, round := inARound(t, r)
		first, second, third := newReview("first"), newReview("second"), newReview("third")
		second.At, third.At = first.At.Add(30*time.Second), first.At.Add(2*time.Minute)
		must(t, r.SaveReview(ctx, "r", round, first, "", ""))
		wantCode(t, r.SaveReview(ctx, "r", round, second, "", ""), problem.Conflict)
		must(t, r.SaveReview(ctx, "r", round, third, "", ""))
		must(t, r.DropReview(ctx, "r", "third"))
		must(t, r.SaveReview(ctx, "r", round, second, "", ""))
		must(t, r.Change(ctx, "r", func(one *registration.Registration) error { one.Review = &second; return nil }))
		third.At = third.At.Add(time.Hour)
		wantCode(t, r.SaveReview(ctx, "r", round, third, "", ""), problem.Conflict)
		must(t, r.DropReview(ctx, "r", "second"))
		reviews, err := r.Reviews(ctx, "r")
		must(t, err)
		if len(reviews) != 1 || reviews[0].ID != "second" {
			t.Errorf("reviews %+v", reviews)
		}
		// What was meant for a round that is over is refused, and so is a repair of an incident that is closed.
		round.Seq++
		wantCode(t, r.SaveReview(ctx, "r", round, newReview("late"), "", ""), problem.Conflict)
		wantCode(t, r.Correct(ctx, "r", round, "late", "citizen", map[string]string{"address": "x"}), problem.Conflict)
		wantCode(t, r.Correct(ctx, "r", registration.Round{Incident: "closed"}, "late", "op", map[string]string{"address": "x"}), problem.Conflict)
		must(t, r.Correct(ctx, "r", registration.Round{}, "free", "op", map[string]string{"address": "x"}))
	})
}
