package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/internal/sandbox"
)

// waiting is a process that waits for somebody, and what ends it.
type waiting struct {
	name       string
	workflowID func() string
	finish     func(context.Context)
	ended      func() string // its status
	givenUp    string        // the status of one that cannot be repaired
}

// TestOldAndNewWorkers runs the workers of the last release and of today side by side with processes parked at every
// wait, then only the new ones, then goes back to the old ones. Each time processes of the phases before go on to their
// end, and no history has a failed task. As in such a roll-out, today's programs write what the old ones can open.
func TestOldAndNewWorkers(t *testing.T) {
	t.Parallel()
	c := startDeployment(t, "KYSO_SEAL_DOCUMENTS=false")
	oldWorker := c.worker("worker-old", c.oldWorker())
	t.Cleanup(oldWorker.kill)
	do(t, oldWorker.run(t.Context()))
	newWorker := c.workers[0]
	c.workers[1].kill()
	c.open()
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	back := c.oldReadsNew()
	if !back {
		newWorker.kill()
	}

	first, second := c.everyWait(ctx, 1), c.everyWait(ctx, 2)
	t.Logf("%d processes wait; begun with both workers: %t", len(first)+len(second), back)
	if !back {
		do(t, newWorker.run(t.Context()))
	}
	oldWorker.kill()
	third := c.everyWait(ctx, 3)
	finish(ctx, t, "the new worker alone", first)
	if back {
		do(t, oldWorker.run(t.Context()))
		newWorker.kill()
	}
	finish(ctx, t, "the rest", slices.Concat(second, third))
	for _, p := range slices.Concat(first, second, third) {
		for _, event := range history(t, c.world, p.workflowID()) {
			failed := event.GetWorkflowTaskFailedEventAttributes()
			// The engine gives a worker that completes a run the task again when news came meanwhile; no code has failed then.
			if failed != nil && failed.GetCause() != enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND {
				t.Errorf("%s: %s", p.name, failed)
			}
		}
	}
}

// oldWorker builds the worker of the release whose histories are kept. A checkout without that commit (a source archive,
// a shallow clone) builds today's again: that still proves that a process changes its worker at every wait.
func (c *deployment) oldWorker() string {
	c.t.Helper()
	commits, err := filepath.Glob("../../workflows/testdata/histories/*/COMMIT")
	do(c.t, err)
	commit := strings.TrimSpace(readFile(c.t, slices.Max(commits)))
	source := filepath.Join(c.data, "old")
	do(c.t, os.Mkdir(source, 0o700))
	unpack := exec.CommandContext(c.t.Context(), "sh", "-c", `git -C ../.. archive "$1" | tar -x -C "$2"`, "sh", commit, source)
	if out, err := unpack.CombinedOutput(); err != nil || len(out) > 0 {
		c.t.Logf("commit %s is not in this checkout (%s): the old worker is today's", commit, strings.TrimSpace(string(out)))
		return program(c.t, "kyso-worker")
	}
	build := exec.CommandContext(c.t.Context(), "go", "build", "-o", c.oldProgram(), "./worker")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("building the worker of %s: %v: %s", commit, err, out)
	}
	c.t.Logf("the old worker is that of %s", commit)
	return c.oldProgram()
}

// oldProgram is where oldWorker puts the worker of the last release.
func (c *deployment) oldProgram() string { return filepath.Join(c.data, "bin", "old-worker") }

// oldReadsNew reports whether the old worker knows what today's workers write into histories first: that registrations are told.
func (c *deployment) oldReadsNew() bool {
	if _, err := os.Stat(c.oldProgram()); err != nil { // it is today's
		return true
	}
	text, err := os.ReadFile(filepath.Join(c.data, "old", "workflows", "begin.go"))
	return err == nil && strings.Contains(string(text), "isTold")
}

