package main

import (
	"context"
	"testing"
	"time"

	"kyso/internal/process"
	"kyso/workflows"
)

// register walks a citizen of the shared world to an active certificate.
func register(t *testing.T, w *World, c *client, citizen, plan string) *walker {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	walk := &walker{client: c, world: w, citizen: citizen, plan: plan, asked: map[string]time.Time{}}
	walk.run(ctx)
	walk.check(t)
	var result workflows.RegistrationResult
	if err := w.App.Temporal.GetWorkflow(ctx, process.RegistrationWorkflowID(walk.id), "").Get(ctx, &result); err != nil {
		t.Fatal(err)
	}
	return walk
}

// What a registration leaves in a history stays small, whatever it waits for.
func TestHistoriesOfRegistrations(t *testing.T) {
	w, c := sharedWorld(t)
	for i, plan := range []string{"PS0", "PS1"} {
		walk := register(t, w, c, []string{"001302000101", "001302000102"}[i], plan)
		events := history(t, w, process.RegistrationWorkflowID(walk.id))
		t.Logf("registration with %s: %d events, %d bytes", plan, len(events), eventBytes(events))
		if len(events) > 270 || eventBytes(events) > 64<<10 { // taking a decision is one event for each act
			t.Errorf("%s: %d events, %d bytes; want at most 270 and 64 KiB", plan, len(events), eventBytes(events))
		}
	}
}

// TestNobodyHearsOfTheCitizen registers, and looks for the person in everything that is kept in clear.
func TestNobodyHearsOfTheCitizen(t *testing.T) {
	w, c := sharedWorld(t)
	const citizen = "001302000103"
	walk := register(t, w, c, citizen, "PS1")
	person, err := w.Sandbox.Citizen(citizen)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{"citizen number": []byte(citizen), "name": []byte(person.FullName), "phone": []byte(walk.phone[len(walk.phone)-9:]),
		"address": []byte(person.Address), "e-mail": []byte(walkerEmail), "password": []byte(walkerPassword), "PIN": []byte(walkerPIN + "\"")}
	for _, m := range w.Sandbox.Messages(walk.phone) {
		if digits := sixDigits.FindString(m.Text); digits != "" {
			found["code in "+m.RequestID] = []byte("\"" + digits + "\"") // six digits alone stand everywhere
		}
	}
	holdsNone(t, w, map[string][]byte{}, found)
}
