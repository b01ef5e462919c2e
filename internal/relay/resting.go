package relay

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/process"
	"kyso/workflows"
)

// restingFor is how old a wait has to be whose window is over. Its process ends it a moment later when it runs.
const restingFor = time.Hour

// RestingWaits are waits whose window is over, as the store lists and ends them.
type RestingWaits interface {
	// Still lists waits that are not looked at any more and began before a time, oldest first.
	Still(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]process.Wait, error)
	// EndWait removes a wait.
	EndWait(ctx context.Context, kind process.WaitKind, record string) error
}

// RestingEngine says whether a process runs; *workflows.Client is the real one.
type RestingEngine interface {
	State(ctx context.Context, workflowID string) (workflows.RunState, error)
	Engine
}

// Resting removes waits whose window is over and whose process is gone. A process that runs asks a last time by itself, and ends its wait.
type Resting struct {
	Waits  RestingWaits
	Engine RestingEngine
	Now    func() time.Time // default time.Now
}

// Once looks at all of them.
func (r *Resting) Once(ctx context.Context) error {
	before := orNow(r.Now).Add(-restingFor)
	return drain(ctx, r.Engine, func(ctx context.Context, after page.Cursor) ([]process.Wait, error) {
		return r.Waits.Still(ctx, before, after, pageSize)
	}, func(w process.Wait) page.Cursor { return page.After(w.BeganAt, string(w.Kind)+"/"+w.Record) }, r.end)
}

func (r *Resting) end(ctx context.Context, w process.Wait) error {
	if w.Workflow != "" {
		call, cancel := context.WithTimeout(ctx, callLimit)
		defer cancel()
		state, err := r.Engine.State(call, w.Workflow)
		if err != nil {
			return fmt.Errorf("asking for the process of a wait for %s of %s: %w", w.Kind, w.Record, err)
		}
		if state == workflows.RunRunning {
			return nil
		}
	}
	return r.Waits.EndWait(ctx, w.Kind, w.Record)
}
