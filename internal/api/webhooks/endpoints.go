package webhooks

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/page"
	"kyso/internal/webhook"
)

const (
	endpointsPath  = "/v1/webhook-endpoints"
	replayedAtMost = webhook.Life
	secretPrefix   = "whsec_" // as Standard Webhooks says
	secretBytes    = 32
)

func (s *Handler) endpointRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.createEndpoint, kernel.Route{ID: "createEndpoint", At: "POST /v1/webhook-endpoints", Tag: kernel.TagEndpoints, Status: http.StatusCreated,
			Summary: "Register an address that receives webhooks",
			Text:    "Messages report signings and registrations of the owner. The secret signs them, as Standard Webhooks says; it is kept for the retry of this request for 15 minutes.",
			Access:  kernel.Rule{Own: kernel.Programs}, Secret: true,
			Problems: []int{http.StatusConflict}}),
		kernel.On(s.listEndpoints, kernel.Route{ID: "listEndpoints", At: "GET /v1/webhook-endpoints", Tag: kernel.TagEndpoints,
			Summary: "List webhook endpoints, newest first",
			Text:    "Without secrets.",
			Access:  kernel.Rule{Own: kernel.Programs}}),
		kernel.On(s.deleteEndpoint, kernel.Route{ID: "deleteEndpoint", At: "DELETE /v1/webhook-endpoints/{id}", Tag: kernel.TagEndpoints, Status: http.StatusNoContent,
			Summary:  "Delete an endpoint",
			Text:     "Messages that wait are not sent any more.",
			Access:   kernel.Rule{Own: kernel.Programs, Object: access.Endpoint},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.rotateSecret, kernel.Route{ID: "rotateSecret", At: "POST /v1/webhook-endpoints/{id}/rotate", Tag: kernel.TagEndpoints,
			Summary: "Make another secret; the one before signs too for a day",
			Text:    "The earlier secret stays valid for a day, so receivers change over without a gap.",
			Access:  kernel.Rule{Own: kernel.Programs, Object: access.Endpoint}, Secret: true,
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.testEndpoint, kernel.Route{ID: "testEndpoint", At: "POST /v1/webhook-endpoints/{id}/test", Tag: kernel.TagEndpoints, Status: http.StatusAccepted,
			Summary:  "Send a message of type kyso.test",
			Text:     "The message is delivered, signed and listed as every other.",
			Access:   kernel.Rule{Own: kernel.Programs, Object: access.Endpoint},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.replayMessages, kernel.Route{ID: "replayMessages", At: "POST /v1/webhook-endpoints/{id}/replay", Tag: kernel.TagEndpoints, Status: http.StatusAccepted,
			Summary:  "Send the messages of a range again",
			Text:     "Receivers see the same webhook-id again. The answer says how many are on their way.",
			Access:   kernel.Rule{Own: kernel.Programs, Object: access.Endpoint},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.listMessages, kernel.Route{ID: "listMessages", At: "GET /v1/webhook-endpoints/{id}/messages", Tag: kernel.TagEndpoints,
			Summary:  "List messages and what became of them, newest first",
			Text:     "State, attempts and last answer of each. Messages are kept for 30 days.",
			Access:   kernel.Rule{Own: kernel.Programs, Object: access.Endpoint},
			Problems: []int{http.StatusNotFound}}),
	}
}

// EndpointRequest says where and of what.
type EndpointRequest struct {
	URL    string         `json:"url" minLength:"1" maxLength:"2000" doc:"https; it may hold a token of yours"`
	Events []EventPattern `json:"events,omitempty" maxItems:"20" doc:"Event types to deliver; * stands for anything. None means all" example:"[\"signing.signed\",\"registration.*\"]"`
}

// EventType is the type of a message.
type EventType string

// Schema implements huma.SchemaProvider.
func (EventType) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Examples: []any{"signing.signed"}}
	for _, t := range webhook.Types() {
		s.Enum = append(s.Enum, t)
	}
	return s
}

// EventPattern is a type, or a part of one with a star for anything. What matches no type is refused.
type EventPattern string

// Schema implements huma.SchemaProvider.
func (EventPattern) Schema(r huma.Registry) *huma.Schema {
	stars := &huma.Schema{Type: huma.TypeString, Pattern: `^[a-z.-]*\*[a-z.*-]*$`, PatternDescription: "a part of a type with * for anything"}
	return &huma.Schema{AnyOf: []*huma.Schema{EventType("").Schema(r), stars}}
}

type createEndpointInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again makes no second endpoint"`
	Body EndpointRequest
}

// EndpointBody is an address that is told.
type EndpointBody struct {
	ID        string     `json:"id"`
	URL       string     `json:"url"`
	Events    []string   `json:"events"`
	CreatedAt time.Time  `json:"created_at"`
	OldUntil  *time.Time `json:"old_secret_until,omitempty" doc:"Until when the secret before the last rotation signs too"`
	Secret    string     `json:"secret,omitempty" doc:"whsec_…; only in the answer that makes it"`
}

type endpointOutput struct {
	Body EndpointBody
}

func endpointBody(e webhook.Endpoint) EndpointBody {
	return EndpointBody{ID: e.ID, URL: e.URL, Events: append([]string{}, e.Events...), CreatedAt: e.CreatedAt.UTC(), OldUntil: kernel.UTC(e.OldUntil)}
}

func (s *Handler) createEndpoint(ctx context.Context, in *createEndpointInput) (*endpointOutput, error) {
	var fields kernel.FieldErrors
	s.checkEndpoint(in.Body, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	owner := kernel.OwnerOf(ctx)
	e := webhook.Endpoint{ID: kernel.MadeID("ep-", in.Key), Owner: owner, URL: in.Body.URL, Events: patternTexts(in.Body.Events), Secret: webhookSecret(), CreatedAt: s.Now().UTC().Truncate(time.Microsecond)}
	kernel.InfoOf(ctx).Object = e.ID
	e, err := s.Endpoints.CreateEndpoint(ctx, e)
	if err != nil {
		return nil, err
	}
	body := endpointBody(e)
	body.Secret = e.Secret
	return &endpointOutput{body}, nil
}

func patternTexts(patterns []EventPattern) []string {
	var out []string
	for _, p := range patterns {
		out = append(out, string(p))
	}
	return out
}

// checkEndpoint looks at what can be known without asking for the address; what it resolves to is held against the
// private networks when it is dialled.
func (s *Handler) checkEndpoint(in EndpointRequest, fields *kernel.FieldErrors) {
	u, err := url.Parse(in.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		fields.Add("body.url", "must be an address without user and fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.PlainEndpoints):
		fields.Add("body.url", "must be https")
	}
	for i, pattern := range in.Events {
		if !webhook.ValidPattern(string(pattern)) {
			fields.Add("body.events["+strconv.Itoa(i)+"]", "must be one of the types of messages, or match one with *: "+strings.Join(webhook.Types(), ", "))
		}
	}
}

func webhookSecret() string {
	var raw [secretBytes]byte
	_, _ = rand.Read(raw[:]) // never fails, says its documentation
	return secretPrefix + base64.StdEncoding.EncodeToString(raw[:])
}

// EndpointList is every endpoint of the caller.
type EndpointList struct {
	Items []EndpointBody `json:"items"`
}

type endpointsOutput struct {
	Body EndpointList
}

func (s *Handler) listEndpoints(ctx context.Context, _ *struct{}) (*endpointsOutput, error) {
	list, err := s.Endpoints.Endpoints(ctx, kernel.OwnerOf(ctx))
	out := EndpointList{Items: []EndpointBody{}}
	for _, e := range list {
		out.Items = append(out.Items, endpointBody(e))
	}
	return &endpointsOutput{out}, err
}

type endpointInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Handler) deleteEndpoint(ctx context.Context, in *endpointInput) (*struct{}, error) {
	return nil, s.Endpoints.DeleteEndpoint(ctx, in.ID, s.Now())
}

func (s *Handler) rotateSecret(ctx context.Context, in *kernel.Act) (*endpointOutput, error) {
	e, err := s.Endpoints.RotateSecret(ctx, in.ID, webhook.Rotation{Secret: webhookSecret(), At: s.Now().UTC().Truncate(time.Microsecond), Key: in.Key})
	if err != nil {
		return nil, err
	}
	body := endpointBody(e)
	body.Secret = e.Secret
	return &endpointOutput{body}, nil
}

type messageOutput struct {
	Body MessageBody
}

func (s *Handler) testEndpoint(ctx context.Context, in *kernel.Act) (*messageOutput, error) {
	if _, err := s.Endpoints.Endpoint(ctx, in.ID); err != nil {
		return nil, err
	}
	m, err := webhook.NewMessage(kernel.MadeID("test-", in.Key), webhook.Event{Kind: "kyso", ID: in.ID, Status: "test", Seq: 1, Self: endpointsPath, At: s.Now()})
	if err != nil {
		return nil, err
	}
	m.EndpointID = in.ID
	return &messageOutput{messageBody(m)}, s.Endpoints.SaveMessage(ctx, m)
}

// ReplayRequest says which messages are sent again.
type ReplayRequest struct {
	From   time.Time    `json:"from" doc:"Messages made from then on"`
	To     time.Time    `json:"to,omitzero" required:"false" doc:"And before then; now when left out"`
	Type   EventPattern `json:"type,omitempty" doc:"Only these types; * stands for anything"`
	Failed bool         `json:"failed,omitempty" doc:"Only those that the endpoint never accepted"`
}

type replayInput struct {
	kernel.Act
	Body ReplayRequest
}

// ReplayBody says how many messages are on their way again.
type ReplayBody struct {
	Replayed int `json:"replayed"`
}

type replayOutput struct {
	Body ReplayBody
}

func (s *Handler) replayMessages(ctx context.Context, in *replayInput) (*replayOutput, error) {
	var fields kernel.FieldErrors
	now := s.Now()
	r := webhook.Range{From: in.Body.From, To: in.Body.To, Type: string(in.Body.Type), Failed: in.Body.Failed}
	if r.To.IsZero() {
		r.To = now
	}
	if r.From.Before(now.Add(-replayedAtMost)) || !r.From.Before(r.To) {
		fields.Add("body.from", "must be before to, and at most 30 days ago: older messages are not kept")
	}
	if r.Type != "" && !webhook.ValidPattern(r.Type) {
		fields.Add("body.type", "must be one of the types of messages, or match one with *: "+strings.Join(webhook.Types(), ", "))
	}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	n, err := s.Endpoints.Replay(ctx, in.ID, r)
	return &replayOutput{ReplayBody{n}}, err
}

// MessageBody is one message and what became of it.
type MessageBody struct {
	ID          string     `json:"id" doc:"webhook-id; the same for every try and replay"`
	Type        EventType  `json:"type"`
	State       string     `json:"state" enum:"waiting,delivered,failed"`
	CreatedAt   time.Time  `json:"created_at"`
	Attempts    int        `json:"attempts"`
	LastAnswer  string     `json:"last_answer,omitempty" doc:"HTTP status, or a problem code when there was no answer"`
	DeliveredAt *time.Time `json:"delivered_at,omitempty"`
	FailedAt    *time.Time `json:"failed_at,omitempty"`
}

func messageBody(m webhook.Message) MessageBody {
	return MessageBody{ID: m.ID, Type: EventType(m.Type), State: m.State(), CreatedAt: m.CreatedAt.UTC(), Attempts: m.Attempts, LastAnswer: m.LastAnswer,
		DeliveredAt: kernel.UTC(m.DeliveredAt), FailedAt: kernel.UTC(m.FailedAt)}
}

// MessageList is a page of messages, newest first.
type MessageList struct {
	Items []MessageBody `json:"items"`
	Next  string        `json:"next,omitempty" doc:"Path of the next page"`
}

type listMessagesInput struct {
	ID     string    `path:"id" maxLength:"64"`
	Failed bool      `query:"failed" doc:"Only those that the endpoint never accepted"`
	Before time.Time `query:"before" doc:"Only those made before"`
	Cursor string    `query:"cursor" maxLength:"300" doc:"Of the next page; see next"`
	Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type messagesOutput struct {
	Body MessageList
}

func (s *Handler) listMessages(ctx context.Context, in *listMessagesInput) (*messagesOutput, error) {
	after, err := kernel.CursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := s.Endpoints.Messages(ctx, in.ID, webhook.Range{Failed: in.Failed, Before: in.Before, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := MessageList{Items: []MessageBody{}}
	for _, m := range list {
		out.Items = append(out.Items, messageBody(m))
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Next = kernel.NextPage(endpointsPath+"/"+url.PathEscape(in.ID)+"/messages", page.After(last.CreatedAt, last.ID), in.Limit, "failed", kernel.Yes(in.Failed), "before", kernel.When(in.Before))
	}
	return &messagesOutput{out}, nil
}
