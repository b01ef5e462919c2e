// Package receiver is the client of those who take our outgoing webhooks.
package receiver

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/webhook"
)

// Client posts messages as Standard Webhooks says (webhook-id, webhook-timestamp, webhook-signature). It implements
// webhook.Sender. What receivers answer is not read.
type Client struct {
	// AllowPrivate permits http, and loopback and private addresses; for development. Endpoints come from outside.
	AllowPrivate bool
	Timeout      time.Duration    // 0 means 15 s
	Clock        func() time.Time // nil means time.Now

	once    sync.Once
	guarded *http.Client
}

var _ webhook.Sender = (*Client)(nil)

// Send implements webhook.Sender. During a rotation the message carries a signature of each secret.
func (w *Client) Send(ctx context.Context, e webhook.Endpoint, m webhook.Message) (int, error) {
	w.once.Do(func() { w.guarded = &http.Client{Transport: party.GuardedTransport(w.AllowPrivate)} })
	if !w.AllowPrivate && !strings.HasPrefix(e.URL, "https://") {
		return 0, problem.New(problem.ProviderRefused, "the address of a webhook has to be https")
	}
	now := party.Now(w.Clock)
	var signatures []string
	for _, secret := range e.Secrets(now) {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return 0, problem.New(problem.Internal, "the secret of endpoint %s cannot be used", e.ID)
		}
		signature, err := signer.Sign(m.ID, now, m.Body)
		if err != nil {
			return 0, problem.New(problem.Internal, "endpoint %s: the message cannot be signed", e.ID)
		}
		signatures = append(signatures, signature)
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	r, err := party.Call{Party: "the receiver of webhooks", HTTP: w.guarded, Timeout: w.Timeout, Clock: w.Clock, URL: e.URL, ContentType: "application/json",
		Header: header, Body: m.Body}.Do(ctx)
	switch {
	case err != nil:
		return 0, err
	case r.Status >= 200 && r.Status < 300:
		return r.Status, nil
	case r.Status == http.StatusGone:
		return r.Status, problem.New(problem.ProviderRefused, "the receiver says that the address is gone")
	}
	return r.Status, &problem.Error{Code: problem.ProviderUnavailable, Message: "the receiver answered " + strconv.Itoa(r.Status), RetryAfter: r.RetryAfter}
}
