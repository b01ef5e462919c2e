package main

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/cli"
)

// auditBench is an API whose log has entries, checkpoints and a file outside of the database.
type auditBench struct {
	t    *testing.T
	url  string
	log  *audit.Recorder
	now  time.Time
	db   *sql.DB
	file string
	head int64
}

func newAuditBench(t *testing.T, withFile bool) *auditBench {
	t.Helper()
	b := &auditBench{t: t, now: time.Now()}
	dir := t.TempDir()
	server := httptest.NewServer(newAPIIn(t, dir, func(o *api.Options) {
		b.log = o.Audit
		b.log.Key, b.log.Now = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), func() time.Time { return b.now }
		if withFile {
			b.log.File = filepath.Join(dir, "checkpoints.jsonl")
		}
	}))
	t.Cleanup(server.Close)
	b.url, b.file = server.URL, b.log.File
	var err error
	if b.db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, "kyso.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.db.Close() })
	for range 3 {
		b.now = b.now.Add(time.Minute)
		b.note(5)
	}
	b.note(5) // within the minute
	head, err := b.log.Log.Head(t.Context())
	must(t, err)
	b.head = head.Seq
	return b
}

func (b *auditBench) note(n int) {
	for i := range n {
		b.log.Note("test", fmt.Sprint(i), "", "")
	}
	b.round()
}

func (b *auditBench) round() {
	b.t.Helper()
	if err := b.log.Round(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *auditBench) execute(statements ...string) {
	b.t.Helper()
	for _, statement := range statements {
		if _, err := b.db.ExecContext(b.t.Context(), statement); err != nil {
			b.t.Fatal(err)
		}
	}
}

// verify runs "kyso audit verify" and returns its exit code and what it wrote.
func (b *auditBench) verify(args ...string) (code int, out, words string) {
	b.t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"KYSO_URL": b.url, "KYSO_API_KEY": adminKey, "KYSO_LANG": "en", "HOME": b.t.TempDir()}
	c := &commands{&cli.CLI{In: strings.NewReader(""), Out: &stdout, Words: &stderr, Env: func(name string) string { return env[name] }}}
	code = c.execute(b.t.Context(), append([]string{"audit", "verify", "-o", "json"}, args...))
	return code, stdout.String(), stderr.String()
}

// cut takes the newest n entries out, with what the database says of the end.
func (b *auditBench) cut(n int64) {
	last := b.head - n
	b.execute(fmt.Sprintf(`DELETE FROM audit WHERE seq > %d`, last), fmt.Sprintf(`UPDATE audit_head SET seq = %d, hash = (SELECT hash FROM audit WHERE seq = %d)`, last, last))
}

// TestAuditVerifyCommand does to a log, and to what is kept of it outside of the database, what may become of them. The exit code and
// the words say it each time.
func TestAuditVerifyCommand(t *testing.T) {
	keep := func(_ *auditBench, content string) string {
		path := filepath.Join(t.TempDir(), "kept.jsonl")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := audit.EncodeKey(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 1)).Public().(ed25519.PublicKey))
	for name, c := range map[string]struct {
		noFile bool
		do     func(b *auditBench) []string // returns arguments
		code   int
		words  string // a regular expression
	}{
		"whole":                 {false, func(*auditBench) []string { return nil }, cli.ExitOK, `^Entries since [0-9:]{8} [0-9/]{10} \(1\) are covered by no checkpoint`},
		"tampered":              {false, func(b *auditBench) []string { b.execute(`UPDATE audit SET actor = 'x' WHERE seq = 4`); return nil }, cli.ExitFailed, `WRONG \(changed\), entry 4:.*\n.*BROKEN`},
		"cut":                   {false, func(b *auditBench) []string { b.cut(12); return nil }, cli.ExitFailed, `WRONG \((cut-tail|forked)\)`},
		"cut within the minute": {false, func(b *auditBench) []string { b.cut(3); return nil }, cli.ExitFailed, `WRONG \((cut-tail|forked)\), entry [0-9]+: .*the signed head of`},
		"cut, nothing outside":  {true, func(b *auditBench) []string { b.cut(3); return nil }, cli.ExitOK, `No checkpoint is kept outside.*\nEntries since [0-9:]{8} [0-9/]{10} \([0-9]+\) are covered`},
		"emptied": {false, func(b *auditBench) []string {
			b.execute(`DELETE FROM audit`, `DELETE FROM audit_checkpoints`)
			return nil
		}, cli.ExitFailed, `WRONG \(checkpoints\).*WRONG \(missing\).*follows entry 0`},
		"another key": {false, func(*auditBench) []string { return []string{"--key", other} }, cli.ExitFailed, `WRONG \(untrusted\).*is not signed by the key`},
		"no key":      {false, func(*auditBench) []string { return []string{"--key", "x"} }, cli.ExitUsage, `--key: .*32 bytes in base64`},
		"file of the server gone": {false, func(b *auditBench) []string {
			b.now = b.now.Add(-time.Hour)
			must(t, os.Remove(b.file))
			return nil
		}, cli.ExitOK, ``},
		"file of the server spoilt": {false, func(b *auditBench) []string { must(t, os.WriteFile(b.file, []byte("{\n\x00"), 0o600)); return nil }, cli.ExitOK, ``},
		"file of the server cannot be read": {false, func(b *auditBench) []string {
			must(t, os.Remove(b.file))
			must(t, os.Mkdir(b.file, 0o700))
			return nil
		}, cli.ExitFailed, `internal`},
		"kept file missing":     {false, func(*auditBench) []string { return []string{"--checkpoints", filepath.Join(t.TempDir(), "none")} }, cli.ExitUsage, `--checkpoints: .*no such file`},
		"kept file is a folder": {false, func(*auditBench) []string { return []string{"--checkpoints", t.TempDir()} }, cli.ExitUsage, `--checkpoints: .*is a directory`},
		"kept file empty":       {false, func(b *auditBench) []string { return []string{"--checkpoints", keep(b, "\n")} }, cli.ExitUsage, `there is no checkpoint in it`},
		"kept file of before the cut": {true, func(b *auditBench) []string {
			list, err := b.log.Log.Checkpoints(t.Context(), 0, 10)
			must(t, err)
			line, err := json.Marshal(list[len(list)-1])
			must(t, err)
			b.execute(`DELETE FROM audit_checkpoints`)
			b.cut(12)
			return []string{"--checkpoints", keep(b, string(line))}
		}, cli.ExitFailed, `WRONG .*which was kept elsewhere`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newAuditBench(t, !c.noFile)
			code, out, words := b.verify(c.do(b)...)
			if code != c.code || !regexp.MustCompile(`(?s)`+c.words).MatchString(words) {
				t.Errorf("exit code %d, want %d; it says\n%s%s", code, c.code, words, out)
			}
			if code == cli.ExitUsage {
				return
			}
			var report auditReport
			if err := json.Unmarshal([]byte(out), &report); err != nil && !strings.Contains(name, "cannot be read") {
				t.Errorf("%v in %q", err, out)
			}
			if (len(report.Findings) > 0) != (code == cli.ExitFailed && out != "") {
				t.Errorf("exit code %d with %+v", code, report.Findings)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
