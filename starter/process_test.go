package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
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
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
	"kyso/workflows"
)

func exitCodeOf(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}

func newAPI(t *testing.T) http.Handler {
	t.Helper()
	return newAPIIn(t, t.TempDir(), func(*api.Options) {})
}

// newAPIIn keeps its store in a folder, under kyso.db.
func newAPIIn(t *testing.T, dir string, change func(*api.Options)) http.Handler {
	t.Helper()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	desk, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "kyso.db"), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = desk.Close() })
	if err := desk.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &processes{t: t, desk: desk, files: map[string][]byte{}, choices: map[string]chan struct{}{}}
	t.Cleanup(p.running.Wait)
	options := api.Options{Desk: desk, Parked: desk.Parked(), Access: desk.Access(), Decisions: desk.Decisions(), Audit: &audit.Recorder{Log: desk.AuditLog(), Logger: slog.New(slog.DiscardHandler), Now: time.Now}, Counter: desk.Limits(), AdminKey: adminKey, Workflows: p, Upload: p.upload, Open: p.open,
		Providers: []signing.Provider{{Name: "intrustca", Front: &rssp769.Client{Profile: rssp769.IntrustCA()}}}, Logger: slog.New(slog.DiscardHandler),
		HandOver:     func(context.Context, signing.InboxMessage) error { return nil },
		Trust:        newTrust(t, desk),
		Registration: newRegistrations(t, desk.Registrations()),
		Limits:       api.Limits{EventPoll: 5 * time.Millisecond}}
	change(&options)
	return api.New(options)
}

// adminKey is what the scripts call with.
const adminKey = "kyso_the-administrator-of-the-scripts"

// processes stands for the worker: it walks a signing through the states that the last three digits of its user ask
// for, and keeps the bytes of files.
type processes struct {
	t       *testing.T
	desk    *store.Store
	running sync.WaitGroup

	mu      sync.Mutex
	files   map[string][]byte
	choices map[string]chan struct{}
}

const h3 = "7a3f09c1b2d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e"

// StartSigning implements api.Workflows.
func (p *processes) StartSigning(ctx context.Context, in workflows.SigningInput) error {
	record, err := p.desk.Signing(ctx, in.SigningID)
	if err != nil {
		return err
	}
	p.mu.Lock()
	_, known := p.choices[record.ID]
	if !known {
		p.choices[record.ID] = make(chan struct{})
	}
	p.mu.Unlock()
	if !known {
		p.running.Go(func() {
			if err := p.walk(context.WithoutCancel(ctx), record); err != nil {
				p.t.Errorf("walking: %v", err)
			}
		})
	}
	return nil
}

// walk is what a signing goes through.
func (p *processes) walk(ctx context.Context, record signing.Signing) error {
	w := &walker{processes: p, id: record.ID}
	switch record.UserID[len(record.UserID)-3:] {
	case "404":
		w.detail = string(problem.CertificateMissing)
		return w.to(ctx, signing.StatusRefused)
	case "300":
		return p.park(ctx, record.ID)
	case "200":
		if err := w.offer(ctx); err != nil {
			return err
		}
	}
	if err := w.ask(ctx, len(record.Documents)); err != nil {
		return err
	}
	switch record.UserID[len(record.UserID)-3:] {
	case "600":
		w.detail = string(problem.DeclinedBySigner)
		return w.to(ctx, signing.StatusDeclined)
	case "700":
		w.detail = string(problem.ApprovalExpired)
		return w.to(ctx, signing.StatusExpired)
	case "800":
		return nil // nobody touches the phone
	}
	return w.complete(ctx, record)
}

type walker struct {
	*processes
	id     string
	seq    int
	detail string
}

func (w *walker) to(ctx context.Context, status signing.Status) error {
	w.seq++
	return w.desk.Move(ctx, w.id, signing.Transition{Seq: w.seq, Status: status, At: time.Now(), Detail: w.detail})
}

// offer waits for a choice between two certificates.
func (w *walker) offer(ctx context.Context) error {
	from, to := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	err := w.desk.SaveCertificates(ctx, w.id, []signing.Certificate{
		{Fingerprint: strings.Repeat("a1", 32), Serial: "54ab", Subject: "NGUYỄN THỊ ÁNH", Issuer: "IntrustCA", NotBefore: from, NotAfter: to, DER: []byte{1}},
		{Fingerprint: strings.Repeat("b2", 32), Serial: "54ac", Subject: "NGUYỄN THỊ ÁNH", Issuer: "IntrustCA", NotBefore: from, NotAfter: to, DER: []byte{2}},
	})
	if err := errors.Join(err, w.to(ctx, signing.StatusAwaitingCertificate)); err != nil {
		return err
	}
	w.mu.Lock()
	choice := w.choices[w.id]
	w.mu.Unlock()
	select {
	case <-choice:
	case <-time.After(10 * time.Second):
		return errors.New("nobody chose")
	}
	return nil
}

