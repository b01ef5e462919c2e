package provider

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"kyso/internal/problem"
	"kyso/internal/webhook"
)

// Webhooks posts messages as Standard Webhooks says (webhook-id, webhook-timestamp, webhook-signature). It implements
// webhook.Sender. What receivers answer is not read.
type Webhooks struct {
	// AllowPrivate permits http, and loopback and private addresses; for development. Endpoints come from outside.
	AllowPrivate bool
	Timeout      time.Duration    // 0 means 15 s
	Clock        func() time.Time // nil means time.Now

	once    sync.Once
	guarded *http.Client
}

var _ webhook.Sender = (*Webhooks)(nil)

// Send implements webhook.Sender. During a rotation the message carries a signature of each secret.
func (w *Webhooks) Send(ctx context.Context, e webhook.Endpoint, m webhook.Message) (int, error) {
	w.once.Do(func() { w.guarded = &http.Client{Transport: guardedTransport(w.AllowPrivate)} })
	if !w.AllowPrivate && !strings.HasPrefix(e.URL, "https://") {
		return 0, problem.New(problem.ProviderRefused, "the address of a webhook has to be https")
	}
	now := clock(w.Clock)
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
	r, err := call{party: "the receiver of webhooks", client: w.guarded, timeout: w.Timeout, now: w.Clock, url: e.URL, contentType: "application/json",
		header: header, body: m.Body}.do(ctx)
	switch {
	case err != nil:
		return 0, err
	case r.status >= 200 && r.status < 300:
		return r.status, nil
	case r.status == http.StatusGone:
		return r.status, problem.New(problem.ProviderRefused, "the receiver says that the address is gone")
	}
	return r.status, &problem.Error{Code: problem.ProviderUnavailable, Message: "the receiver answered " + strconv.Itoa(r.status), RetryAfter: r.retryAfter}
}
