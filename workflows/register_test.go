package workflows_test

import (
	"os"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/workflows"
)

// A real worker panics when two activities have the same name or an exported method is not one; the test
// environment lets the later win.
func TestEverythingRegistersOnARealWorker(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, workflows.TaskQueue, worker.Options{})
	workflows.Register(w)
	activities.Register(w, &activities.Signing{}, &activities.Registration{}, &activities.Webhook{}, &activities.Decisions{})
}

// An operator who reads a reason in the Temporal UI finds its runbook.
func TestEveryCodeStandsInTheRunbooks(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range problem.Codes() {
		heading := strings.Contains(string(text), "\n### "+string(code)+"\n")
		listed := strings.Contains(string(text), "`"+string(code)+"`")
		if !heading && !listed {
			t.Errorf("docs/operations.md says nothing about %s", code)
		}
	}
}
