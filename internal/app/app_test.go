package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"kyso/internal/app"
	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
)

// plain is an environment without the Temporal configuration of whoever runs the tests.
func plain(more ...string) []string {
	return append([]string{"TEMPORAL_CONFIG_FILE=" + os.DevNull}, more...)
}

func TestEmptyEnvironmentReachesTheSandbox(t *testing.T) {
	cfg, err := app.FromEnvironment(plain())
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Providers) != 2 || cfg.Providers[0].Name != "intrustca" || cfg.Providers[1].Name != "vnpt" {
		t.Errorf("providers are %+v", cfg.Providers)
	}
	for _, address := range append(cfg.TSA.URLs, cfg.Providers[0].Signer.Probe().Address, cfg.Providers[1].Signer.Probe().Address) {
		if !strings.HasPrefix(address, "http://127.0.0.1:8769") {
			t.Errorf("a default leaves the machine: %s", address)
		}
	}
	if cfg.RevocationPrivate {
		t.Error("addresses in certificates may lead into private networks by default")
	}
	// migrate, doctor and rollout name the namespace to the server themselves, so an empty one is none.
	if cfg.Temporal.Namespace != client.DefaultNamespace || cfg.Temporal.HostPort != client.DefaultHostPort {
		t.Errorf("Temporal is %q at %q", cfg.Temporal.Namespace, cfg.Temporal.HostPort)
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2-hunter2-hunter2"
	_, err := app.FromEnvironment(plain(
		"KYSO_PROVIDERS=intrustca,nobody,intrustca",
		"KYSO_INTRUSTCA_URL=https://real.example/",
		"KYSO_INTRUSTCA_WEBHOOK_TOKEN=short",
		"KYSO_DATABASE="+secret, "KYSO_DATABASE_FILE="+empty,
		"KYSO_TSA=ftp://x", "KYSO_MAX_PAGES=many", "KYSO_PDF_PARALLEL=0", "KYSO_REFUSE_ACTIVE_CONTENT=perhaps",
		"KYSO_STOP_TIMEOUT=soon", "KYSO_LOG_LEVEL=chatty", "KYSO_API_LISTEN=8680", "KYSO_REVOCATION_REWRITE=a",
		"KYSO_MAX_PAGE=7",
	))
	if problem.CodeOf(err) != problem.Invalid {
		t.Fatalf("got %v, want %s", err, problem.Invalid)
	}
	for _, want := range []string{`"nobody"`, "KYSO_PROVIDERS", "KYSO_INTRUSTCA_SP_PASSWORD", "KYSO_INTRUSTCA_WEBHOOK_TOKEN",
		"KYSO_DATABASE: is given twice", "KYSO_TSA", "KYSO_MAX_PAGES", "KYSO_PDF_PARALLEL", "KYSO_REFUSE_ACTIVE_CONTENT",
		"KYSO_STOP_TIMEOUT", "KYSO_LOG_LEVEL", "KYSO_API_LISTEN", "KYSO_REVOCATION_REWRITE", "KYSO_MAX_PAGE: is not a variable"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not mentioned in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Error("the error holds the value of a secret")
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.FromEnvironment(plain("KYSO_PROVIDERS=vnpt", "KYSO_VNPT_URL=https://gwsca.example/sca/sp769",
		"KYSO_VNPT_SP_PASSWORD_FILE="+file))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Providers[0].Signer.(*rssp769.Client).SPPassword; got != "s3cret" {
		t.Errorf("the password is %q, want what the file holds without its end of line", got)
	}
}

// TestTheManualIsComplete wants every variable that the code reads to be explained in the comments of Config and of the parties' rooms.
func TestTheManualIsComplete(t *testing.T) {
	var source []byte
	rooms, err := filepath.Glob("../party/*/settings.go")
	if err != nil || len(rooms) < 6 {
		t.Fatalf("the settings of %d parties were found: %v", len(rooms), err)
	}
	for _, name := range append(rooms, "config.go", "config_registration.go", "config_issuers.go") {
		part, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, part...)
	}
	manual := ""
	for line := range strings.Lines(string(source)) {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			manual += line
		}
	}
	read := regexp.MustCompile(`\b[rs]\.\w+\((?:prefix\+)?"((?:KYSO_)?[A-Z_]{3,})"`).FindAllSubmatch(source, -1)
	if len(read) < 45 {
		t.Fatalf("only %d variables found; the test does not see them", len(read))
	}
	for _, match := range read {
		name := string(match[1])
		explained := strings.HasPrefix(name, "KYSO_") && strings.Contains(manual, name)
		for _, prefix := range []string{"KYSO_NAME_", "KYSO_ISSUER_…_"} {
			explained = explained || strings.Contains(manual, prefix+name)
		}
		if !explained {
			t.Errorf("%s is read and not explained", name)
		}
	}
}

