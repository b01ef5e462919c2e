package signings

import (
	"context"

	"kyso/internal/process"
	"kyso/workflows"
)

// Workflows is what the API asks of the processes; *workflows.Client is the real one.
type Workflows interface {
	StartSigning(ctx context.Context, in workflows.SigningInput) error
	ChooseCertificate(ctx context.Context, signingID, updateID string, in workflows.ChooseCertificate) (workflows.SigningStatus, error)
	Place(ctx context.Context, signingID, updateID string, in workflows.Place) (workflows.SigningStatus, error)
	Cancel(ctx context.Context, signingID, updateID string, in workflows.Cancel) (workflows.SigningStatus, error)
	Repair(ctx context.Context, signingID, updateID string, in process.Repair) (workflows.RepairResult, error)
	Nudge(ctx context.Context, signingID string) error
	Ping(ctx context.Context) error
}
