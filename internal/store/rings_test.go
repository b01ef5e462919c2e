package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// ringer makes signings for one person in every spelling.
type ringer struct {
	t *testing.T
	s *store.Store
	n atomic.Int64
}

var signerSpellings = [][2]string{{"intrustca", "ICA.079095012345"}, {"vnpt", "079095012345"}, {"intrustca", "ica.079095012345"}, {"vnpt", " ICA.0790.9501.2345"}}

func (r *ringer) ask(by signing.Asker, at time.Time, of ...string) (string, error) {
	n := r.n.Add(1)
	in := newSigning(fmt.Sprint("ring-", n))
	spelling := signerSpellings[n%int64(len(signerSpellings))]
	in.Provider, in.UserID, in.CreatedAt = spelling[0], spelling[1], at
	if len(of) > 0 {
		in.UserID = of[0]
	}
	for _, d := range in.Documents {
		if err := r.s.SaveUpload(r.t.Context(), newUpload(d.UploadID)); err != nil {
			return "", err
		}
	}
	return in.ID, r.s.AskSigning(r.t.Context(), in, by)
}

func (r *ringer) end(id string, at time.Time, through ...signing.Status) {
	for i, status := range through {
		must(r.t, r.s.Move(r.t.Context(), id, signing.Transition{Seq: i + 1, Status: status, At: at}))
	}
}

