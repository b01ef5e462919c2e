package main

import (
	"context"
	"testing"
	"time"

	"kyso/internal/apiclient"
)

// parkedBeside has KYSO_PARKED signings (300) wait for phones that nobody looks at, and measures what the waiting takes, and a new signing
// beside it. It is the last of the table: the signings stay.
func (w *benchWorld) parkedBeside(b *testing.B, t *table, c *client) {
	b.Helper()
	count := setting("KYSO_PARKED", 300)
	pdf, err := samplePDF()
	must(b, err)
	uploaded, err := w.uploads(b.Context(), testFile, pdf)
	must(b, err)
	for i := range min(idlers, count) {
		must(b, c.knobs(b.Context(), idler(i), map[string]any{"decision": "never", "window_s": 86_400}))
	}
	alone := func() time.Duration { return medianOf(21, func() { w.signsHeadless(b, c, flowSigner(0)) }) }
	empty := alone()
	const over = 20 * time.Second
	waits := func() usage {
		time.Sleep(time.Duration(setting("KYSO_SETTLE", 5)) * time.Second)
		before := w.used()
		time.Sleep(over)
		return w.used().minus(before)
	}
	idle, memory, began := waits(), w.memory(), time.Now()
	w.turn(count, func(i int) {
		ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
		defer cancel()
		s, err := c.sign(ctx, apiclient.SigningRequest{User: idler(i), Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
		must(b, err)
		api := &apiclient.Client{BaseURL: c.api, Key: c.key}
		ctx, asked := context.WithCancel(ctx)
		defer asked()
		_ = api.Follow(ctx, s.ID, 0, func(e apiclient.Event) error { // ends when the phone is asked
			if e.Transition != nil && e.Transition.Status == "awaiting-approval" {
				asked()
			}
			return nil
		})
	})
	begun := time.Since(began)
	used, more := waits().minus(idle), w.memory().minus(memory)
	share := func(seconds float64) float64 { return seconds / over.Seconds() }
	t.rowf("signings that wait for phones", "%d (begun in %.0f s) take %.3f cores: engine %.3f, worker %.3f, API %.3f, sandbox %.3f; memory grew by %d MB: engine %d, worker %d, API %d; "+
		"a new signing takes %.2f × that beside none (%.2f s)", count, begun.Seconds(), share(used.total()), share(used.engine), share(used.worker), share(used.api+used.pdf),
		share(used.here), more.engine+more.worker+more.api, more.engine, more.worker, more.api, float64(alone())/float64(empty), empty.Seconds())
}

// resident is memory by the program that holds it, in MB.
type resident struct{ engine, worker, api int }

func (r resident) minus(q resident) resident {
	return resident{r.engine - q.engine, r.worker - q.worker, r.api - q.api}
}

func (w *benchWorld) memory() resident {
	return resident{residentMB(w.engine.cmd.Process.Pid), residentMB(w.worker.cmd.Process.Pid), residentMB(w.api.cmd.Process.Pid)}
}
