package app_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"kyso/internal/app"
	"kyso/internal/keytest"
	"kyso/internal/pdfchild/pdftest"
)

// plain is an environment without the Temporal configuration of whoever runs the tests.
func plain(more ...string) []string {
	return append([]string{"TEMPORAL_CONFIG_FILE=" + os.DevNull, pdftest.Variable + "=" + os.Getenv(pdftest.Variable)}, more...)
}

func TestMain(m *testing.M) {
	pdftest.Setenv()
	os.Exit(m.Run())
}

// TestEverythingRegistersOnARealWorker would panic on two activities of one name or an exported method that is none:
// the test environment of the SDK lets both pass.
func TestEverythingRegistersOnARealWorker(t *testing.T) {
	cert, key := keytest.Certificate(t, "seal", nil, nil)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"seal.key": {Type: "PRIVATE KEY", Bytes: pkcs8}, "seal.pem": {Type: "CERTIFICATE", Bytes: cert.Raw}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := app.FromEnvironment(plain("KYSO_SEAL_KEY_FILE="+filepath.Join(dir, "seal.key"), "KYSO_SEAL_CERT_FILE="+filepath.Join(dir, "seal.pem")))
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	a := &app.App{Config: cfg, Log: slog.New(slog.DiscardHandler), Store: emptyStore(t), Temporal: lazy}
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