func TestAPhoneRingsSoOftenAndNoMore(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := &ringer{t: t, s: s}
		stranger := func(network string, i int) signing.Asker {
			return signing.Asker{Owner: fmt.Sprintf("guest:%s-%d", network, i), Network: network}
		}
		// As many guests as one likes, of one network: five.
		if n := race(t, 45, func(i int) error { _, err := r.ask(stranger("203.0.113.7", i), day0); return err }); n != 5 {
			t.Errorf("%d of 45 requests of one network passed, want 5", n)
		}
		// What is refused is not there.
		var rows int
		must(t, s.DB().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM signings`).Scan(&rows))
		if rows != 5 {
			t.Errorf("%d signings are stored, want 5", rows)
		}
		// The signer comes from elsewhere: three places are left at the same time, whoever the stranger was.
		victim := signing.Asker{Owner: "guest:victim", Network: "198.51.100.9"}
		approved, err := r.ask(victim, day0)
		must(t, err)
		must(t, s.Access().Grant(t.Context(), victim.Owner, day0, access.Object{Kind: access.Signing, ID: approved}))
		if n := race(t, 20, func(i int) error { _, err := r.ask(stranger(fmt.Sprint("192.0.2.", i), i), day0); return err }); n != 2 {
			t.Errorf("%d of many networks passed, want 2 of 8 pending", n)
		}
		_, err = r.ask(victim, day0)
		wantCode(t, err, problem.RateLimited)
		// Once the signer approved a request of this browser, strangers use up nothing of it.
		r.end(approved, minute(1), signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval, signing.StatusCompleting, signing.StatusSigned)
		if n := race(t, 30, func(int) error { _, err := r.ask(victim, minute(2)); return err }); n != 5 {
			t.Errorf("%d requests of the signer's own browser passed, want 5 pending", n)
		}
	})
}

func TestTheHourOfASignerIsBounded(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := &ringer{t: t, s: s}
		passed := 0
		for i := range 40 { // each is declined at once, so none is pending
			id, err := r.ask(signing.Asker{Owner: fmt.Sprint("guest:", i), Network: fmt.Sprint("203.0.113.", i)}, day0)
			if problem.CodeOf(err) == problem.RateLimited {
				continue
			}
			must(t, err)
			passed++
			r.end(id, day0, signing.StatusPreparing, signing.StatusCancelled)
		}
		if passed != 10 {
			t.Errorf("%d passed in an hour, want 10", passed)
		}
		if _, err := r.ask(signing.Asker{Owner: "guest:later", Network: "203.0.113.1"}, day0.Add(2*time.Hour)); err != nil {
			t.Errorf("two hours later: %v", err)
		}
	})
}

// A request that waited for a box longer than it counted as pending counts again when the box comes.
func TestOldDraftsCountAgain(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := &ringer{t: t, s: s}
		by := signing.Asker{Owner: "guest:a", Network: "203.0.113.7"}
		var drafts []signing.Signing
		for hour := range 4 {
			for range 5 {
				at := day0.Add(time.Duration(3*hour) * time.Hour)
				id, err := r.ask(by, at)
				must(t, err)
				record, err := s.Signing(t.Context(), id)
				must(t, err)
				drafts = append(drafts, record)
			}
		}
		now := day0.Add(24 * time.Hour)
		if n := race(t, len(drafts), func(i int) error { return s.AskAgain(t.Context(), drafts[i], by, now) }); n != 5 {
			t.Errorf("%d of %d drafts ring at once, want 5", n, len(drafts))
		}
	})
}

func TestARepeatedRequestCountsOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		in := newSigning("same")
		for _, d := range in.Documents {
			must(t, s.SaveUpload(t.Context(), newUpload(d.UploadID)))
		}
		by := signing.Asker{Owner: "guest:a", Network: "203.0.113.7"}
		if n := race(t, 20, func(int) error { return s.AskSigning(t.Context(), in, by) }); n != 20 {
			t.Errorf("%d of 20 equal requests passed", n)
		}
	})
}

// A signer who said no twice is left alone, longer each time; strangers' requests that were declined do not stop the
// signer's own browser.
func TestAPhoneIsLeftAloneAfterDenials(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := &ringer{t: t, s: s}
		stranger := func(i int) signing.Asker {
			return signing.Asker{Owner: fmt.Sprint("guest:", i), Network: fmt.Sprint("203.0.113.", i)}
		}
		own := signing.Asker{Owner: "guest:own", Network: "198.51.100.9"}
		approved, err := r.ask(own, day0.Add(-time.Hour))
		must(t, err)
		must(t, s.Access().Grant(t.Context(), own.Owner, day0, access.Object{Kind: access.Signing, ID: approved}))
		upTo := []signing.Status{signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval}
		r.end(approved, day0.Add(-time.Hour), append(upTo[:3:3], signing.StatusCompleting, signing.StatusSigned)...)
		at := day0
		for i, wait := range []time.Duration{0, 5 * time.Minute, 30 * time.Minute, 3 * time.Hour, 18 * time.Hour} {
			id, err := r.ask(stranger(i), at)
			must(t, err)
			r.end(id, at, append(upTo[:3:3], signing.StatusDeclined)...)
			if wait == 0 {
				continue
			}
			_, err = r.ask(stranger(50+i), at.Add(wait-time.Second))
			wantCode(t, err, problem.RateLimited)
			if got := problem.RetryAfterOf(err); got != time.Second {
				t.Errorf("after %d denials: wait %s", i+1, got)
			}
			if _, err := r.ask(own, at.Add(time.Second)); err != nil {
				t.Errorf("the signer's own browser: %v", err)
			}
			at = at.Add(wait)
		}
	})
}

// TestOneNetworkAsksForSoManySigners: each request is for another signer, from another browser; another network is not touched.
func TestOneNetworkAsksForSoManySigners(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		rings, asked := &ringer{t: t, s: s}, 0
		for i := range signing.StrangersOfNetwork + 5 {
			_, err := rings.ask(signing.Asker{Owner: fmt.Sprint("guest:", i), Network: "203.0.113.99"}, day0, fmt.Sprintf("ICA.0790970%05d", i))
			if err == nil {
				asked++
			} else if problem.CodeOf(err) != problem.RateLimited {
				t.Fatal(err)
			}
		}
		if asked != signing.StrangersOfNetwork {
			t.Errorf("one network asked %d signers", asked)
		}
		_, err := rings.ask(signing.Asker{Owner: "guest:other", Network: "203.0.113.98"}, day0, "ICA.079097100000")
		must(t, err)
	})
}
