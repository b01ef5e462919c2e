package workflows

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// Text sends one text message: a one-time code, or word of a change of an account. It ends with the message or
// when it is not needed any more; it never parks, since the person who waits for a code asks for another.

// TextInput says which message. Challenge names the code of a log-in, Code that of a registration; else Notice is sent.
type TextInput struct {
	Challenge string                 `json:"challenge,omitempty"`
	Code      string                 `json:"code,omitempty"`
	Notice    activities.NoticeInput `json:"notice,omitzero"`
}

// textPatience is how long the gateway is asked to take a message: as long as a code lives, and for a notice as long as
// the cooling time of a reset.
const (
	textPatience   = 5 * time.Minute
	noticePatience = 24 * time.Hour
)

// Text is the process.
func Text(ctx workflow.Context, in TextInput) error {
	patience := textPatience
	if in.Challenge == "" && in.Code == "" {
		patience = noticePatience
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 40 * time.Second, ScheduleToCloseTimeout: patience,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	if in.Code != "" {
		return workflow.ExecuteActivity(ctx, registrationActivities.SendCode, in.Code).Get(ctx, nil)
	}
	if in.Challenge != "" {
		return workflow.ExecuteActivity(ctx, registrationActivities.SendLoginCode, in.Challenge).Get(ctx, nil)
	}
	return workflow.ExecuteActivity(ctx, registrationActivities.SendNotice, in.Notice).Get(ctx, nil)
}

// SendLoginCode starts a Text for the code of a challenge. Starting it again does nothing.
func (c *Client) SendLoginCode(ctx context.Context, challengeID string) error {
	return c.startText(ctx, challengeID, "Send a code", once, TextInput{Challenge: challengeID})
}

// SendCode starts a Text for a recorded one-time code of a registration. Starting it again does nothing.
func (c *Client) SendCode(ctx context.Context, codeID string) error {
	return c.startText(ctx, codeID, "Send a code", once, TextInput{Code: codeID})
}

// SendNotice starts a Text that tells the owner of an account what became of it. id makes it happen once.
func (c *Client) SendNotice(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) error {
	return c.startText(ctx, id, "Send a notice: "+string(kind), once, noticeOf(id, accountID, kind, at))
}

// LoginCodeAgain starts a Text whose run before was lost. One that runs goes on.
func (c *Client) LoginCodeAgain(ctx context.Context, challengeID string) error {
	return c.startText(ctx, challengeID, "Send a code, begun again", enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, TextInput{Challenge: challengeID})
}

// NoticeAgain is the same for a notice.
func (c *Client) NoticeAgain(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) error {
	return c.startText(ctx, id, "Send a notice, begun again: "+string(kind), enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, noticeOf(id, accountID, kind, at))
}

const once = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE

func noticeOf(id, accountID string, kind registration.NoticeKind, at time.Time) TextInput {
	return TextInput{Notice: activities.NoticeInput{ID: id, AccountID: accountID, Kind: kind, At: at}}
}

func (c *Client) startText(ctx context.Context, id, summary string, reuse enumspb.WorkflowIdReusePolicy, in TextInput) error {
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: process.TextWorkflowID(id), TaskQueue: TaskQueue, StaticSummary: summary, EnableEagerStart: true,
		WorkflowIDReusePolicy:    reuse,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionTimeout: 2 * noticePatience,
	}, Text, in)
	return startError("starting a text", err)
}
