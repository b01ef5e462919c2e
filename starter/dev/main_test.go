package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/forms"
	"kyso/internal/keytest"
	"kyso/internal/pades"
	"kyso/internal/pdfchild/pdftest"
)

// TestMain lets the test binary stand in for the program, in the processes that tests kill.
func TestMain(m *testing.M) {
	pdftest.Setenv() // inherited by every process that the tests start
	if len(os.Args) > 1 && os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Setenv(asProgram, "1") // inherited by every process that the tests start
	severalAtOnce()
	code := m.Run()
	if shared.world != nil {
		if err := errors.Join(shared.world.Close(), os.RemoveAll(shared.data)); err != nil {
			fmt.Fprintln(os.Stderr, "closing the shared world:", err)
			code = 1
		}
	}
	if err := os.RemoveAll(programs.folder); err != nil {
		fmt.Fprintln(os.Stderr, "removing the programs:", err)
		code = 1
	}
	os.Exit(code)
}

// testsAtOnce is how many parallel tests run at once, where -parallel says nothing else. They spend most of their time waiting: for a
// second code, for a retry, for a killed activity's time-out. So there are more of them than cores.
const testsAtOnce = "4"

func severalAtOnce() {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", testsAtOnce) // a flag of every test binary
	}
}

// patience is how long a test waits for what has to come. It is no measure of anything: a slow machine may need long, and only what never
// comes takes this long.
const patience = 10 * time.Minute

// asProgram makes the test binary be the program.
const asProgram = "KYSO_TEST_AS_PROGRAM"

// shared is the one world that most tests work in: a start costs more than a test.
var shared struct {
	once  sync.Once
	data  string
	world *World
	err   error
}

func sharedWorld(t *testing.T) (*World, *client) {
	t.Helper()
	shared.once.Do(func() {
		if shared.data, shared.err = os.MkdirTemp("", "kyso-test-"); shared.err == nil {
			shared.world, shared.err = startAlone(context.Background(), Options{Data: shared.data, SandboxKeys: keytest.Keys()})
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.world, newClient(shared.world.Addresses)
}

// starting is held while a world or a deployment starts: between the moment that it has found free ports and the moment that its servers
// listen there, another one could find the same.
var starting sync.Mutex

func startAlone(ctx context.Context, opts Options) (*World, error) {
	starting.Lock()
	defer starting.Unlock()
	return Start(ctx, opts)
}

// ownWorld is a world for one test, for tests that run beside others: in the shared one they would see each other's effects.
func ownWorld(t *testing.T, opts Options) (*World, *client) {
	t.Helper()
	if opts.Data == "" {
		opts.Data = t.TempDir()
	}
	opts.SandboxKeys = keytest.Keys()
	w, err := startAlone(t.Context(), opts)
	do(t, err)
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, newClient(w.Addresses)
}

// programs are kyso and kyso-worker, compiled once for all tests, and kyso-pdf.
var programs struct {
	once   sync.Once
	folder string
	err    error
}

// program returns the path of one of the real programs.
func program(t *testing.T, name string) string {
	t.Helper()
	programs.once.Do(func() {
		if programs.folder, programs.err = os.MkdirTemp("", "kyso-programs-"); programs.err != nil {
			return
		}
		for name, from := range map[string]string{"kyso": "..", "kyso-worker": "../../worker"} {
			// Not with the context of the test that happens to be the first.
			out, err := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(programs.folder, name), from).CombinedOutput()
			if err != nil {
				programs.err = fmt.Errorf("building %s: %w: %s", name, err, out)
			}
		}
		if programs.err == nil { // where they look for it
			programs.err = os.Symlink(pdftest.Program(t), filepath.Join(programs.folder, "kyso-pdf"))
		}
	})
	do(t, programs.err)
	return filepath.Join(programs.folder, name)
}

// What a signing of the tests is made of. Each is looked for in histories afterwards.
const (
	testReason   = "Đồng ý ký kết hợp đồng số mười bảy"
	testLocation = "Quận Bình Thạnh"
	testFile     = "hợp đồng lao động.pdf"
)

var samplePDF = sync.OnceValues(func() ([]byte, error) { return forms.Sample(time.Now()) })

// startSigning uploads the sample and asks for a B-LT signature of the user.
func startSigning(t *testing.T, c *client, user string) string {
	t.Helper()
	return startSigningAt(t, c, user, "B-LT")
}

func startSigningAt(t *testing.T, c *client, user, level string) string {
	t.Helper()
	pdf, err := samplePDF()
	if err != nil {
		t.Fatal(err)
	}
	uploaded, err := c.upload(t.Context(), testFile, bytes.NewReader(pdf))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.sign(t.Context(), apiclient.SigningRequest{User: user, Level: level, Reason: testReason, Location: testLocation,
		Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

func awaitStatus(t *testing.T, c *client, id, status string) apiclient.Signing {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := c.await(ctx, id, nil, func(s apiclient.Signing) bool { return s.Status == status })
	if err != nil {
		t.Fatalf("signing %s: %v", id, err)
	}
	return s
}

// approveOnPhone approves everything that waits on the user's phone.
func approveOnPhone(t *testing.T, c *client, user string) {
	t.Helper()
	waiting, err := c.waiting(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	if len(waiting) == 0 {
		t.Fatalf("nothing waits on the phone of the user")
	}
	for _, r := range waiting {
		if err := c.approve(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// checkSignedOnce checks the file and what the outside world saw of its making.
func checkSignedOnce(t *testing.T, w *World, c *client, s apiclient.Signing) {
	t.Helper()
	checkSigned(t, w, c, s, 1)
}

// checkSigned is checkSignedOnce where the authority may have been asked for the time-stamp more than once: a worker that is killed
// between the answer and its record asks again, and there is nothing at the authority to find the first one by.
func checkSigned(t *testing.T, w *World, c *client, s apiclient.Signing, mostStamps int) {
	t.Helper()
	original, err := samplePDF()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.signed(t.Context(), s.Documents[0].Content)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(signed, original) {
		t.Errorf("signing %s: the signed file does not begin with the original", s.ID)
	}
	v, err := w.App.Verify(t.Context(), bytes.NewReader(signed))
	if err != nil {
		t.Fatal(err)
	}
	level := s.Documents[0].LevelReached
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != map[string]int{"B-LT": 1, "B-LTA": 2}[level] || v.Signatures[0].Level != level {
		t.Errorf("signing %s: verdict %s on %d signatures: %+v", s.ID, v.Verdict, len(v.Signatures), v.Signatures)
	}
	effects, err := c.ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transaction := "kyso-" + s.ID
	count := map[string]int{}
	for _, e := range effects {
		if e.TransactionID == transaction {
			count[e.Kind]++
		}
	}
	if count["push"] != 1 || count["sign"] != 1 {
		t.Errorf("signing %s: %d pushes and %d uses of the key, want one each", s.ID, count["push"], count["sign"])
	}
	imprint, err := stampedImprint(signed)
	if err != nil {
		t.Fatal(err)
	}
	stamps := 0
	for _, e := range effects {
		if e.Kind == "timestamp" && e.Key == imprint {
			stamps++
		}
	}
	if stamps < 1 || stamps > mostStamps {
		t.Errorf("signing %s: the authority stamped its signature %d times, want at least once and at most %d times", s.ID, stamps, mostStamps)
	}
}

// knobs bends the sandbox for one user.
func (c *client) knobs(ctx context.Context, user string, knobs any) error {
	body, err := json.Marshal(knobs)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPut, c.control+"/users/"+url.PathEscape(user)+"/knobs", "application/json", bytes.NewReader(body), nil)
}
