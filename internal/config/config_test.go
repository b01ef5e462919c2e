package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"kyso/internal/app"
	"kyso/internal/config"
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
		"KYSO_TSA=ftp://x", "KYSO_MAX_PAGES=many", "KYSO_PDF_PARALLEL=0", "KYSO_PDF_SHARE=all", "KYSO_REFUSE_ACTIVE_CONTENT=perhaps",
		"KYSO_STOP_TIMEOUT=soon", "KYSO_LOG_LEVEL=chatty", "KYSO_API_LISTEN=8680", "KYSO_REVOCATION_REWRITE=a",
		"KYSO_MAX_PAGE=7",
	))
	if problem.CodeOf(err) != problem.Invalid {
		t.Fatalf("got %v, want %s", err, problem.Invalid)
	}
	for _, want := range []string{`"nobody"`, "KYSO_PROVIDERS", "KYSO_INTRUSTCA_SP_PASSWORD", "KYSO_INTRUSTCA_WEBHOOK_TOKEN",
		"KYSO_DATABASE: is given twice", "KYSO_TSA", "KYSO_MAX_PAGES", "KYSO_PDF_PARALLEL", "KYSO_PDF_SHARE", "KYSO_REFUSE_ACTIVE_CONTENT",
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
	for _, name := range append(rooms, "../eseal/settings.go", "config.go", "parties.go", "registration.go", "issuers.go") {
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
	read := regexp.MustCompile(`\b[rse]\.\w+\((?:prefix\+)?"((?:KYSO_)?[A-Z_]{3,})"`).FindAllSubmatch(source, -1)
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
	found := map[string]config.Setting{}
	for _, s := range settings {
		found[s.Name] = s
		for _, secret := range []string{"pässwörd", "geheim", "from-a-file", "sandbox-only"} {
			if strings.Contains(s.Value, secret) {
				t.Errorf("%s shows %s", s.Name, s.Value)
			}
		}
	}
	for name, want := range map[string]config.Setting{
		"KYSO_DATABASE":              {"KYSO_DATABASE", "(secret)", config.FromEnvironment},
		"KYSO_INTRUSTCA_SP_PASSWORD": {"KYSO_INTRUSTCA_SP_PASSWORD", "(secret)", file},
		"KYSO_VNPT_SP_PASSWORD":      {"KYSO_VNPT_SP_PASSWORD", "(secret)", config.FromDefault},
		"KYSO_INTRUSTCA_URL":         {"KYSO_INTRUSTCA_URL", "https://user:(secret)@ica.example", config.FromEnvironment},
		"KYSO_API_LISTEN":            {"KYSO_API_LISTEN", "127.0.0.1:9999", config.FromEnvironment},
		"KYSO_ADMIN_KEY":             {"KYSO_ADMIN_KEY", "", config.FromDefault},
		"KYSO_API_RATE":              {"KYSO_API_RATE", "1200", config.FromDefault},
	} {
		if found[name] != want {
			t.Errorf("%s: %+v, want %+v", name, found[name], want)
		}
	}
}
