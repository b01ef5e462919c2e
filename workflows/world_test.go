package workflows_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	_ "modernc.org/sqlite"

	"kyso/activities"
	"kyso/internal/blob"
	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/keytest"
	"kyso/internal/pades"
	"kyso/internal/party/revocation"
	"kyso/internal/party/rssp769"
	"kyso/internal/party/tsa"
	"kyso/internal/pdfchild"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pgtest"
	"kyso/internal/process"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
	"kyso/internal/vault"
	"kyso/workflows"
)

// A journey is one signing through real parts: the real workflow and activities, the real HTTP clients, the
// sandbox's real keys and certificates, SQLite, files, and the PDF engine in its child process. Only Temporal is
// its test environment, which skips the time that nobody works in: four days of waiting take a second.

func TestMain(m *testing.M) {
	os.Exit(pgtest.Main(m))
}

const user = "ICA.079095012345"

// faultRate is the share of calls to outside parties that fail in every journey.
const faultRate = 0.05

type journey struct {
	*testing.T
	env        *testsuite.TestWorkflowEnvironment
	world      *sandbox.World
	dsn        string // of the records
	store      *store.Store
	statements *storetest.Statements
	records    store.Registrations
	close      func() // of the outside world's addresses
	parties    string // where the outside world answers
	acts       *activities.Signing
	reg        *activities.Registration
	blobs      *blob.Blobs
	id         string
	about      decision.Object // what decisions are about; the signing when it names nothing
	in         workflows.SigningInput

	decisions int
	watching  []interceptor.WorkerInterceptor // besides the guard
	watch     *watch
	laters    []*later
	after     time.Duration // since the end of the process
}

// now is the time of the journey.
func (j *journey) now() time.Time { return j.env.Now().Add(j.after) }

// newJourney makes a world in which everybody behaves, apart from the faults that every client must live with.
func newJourney(t *testing.T) *journey {
	t.Helper()
	return newJourneyOn(t, storetest.SQLite(t))
}

// newStranger is newJourney in a world whose authorities are not those of the other journeys.
func newStranger(t *testing.T) *journey {
	t.Helper()
	return newJourneyIn(t, storetest.SQLite(t), nil)
}

// patient lets a workflow goroutine wait for a busy machine: a second without a step is no deadlock there.
var patient = worker.Options{DeadlockDetectionTimeout: time.Minute, Interceptors: []interceptor.WorkerInterceptor{workflows.Guard()}}

// newJourneyOn keeps the records in the database of a DSN, which has its schema.
func newJourneyOn(t *testing.T, dsn string) *journey {
	t.Helper()
	return newJourneyIn(t, dsn, keytest.Keys())
}

func newJourneyIn(t *testing.T, dsn string, keys func() (*rsa.PrivateKey, error)) *journey {
	t.Helper()
	j := &journey{T: t, dsn: dsn, id: "018f5c00-0000-7000-8000-000000000001"}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	j.env = suite.NewTestWorkflowEnvironment()
	j.env.SetTestTimeout(10 * time.Minute)
	j.runAs(process.SigningWorkflowID(j.id))
	j.env.SetWorkerOptions(patient)
	// Activities get real deadlines made from virtual time, so virtual time must never be behind.
	j.env.SetStartTime(time.Now().Truncate(time.Second).Add(time.Hour))
	j.openWorld(keys)
	j.openStore(dsn)
	j.wire()
	j.watches()
	workflows.Register(j.env)
	activities.Register(j.env, j.acts, j.reg, &activities.Webhook{}, &activities.Decisions{Records: j.store.Decisions(), Now: j.now})
	return j
}

// runAs gives the process of the test the workflow id that kyso would start it under.
func (j *journey) runAs(workflowID string) {
	j.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflowID})
}

func (j *journey) must(err error) {
	j.Helper()
	if err != nil {
		j.Fatal(err)
	}
}

// seedOf gives each journey faults of its own that are the same at each run. KYSO_SEED=N gives all of them others, and
// KYSO_SEED=random others at each run.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	base := uint64(0)
	switch text := os.Getenv("KYSO_SEED"); text {
	case "":
	case "random":
		base = rand.Uint64N(1_000_000)
	default:
		var err error
		if base, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("KYSO_SEED: %v", err)
		}
	}
	t.Logf("KYSO_SEED=%d repeats these faults", base)
	name := fnv.New64a()
	io.WriteString(name, t.Name())
	return name.Sum64() ^ base
}

