package app_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"

	"kyso/internal/app"
	"kyso/internal/audit"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

// TestTheWrittenContract holds docs/openapi.json against what the API says of itself, with everything configured. KYSO_WRITE=1
// writes it, and what is generated from it: a change of the contract is a change that a reader sees.
func TestTheWrittenContract(t *testing.T) {
	var said bytes.Buffer
	if err := json.Indent(&said, openAPI(t), "", "  "); err != nil {
		t.Fatal(err)
	}
	said.WriteByte('\n')
	path := filepath.Join("..", "..", "docs", "openapi.json")
	if os.Getenv("KYSO_WRITE") != "" {
		if err := os.WriteFile(path, said.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "generate", "kyso/internal/apiclient").CombinedOutput(); err != nil {
			t.Fatalf("generating the clients: %v: %s", err, out)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, said.Bytes()) {
		t.Error("docs/openapi.json is not what the API says: make generate writes it")
	}
}

func openAPI(t *testing.T) []byte {
	t.Helper()
	cfg, err := app.FromEnvironment(plain())
	if err != nil {
		t.Fatal(err)
	}
	lazy, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	a := &app.App{Config: cfg, Log: slog.New(slog.DiscardHandler), Store: emptyStore(t), Temporal: lazy, Recorder: &audit.Recorder{}}
	answer := httptest.NewRecorder()
	a.API().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/openapi.json", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%d: %s", answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}

// emptyStore is a store without a schema, for what asks it nothing.
func emptyStore(t *testing.T) *store.Store {
	t.Helper()
	records, err := store.Open(t.Context(), storetest.SQLite(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() }) // nothing was written
	return records
}
