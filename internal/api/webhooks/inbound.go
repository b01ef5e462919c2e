// Package webhooks is both directions of webhooks: what signing providers send, and the programs that kyso tells.
package webhooks

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/webhook"
)

// Handler takes webhooks, and keeps who gets them.
type Handler struct {
	*kernel.Kernel
	Desk signing.Desk
	// HandOver tells the process that a committed webhook speaks of to look now, and closes the row.
	HandOver       func(ctx context.Context, m signing.InboxMessage) error
	Endpoints      webhook.Records // nil serves none of its routes
	PlainEndpoints bool            // programs may be told over http; for development
}

// Routes are the routes of the room.
func (s *Handler) Routes() []kernel.Route {
	list := s.webhookRoutes()
	if s.Endpoints != nil {
		list = append(list, s.endpointRoutes()...)
	}
	return list
}

func (s *Handler) webhookRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.receiveWebhook, kernel.Route{ID: "receiveWebhook", At: "POST /v1/webhooks/{provider}/{token}", Tag: kernel.TagWebhooks,
			Summary: "Take a provider's webhook",
			Text:    "A signing provider calls this at the address that it was given. It is a hint: the process asks the provider itself. It is answered with 200 once it is committed.",
			Access:  kernel.Rule{Open: true}, Party: "{provider}", Body: kernel.BodyOwn, Foreign: true,
			Problems: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge}, With: []kernel.OperationOption{kernel.WithBody("application/json", "As the provider sends it")}}),
	}
}

type webhookInput struct {
	Provider string `path:"provider" maxLength:"40"`
	Token    string `path:"token" maxLength:"128"`

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve implements huma.Resolver: the body is kept as it came, so nothing decodes it before.
func (in *webhookInput) Resolve(ctx huma.Context) []error {
	in.request, in.writer = humago.Unwrap(ctx)
	return nil
}

// WebhookAnswer is empty: providers want a 200 and read no more.
type WebhookAnswer struct{}

type webhookOutput struct {
	Body WebhookAnswer
}

// receiveWebhook takes a provider's word that something changed. It is a hint and no more: it is committed to the inbox, and the
// process is told to ask the provider itself. It is answered with 200 once it is committed, also when no process knows the
// request: a provider would only send it again.
func (s *Handler) receiveWebhook(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	provider, known := s.Provider(in.Provider)
	if !known {
		return nil, problem.New(problem.NotFound, "no such webhook")
	}
	body, err := io.ReadAll(s.webhookBody(in.writer, in.request))
	if err != nil {
		return nil, kernel.BodyError(err)
	}
	hint, err := provider.Open(signing.Call{Token: in.Token, Header: in.request.Header, Query: in.request.URL.Query(), Body: body})
	if err != nil {
		return nil, err
	}
	message := signing.InboxMessage{ID: process.InboxID(in.Provider, body), Provider: in.Provider, Request: hint.Request,
		Body: body, ReceivedAt: s.Now().UTC().Truncate(time.Microsecond)}
	fresh, err := s.Desk.Receive(ctx, message)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := s.HandOver(ctx, message); err != nil { // committed: the relay comes back to it
			s.Logger.WarnContext(ctx, "webhook kept for the relay", "request_id", kernel.InfoOf(ctx).ID, "error", err.Error())
		}
	}
	return &webhookOutput{}, nil
}

func (s *Handler) webhookBody(w http.ResponseWriter, r *http.Request) io.Reader {
	return &kernel.UploadReader{Body: http.MaxBytesReader(w, r.Body, s.Limits.WebhookBytes),
		Control: http.NewResponseController(w), Stall: s.Limits.Stall}
}
