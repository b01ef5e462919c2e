package api_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

func (b *testBench) request(documentID string) string {
	return fmt.Sprintf(`{"user":%q,"documents":[{"id":%q,"placement":{}}]}`, user, documentID)
}

func TestTwentyEqualRequestsMakeOneSigning(t *testing.T) {
	b := newBench(t)
	body := b.request(b.upload("a.pdf").ID)
	ids := make([]string, 20)
	replayed := make([]bool, len(ids))
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			got := b.post("/v1/signings", body, "Idempotency-Key", "order-7")
			var out api.SigningBody
			got.into(t, &out)
			if got.status != http.StatusAccepted || got.header.Get("Location") != out.Self {
				t.Errorf("status %d, Location %q: %s", got.status, got.header.Get("Location"), got.body)
			}
			ids[i], replayed[i] = out.ID, got.header.Get("Idempotency-Replayed") == "true"
		})
	}
	wg.Wait()
	first := 0
	for i := range ids {
		if ids[i] != ids[0] || ids[i] == "" {
			t.Errorf("ids %q and %q", ids[i], ids[0])
		}
		if !replayed[i] {
			first++
		}
	}
	list, err := b.store.Signings(t.Context(), signing.Filter{})
	if err != nil || len(list) != 1 || len(b.flows.starts()) != 1 || first != 1 {
		t.Errorf("%d signings, %d started, %d first answers, error %v", len(list), len(b.flows.starts()), first, err)
	}
}

