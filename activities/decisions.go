package activities

import (
	"context"
	"encoding/json"
	"time"

	"kyso/internal/decision"
)

// Decisions holds what a process needs to act on what was decided. Every exported method is an activity.
type Decisions struct {
	Records decision.Records
	Now     func() time.Time
}

// Decided is a decision as a process sees it.
type Decided struct {
	Actor   string          `json:"actor"`
	Content json.RawMessage `json:"content"` // the argument of the update, as it was recorded
}

// TakeDecision reads a recorded decision and takes it for one process. Key: decision, object and taker. Errors: Denied,
// final, when nothing that fits is recorded.
func (a *Decisions) TakeDecision(ctx context.Context, in decision.Take) (Decided, error) {
	d, err := a.Records.Take(ctx, in, a.Now())
	if err != nil {
		return Decided{}, fail(err)
	}
	return Decided{Actor: d.Actor, Content: d.Content}, nil
}
