package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/pades"
)

// TestExamplesSign runs every client of examples/ as a program of its own, with a key of its own.
func TestExamplesSign(t *testing.T) {
	w, c := sharedWorld(t)
	clients := []struct {
		name    string
		user    string
		command []string
	}{
		{"node", "ICA.079095030401", []string{installed(t, "node"), "../../examples/node/sign.mjs"}},
		{"python", "ICA.079095030402", []string{installed(t, "python3"), "../../examples/python/sign.py"}},
		{"go", "ICA.079095030403", []string{built(t, "../../examples/go/sign")}},
		{"generated for Go", "ICA.079095030404", []string{built(t, "../../examples/go/generated")}},
		{"generated for TypeScript", "ICA.079095030405", []string{installed(t, "node"), compiled(t)}},
	}
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			file := sampleFiles(t, "hợp đồng.pdf")[0]
			signed, words := approved(t, c, client.user, append(client.command, file, client.user)...)
			v, err := w.App.Verify(t.Context(), bytes.NewReader(signed))
			if err != nil || v.Verdict != pades.TotalPassed {
				t.Fatalf("verdict %v, %v; it said %s", v, err, words)
			}
			t.Logf("it said %q", words)
		})
	}
}

// approved runs a program that signs, and approves on the phone what it asks for.
func approved(t *testing.T, c *client, user string, command ...string) (signed []byte, words string) {
	t.Helper()
	program := exec.CommandContext(t.Context(), command[0], command[1:]...)
	program.Env = append(os.Environ(), "KYSO_URL="+c.api, "KYSO_API_KEY="+exampleKey(t, c))
	var out, said bytes.Buffer
	program.Stdout, program.Stderr = &out, &said
	do(t, program.Start())
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	for {
		if waiting, err := c.waiting(t.Context(), user); err == nil && len(waiting) > 0 {
			approveOnPhone(t, c, user)
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("%v: %s", err, said.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return out.Bytes(), said.String()
}

func exampleKey(t *testing.T, c *client) string {
	t.Helper()
	var key struct {
		Secret string `json:"secret"`
	}
	do(t, c.post(t.Context(), c.api+"/v1/keys", map[string]any{"owner": "team-docs", "scopes": []string{"signings"}, "days": 1}, &key))
	return key.Secret
}

// TestExampleReceivesWebhooks runs the receiver of examples/, and has a message sent to it.
func TestExampleReceivesWebhooks(t *testing.T) {
	_, c := sharedWorld(t)
	address := freeAddress(t)
	var endpoint struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	do(t, c.post(t.Context(), c.api+"/v1/webhook-endpoints", map[string]any{"url": "http://" + address}, &endpoint))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	program := exec.CommandContext(ctx, built(t, "../../examples/go/webhook"), endpoint.Secret)
	program.Env = append(os.Environ(), "LISTEN="+address)
	var out locked
	program.Stdout = &out
	do(t, program.Start())
	defer func() { cancel(); _ = program.Wait() }() // it ends by the signal
	eventually(func() bool { return unsigned(t, address) == http.StatusUnauthorized })
	do(t, c.post(t.Context(), c.api+"/v1/webhook-endpoints/"+endpoint.ID+"/test", nil, nil))
	eventually(func() bool { return strings.Contains(out.String(), "kyso.test") })
	do(t, c.do(t.Context(), http.MethodDelete, c.api+"/v1/webhook-endpoints/"+endpoint.ID, "", nil, nil))
}

// unsigned sends a message without a signature and returns the status of the answer, 0 when nothing listens.
func unsigned(t *testing.T, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, strings.NewReader("{}"))
	do(t, err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	do(t, answer.Body.Close())
	return answer.StatusCode
}

// eventually asks until the answer is yes; the time-out of go test ends it.
func eventually(yes func() bool) {
	for !yes() {
		time.Sleep(100 * time.Millisecond)
	}
}

// locked is a buffer that a program writes while a test reads.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// installed finds a program that the machine has to bring.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the examples need %s", name)
		}
		t.Skipf("needs %s", name)
	}
	return path
}

// compiled is the program that scripts/contract.sh makes of the example in TypeScript.
func compiled(t *testing.T) string {
	t.Helper()
	const program = "../../examples/typescript/built/sign.js"
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the example in TypeScript is not built: %v", err)
		}
		t.Skip("needs scripts/contract.sh check")
	}
	return program
}

func built(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "example")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, folder).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v: %s", folder, err, out)
	}
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	do(t, err)
	defer func() { _ = listener.Close() }() // only its number is wanted
	return listener.Addr().String()
}
