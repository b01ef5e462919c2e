package workflows

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/webhook"
)

// DeliveryResult is what became of a message.
type DeliveryResult struct {
	Delivered bool `json:"delivered"`
}

var webhookActivities *activities.Webhook

// Delivery carries one message to a program: it is tried at once, after 5 and 20 seconds, and so on up to every 4
// hours, for three days. A message that the endpoint never accepted is noted and can be replayed.
func Delivery(ctx workflow.Context, in activities.Delivery) (DeliveryResult, error) {
	err := workflow.ExecuteActivity(deliver(ctx), webhookActivities.DeliverWebhook, in).Get(ctx, nil)
	if err == nil || temporal.IsCanceledError(err) {
		return DeliveryResult{Delivered: err == nil}, err
	}
	return DeliveryResult{}, workflow.ExecuteLocalActivity(record(ctx), webhookActivities.GiveUpWebhook, in).Get(ctx, nil)
}

// deliver is for a request to a program that may be away for days.
func deliver(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: webhook.Patience,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, BackoffCoefficient: 4, MaximumInterval: 4 * time.Hour, MaximumAttempts: unlimited},
		Summary:                "Post to the receiver",
	})
}

// StartDelivery has a message carried. Starting the same round again does nothing.
func (c *Client) StartDelivery(ctx context.Context, m webhook.Message) error {
	in := activities.Delivery{EndpointID: m.EndpointID, MessageID: m.ID, Round: m.Round}
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       process.DeliveryWorkflowID(in.EndpointID, in.MessageID, in.Round),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Tell endpoint " + m.EndpointID + " of " + m.Type,
	}, Delivery, in)
	if errors.Is(err, context.Canceled) {
		return err
	}
	return startError("starting a delivery", err)
}
