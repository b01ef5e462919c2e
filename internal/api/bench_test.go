package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
	"kyso/workflows"
)

const (
	user = "ICA.079095012345"
	pdf  = "%PDF-1.7\nhello"
	// adminKey may do everything with what it made.
	adminKey = "kyso_the-administrator-of-the-test"
)

// testBench is the API over HTTP on a real store, with doubles for Temporal and for the bytes of files.
type testBench struct {
	t      *testing.T
	store  *store.Store
	flows  *flows
	files  *files
	logs   *lockedBuffer
	server *httptest.Server
	given  api.Options
}

func newBench(t *testing.T, change ...func(*api.Options)) *testBench {
	t.Helper()
	return newBenchOn(t, newStore(t), change...)
}

func newBenchOn(t *testing.T, on *store.Store, change ...func(*api.Options)) *testBench {
	t.Helper()
	b := &testBench{t: t, store: on, flows: &flows{}, files: &files{}, logs: &lockedBuffer{}}
	options := api.Options{Desk: b.store, Workflows: b.flows, Upload: b.files.upload, Open: b.files.open,
		HandOver: (&relay.Inbox{Messages: b.store.Relay(), Engine: b.flows}).Handle,
		Parked:   b.store.Parked(), Access: b.store.Access(), Decisions: b.store.Decisions(), Audit: &audit.Recorder{Log: b.store.AuditLog(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}, Counter: b.store.Limits(), AdminKey: adminKey, Providers: []signing.Provider{{Name: "intrustca", Front: &rssp769.Client{Profile: rssp769.IntrustCA(), WebhookToken: "s3cret-token"}}, {Name: "vnpt", Front: &rssp769.Client{Profile: rssp769.VNPT()}}},
		Logger: slog.New(slog.NewJSONHandler(b.logs, nil)),
		Limits: api.Limits{UploadBytes: 1 << 20, JSONBytes: 16 << 10, EventPoll: 5 * time.Millisecond, IdempotencyWait: 5 * time.Second}}
	for _, c := range change {
		c(&options)
	}
	b.given = options
	b.server = httptest.NewUnstartedServer(nil)
	b.server.Config = api.NewServer(api.New(options))
	b.server.Start()
	t.Cleanup(b.server.Close)
	return b
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	return openStore(t, storetest.SQLite(t))
}

// openStore opens a database and makes its tables, if it does not have them.
func openStore(t *testing.T, dsn string) *store.Store {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dsn, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is a whole HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) into(t *testing.T, out any) {
	t.Helper()
	if err := json.Unmarshal(a.body, out); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// do sends a request; headers come as pairs.
func (b *testBench) do(method, path, body string, headers ...string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.server.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(req, headers...)
}

func (b *testBench) send(req *http.Request, headers ...string) answer {
	b.t.Helper()
	req.Header.Set("Authorization", "Bearer "+adminKey) // unless the test says who asks
	for i := 0; i+1 < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	resp, err := b.server.Client().Transport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	got := answer{resp.StatusCode, resp.Header, out}
	for _, wrong := range theContract().hold(req, got) {
		b.t.Error(wrong)
	}
	return got
}

func (b *testBench) post(path, body string, headers ...string) answer {
	b.t.Helper()
	return b.do(http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (b *testBench) get(path string, headers ...string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, "", headers...)
}

func (b *testBench) upload(name string) api.DocumentBody {
	b.t.Helper()
	got := b.do(http.MethodPost, "/v1/documents?name="+name, pdf+name, "Content-Type", "application/pdf")
	wantStatus(b.t, got, http.StatusCreated)
	var out api.DocumentBody
	got.into(b.t, &out)
	return out
}

// signing asks for a signing of one document with the default box.
func (b *testBench) signing(headers ...string) api.SigningBody {
	b.t.Helper()
	got := b.post("/v1/signings", fmt.Sprintf(`{"user":%q,"documents":[{"id":%q,"placement":{}}]}`, user, b.upload("a.pdf").ID), headers...)
	wantStatus(b.t, got, http.StatusAccepted)
	var out api.SigningBody
	got.into(b.t, &out)
	return out
}

// move records the transitions that a process would, from seq on.
func (b *testBench) move(id string, seq int, to ...signing.Status) {
	b.t.Helper()
	for i, status := range to {
		detail := ""
		if status == signing.StatusDeclined {
			detail = string(problem.DeclinedBySigner)
		}
		err := b.store.Move(b.t.Context(), id, signing.Transition{Seq: seq + i, Status: status, At: time.Now(), Detail: detail})
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *testBench) problem(got answer) api.Problem {
	b.t.Helper()
	if ct := got.header.Get("Content-Type"); ct != "application/problem+json" {
		b.t.Fatalf("content type %q of %s", ct, got.body)
	}
	var p api.Problem
	got.into(b.t, &p)
	if p.Status != got.status || p.Title == "" || p.TitleEN == "" || p.Type != "/problems/"+string(p.Code) || p.RequestID == "" || p.RequestID != got.header.Get("X-Request-Id") {
		b.t.Errorf("incomplete problem: %s", got.body)
	}
	return p
}

func wantStatus(t *testing.T, got answer, status int) {
	t.Helper()
	if got.status != status {
		t.Fatalf("status %d, want %d: %s", got.status, status, got.body)
	}
}

func (b *testBench) wantProblem(got answer, status int, code problem.Code) api.Problem {
	b.t.Helper()
	wantStatus(b.t, got, status)
	p := b.problem(got)
	if p.Code != code {
		b.t.Fatalf("code %s, want %s: %s", p.Code, code, got.body)
	}
	return p
}

// flows stands for Temporal: it remembers what it was asked and answers what a test wants.
type flows struct {
	mu      sync.Mutex
	started []workflows.SigningInput
	acts    []any
	updates []string
	nudged  []string
	err     error
	status  workflows.SigningStatus
	block   func(context.Context)
}

func (f *flows) act(ctx context.Context, updateID string, in any) (workflows.SigningStatus, error) {
	f.mu.Lock()
	f.acts, f.updates = append(f.acts, in), append(f.updates, updateID)
	status, err, block := f.status, f.err, f.block
	f.mu.Unlock()
	if block != nil {
		block(ctx)
	}
	return status, err
}

// StartSigning implements api.Workflows.
func (f *flows) StartSigning(_ context.Context, in workflows.SigningInput) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = append(f.started, in)
	return f.err
}

// ChooseCertificate implements api.Workflows.
func (f *flows) ChooseCertificate(ctx context.Context, _, updateID string, in workflows.ChooseCertificate) (workflows.SigningStatus, error) {
	return f.act(ctx, updateID, in)
}

// Place implements api.Workflows.
func (f *flows) Place(ctx context.Context, _, updateID string, in workflows.Place) (workflows.SigningStatus, error) {
	return f.act(ctx, updateID, in)
}

// Cancel implements api.Workflows.
func (f *flows) Cancel(ctx context.Context, _, updateID string, in workflows.Cancel) (workflows.SigningStatus, error) {
	return f.act(ctx, updateID, in)
}

// Repair implements api.Workflows.
func (f *flows) Repair(ctx context.Context, _, updateID string, in process.Repair) (workflows.RepairResult, error) {
	status, err := f.act(ctx, updateID, in)
	return workflows.RepairResult{Outcome: process.RepairRecovered, Status: status}, err
}

// Nudge implements api.Workflows.
func (f *flows) Nudge(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nudged = append(f.nudged, id)
	return f.err
}

// Ping implements api.Workflows.
func (f *flows) Ping(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *flows) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *flows) starts() []workflows.SigningInput {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]workflows.SigningInput(nil), f.started...)
}

// files keeps uploads in memory.
type files struct {
	mu      sync.Mutex
	content map[string][]byte
}

func (f *files) upload(_ context.Context, name string, r io.Reader) (signing.Upload, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return signing.Upload{}, err
	}
	if !bytes.HasPrefix(data, []byte("%PDF-")) {
		return signing.Upload{}, problem.New(problem.DocumentBroken, "no PDF header")
	}
	return f.keep(name, data), nil
}

func (f *files) keep(name string, data []byte) signing.Upload {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content == nil {
		f.content = map[string][]byte{}
	}
	id := fmt.Sprintf("doc-%d", len(f.content)+1)
	f.content[id] = data
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	return signing.Upload{ID: id, Name: name, Size: int64(len(data)), SHA256: digest, HashState: []byte{1},
		Segments: []signing.Segment{{Key: id, Length: int64(len(data)), SHA256: digest}}, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
}

func (f *files) open(_ context.Context, u signing.Upload) (api.Source, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.NewReader(f.content[u.ID]), nil
}

func (f *files) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.content)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what was written so far.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
