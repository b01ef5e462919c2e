package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// drillSize is how many signings, and how many registrations, are in flight.
const drillSize = 200

// TestDrill is a bad night: 200 signings and 200 paid registrations are in flight when the signing provider answers
// everything with garbage, also what it has sent to a phone, and VNPay fails at every refund. The processes park, an operator
// sees two groups, and after the parties are back repairs each with one command of the command line. Then everything
// ends, and the ledger of the world shows every effect once.
func TestDrill(t *testing.T) {
	t.Parallel()
	// An hour before a process tries again by itself: what recovers here, recovers by the operator's command.
	w, c := ownWorld(t, Options{Environment: []string{"KYSO_RETRY_PAUSES=1h"}})
	d := &drill{t: t, w: w, c: c, starter: program(t, "kyso")}
	began := time.Now()
	registrations := inParallel(drillSize, func(i int) *enrolment { return until(t, w, d.c, fmt.Sprintf("001302%06d", 500_000+i), "in-review") })
	t.Logf("%d registrations are paid and in review after %.0f s", drillSize, time.Since(began).Seconds())

	do(t, w.Sandbox.UpdateSettings(func(s *sandbox.Settings) {
		s.Faults = []sandbox.Fault{{On: "sign", Do: "junk"}, {On: "status", Do: "junk"}, {On: "vnpay-refund", Do: "500"}}
	}))
	users := make([]string, drillSize)
	signings := inParallel(drillSize, func(i int) string {
		users[i] = fmt.Sprintf("ICA.0790951%05d", i)
		knobs(t, w, users[i], sandbox.Knobs{WindowSeconds: 1800})
		return startSigning(t, d.c, users[i])
	})
	inParallel(drillSize, func(i int) error {
		do(t, registrations[i].act(t.Context(), "review", map[string]any{"decision": "refuse", "officer": "officer-1", "reason": "not-eligible"}))
		return nil
	})
	d.awaitParked(2 * drillSize)
	d.seesTwoGroups()

	do(t, w.Sandbox.UpdateSettings(func(s *sandbox.Settings) { s.Faults = nil }))
	d.repair("intrustca")
	d.repair("vnpay")
	for _, user := range users {
		approveOnPhone(t, d.c, user)
	}
	for i, id := range signings {
		if s := awaitFinal(t, d.c, id); s.Status != "signed" {
			t.Errorf("signing %d ended %s", i, s.Status)
		}
	}
	for _, e := range registrations {
		awaitRegistration(t, e, "refused")
	}
	for kind, want := range map[sandbox.EffectKind]int{sandbox.EffectPush: drillSize, sandbox.EffectTimestamp: drillSize + 2*drillSize, // a contract has one in its seal and one over all of it
		sandbox.EffectCharge: drillSize, sandbox.EffectRefund: drillSize, sandbox.EffectIssue: 0} {
		if n := w.Sandbox.CountEffects(kind, ""); n != want {
			t.Errorf("%d × %s, want %d", n, kind, want)
		}
	}
	seen := map[string]bool{}
	for _, e := range w.Sandbox.Ledger() {
		switch e.Kind {
		case sandbox.EffectPush, sandbox.EffectCharge, sandbox.EffectRefund:
			if key := string(e.Kind) + " " + e.Key; seen[key] {
				t.Errorf("twice: %s", key)
			} else {
				seen[key] = true
			}
		}
	}
	if n := d.parked(); n != 0 {
		t.Errorf("%d are still parked", n)
	}
	t.Logf("all over after %.0f s", time.Since(began).Seconds())
}

type drill struct {
	t       *testing.T
	w       *World
	c       *client
	starter string
}

// inParallel does the same n times, a few at once, and returns what came of each.
func inParallel[T any](n int, do func(i int) T) []T { return atOnce(16, n, do) }

// atOnce does the same n times, as many at once as there are places, and returns what came of each.
func atOnce[T any](places, n int, do func(i int) T) []T {
	out := make([]T, n)
	slots := make(chan struct{}, places)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			out[i] = do(i)
		})
	}
	all.Wait()
	return out
}

// command runs the command line as an operator would, and returns what it prints.
func (d *drill) command(args ...string) []byte {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.starter, args...)
	cmd.Env = append(os.Environ(), "KYSO_URL="+d.w.Addresses.API, "KYSO_API_KEY="+d.w.Addresses.APIKey, "KYSO_LANG=en")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	d.t.Logf("starter %v\n%s%.500s", args, words.String(), out.String())
	if err != nil {
		d.t.Fatal(err)
	}
	return out.Bytes()
}

func (d *drill) parked() int {
	d.t.Helper()
	var groups struct {
		Items []struct {
			Count int `json:"count"`
		} `json:"items"`
	}
	do(d.t, json.Unmarshal(d.get("/v1/incident-groups"), &groups))
	n := 0
	for _, g := range groups.Items {
		n += g.Count
	}
	return n
}

func (d *drill) get(path string) []byte {
	d.t.Helper()
	answer, err := d.c.signed(d.t.Context(), path)
	do(d.t, err)
	return answer
}

func (d *drill) awaitParked(want int) {
	d.t.Helper()
	began := time.Now()
	for end := began.Add(2 * patience); ; time.Sleep(time.Second) {
		n := d.parked()
		if n == want {
			d.t.Logf("all %d are parked after %.0f s", n, time.Since(began).Seconds())
			return
		}
		if time.Now().After(end) {
			d.command("incident", "group")
			d.t.Fatalf("%d are parked, want %d", n, want)
		}
	}
}

// seesTwoGroups: one line for each cause is what an operator reads first.
func (d *drill) seesTwoGroups() {
	d.t.Helper()
	d.command("incident", "group")
	var groups struct {
		Items []struct {
			Process, Step, Code, Provider string
			Count                         int
		}
	}
	do(d.t, json.Unmarshal(d.command("incident", "group", "-o", "json"), &groups))
	if len(groups.Items) != 2 {
		d.t.Errorf("%d groups: %+v", len(groups.Items), groups.Items)
	}
	for _, g := range groups.Items {
		if g.Count != drillSize || g.Code != "provider-unavailable" {
			d.t.Errorf("group %+v", g)
		}
	}
}

// repair mends all incidents of a provider with one command; every item's outcome is in its answer.
func (d *drill) repair(provider string) {
	d.t.Helper()
	choice := []string{"incident", "repair", "--provider", provider, "--reason", "the party is back"}
	d.command(append(choice, "-o", "ids")...) // a dry run
	var done struct {
		Items []struct {
			Incident, Outcome, Error string
		}
		Summary map[string]int
	}
	do(d.t, json.Unmarshal(d.command(append(choice, "--apply", "--confirm", strconv.Itoa(drillSize), "--per-second", "50", "--wait", "10m", "-o", "json")...), &done))
	lines := make([]string, 0, len(done.Items))
	for _, item := range done.Items {
		lines = append(lines, item.Incident+" "+item.Outcome+" "+item.Error)
	}
	d.t.Logf("every item of %s:\n%s", provider, strings.Join(lines, "\n"))
	if len(done.Items) != drillSize || done.Summary["recovered"] != drillSize {
		d.t.Errorf("repairing %s: %v", provider, done.Summary)
	}
}