func (j *journey) openWorld(keys func() (*rsa.PrivateKey, error)) {
	var err error
	j.world, err = sandbox.New(sandbox.Options{Clock: j.now, Seed: seedOf(j.T), Keys: keys})
	j.must(err)
	j.Cleanup(func() { j.world.Close() })
	parties := httptest.NewServer(j.world.Parties())
	j.close, j.parties = parties.Close, parties.URL
	j.Cleanup(parties.Close)
	j.must(j.world.SetBaseURL(parties.URL))
	j.must(j.world.SetSettings(sandbox.Settings{FaultRate: faultRate}))
	roots, err := j.world.Roots()
	j.must(err)
	intermediates, err := j.world.Intermediates()
	j.must(err)
	intrust := rssp769.IntrustCA()
	j.acts = &activities.Signing{
		Signers: map[string]signing.RemoteSigner{
			"intrustca": &rssp769.Client{Name: "intrustca", BaseURL: parties.URL, SPID: sandbox.DefaultSPID,
				SPPassword: sandbox.DefaultSPPassword, Profile: intrust, Timeout: 2 * time.Second, Clock: j.now},
			"vnpt": &rssp769.Client{Name: "vnpt", BaseURL: parties.URL + "/sca/sp769", SPID: sandbox.DefaultSPID,
				SPPassword: sandbox.DefaultSPPassword, Profile: rssp769.VNPT(), Timeout: 2 * time.Second, Clock: j.now},
		},
		TSA:        &tsa.Client{URLs: []string{parties.URL + "/tsa"}, Clock: j.now},
		Revocation: &revocation.Client{AllowPrivate: true, Clock: j.now},
		Trust: func(context.Context) (signing.Trust, error) {
			return signing.Trust{Roots: roots, Intermediates: intermediates}, nil
		},
		Archiving: activities.Archiving{Margin: 90 * 24 * time.Hour},
		Now:       j.now,
		// Most journeys are about what an operator does. See alone_test.go for the others.
		Retries: []time.Duration{10 * 365 * 24 * time.Hour},
	}
}

func (j *journey) openStore(dsn string) {
	ctx, dir := context.Background(), j.TempDir()
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(dir, "master.key"))
	j.must(err)
	counted, statements := storetest.Counted(ctx)
	j.statements = statements
	j.store, err = store.Open(counted, dsn, key)
	j.must(err)
	j.Cleanup(func() { j.store.Close() })
	j.records = j.store.Registrations()
	j.blobs, err = blob.Open(ctx, "file://"+filepath.Join(dir, "blobs"))
	j.must(err)
	j.Cleanup(func() { j.blobs.Close() })
}

func (j *journey) wire() {
	j.acts.Records, j.acts.Segments, j.acts.Decisions, j.acts.Waits = j.store, j.blobs, j.store.Decisions(), j.store.Waits()
	runner := &pdfchild.Runner{Program: pdftest.Program(j.T)}
	j.Cleanup(runner.Close)
	j.acts.PDF = func() activities.PDF { return runner.Session() }
	j.acts.Open = func(ctx context.Context, u signing.Upload) (pades.Source, error) {
		return blob.OpenDocument(ctx, j.blobs, u)
	}
	j.reg = j.registrationActivities()
}

// request stores a signing of the given files, as the API would.
func (j *journey) request(s signing.Signing, files ...[]byte) {
	j.Helper()
	ctx := context.Background()
	s.ID, s.Status, s.CreatedAt, s.UpdatedAt = j.id, signing.StatusCreated, j.now(), j.now()
	if s.UserID == "" {
		s.UserID = user
	}
	if s.Provider == "" {
		s.Provider = "intrustca"
	}
	if s.Level == "" {
		s.Level = signing.LevelT
	}
	placed := true
	for i, file := range files {
		upload, err := blob.Upload(ctx, j.blobs, fmt.Sprintf("hợp đồng %d.pdf", i+1), bytes.NewReader(file), 1<<30, true)
		j.must(err)
		j.must(j.store.SaveUpload(ctx, upload))
		doc := signing.Document{Index: i, UploadID: upload.ID, Name: upload.Name, Size: upload.Size, SHA256: upload.SHA256}
		if len(s.Documents) > i {
			doc.Placement = s.Documents[i].Placement
		} else {
			doc.Placement = &signing.Placement{}
		}
		placed = placed && doc.Placement != nil
		s.Documents = append(s.Documents[:i:i], doc)
	}
	j.must(j.store.CreateSigning(ctx, s))
	j.in = workflows.SigningInput{SigningID: s.ID, Provider: s.Provider, Level: s.Level, Documents: len(files), Placed: placed}
}

