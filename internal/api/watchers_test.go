package api_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/api/kernel"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
)

// turnstile lets one look at a signing through for each ticket.
type turnstile struct {
	signing.Desk
	tickets chan struct{}
	closed  atomic.Bool
}

func (d *turnstile) Transitions(ctx context.Context, id string, after int) ([]signing.Transition, error) {
	if d.closed.Load() {
		<-d.tickets
	}
	return d.Desk.Transitions(ctx, id, after)
}

// countedStore counts the statements that its database is asked.
func countedStore(t *testing.T) (*store.Store, *storetest.Statements) {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	must(t, err)
	ctx, statements := storetest.Counted(t.Context())
	s, err := store.Open(ctx, storetest.SQLite(t), key)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	must(t, s.Migrate(t.Context()))
	return s, statements
}

// Twenty who follow one signing cost the looks of one: each look needs a ticket, and they get one for the beginning and one for
// the news.
func TestAllWhoFollowShareOneLook(t *testing.T) {
	on, statements := countedStore(t)
	desk := &turnstile{Desk: on, tickets: make(chan struct{})}
	b := newBenchOn(t, on, func(o *api.Options) { o.Desk, o.Limits.KeepAlive = desk, time.Hour })
	t.Cleanup(func() { close(desk.tickets) }) // before the server closes
	created := b.signing()
	b.move(created.ID, 1, signing.StatusPreparing)
	desk.closed.Store(true)
	statements.Reset()
	opened := make(chan (<-chan event), 20)
	for range cap(opened) {
		go func() { opened <- b.follow(t.Context(), created.Self+"/events") }()
	}
	desk.tickets <- struct{}{}
	var streams []<-chan event
	for range cap(opened) {
		streams = append(streams, <-opened)
	}
	for _, events := range streams {
		if e := next(t, events); e.id != "1" {
			t.Fatalf("first %+v", e)
		}
	}
	looks := func() (n int) {
		for text, times := range statements.Texts() {
			if strings.Contains(text, "FROM process_transitions") && strings.Contains(text, "seq >") {
				n += times
			}
		}
		return n
	}
	if n := looks(); n != 1 {
		t.Errorf("%d looks began %d streams\n%s", n, len(streams), statements.Often())
	}
	b.move(created.ID, 2, signing.StatusRequested)
	desk.tickets <- struct{}{}
	for _, events := range streams {
		if e := next(t, events); e.id != "2" {
			t.Fatalf("second %+v", e)
		}
	}
	if n := looks(); n != 2 {
		t.Errorf("%d looks told %d streams twice\n%s", n, len(streams), statements.Often())
	}
}

// Who comes later gets what happened before, and who leaves takes nothing from the others.
func TestFollowersComeAndGo(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Limits.KeepAlive = time.Hour })
	created := b.signing()
	b.move(created.ID, 1, signing.StatusPreparing)
	ctx, goes := context.WithCancel(t.Context())
	first := b.follow(ctx, created.Self+"/events")
	if e := next(t, first); e.id != "1" {
		t.Errorf("%+v", e)
	}
	second := b.follow(t.Context(), created.Self+"/events")
	if e := next(t, second); e.id != "1" {
		t.Errorf("%+v", e)
	}
	goes()
	b.move(created.ID, 2, signing.StatusRequested)
	third := b.follow(t.Context(), created.Self+"/events?after=1")
	b.move(created.ID, 3, signing.StatusCancelled)
	for name, events := range map[string]<-chan event{"second": second, "third": third} {
		for _, want := range []string{"2", "3"} {
			if e := next(t, events); e.id != want {
				t.Errorf("%s: %+v, want id %s", name, e, want)
			}
		}
		ended(t, events)
	}
	wantStatus(t, b.get(created.Self+"/events?after=3"), http.StatusNoContent)
}

// Two follow one signing with keys of their own: one key is revoked, and the other goes on.
func TestARevokedKeyEndsItsOwnStreamOnly(t *testing.T) {
	d := newDesk(t, func(o *api.Options) { o.Limits.KeepAlive = time.Hour })
	revoked, good := d.key("team-a", access.Signings), d.key("team-a", access.Signings)
	created := d.signing()
	must(t, d.store.Access().Grant(t.Context(), "team-a", time.Now(), access.Object{Kind: access.Signing, ID: created.ID}))
	d.move(created.ID, 1, signing.StatusPreparing)
	ends, stays := d.follow(t.Context(), created.Self+"/events", bearer(revoked)("")...), d.follow(t.Context(), created.Self+"/events", bearer(good)("")...)
	next(t, ends)
	next(t, stays)
	key, err := d.store.Access().KeyByDigest(t.Context(), kernel.SecretDigest(revoked))
	must(t, err)
	must(t, d.store.Access().RevokeKey(t.Context(), key.ID, time.Now()))
	d.move(created.ID, 2, signing.StatusRequested)
	ended(t, ends)
	if e := next(t, stays); e.id != "2" {
		t.Errorf("%+v", e)
	}
}

// A GET of a signing asks for the session, for whom the signing belongs to, for the signing and for its transitions, each once.
func TestAGetAsksForNothingTwice(t *testing.T) {
	on, statements := countedStore(t)
	b := newBenchOn(t, on, pdfStub)
	v := b.visitor("127.0.0.1")
	id := v.signing("ICA.079095012346", v.document())
	b.move(id, 1, signing.StatusPreparing)
	wantStatus(t, v.do(http.MethodGet, "/v1/signings/"+id, nil), http.StatusOK)
	statements.Reset()
	wantStatus(t, v.do(http.MethodGet, "/v1/signings/"+id, nil), http.StatusOK)
	if n, _ := statements.Count(); n > 5 || statements.Often() != "" {
		t.Errorf("%d statements: %v", n, statements.Texts())
	}
}
