package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

// BulkDecisionRequest is a repair of every process that is parked at one step with one code.
type BulkDecisionRequest struct {
	Process process.Kind `json:"process" enum:"signing,registration"`
	Step    string       `json:"step" minLength:"1" maxLength:"64" pattern:"^[a-z-]+$" doc:"As attention.step" example:"issue"`
	Code    problem.Code `json:"code" minLength:"1" maxLength:"64" pattern:"^[a-z-]+$" doc:"As attention.code" example:"provider-unavailable"`
	Action  string       `json:"action" enum:"retry,fix,skip,cancel" doc:"A process whose step does not offer it ignores the decision"`
	Reason  string       `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, in a few words without personal data; they stay in the histories"`
	Actor   string       `json:"actor,omitempty" maxLength:"64" doc:"Who decides; the owner of the key or session, and only the administrator may name another"`
}

type bulkDecisionInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	Body BulkDecisionRequest
}

// BulkDecisionBody is the recorded decision.
type BulkDecisionBody struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at" doc:"No process takes it afterwards"`
	Command   string    `json:"command" doc:"Sends it to the processes"`
}

type bulkDecisionOutput struct {
	Body BulkDecisionBody
}

// decideIncidents records a repair without an object. Nothing happens before a signal carries its id to a process.
func (s *Handler) decideIncidents(ctx context.Context, in *bulkDecisionInput) (*bulkDecisionOutput, error) {
	var fields kernel.FieldErrors
	repair := kernel.CheckRepair(ctx, in.Body.Action, in.Body.Actor, in.Body.Reason, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	content, err := json.Marshal(repair)
	if err != nil {
		return nil, fmt.Errorf("recording a decision: %w", err)
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	made, err := s.Decisions.Decide(ctx, decision.Decision{ID: kernel.MadeID("dec-", in.Key), Kind: workflows.UpdateRepair, Object: decision.Object{Process: in.Body.Process},
		Step: in.Body.Step, Reason: string(in.Body.Code), Actor: repair.Actor, Principal: kernel.PrincipalOf(ctx), KeyID: kernel.KeyOf(ctx), Content: content,
		CreatedAt: now, ExpiresAt: now.Add(decision.BulkLife)})
	if err != nil {
		return nil, err
	}
	return &bulkDecisionOutput{BulkDecisionBody{made.ID, made.ExpiresAt.UTC(), workflows.SignalCommand(made.Step, made.Reason, made.ID)}}, nil
}
