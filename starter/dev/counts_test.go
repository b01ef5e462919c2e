package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/app"
	"kyso/internal/keytest"
	"kyso/internal/pdfchild"
	"kyso/internal/process"
	"kyso/internal/storetest"
	"kyso/internal/telemetry"
)

// counts are what a flow made happen, by name.
type counts map[string]int

// mostCounts are the bounds, and hold on every machine: a slow one looks once or twice more for an answer. Lower one when a flow gets by with less. The one PDF process is for a child that
// has done its work and is replaced. A code is sent by a process of its own, and an act whose answer takes an activity is
// polled for; VNPay and the CA are also asked when the books are compared.
var mostCounts = map[string]counts{
	"signing": { // with one activity more than the path has: a provider that does not answer in seconds is asked by one of its own
		"processes": 1, "events": 45, "bytes of history": 7_000, "events of all processes": 45, "bytes of all histories": 7_000,
		"workflow tasks": 7, "activities": 4, "local activities": 5, "timers": 1, "signals": 2,
		"statements SELECT": 112, "statements INSERT": 36, "statements UPDATE": 20, "statements DELETE": 3,
		"requests to the engine, StartWorkflowExecution": 1, "requests to the engine, SignalWorkflowExecution": 2,
		"requests to the engine, RespondWorkflowTaskCompleted": 8, "requests to the engine, RespondActivityTaskCompleted": 5,
		"calls of intrustca": 6, "calls of the address": 7, "calls of the authority": 1, "PDF operations": 8, "PDF processes": 1,
	},
	"paid registration": {
		"processes": 7, "events": 132, "bytes of history": 23_400, "events of all processes": 236, "bytes of all histories": 39_500,
		"workflow tasks": 20, "activities": 6, "local activities": 20, "timers": 2, "signals": 3, "updates": 7,
		"statements SELECT": 290, "statements INSERT": 83, "statements UPDATE": 58, "statements DELETE": 9,
		"requests to the engine, StartWorkflowExecution": 4, "requests to the engine, SignalWorkflowExecution": 4, "requests to the engine, UpdateWorkflowExecution": 8,
		"requests to the engine, PollWorkflowExecutionUpdate":  7,
		"requests to the engine, RespondWorkflowTaskCompleted": 41, "requests to the engine, RespondActivityTaskCompleted": 19,
		"calls of VNPay": 3, "calls of VNeID": 1, "calls of eSMS": 3, "calls of the CA": 16, "calls of the address": 11, "calls of the authority": 4, "calls of vnpt": 6,
		"PDF operations": 9, "PDF processes": 1,
	},
	"free registration": {
		"processes": 7, "events": 119, "bytes of history": 20_400, "events of all processes": 226, "bytes of all histories": 36_800,
		"workflow tasks": 18, "activities": 6, "local activities": 17, "timers": 2, "signals": 2, "updates": 6,
		"statements SELECT": 270, "statements INSERT": 78, "statements UPDATE": 56, "statements DELETE": 8,
		"requests to the engine, StartWorkflowExecution": 4, "requests to the engine, SignalWorkflowExecution": 3, "requests to the engine, UpdateWorkflowExecution": 7,
		"requests to the engine, PollWorkflowExecutionUpdate":  7,
		"requests to the engine, RespondWorkflowTaskCompleted": 38, "requests to the engine, RespondActivityTaskCompleted": 19,
		"calls of VNPay": 3, "calls of VNeID": 1, "calls of eSMS": 3, "calls of the CA": 16, "calls of the address": 11, "calls of the authority": 4, "calls of vnpt": 6,
		"PDF operations": 9, "PDF processes": 1,
	},
}

// TestCountsOfFlows holds flows on a real engine to what they may make happen: events and bytes of histories, statements, requests to the
// engine and to the outside parties, processes that read PDF files. It fails where a change makes a flow dearer by more than noise.
func TestCountsOfFlows(t *testing.T) {
	w := startCounted(t)
	c := newClient(w.Addresses)
	do(t, c.knobs(t.Context(), flowSigner(0), map[string]any{"decision": "approve"}))
	citizen := func(plan string, n int) string {
		return process.RegistrationWorkflowID(w.registers(t, fmt.Sprintf("001302%06d", 910_000+n), plan))
	}
	flows := map[string]func(n int) string{
		"signing":           func(int) string { return process.SigningWorkflowID(w.signsHeadless(t, c, flowSigner(0))) },
		"paid registration": func(n int) string { return citizen("PS1", n) },
		"free registration": func(n int) string { return citizen("PS0", 10+n) },
	}
	var first sync.WaitGroup // has connections, caches and processes that stay
	for _, run := range flows {
		first.Go(func() { run(0) })
	}
	first.Wait()
	for name, run := range flows {
		w.quiet(t)
		before, known := w.counted(t), w.processes(t)
		id := run(1)
		w.quiet(t)
		got := w.counted(t).minus(before).plusHistory(w.shapeOfProcess(t, id))
		for one := range w.processes(t) {
			if !known[one] {
				s := w.shapeOfProcess(t, one)
				got["processes"]++
				got["events of all processes"] += s.Events
				got["bytes of all histories"] += s.Bytes
			}
		}
		w.check(t, name, got)
	}
}

