package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/apiclient"
	"kyso/internal/process"
	"kyso/workflows"
)

// BenchmarkFlows prints how many signings and registrations a second end on this machine, beside a workflow of as many
// activities that do nothing, on the same server in the same run. The server, the worker, the API, the outside parties and
// the people who press buttons all share the machine.
func BenchmarkFlows(b *testing.B) {
	w, c := benchWorld(b)
	w.signers(b, c, flowSigners)
	signing := perSecond(b, "signing, B-LT, approved at once", 300, func(i int) string { return w.signsAtOnce(b, c, flowSigner(i)) })
	compareNoOp(b, w, signing, process.SigningWorkflowID(signing.sample), 300)
	registration := perSecond(b, "registration, PS1, paid, reviewed at once", 300, func(i int) string { return w.registers(b, c, fmt.Sprintf("001302%06d", 900_000+i)) })
	compareNoOp(b, w, registration, process.RegistrationWorkflowID(registration.sample), 300)
}

func benchWorld(b *testing.B) (*World, *client) {
	b.Helper()
	w, err := Start(context.Background(), Options{Data: b.TempDir(), SandboxInMemory: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.Close(); err != nil {
			b.Error(err)
		}
	})
	return w, newClient(w.Addresses)
}

type rate struct {
	perSecond float64
	sample    string // one of what was run
}

// flowsAtOnce is enough for people and polls not to be what is waited for.
const flowsAtOnce = 100

// perSecond runs n flows, many at once.
func perSecond(b *testing.B, what string, n int, flow func(int) string) rate {
	b.Helper()
	began, own, children := time.Now(), cpu(syscall.RUSAGE_SELF), cpu(syscall.RUSAGE_CHILDREN)
	ids := atOnce(flowsAtOnce, n, flow)
	r := rate{float64(n) / time.Since(began).Seconds(), ids[0]}
	b.Logf("%-45s %7.1f per second (%d in %.1f s; CPU for one: %.0f ms, and %.0f ms in PDF processes)", what, r.perSecond, n, time.Since(began).Seconds(),
		(cpu(syscall.RUSAGE_SELF)-own)*1000/float64(n), (cpu(syscall.RUSAGE_CHILDREN)-children)*1000/float64(n))
	return r
}

// flowSigners is how many people sign in turn: making their keys is the sandbox's work, and done before.
const flowSigners = 50

func flowSigner(i int) string { return fmt.Sprintf("ICA.0790957%05d", i%flowSigners) }

// signers makes people whose phones approve by themselves.
func (w *World) signers(b *testing.B, c *client, n int) {
	b.Helper()
	for i := range n {
		must(b, c.knobs(context.Background(), flowSigner(i), map[string]any{"decision": "approve"}))
	}
}

