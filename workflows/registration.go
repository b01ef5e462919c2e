package workflows

import "go.temporal.io/sdk/workflow"

// The steps of a registration that exist so far.
const (
	StepHandOff = "hand-off"
	StepRefund  = "refund"
)

// Registration is being written.
func Registration(ctx workflow.Context, in RegistrationInput) (RegistrationResult, error) {
	return RegistrationResult{}, nil
}

// Refund is being written.
func Refund(ctx workflow.Context, in RefundInput) error { return nil }
