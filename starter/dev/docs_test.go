package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"kyso/internal/pades"
)

// TestClientOfTheDocs runs the client that docs/api.md shows, as a program of its own with a key of its own.
func TestClientOfTheDocs(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the client needs Node.js")
		}
		t.Skip("needs Node.js")
	}
	w, c := sharedWorld(t)
	var key struct {
		Secret string `json:"secret"`
	}
	if err := c.post(t.Context(), c.api+"/v1/keys", map[string]any{"owner": "team-docs", "scopes": []string{"signings"}, "days": 1}, &key); err != nil {
		t.Fatal(err)
	}
	const user = "ICA.079095030401"
	program := exec.CommandContext(t.Context(), node, "../../docs/sign.mjs", sampleFiles(t, "hợp đồng.pdf")[0], user)
	program.Env = append(os.Environ(), "KYSO_URL="+c.api, "KYSO_API_KEY="+key.Secret)
	var signed, words bytes.Buffer
	program.Stdout, program.Stderr = &signed, &words
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	for {
		if waiting, err := c.waiting(t.Context(), user); err == nil && len(waiting) > 0 {
			approveOnPhone(t, c, user)
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("%v: %s", err, words.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v: %s", err, words.String())
	}
	v, err := w.App.Verify(t.Context(), bytes.NewReader(signed.Bytes()))
	if err != nil || v.Verdict != pades.TotalPassed {
		t.Errorf("verdict %s, %v; it said %s", v.Verdict, err, words.String())
	}
	t.Logf("it said %q", words.String())
}