// signsAtOnce signs the sample for a user whose phone approves by itself, and returns the id when it is signed.
func (w *World) signsAtOnce(b *testing.B, c *client, user string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	pdf, err := samplePDF()
	must(b, err)
	uploaded, err := c.upload(ctx, testFile, bytes.NewReader(pdf))
	must(b, err)
	s, err := c.sign(ctx, apiclient.SigningRequest{User: user, Level: "B-LT", Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
	must(b, err)
	// A client that asks again and again would be most of the load.
	var result workflows.SigningResult
	must(b, w.App.Temporal.GetWorkflow(ctx, process.SigningWorkflowID(s.ID), "").Get(ctx, &result))
	if result.Status != "signed" {
		b.Errorf("a signing is %s", result.Status)
	}
	return s.ID
}

func (w *World) registers(b *testing.B, c *client, citizen string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	k := &walker{client: c, world: w, citizen: citizen, plan: "PS1", asked: map[string]time.Time{}}
	k.run(ctx)
	if r, err := k.view(ctx); err != nil || r.Status != "active" {
		b.Errorf("a registration is %s: %v", r.Status, err)
	}
	return k.id
}

// cpu is the processor time that was used, in seconds.
func cpu(who int) float64 {
	var used syscall.Rusage
	if syscall.Getrusage(who, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// compareNoOp runs workflows that have as many activities as the sample's history, and do nothing.
func compareNoOp(b *testing.B, w *World, flow rate, workflowID string, n int) {
	b.Helper()
	activities, locals := 0, 0
	it := w.App.Temporal.GetWorkflowHistory(context.Background(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		must(b, err)
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			activities++
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			locals++
		}
	}
	queue := "bench-" + strconv.Itoa(activities)
	idle := worker.New(w.App.Temporal, queue, worker.Options{})
	idle.RegisterWorkflowWithOptions(noOp, workflow.RegisterOptions{Name: "NoOp"})
	idle.RegisterActivity(nothing)
	must(b, idle.Start())
	defer idle.Stop()
	name := fmt.Sprintf("no-op, %d activities, %d local activities", activities, locals)
	empty := perSecond(b, name, n, func(i int) string {
		run, err := w.App.Temporal.ExecuteWorkflow(context.Background(), sdk.StartWorkflowOptions{ID: queue + "-" + strconv.Itoa(i), TaskQueue: queue}, "NoOp", activities, locals)
		must(b, err)
		must(b, run.Get(context.Background(), nil))
		return ""
	})
	b.Logf("%-45s %7.2f", "ratio to the no-op", flow.perSecond/empty.perSecond)
}

func noOp(ctx workflow.Context, activities, locals int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	for i := range max(activities, locals) {
		if i < activities {
			if err := workflow.ExecuteActivity(ctx, nothing).Get(ctx, nil); err != nil {
				return err
			}
		}
		if i < locals {
			if err := workflow.ExecuteLocalActivity(ctx, nothing).Get(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func nothing(context.Context) error { return nil }

// BenchmarkParked fills a world with signings that wait for phones, KYSO_PARKED of them (3,000 when not set), and prints what
// they cost: memory of the worker and of the rest, and how long a new signing takes beside an empty server.
func BenchmarkParked(b *testing.B) {
	parked := 3_000
	if n, err := strconv.Atoi(os.Getenv("KYSO_PARKED")); err == nil {
		parked = n
	}
	data := b.TempDir()
	w, err := Start(context.Background(), Options{Data: data, NoWorker: true, SandboxInMemory: true})
	must(b, err)
	defer func() { must(b, w.Close()) }()
	p, err := startWorkerProcess(context.Background(), data)
	must(b, err)
	defer p.kill()
	c := newClient(w.Addresses)
	pdf, err := samplePDF()
	must(b, err)
	uploaded, err := c.upload(context.Background(), testFile, bytes.NewReader(pdf))
	must(b, err)
	w.signers(b, c, flowSigners)
	w.newFlows(b, c, "warm-up", 20)
	w.newFlows(b, c, "empty", 200)
	b.Logf("memory when empty: worker %d MB, server, API and sandbox %d MB", residentMB(p.cmd.Process.Pid), residentMB(os.Getpid()))
	for i := range idlers {
		must(b, c.knobs(context.Background(), idler(i), map[string]any{"decision": "never", "window_s": 86_400}))
	}
	began := time.Now()
	var ids sync.Map
	inParallel(parked, func(i int) bool {
		s, err := c.sign(context.Background(), apiclient.SigningRequest{User: idler(i), Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
		must(b, err)
		ids.Store(s.ID, true)
		if (i+1)%1000 == 0 {
			b.Logf("%d started after %.0f s", i+1, time.Since(began).Seconds())
		}
		return true
	})
	for n := 0; n < parked; time.Sleep(time.Second) {
		n = 0
		ids.Range(func(id, _ any) bool {
			s, err := c.signing(context.Background(), id.(string))
			must(b, err)
			if s.Status != "awaiting-approval" {
				return false
			}
			ids.Delete(id)
			return true
		})
		ids.Range(func(any, any) bool { n--; return true })
		n += parked
	}
	b.Logf("%d wait for their phones after %.0f s", parked, time.Since(began).Seconds())
	b.Logf("memory with %d parked: worker %d MB, server, API and sandbox %d MB; Temporal's database %d MB", parked, residentMB(p.cmd.Process.Pid),
		residentMB(os.Getpid()), size(b, filepath.Join(data, "temporal.db"))>>20)
	idleCPU(b, p.cmd.Process.Pid)
	w.newFlows(b, c, "beside the parked", 200)
}

// idlers is how many people do not look at their phones.
const idlers = 200

func idler(i int) string { return fmt.Sprintf("ICA.0790958%05d", i%idlers) }

// idleCPU prints how much of a core waiting takes.
func idleCPU(b *testing.B, worker int) {
	const over = 30 * time.Second
	own, others := cpu(syscall.RUSAGE_SELF), processCPU(worker)
	time.Sleep(over)
	b.Logf("waiting takes %.2f cores: %.2f of them in the worker", (cpu(syscall.RUSAGE_SELF)-own+processCPU(worker)-others)/over.Seconds(),
		(processCPU(worker)-others)/over.Seconds())
}

// processCPU is the processor time of another process, in seconds.
func processCPU(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // ticks of 10 ms
}

// newFlows signs n times, two at once, and prints how long one takes from the request to the signed file.
func (w *World) newFlows(b *testing.B, c *client, when string, n int) {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var two sync.WaitGroup
	for half := range 2 {
		two.Go(func() {
			for i := half; i < n; i += 2 {
				began := time.Now()
				w.signsAtOnce(b, c, flowSigner(i))
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	two.Wait()
	slices.Sort(took)
	b.Logf("a new signing, %s: median %.2f s, p99 %.2f s", when, took[n/2].Seconds(), took[n*99/100].Seconds())
}

// residentMB is the resident memory of a process.
func residentMB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb >> 10
		}
	}
	return 0
}

func size(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	must(b, err)
	return info.Size()
}