// ask prepares and shows the request on the phone.
func (w *walker) ask(ctx context.Context, documents int) error {
	if err := w.to(ctx, signing.StatusPreparing); err != nil {
		return err
	}
	for i := range documents {
		err := w.desk.SavePrepared(ctx, w.id, i, signing.Prepared{H1: h3, H2: h3, H3: h3, SignedAttrs: []byte{0x31}, Increment: "k"})
		if err != nil {
			return err
		}
	}
	approval := signing.Approval{OurID: "kyso-" + w.id, ShortCode: signing.ShortCode(h3)}
	if err := errors.Join(w.to(ctx, signing.StatusRequested), w.desk.SaveApproval(ctx, w.id, approval)); err != nil {
		return err
	}
	approval.Reference, approval.AcceptedAt, approval.ExpiresAt = "r-"+w.id, time.Now(), time.Now().Add(5*time.Minute)
	if err := errors.Join(w.desk.SaveApproval(ctx, w.id, approval), w.to(ctx, signing.StatusAwaitingApproval)); err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond) // the owner looks at the phone
	return nil
}

func (w *walker) complete(ctx context.Context, record signing.Signing) error {
	if err := w.to(ctx, signing.StatusCompleting); err != nil {
		return err
	}
	for _, d := range record.Documents {
		w.mu.Lock()
		signed := append(bytes.Clone(w.files[d.UploadID]), "\n%signed\n"...)
		w.mu.Unlock()
		upload, err := w.keep(d.Name, signed)
		err = errors.Join(err, w.desk.SaveUpload(ctx, upload), w.desk.SaveSigned(ctx, w.id, d.Index, upload.ID, record.Level))
		if err != nil {
			return err
		}
	}
	return w.to(ctx, signing.StatusSigned)
}

func (p *processes) park(ctx context.Context, id string) error {
	return p.desk.OpenIncident(ctx, process.Incident{ProcessID: id, Attention: process.Attention{IncidentID: "inc-" + id, Step: "request",
		Reason: string(problem.ProviderCredentials), Message: "the provider turned our account away", Provider: "intrustca", Since: time.Now(), Attempts: 1}})
}

// ChooseCertificate implements api.Workflows.
func (p *processes) ChooseCertificate(ctx context.Context, id, _ string, in workflows.ChooseCertificate) (workflows.SigningStatus, error) {
	if err := p.desk.ChooseCertificate(ctx, id, in.Fingerprint); err != nil {
		return workflows.SigningStatus{}, err
	}
	p.mu.Lock()
	close(p.choices[id])
	p.mu.Unlock()
	return workflows.SigningStatus{SigningID: id, Status: signing.StatusAwaitingCertificate, Step: workflows.StepChooseCertificate}, nil
}

// Place implements api.Workflows.
func (p *processes) Place(context.Context, string, string, workflows.Place) (workflows.SigningStatus, error) {
	return workflows.SigningStatus{}, problem.New(problem.Conflict, "no placement is being asked for")
}

// Cancel implements api.Workflows.
func (p *processes) Cancel(ctx context.Context, id, _ string, _ workflows.Cancel) (workflows.SigningStatus, error) {
	record, err := p.desk.Signing(ctx, id)
	if err != nil {
		return workflows.SigningStatus{}, err
	}
	if record.Status.Final() {
		return workflows.SigningStatus{}, problem.New(problem.Conflict, "the signing is %s", record.Status)
	}
	transitions, err := p.desk.Transitions(ctx, id, 0)
	if err != nil {
		return workflows.SigningStatus{}, err
	}
	err = p.desk.Move(ctx, id, signing.Transition{Seq: len(transitions) + 1, Status: signing.StatusCancelled, At: time.Now()})
	return workflows.SigningStatus{SigningID: id, Status: signing.StatusCancelled, Step: workflows.StepDone, Seq: len(transitions) + 1}, err
}

// Repair implements api.Workflows: a retry fails again.
func (p *processes) Repair(ctx context.Context, id, _ string, in process.Repair) (workflows.RepairResult, error) {
	if in.Action == process.RepairCancel {
		status, err := p.Cancel(ctx, id, "", workflows.Cancel{})
		err = errors.Join(err, p.desk.CloseIncident(ctx, process.Incident{ProcessID: id, Attention: process.Attention{IncidentID: "inc-" + id}, ClosedAt: time.Now(), Action: in.Action, Actor: "op", Note: in.Reason}))
		return workflows.RepairResult{Outcome: process.RepairRecovered, Status: status}, err
	}
	return workflows.RepairResult{Outcome: process.RepairFailedAgain, Status: workflows.SigningStatus{Status: signing.StatusCreated}}, nil
}

// Nudge implements api.Workflows.
func (*processes) Nudge(context.Context, string) error { return nil }

// Ping implements api.Workflows.
func (*processes) Ping(context.Context) error { return nil }

func (p *processes) upload(_ context.Context, name string, r io.Reader) (signing.Upload, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return signing.Upload{}, err
	}
	if !bytes.HasPrefix(data, []byte("%PDF-")) {
		return signing.Upload{}, problem.New(problem.DocumentBroken, "no PDF header")
	}
	return p.keep(name, data)
}

func (p *processes) keep(name string, data []byte) (signing.Upload, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := fmt.Sprintf("doc-%d", len(p.files)+1)
	p.files[id] = data
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	return signing.Upload{ID: id, Name: name, Size: int64(len(data)), SHA256: digest, HashState: []byte{1}, CreatedAt: time.Now(),
		Segments: []signing.Segment{{Key: id, Length: int64(len(data)), SHA256: digest}}}, nil
}

func (p *processes) open(_ context.Context, u signing.Upload) (api.Source, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.NewReader(p.files[u.ID]), nil
}