// at does something in the outside world after a time that nobody waits for.
func (j *journey) at(after time.Duration, do func()) {
	l := &later{at: j.now().Add(after)}
	l.do = func() {
		l.done = true
		do()
	}
	j.laters = append(j.laters, l)
	j.env.RegisterDelayedCallback(l.do, after)
}

// window makes the owner's time longer, and known from configuration too: when the answer that tells it is lost,
// that is all there is.
func (j *journey) window(d time.Duration) {
	j.Helper()
	j.must(j.world.UpdateKnobs(user, func(k *sandbox.Knobs) { k.WindowSeconds = d.Seconds() }))
	j.acts.Signers["intrustca"].(*rssp769.Client).Profile.Window = d
}

func (j *journey) approve(userID string) func() {
	return func() {
		if n, err := j.world.Approve(userID); err != nil || n == 0 {
			j.Errorf("approve: %d requests, %v", n, err)
		}
	}
}

// update records a decision, sends the update that carries it, and reports what became of it to done, which may be nil.
func (j *journey) update(name string, arg any, done func(result any, err error)) func() {
	return func() {
		id := j.decide(name, arg)
		j.send(name, id, carrying(arg, id), done)
	}
}

// send sends an update as it is.
func (j *journey) send(name, id string, arg any, done func(result any, err error)) {
	j.env.UpdateWorkflow(name, id, &outcome{t: j.T, name: name, done: done}, arg)
}

// decide records a decision about the process of the journey, as the API would, and returns its id.
func (j *journey) decide(kind string, content any) string {
	return j.decideOn(decision.Decision{Kind: kind, Object: j.object()}, content)
}

// decideForMany records a decision about every process that is parked for one cause.
func (j *journey) decideForMany(step, reason string, repair process.Repair) string {
	return j.decideOn(decision.Decision{Kind: workflows.UpdateRepair, Object: decision.Object{Process: j.object().Process}, Step: step, Reason: reason}, repair)
}

func (j *journey) decideOn(d decision.Decision, content any) string {
	j.decisions++
	d.ID, d.Actor, d.Principal = fmt.Sprintf("dec-%d", j.decisions), "ops-1", "ops-1"
	d.CreatedAt, d.ExpiresAt = j.now(), j.now().Add(decision.Life)
	var err error
	d.Content, err = json.Marshal(content)
	j.must(err)
	_, err = j.store.Decisions().Decide(context.Background(), d)
	j.must(err)
	return d.ID
}

// object is what the process of the journey is about.
func (j *journey) object() decision.Object {
	if j.about.ID != "" {
		return j.about
	}
	return decision.Object{Process: process.Signing, ID: j.id}
}

// carrying returns the argument of an update with the id of a decision.
func carrying(arg any, id string) any {
	out := reflect.New(reflect.TypeOf(arg)).Elem()
	out.Set(reflect.ValueOf(arg))
	out.FieldByName("DecisionID").SetString(id)
	return out.Interface()
}

type outcome struct {
	t    *testing.T
	name string
	done func(any, error)
}

func (o *outcome) Accept() {}
func (o *outcome) Reject(err error) {
	o.Complete(nil, err)
}

func (o *outcome) Complete(result any, err error) {
	if o.done != nil {
		o.done(result, err)
	} else if err != nil {
		o.t.Errorf("update %s: %v", o.name, err)
	}
}

// run runs the process to its end and checks what must hold after every journey.
func (j *journey) run(want signing.Status) signing.Signing {
	j.Helper()
	j.env.OnWorkflow(workflows.Archive, mock.Anything, mock.Anything).Return(nil) // years; see archive_test.go
	j.env.ExecuteWorkflow(workflows.Signing, j.in)
	if !j.env.IsWorkflowCompleted() {
		j.Fatal("the process did not end")
	}
	var result workflows.SigningResult
	if err := j.env.GetWorkflowResult(&result); err != nil {
		open, _ := j.store.Parked().List(context.Background(), incident.Filter{})
		j.Fatalf("the process failed: %v; open incidents: %+v", err, open)
	}
	j.watch.rest()
	s, err := j.store.Signing(context.Background(), j.id)
	j.must(err)
	if result.Status != want || s.Status != want {
		j.Fatalf("ended %s (store: %s, reason %s), want %s", result.Status, s.Status, result.Reason, want)
	}
	j.checkInvariants(s)
	return s
}