func TestKeyWithAnotherRequest(t *testing.T) {
	b := newBench(t)
	one, two := b.upload("a.pdf").ID, b.upload("b.pdf").ID
	wantStatus(t, b.post("/v1/signings", b.request(one), "Idempotency-Key", "k"), http.StatusAccepted)
	b.wantProblem(b.post("/v1/signings", b.request(two), "Idempotency-Key", "k"), http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
	b.wantProblem(b.post("/v1/signings/x/cancel", `{}`, "Idempotency-Key", "k"), http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
	for _, bad := range []string{"a b", "khóa", strings.Repeat("k", 256)} {
		b.wantProblem(b.post("/v1/signings", b.request(one), "Idempotency-Key", bad), http.StatusUnprocessableEntity, problem.Invalid)
	}
}

// A crash between storing and answering leaves a signing whose key has no answer. The retry must find it.
func TestRetryAfterACrashFindsTheSigning(t *testing.T) {
	b := newBench(t)
	body := b.request(b.upload("a.pdf").ID)
	var first, second api.SigningBody
	b.post("/v1/signings", body, "Idempotency-Key", "crash").into(t, &first)

	// Another store stands for the same one with the answers forgotten: no Idempotency-Key row, the signing kept.
	forgetful := newBench(t, func(o *api.Options) {
		o.Desk, o.Parked, o.Access, o.Decisions = forgetfulDesk{b.store}, b.store.Parked(), b.store.Access(), b.store.Decisions()
	})
	got := forgetful.post("/v1/signings", body, "Idempotency-Key", "crash")
	wantStatus(t, got, http.StatusAccepted)
	got.into(t, &second)
	if second.ID != first.ID || !second.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("first %s at %s, retry %s at %s", first.ID, first.CreatedAt, second.ID, second.CreatedAt)
	}
	b.move(first.ID, 1, signing.StatusPreparing, signing.StatusCancelled) // and Temporal forgets it
	starts := len(forgetful.flows.starts())
	wantStatus(t, forgetful.post("/v1/signings", body, "Idempotency-Key", "crash"), http.StatusAccepted)
	if n := len(forgetful.flows.starts()); n != starts {
		t.Errorf("a signing that is over was started again")
	}
	other := forgetful.post("/v1/signings", strings.Replace(body, "{}", `{"page":1}`, 1), "Idempotency-Key", "crash")
	forgetful.wantProblem(other, http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
}

// forgetfulDesk has lost every kept answer.
type forgetfulDesk struct{ signing.Desk }

// Remember implements signing.Desk.
func (forgetfulDesk) Remember(context.Context, string, string) (*signing.Answer, error) {
	return nil, nil
}

// Answered implements signing.Desk.
func (forgetfulDesk) Answered(context.Context, string, signing.Answer) error { return nil }

func TestFaultsAreNotFinal(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.flows.fail(problem.New(problem.ProviderUnavailable, "away"))
	b.wantProblem(b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c"), http.StatusServiceUnavailable, problem.ProviderUnavailable)
	b.flows.fail(nil)
	got := b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c")
	wantStatus(t, got, http.StatusOK)
	if len(b.flows.updates) != 2 || b.flows.updates[0] != b.flows.updates[1] {
		t.Errorf("update ids %q: both tries must be one update", b.flows.updates)
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	b.flows.fail(problem.New(problem.Conflict, "the signing is signed"))
	first := b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c")
	b.wantProblem(first, http.StatusConflict, problem.Conflict)
	b.flows.fail(nil)
	again := b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c")
	if again.status != http.StatusConflict || string(again.body) != string(first.body) || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("first %s, again %d %s", first.body, again.status, again.body)
	}
}

func TestFirstStillAtWork(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Limits.IdempotencyWait = 20 * time.Millisecond })
	created := b.signing()
	entered, release := make(chan struct{}), make(chan struct{})
	b.flows.block = func(context.Context) { close(entered); <-release }
	var wg sync.WaitGroup
	wg.Go(func() { wantStatus(t, b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c"), http.StatusOK) })
	<-entered
	got := b.post(created.Self+"/cancel", `{}`, "Idempotency-Key", "c")
	b.wantProblem(got, http.StatusConflict, problem.Conflict)
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	close(release)
	wg.Wait()
}

func TestUploadWithAKey(t *testing.T) {
	b := newBench(t)
	upload := func(name, body string) answer {
		return b.do(http.MethodPost, "/v1/documents?name="+url.QueryEscape(name), body, "Idempotency-Key", "up", "Content-Type", "application/pdf")
	}
	var first, again api.DocumentBody
	got := upload("a.pdf", pdf)
	wantStatus(t, got, http.StatusCreated)
	got.into(t, &first)
	got = upload("a.pdf", pdf)
	wantStatus(t, got, http.StatusCreated)
	got.into(t, &again)
	if again != first || got.header.Get("Idempotency-Replayed") != "true" || got.header.Get("Location") != first.Self || b.files.count() != 1 {
		t.Errorf("first %+v, again %+v, %d files", first, again, b.files.count())
	}
	sameLength := strings.Replace(pdf, "hello", "hullo", 1)
	b.wantProblem(upload("a.pdf", sameLength), http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
	b.wantProblem(upload("b.pdf", pdf), http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
	b.wantProblem(upload("a.pdf", pdf+"x"), http.StatusUnprocessableEntity, problem.IdempotencyMismatch)
}

func TestIDsWithoutAKeyDiffer(t *testing.T) {
	b := newBench(t)
	if one, two := b.signing().ID, b.signing().ID; one == two {
		t.Errorf("both are %s", one)
	}
}

// TestAnErasedAnswerIsNotRepeated: every kept answer says what it is about, and one that was erased is 410, never another run.
func TestAnErasedAnswerIsNotRepeated(t *testing.T) {
	dsn := filepath.Join(t.TempDir(), "kyso.db")
	b := newBenchOn(t, openStore(t, "sqlite:"+dsn), func(*api.Options) {})
	db, err := sql.Open("sqlite", "file:"+dsn)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	upload := func() answer {
		return b.do(http.MethodPost, "/v1/documents?name=x.pdf", pdf, "Content-Type", "application/pdf", "Idempotency-Key", "one")
	}
	var doc api.DocumentBody
	upload().into(t, &doc)
	var about string
	must(t, db.QueryRowContext(t.Context(), `SELECT about FROM idempotency`).Scan(&about))
	if about != doc.ID {
		t.Errorf("the answer is about %q, want %q", about, doc.ID)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE idempotency SET body = NULL`)
	must(t, err)
	b.wantProblem(upload(), http.StatusGone, problem.Erased)
	if n := b.files.count(); n != 1 {
		t.Errorf("%d files", n)
	}
}