// TestPinnedReleases rolls out a second version of the workers: what began with the first ends with it, what begins gets the
// second, and a roll-back takes the processes along.
func TestPinnedReleases(t *testing.T) {
	t.Parallel()
	c := startDeployment(t)
	for _, w := range c.workers {
		w.kill()
	}
	c.open()
	client := newClient(c.world.Addresses)
	signs := func(user string) string {
		id := startSigning(t, client, user)
		awaitStatus(t, client, id, "awaiting-approval")
		return id
	}
	version := func(id string) string {
		d, err := c.world.App.Temporal.DescribeWorkflowExecution(t.Context(), process.SigningWorkflowID(id), "")
		do(t, err)
		return d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
	}
	approve := func(id, user string) {
		approveOnPhone(t, client, user)
		awaitStatus(t, client, id, "signed")
	}
	one := c.worker("worker-v1", program(c.t, "kyso-worker"), "KYSO_BUILD_ID=v1")
	two := c.worker("worker-v2", program(c.t, "kyso-worker"), "KYSO_BUILD_ID=v2")
	for _, w := range []*part{one, two} {
		t.Cleanup(w.kill)
		do(t, w.run(t.Context()))
	}
	c.rollout("v1")
	first := signs("ICA.079095061001")
	c.rollout("v2")
	second, third := signs("ICA.079095061002"), signs("ICA.079095061003")
	if v := []string{version(first), version(second), version(third)}; !slices.Equal(v, []string{"v1", "v2", "v2"}) {
		t.Errorf("the signings run with %v", v)
	}
	approve(first, "ICA.079095061001")
	approve(second, "ICA.079095061002")
	if v := []string{version(first), version(second)}; !slices.Equal(v, []string{"v1", "v2"}) {
		t.Errorf("the signings ended with %v", v)
	}
	c.rollout("v1", "--move-from", "v2")
	two.kill()
	approve(third, "ICA.079095061003")
	if v := version(third); v != "v1" {
		t.Errorf("after the roll-back the third signing ended with %s", v)
	}
	out, err := c.run("rollout")
	do(t, err)
	t.Logf("kyso rollout:\n%s", out)
}

// rollout makes a version current, once its workers are known.
func (c *deployment) rollout(args ...string) {
	c.t.Helper()
	out := c.succeeds(append([]string{"rollout"}, args...)...)
	c.t.Logf("kyso rollout %v: %s", args, out)
}

func finish(ctx context.Context, t *testing.T, who string, processes []waiting) {
	t.Helper()
	began := time.Now()
	inParallel(len(processes), func(i int) bool { processes[i].finish(ctx); return true })
	for _, p := range processes {
		if status := p.ended(); !slices.Contains([]string{"signed", "active", p.givenUp}, status) {
			t.Errorf("%s: %s is %s at the end", who, p.name, status)
		}
	}
	t.Logf("%s: %d processes ended in %.0f s", who, len(processes), time.Since(began).Seconds())
}

// everyWait brings one process to each place where it waits for somebody.
func (c *deployment) everyWait(ctx context.Context, set int) []waiting {
	c.t.Helper()
	statuses := []string{"requested", "handed-off", "account-ready", "awaiting-payment", "awaiting-contract", "in-review", "needs-more", "parked", "activating", "accepting"}
	all := inParallel(len(statuses), func(i int) waiting {
		return c.waitingRegistration(ctx, fmt.Sprintf("001302%06d", 800_000+set*100+i), statuses[i])
	})
	for i, status := range []string{"awaiting-certificate", "awaiting-placement", "awaiting-approval", "parked"} {
		all = append(all, c.waitingSigning(ctx, fmt.Sprintf("ICA.079095060%d%02d", set, i), status))
	}
	return all
}