// checkInvariants holds the store against the ledger of the outside world.
func (j *journey) checkInvariants(s signing.Signing) {
	j.Helper()
	if n := j.world.CountEffects(sandbox.EffectPush, ""); n > 1 {
		j.Errorf("the phone was asked %d times", n)
	}
	stamps := j.world.CountEffects(sandbox.EffectTimestamp, "")
	each := map[signing.Level]int{signing.LevelT: 1, signing.LevelLT: 1, signing.LevelLTA: 2}[s.Level]
	if s.Status == signing.StatusSigned && stamps != each*len(s.Documents) {
		j.Errorf("%d time-stamps for %d documents", stamps, len(s.Documents))
	}
	j.checkTransitions(s)
	j.checkValues(s)
	for _, doc := range s.Documents {
		if (doc.SignedID != "") != (s.Status == signing.StatusSigned) {
			j.Errorf("document %d: signed id %q in a signing that is %s", doc.Index, doc.SignedID, s.Status)
		}
	}
	if open, err := j.store.Parked().List(context.Background(), incident.Filter{}); err != nil || len(open) > 0 {
		j.Errorf("open incidents after the end: %v, %v", open, err)
	}
}

func (j *journey) checkTransitions(s signing.Signing) {
	j.Helper()
	list, err := j.store.Transitions(context.Background(), s.ID, 0)
	j.must(err)
	status := signing.StatusCreated
	for i, tr := range list {
		if tr.Seq != i+1 {
			j.Errorf("transition %d has seq %d", i+1, tr.Seq)
		}
		if err := status.Check(tr.Status); err != nil {
			j.Error(err)
		}
		status = tr.Status
	}
}

// checkValues: one value, one use; embedded exactly when signed.
func (j *journey) checkValues(s signing.Signing) {
	j.Helper()
	values, err := j.store.Values(context.Background(), s.ID)
	j.must(err)
	embedded := 0
	for _, v := range values {
		switch v.Use {
		case signing.UseEmbedded:
			embedded++
		case signing.UsePending:
			j.Errorf("the value of document %d is still pending", v.Index)
		}
	}
	want := 0
	if s.Status == signing.StatusSigned {
		want = len(s.Documents)
	}
	if embedded != want {
		j.Errorf("%d values embedded, want %d", embedded, want)
	}
}

// status asks the running process.
func (j *journey) status() workflows.SigningStatus {
	j.Helper()
	value, err := j.env.QueryWorkflow(workflows.QueryStatus)
	j.must(err)
	var status workflows.SigningStatus
	j.must(value.Get(&status))
	return status
}

// parked checks that the process is parked for a reason.
func (j *journey) parked(step, reason string) {
	j.Helper()
	s := j.status()
	if s.Attention == nil || s.Attention.Step != step || s.Attention.Reason != reason {
		j.Errorf("attention is %+v, want step %s, reason %s", s.Attention, step, reason)
	}
}

func trustNow(t testing.TB, acts *activities.Signing) signing.Trust {
	t.Helper()
	trust, err := acts.Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// verify checks a delivered file as a relying party without our store would.
func (j *journey) verify(s signing.Signing) []*pades.Verification {
	j.Helper()
	var all []*pades.Verification
	for _, doc := range s.Documents {
		upload, err := j.store.Upload(context.Background(), doc.SignedID)
		j.must(err)
		src, err := j.acts.Open(context.Background(), upload)
		j.must(err)
		trust := trustNow(j, j.acts)
		result, err := pades.Verify(src, pades.VerifyOptions{Roots: trust.Roots, Removed: trust.Removed, Now: j.now()})
		j.must(err)
		all = append(all, result)
	}
	return all
}

// bytes reads a whole stored file.
func (j *journey) bytes(uploadID string) []byte {
	j.Helper()
	upload, err := j.store.Upload(context.Background(), uploadID)
	j.must(err)
	src, err := j.acts.Open(context.Background(), upload)
	j.must(err)
	data, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	j.must(err)
	return data
}

// page is a small PDF with one line of text.
func page(text string) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>")
	object("<</Type/Page/Parent 2 0 R/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>")
	content := "BT /F 18 Tf 72 760 Td (" + text + ") Tj ET"
	object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(content), content))
	object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}
