package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kyso/internal/app"
	"kyso/internal/config"
)

// TestDoctorLooksAtTheAuditFile: one that is not named, cannot be written or lies in no folder is a warning with a remedy; looking
// leaves nothing behind.
func TestDoctorLooksAtTheAuditFile(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder.jsonl")
	there := filepath.Join(dir, "there.jsonl")
	for _, err := range []error{os.Mkdir(folder, 0o700), os.WriteFile(there, []byte("x"), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"": Warning, folder: Warning, filepath.Join(dir, "none", "x"): Warning,
		filepath.Join(there, "x"): Warning, there: Healthy, filepath.Join(dir, "new.jsonl"): Healthy} {
		d := &doctor{cfg: config.Config{AuditFile: path}}
		d.auditFile(t.Context())
		if len(d.found) != 1 || d.found[0].State != want || (d.found[0].Remedy == "") != (want == Healthy) {
			t.Errorf("%q: %+v, want %s", path, d.found, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// All clients of a proxy that nobody named are one to us.
func TestTheDoctorMissesTheProxyOfAnHTTPSAddress(t *testing.T) {
	for _, c := range []struct {
		url, proxies string
		warned       bool
	}{{"https://ky.example", "", true}, {"https://ky.example", "10.0.0.0/8", false}, {"http://127.0.0.1:8680", "", false}} {
		cfg, err := app.FromEnvironment([]string{"KYSO_PUBLIC_URL=" + c.url, "KYSO_TRUSTED_PROXIES=" + c.proxies})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Database, cfg.Blobs, cfg.Temporal.HostPort = "sqlite:"+t.TempDir()+"/none.db", "file:///nowhere", "127.0.0.1:1"
		warned := slices.ContainsFunc(Examine(t.Context(), cfg, ""), func(f Finding) bool {
			return f.Part == "trusted proxies" && f.State == Warning && f.Remedy != ""
		})
		if warned != c.warned {
			t.Errorf("%+v: warned %v", c, warned)
		}
	}
}

func TestTheDoctorWarnsOfProfiles(t *testing.T) {
	for _, on := range []string{"false", "true"} {
		cfg, err := app.FromEnvironment([]string{"KYSO_PPROF=" + on, "KYSO_HEALTH_LISTEN=127.0.0.1:9090"})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Database, cfg.Blobs, cfg.Temporal.HostPort = "sqlite:"+t.TempDir()+"/none.db", "file:///nowhere", "127.0.0.1:1"
		warned := slices.ContainsFunc(Examine(t.Context(), cfg, ""), func(f Finding) bool { return f.Part == "profiles" && f.State == Warning })
		if warned != (on == "true") {
			t.Errorf("KYSO_PPROF=%s: warned %v", on, warned)
		}
	}
	if _, err := app.FromEnvironment([]string{"KYSO_PPROF=true"}); err == nil {
		t.Error("profiles are answered nowhere, and nothing is said")
	}
}