func TestTrustTellsRootsFromIssuers(t *testing.T) {
	root, rootKey := certificate(t, "root", nil, nil)
	issuer, _ := certificate(t, "issuer", root, rootKey)
	file := filepath.Join(t.TempDir(), "trust.pem")
	write := func(certs ...*x509.Certificate) {
		var b bytes.Buffer
		for _, c := range certs {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(issuer, root)
	trust, err := app.ReadTrust(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(trust.Roots) != 1 || !trust.Roots[0].Equal(root) || len(trust.Intermediates) != 1 || !trust.Intermediates[0].Equal(issuer) {
		t.Errorf("%d roots and %d intermediates", len(trust.Roots), len(trust.Intermediates))
	}
	other, _ := certificate(t, "National Root", nil, nil)
	second := filepath.Join(t.TempDir(), "national.pem")
	if err := os.WriteFile(second, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if trust, err := app.ReadTrust(file + ", " + second); err != nil || len(trust.Roots) != 2 || len(trust.Intermediates) != 1 {
		t.Errorf("two bundles: %d roots and %d intermediates, %v", len(trust.Roots), len(trust.Intermediates), err)
	}
	if _, err := app.ReadTrust(file + "," + second + ".none"); err == nil {
		t.Error("a bundle that is not there was passed over")
	}
	write(issuer)
	if _, err := app.ReadTrust(file); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("a bundle without a root: %v, want %s", err, problem.Invalid)
	}
}

func certificate(t *testing.T, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// TestEverythingRegistersOnARealWorker would panic on two activities of one name or an exported method that is none:
// the test environment of the SDK lets both pass.
func TestEverythingRegistersOnARealWorker(t *testing.T) {
	cert, key := certificate(t, "seal", nil, nil)
	keyFile, certificateFile := writeSeal(t, key, cert.Raw)
	cfg, err := app.FromEnvironment(plain("KYSO_SEAL_KEY_FILE="+keyFile, "KYSO_SEAL_CERT_FILE="+certificateFile))
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	a := &app.App{Config: cfg, Log: slog.New(slog.DiscardHandler), Temporal: lazy}
	if _, err := a.NewWorker(); err != nil {
		t.Error(err)
	}
}

// TestStoppingLetsRequestsFinish stops a server while a request runs.
func TestStoppingLetsRequestsFinish(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- app.ServeHTTP(ctx, &http.Server{Handler: handler}, listener, 10*time.Second) }()
	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	select {
	case err := <-served:
		t.Fatalf("the server ended while a request ran: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestExplainShowsNoSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from-a-file-0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := app.Explain([]string{"KYSO_DATABASE=postgres://kyso:pässwörd@db/kyso", "KYSO_INTRUSTCA_URL=https://user:geheim@ica.example", "KYSO_INTRUSTCA_SP_PASSWORD_FILE=" + file,
		"KYSO_API_LISTEN=127.0.0.1:9999", "KYSO_MISSPELT=1"})
	if err == nil || !strings.Contains(err.Error(), "mistake") {
		t.Errorf("a misspelt name: %v", err)
	}
	found := map[string]app.Setting{}
	for _, s := range settings {
		found[s.Name] = s
		for _, secret := range []string{"pässwörd", "geheim", "from-a-file", "sandbox-only"} {
			if strings.Contains(s.Value, secret) {
				t.Errorf("%s shows %s", s.Name, s.Value)
			}
		}
	}
	for name, want := range map[string]app.Setting{
		"KYSO_DATABASE":              {"KYSO_DATABASE", "(secret)", app.FromEnvironmentVariable},
		"KYSO_INTRUSTCA_SP_PASSWORD": {"KYSO_INTRUSTCA_SP_PASSWORD", "(secret)", file},
		"KYSO_VNPT_SP_PASSWORD":      {"KYSO_VNPT_SP_PASSWORD", "(secret)", app.FromDefault},
		"KYSO_INTRUSTCA_URL":         {"KYSO_INTRUSTCA_URL", "https://user:(secret)@ica.example", app.FromEnvironmentVariable},
		"KYSO_API_LISTEN":            {"KYSO_API_LISTEN", "127.0.0.1:9999", app.FromEnvironmentVariable},
		"KYSO_ADMIN_KEY":             {"KYSO_ADMIN_KEY", "", app.FromDefault},
		"KYSO_API_RATE":              {"KYSO_API_RATE", "1200", app.FromDefault},
	} {
		if found[name] != want {
			t.Errorf("%s: %+v, want %+v", name, found[name], want)
		}
	}
}
