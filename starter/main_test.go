package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kyso/internal/pdfchild/pdftest"
)

func TestMain(m *testing.M) {
	pdftest.Setenv()
	testscript.Main(m, map[string]func(){"kyso": main})
}

// TestScripts runs the command line of testdata/script against the real API on a real store; process_test.go stands
// for the processes behind it. What becomes of a signing is in the last digits of its user.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(newAPI(t))
			env.Defer(server.Close)
			env.Setenv("KYSO_URL", server.URL)
			env.Setenv("KYSO_API_KEY", adminKey)
			env.Setenv(pdftest.Variable, os.Getenv(pdftest.Variable))
			env.Setenv("LANG", "en_US.UTF-8")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":   wantCode,
			"signed": func(ts *testscript.TestScript, _ bool, args []string) { writeSigned(ts, args) },
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// wantCode runs a command and compares its exit code. In a script: code 8 kyso sign a.pdf.
func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command…")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = exitCodeOf(err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[0], ts.ReadFile("stderr"))
	}
}
