package activities

import (
	"context"
	"strconv"
	"time"

	"kyso/internal/problem"
	"kyso/internal/webhook"
)

// Webhook is what delivering webhooks needs. Its exported methods are activities.
type Webhook struct {
	Messages webhook.Records
	Sender   webhook.Sender
	Now      func() time.Time
}

// Delivery names a message and the round of its sending.
type Delivery struct {
	EndpointID string `json:"endpoint_id"`
	MessageID  string `json:"message_id"`
	Round      int    `json:"round"`
}

// DeliverWebhook posts a message once. Key: the message's id, which receivers know messages by.
func (a *Webhook) DeliverWebhook(ctx context.Context, in Delivery) error {
	m, err := a.Messages.Message(ctx, in.EndpointID, in.MessageID)
	if err != nil || !m.DeliveredAt.IsZero() || m.Round != in.Round {
		return fail(err)
	}
	endpoint, err := a.Messages.Endpoint(ctx, in.EndpointID)
	if err != nil {
		return fail(err)
	}
	status, sendErr := a.Sender.Send(ctx, endpoint, m)
	answer := strconv.Itoa(status)
	if status == 0 {
		answer = string(problem.CodeOf(sendErr))
	}
	err = a.Messages.MarkAttempt(context.WithoutCancel(ctx), in.EndpointID, in.MessageID, webhook.Attempt{Answer: answer, Delivered: sendErr == nil, At: a.Now()})
	if sendErr != nil {
		return fail(sendErr)
	}
	return fail(err)
}

// GiveUpWebhook notes that the endpoint never accepted a message. A replay sends it again.
func (a *Webhook) GiveUpWebhook(ctx context.Context, in Delivery) error {
	return fail(a.Messages.MarkFailed(ctx, in.EndpointID, in.MessageID, a.Now()))
}