func (c *deployment) waitingRegistration(ctx context.Context, citizen, status string) waiting {
	c.t.Helper()
	k := &walker{client: newClient(c.world.Addresses), world: c.world, citizen: citizen, plan: "PS1", asked: map[string]time.Time{}}
	p := waiting{name: "registration " + status, finish: k.run, workflowID: func() string { return process.RegistrationWorkflowID(k.id) }, ended: func() string {
		r, _ := k.view(context.WithoutCancel(ctx))
		return r.Status
	}}
	if status == "requested" { // and the citizen comes over later
		_, token, err := c.world.Sandbox.SubmitRequest(citizen)
		do(c.t, err)
		p.finish = func(ctx context.Context) {
			k.phone = c.world.Sandbox.PhoneOf(citizen)
			do(c.t, k.handOff(ctx, token))
			k.run(ctx)
		}
		return p
	}
	stop := status
	if status == "needs-more" || status == "parked" {
		stop = "in-review"
	}
	k.walkTo(ctx, stop)
	switch status {
	case "needs-more":
		k.act(ctx, "review", map[string]any{"decision": "ask", "officer": "officer-1", "reason": "address-unclear", "fields": []string{"address"}})
		k.walkTo(ctx, status)
		p.finish = func(ctx context.Context) {
			k.act(ctx, "correction", map[string]any{"fields": map[string]string{"address": "Số 9 ngõ 34"}})
			delete(k.asked, "contract") // the corrected dossier has a contract of its own, with a code of its own
			k.run(ctx)
		}
	case "parked":
		do(c.t, c.world.Sandbox.SetKnobs(citizen, sandbox.Knobs{IssueFails: "refused"}))
		k.act(ctx, "review", approval())
		k.awaitAttention(ctx)
		p.finish = func(ctx context.Context) {
			do(c.t, c.world.Sandbox.SetKnobs(citizen, sandbox.Knobs{}))
			k.act(ctx, "repair", map[string]string{"action": "retry", "reason": "the CA is back", "actor": "op-1"})
			k.run(ctx)
		}
	}
	return p
}

// walkTo walks until the registration has a status.
func (k *walker) walkTo(ctx context.Context, status string) {
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if k.id == "" {
			_ = k.begin(ctx)
			continue
		}
		r, err := k.view(ctx)
		switch {
		case err != nil:
		case r.Status == status:
			return
		default:
			k.step(ctx, r)
		}
	}
}

func (k *walker) awaitAttention(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if r, err := k.view(ctx); err == nil && r.Attention != nil {
			return
		}
	}
}

func (c *deployment) waitingSigning(ctx context.Context, user, status string) waiting {
	c.t.Helper()
	client := newClient(c.world.Addresses)
	var id string
	switch status {
	case "awaiting-certificate":
		do(c.t, c.world.Sandbox.SetKnobs(user, sandbox.Knobs{Certificates: []string{"valid", "valid+p256"}, Decision: "approve"}))
		id = startUnplaced(c.t, client, user)
	case "awaiting-placement":
		do(c.t, c.world.Sandbox.SetKnobs(user, sandbox.Knobs{Decision: "approve"}))
		id = startUnplaced(c.t, client, user)
	case "awaiting-approval":
		do(c.t, c.world.Sandbox.SetKnobs(user, sandbox.Knobs{WindowSeconds: 1800}))
		id = startSigning(c.t, client, user)
	case "parked":
		id = parkedSigning(c.t, c.world, client, user)
	}
	if status != "parked" {
		awaitStatus(c.t, client, id, status)
	}
	givenUp := map[string]string{"parked": "cancelled"}[status]
	s := &signingWalk{client: client, world: c.world, user: user, id: id}
	return waiting{name: "signing " + status, givenUp: givenUp, workflowID: func() string { return process.SigningWorkflowID(id) }, finish: s.run, ended: func() string {
		v, _ := client.signing(context.WithoutCancel(ctx), id)
		return v.Status
	}}
}

// signingWalk does what a signing waits for, whatever it is.
type signingWalk struct {
	*client
	world    *World
	user, id string
}

func (s *signingWalk) run(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		v, err := s.signing(ctx, s.id)
		if err != nil {
			continue
		}
		at := s.api + "/v1/signings/" + s.id
		switch {
		case v.Final:
			return
		case v.Attention != nil: // its value was made with the key of somebody else, and stays so
			_ = s.post(ctx, at+"/repair", map[string]string{"action": "cancel", "reason": "the value is wrong", "actor": "op-1"}, nil)
		case v.Status == "awaiting-certificate":
			var list struct {
				Items []struct {
					Serial string `json:"serial"`
				} `json:"items"`
			}
			if s.do(ctx, "GET", at+"/certificates", "", nil, &list) == nil {
				_ = s.post(ctx, at+"/certificate", map[string]string{"serial": list.Items[1].Serial}, nil)
			}
		case v.Status == "awaiting-placement":
			_ = s.post(ctx, at+"/placement", map[string]any{"placements": []apiclient.Placement{{Page: 1, X: 50, Y: 50, Width: 200, Height: 64}}}, nil)
		case v.Status == "awaiting-approval":
			_, _ = s.world.Sandbox.Approve(s.user)
		}
	}
}
