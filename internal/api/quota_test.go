package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// A guest's documents have a quota; what is refused names the field and leaves no bytes. A key has none.
func TestAGuestsDocumentsHaveAQuota(t *testing.T) {
	var discarded atomic.Int32
	file := pdf + strings.Repeat("x", 10<<10)
	room := int64(2*len(file) + 1)
	b := newBench(t, func(o *api.Options) {
		o.GuestBytes = room
		o.Discard = func(context.Context, signing.Upload) error { discarded.Add(1); return nil }
	})
	v := b.visitor("")
	wantStatus(t, v.upload(strings.NewReader(file)), http.StatusCreated)
	wantStatus(t, v.upload(strings.NewReader(file)), http.StatusCreated)
	full := v.upload(strings.NewReader(file))
	if p := b.problem(full); full.status != http.StatusTooManyRequests || p.Code != problem.RateLimited || len(p.Errors) != 1 || p.Errors[0].Location != "body" ||
		full.header.Get("Retry-After") == "" {
		t.Errorf("a third of two: %d %s", full.status, full.body)
	}
	large := v.upload(strings.NewReader(pdf + strings.Repeat("x", int(room))))
	if p := b.problem(large); large.status != http.StatusRequestEntityTooLarge || p.Code != problem.TooLarge || len(p.Errors) != 1 {
		t.Errorf("one that no quota has room for: %d %s", large.status, large.body)
	}
	if discarded.Load() != 2 {
		t.Errorf("the bytes of %d refused uploads were removed, want 2", discarded.Load())
	}
	for range 3 {
		wantStatus(t, b.do(http.MethodPost, "/v1/documents", pdf, "Content-Type", "application/pdf"), http.StatusCreated)
	}
}
