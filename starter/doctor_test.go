package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/cli"
	"kyso/internal/doctor"
)

// TestDoctorLooksAtTheWorldOfThisFolder: parties, Temporal and API are asked where addresses.json says. A variable that is set counts
// more, and with KYSO_URL the file counts for nothing.
func TestDoctorLooksAtTheWorldOfThisFolder(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	data := t.TempDir()
	known, err := json.Marshal(map[string]string{"api": server.URL, "parties": server.URL, "temporal": "127.0.0.1:1", "trust": filepath.Join(data, "ca.pem")})
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "addresses.json"), known, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ   []string // NAME, value
		api, ca   string   // states; "" for nothing said
		masterKey string   // where it was looked for
	}{
		"the world":       {nil, doctor.Healthy, doctor.Healthy, data},
		"its CA replaced": {[]string{"KYSO_CA_URL", "http://127.0.0.1:1", "KYSO_CA_KEY", "key", "KYSO_PARTY", ""}, doctor.Healthy, doctor.Warning, data},
		"another API":     {[]string{"KYSO_URL", "127.0.0.1:1", "KYSO_SANDBOX_URL", "http://127.0.0.1:1", "TEMPORAL_ADDRESS", "127.0.0.1:1"}, doctor.Fault, doctor.Warning, ".kyso"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KYSO_DATA", data)
			t.Setenv("KYSO_BLOBS", "file://"+filepath.Join(data, "blobs"))
			for i := 0; i < len(c.environ); i += 2 {
				t.Setenv(c.environ[i], c.environ[i+1])
			}
			var out, words bytes.Buffer
			code := (&commands{&cli.CLI{Out: &out, Words: &words, Env: os.Getenv}}).execute(t.Context(), []string{"doctor", "-o", "json"})
			var answer struct{ Items []doctor.Finding }
			if err := json.Unmarshal(out.Bytes(), &answer); err != nil || code != cli.ExitFailed {
				t.Fatalf("exit code %d, %v\n%s%s", code, err, out.String(), words.String())
			}
			states, said := map[string]string{}, map[string]string{}
			for _, f := range answer.Items {
				states[f.Part], said[f.Part] = f.State, f.What
			}
			if states["API"] != c.api || states["CA"] != c.ca || !strings.Contains(said["master key"], c.masterKey) {
				t.Errorf("%+v", answer.Items)
			}
		})
	}
}
