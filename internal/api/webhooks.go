package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

func (s *server) webhookRoutes() []route {
	return []route{
		on(s.receiveWebhook, route{id: "receiveWebhook", at: "POST /v1/webhooks/{provider}/{token}", tag: tagWebhooks,
			summary: "Take a provider's webhook",
			access:  rule{open: true}, party: "{provider}", body: bodyOwn, foreign: true,
			problems: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge}, with: []operationOption{withBody("application/json", "The body of the 769 profile: transaction_id, status_code, signed_files")}}),
	}
}

// maxTransaction is how many bytes an id of a provider has at most.
const maxTransaction = 512

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

// receiveWebhook takes a provider's word that something changed. The 769 profile signs nothing, so this is a hint
// and no more: it is committed to the inbox, and the process is told to ask the provider itself. It is answered
// with 200 once it is committed, also when nobody knows the transaction: a provider would only send it again.
func (s *server) receiveWebhook(ctx context.Context, in *webhookInput) (*webhookOutput, error) {
	if !s.webhookAllowed(in.Provider, in.Token) {
		return nil, problem.New(problem.NotFound, "no such webhook")
	}
	body, err := io.ReadAll(s.webhookBody(in.writer, in.request))
	if err != nil {
		return nil, bodyError(err)
	}
	transaction, err := transactionOf(body)
	if err != nil {
		return nil, err
	}
	message := signing.InboxMessage{ID: process.InboxID(in.Provider, body), Provider: in.Provider, Request: transaction,
		Body: body, ReceivedAt: s.Now().UTC().Truncate(time.Microsecond)}
	fresh, err := s.Desk.Receive(ctx, message)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := s.HandOver(ctx, message); err != nil { // committed: the relay comes back to it
			s.Logger.WarnContext(ctx, "webhook kept for the relay", "request_id", infoOf(ctx).id, "error", err.Error())
		}
	}
	return &webhookOutput{}, nil
}

// webhookAllowed compares in constant time, and an unknown provider like a wrong token.
func (s *server) webhookAllowed(provider, token string) bool {
	want := s.Webhooks[provider]
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}

func (s *server) webhookBody(w http.ResponseWriter, r *http.Request) io.Reader {
	return &uploadReader{body: http.MaxBytesReader(w, r.Body, s.Limits.WebhookBytes),
		control: http.NewResponseController(w), stall: s.Limits.Stall}
}

// transactionOf reads the one thing that a webhook is trusted for: which request it speaks of. It may be missing.
func transactionOf(body []byte) (string, error) {
	type ids struct {
		TransactionID string `json:"transaction_id"`
		TranCode      string `json:"tran_code"`
	}
	var hook struct {
		ids
		Data ids `json:"data"`
	}
	if err := json.Unmarshal(body, &hook); err != nil {
		return "", problem.New(problem.Invalid, "the body is not the JSON of a webhook")
	}
	for _, id := range []string{hook.TransactionID, hook.Data.TransactionID, hook.TranCode, hook.Data.TranCode} {
		if message := clean(id); message != "" || len(id) > maxTransaction {
			return "", fieldErrors{{Location: "body.transaction_id", Message: cmp.Or(message, "must be a provider's id")}}
		}
		if id != "" {
			return id, nil
		}
	}
	return "", nil
}
