package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
)

// oneSecret stands for the only copy of a secret in an answer.
const oneSecret = "s3cret-only-copy"

// willingAPI answers every request well, and each write with a secret.
type willingAPI struct {
	mu     sync.Mutex
	writes []string
}

func (a *willingAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := "id"
	if parts := strings.Split(r.URL.Path, "/"); len(parts) > 3 {
		id = parts[3]
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		_, _ = fmt.Fprintf(w, `{"id":%q,"process":"signing","process_id":%q,"status":"preparing","items":[{"id":"id","serial":"54ab","fingerprint":"54ab54ab54ab54ab"}],"attention":{"actions":["cancel"]}}`, id, id)
		return
	}
	a.mu.Lock()
	a.writes = append(a.writes, r.URL.Path)
	a.mu.Unlock()
	secret := ""
	if r.URL.Path == "/v1/keys" || strings.HasSuffix(r.URL.Path, "/rotate") || strings.HasSuffix(r.URL.Path, "-endpoints") || strings.HasSuffix(r.URL.Path, "-link") {
		secret = oneSecret
	}
	_, _ = fmt.Fprintf(w, `{"id":%q,"status":"cancelled","outcome":"recovered","secret":%q}`, id, secret)
}

// leaves are the commands of the tree that do something.
func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var list []*cobra.Command
	for _, sub := range cmd.Commands() {
		list = append(list, leaves(sub)...)
	}
	return list
}

func allLeaves() []*cobra.Command {
	return leaves((&commands{&cli.CLI{Out: io.Discard, Words: io.Discard, Env: func(string) string { return "" }}}).root())
}

// pathOf is a command without the name of the program.
func pathOf(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

// against runs a command line against the API.
func against(t *testing.T, api *willingAPI, stdin string, args ...string) (out string, code int) {
	t.Helper()
	server := httptest.NewServer(api)
	defer server.Close()
	var data, words strings.Builder
	c := &commands{&cli.CLI{In: strings.NewReader(stdin), Out: &data, Words: &words, Env: func(name string) string {
		return map[string]string{"KYSO_URL": server.URL, "KYSO_API_KEY": "kyso_x", "KYSO_LANG": "en"}[name]
	}}}
	code = c.execute(t.Context(), args)
	t.Logf("%v: %d, %s", args, code, words.String())
	return data.String(), code
}

// piped are the flags of the commands that read ids from stdin.
var piped = map[string]string{
	"signing cancel": "", "signing repair": "--action retry --reason mended",
	"registration approve": "--checked all", "registration ask": "--reason other --field address", "registration refuse": "--reason other",
	"registration repair": "--action retry --reason mended", "registration cancel": "--reason mended", "incident repair": "--reason mended --apply",
}

// TestAPipeOfTwoDoesWhatAPipeOfOneDoes walks every command that reads ids from stdin.
func TestAPipeOfTwoDoesWhatAPipeOfOneDoes(t *testing.T) {
	found := 0
	for _, cmd := range allLeaves() {
		path := pathOf(cmd)
		flags, listed := piped[path]
		reads := strings.Contains(cmd.Use, "ID…") || strings.Contains(cmd.Short, "stdin")
		if reads != listed {
			t.Errorf("%s reads ids from stdin: %v; it is listed: %v", path, reads, listed)
		}
		if !listed {
			continue
		}
		found++
		for _, n := range []int{1, 2, 5} {
			api, stdin := &willingAPI{}, ""
			for i := range n {
				stdin += fmt.Sprintf("id-%d\n", i)
			}
			args := append(strings.Fields(path), "-", "-o", "ids")
			out, _ := against(t, api, stdin, append(args, strings.Fields(flags)...)...)
			if len(api.writes) != n || strings.Count(out, "\n") < n {
				t.Errorf("%s with %d ids wrote %v and printed %q", path, n, api.writes, out)
			}
		}
	}
	if found != len(piped) {
		t.Errorf("%d commands, %d are listed", found, len(piped))
	}
}

// withArguments are the arguments of commands that make something at the API.
var withArguments = map[string]string{
	"key create": "--owner team --scope signings", "key revoke": "key-1", "incident note": "inc-1 text", "incident assign": "inc-1",
	"incident decide": "--process signing --step timestamp --code provider-unavailable --reason mended", "register start": "--token t",
	"register otp": "id", "register account": "", "register package": "id PS0", "register pay": "id", "register correct": "id address=x",
	"register contract": "id", "register activate": "id", "register accept": "id", "register withdraw": "id", "signing choose": "id 54ab", "signing place": "id", "reconcile": "",
	"trust add": "trust_test.go --reason published", "trust remove": "54ab54ab --reason ended",
}

// elsewhere are commands that make nothing at the API: they read, or work on this machine.
var elsewhere = []string{"signing list", "signing show", "signing watch", "signing certificates", "registration list", "registration show", "registration watch",
	"incident list", "incident group", "incident show", "key list", "trust list", "trust show", "audit verify", "audit export", "audit key", "inspect", "verify", "extend", "serve", "migrate", "rollout",
	"probe", "doctor", "config", "version", "exit-codes", "sign", "dev", "demo"}

// TestEveryFormPrintsTheOnlyCopyOfASecret runs every command of the tree that writes, in every form of output: when the API's
// answer holds a secret, what is printed does.
func TestEveryFormPrintsTheOnlyCopyOfASecret(t *testing.T) {
	secrets := 0
	for _, cmd := range allLeaves() {
		path := pathOf(cmd)
		flags, writes := withArguments[path]
		if _, bulk := piped[path]; bulk {
			flags, writes = piped[path]+" id", true
		}
		if writes == slices.Contains(elsewhere, path) {
			t.Errorf("%s writes: %v; it is listed as one that does not: %v", path, writes, !writes)
		}
		if !writes {
			continue
		}
		printed := map[string]bool{}
		for _, form := range []string{cli.AsTable, cli.AsJSON, cli.AsLines, cli.AsIDs} {
			out, _ := against(t, &willingAPI{}, "", append(strings.Fields(path+" "+flags), "-o", form)...)
			printed[form] = strings.Contains(out, oneSecret)
		}
		if !printed[cli.AsJSON] { // as the API answered
			continue
		}
		secrets++
		for form, shown := range printed {
			if !shown {
				t.Errorf("%s -o %s throws the secret away", path, form)
			}
		}
	}
	if secrets == 0 {
		t.Error("no command prints a secret")
	}
}