// check holds what was counted to its bounds.
func (w *countedWorld) check(t *testing.T, flow string, got counts) {
	t.Helper()
	var words []string
	for _, what := range slices.Sorted(maps.Keys(got)) {
		most, bounded := mostCounts[flow][what]
		switch n := got[what]; {
		case n == 0:
			continue
		case !bounded:
			t.Errorf("a %s has %d %s now, and had none before: give it a bound with a reason, or find what brought it", flow, n, what)
		case n > most:
			t.Errorf("the %s of a %s grew to %d, at most %d: find what it does more, or raise the bound with a reason", what, flow, n, most)
		}
		words = append(words, fmt.Sprintf("%q: %d", what, got[what]))
	}
	t.Logf("%s: %s", flow, strings.Join(words, ", "))
}

func (c counts) minus(before counts) counts {
	for what, n := range before {
		c[what] -= n
	}
	return c
}

func (c counts) plusHistory(s shape) counts {
	maps.Copy(c, counts{"events": s.Events, "bytes of history": s.Bytes, "workflow tasks": s.Tasks, "activities": s.Activities, "local activities": s.Locals,
		"timers": s.Timers, "signals": s.Signals, "updates": s.Updates})
	return c
}

// countedWorld is a world whose worker counts its statements.
type countedWorld struct {
	*World
	statements *storetest.Statements
	idle       counts // of what is asked when nothing goes on
}

// startCounted starts a world with a worker of its own, and learns what is asked there when nothing goes on.
func startCounted(t *testing.T) *countedWorld {
	t.Helper()
	w, _ := ownWorld(t, Options{NoWorker: true, SandboxInMemory: true, SandboxKeys: keytest.Keys()})
	secrets, err := w.folder.secrets()
	do(t, err)
	cfg, err := app.FromEnvironment(environment(w.folder.path, w.Addresses, secrets))
	do(t, err)
	ctx, statements := storetest.Counted(t.Context())
	a, err := app.Open(ctx, cfg, telemetry.NewLog(io.Discard, slog.LevelError))
	do(t, err)
	t.Cleanup(func() { do(t, a.Close()) })
	w.run(func(ctx context.Context) error { return a.RunWorker(ctx) })
	counted := &countedWorld{World: w, statements: statements}
	counted.counted(t) // the metrics ask as well
	time.Sleep(2 * time.Second)
	counted.idle = statements.Texts()
	return counted
}

// quiet waits until nothing is counted any more.
func (w *countedWorld) quiet(t *testing.T) {
	t.Helper()
	for last, end := w.counted(t), time.Now().Add(patience); ; {
		time.Sleep(300 * time.Millisecond)
		now := w.counted(t)
		if maps.Equal(now, last) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("something goes on and on: %v", now.minus(last))
		}
		last = now
	}
}

// counted is all that was counted so far, without what goes on for ever.
func (w *countedWorld) counted(t *testing.T) counts {
	t.Helper()
	got := counts{}
	for text, n := range w.statements.Texts() {
		verb, _, _ := strings.Cut(text, " ")
		if _, idle := w.idle[text]; !idle {
			got["statements "+strings.ToUpper(verb)] += n
		}
	}
	files := pdfchild.Counted()
	for _, n := range files.Started {
		got["PDF processes"] += int(n)
	}
	got["PDF operations"] = int(files.Operations)
	answer := httptest.NewRecorder()
	telemetry.Metrics().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		family, labels, _ := strings.Cut(strings.TrimSpace(line), "{")
		labels, value, _ := strings.Cut(labels, "} ")
		n, _ := strconv.ParseFloat(value, 64) // 0 for a comment
		switch family {
		case "temporal_request", "temporal_long_request":
			if operation := label(labels, "operation"); !slices.Contains(ofTheClock, operation) {
				got["requests to the engine, "+operation] += int(n)
			}
		case "kyso_provider_request_seconds_count":
			got["calls of "+label(labels, "party")+label(labels, "provider")] += int(n)
		}
	}
	return got
}

// ofTheClock are requests to the engine that come with time and not with flows: they wait, tell that a worker lives, or are looks of the
// relay and of people who wait.
var ofTheClock = []string{"PollWorkflowTaskQueue", "PollActivityTaskQueue", "GetWorkflowExecutionHistory", "RecordActivityTaskHeartbeat", "RespondActivityTaskFailed",
	"RecordWorkerHeartbeat", "ListWorkflowExecutions", "CountWorkflowExecutions", "DescribeWorkflowExecution", "DescribeNamespace", "DescribeTaskQueue",
	"GetSystemInfo", "Check", "QueryWorkflow", "RespondQueryTaskCompleted"}

// label is the value of one of the labels of a metric.
func label(labels, name string) string {
	_, after, _ := strings.Cut(labels, name+`="`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}
