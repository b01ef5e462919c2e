package rssp769

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"kyso/internal/sandbox/kernel"
)

// webhookBody is what the provider posts after a final decision. It is not signed: a portal may take it as a hint
// only.
type webhookBody struct {
	SPID          string          `json:"sp_id"`
	StatusCode    int             `json:"status_code"`
	Message       string          `json:"message"`
	TransactionID string          `json:"transaction_id"`
	SignedFiles   []signatureItem `json:"signed_files"`
	Grease        string          `json:"x_unknown"`
}

const defaultWebhookDelay = 10 * time.Second

// planWebhook decides what is sent for a decided transaction. The caller holds p.mu.
func (p *Provider) planWebhook(tx *transaction) {
	s := p.state.Settings
	if s.WebhookURL == "" {
		return
	}
	mode := s.Webhook
	if k := p.knobs(tx.User).Webhook; k != "" {
		mode = k
	}
	now := p.k.Now()
	switch mode {
	case "lost":
		p.k.Record(kernel.Effect{Kind: kernel.EffectWebhook, Key: tx.OurID, TransactionID: tx.OurID, Detail: "lost"})
		return
	case "late":
		delay := defaultWebhookDelay
		if s.WebhookDelaySeconds > 0 {
			delay = kernel.Seconds(s.WebhookDelaySeconds)
		}
		tx.Deliveries = []delivery{{Due: now.Add(delay)}}
	case "double":
		tx.Deliveries = []delivery{{Due: now}, {Due: now}}
	default:
		tx.Deliveries = []delivery{{Due: now}}
	}
	p.open[tx.TranCode] = tx
	for _, d := range tx.Deliveries {
		p.k.WakeAt(d.Due)
	}
}

// post sends one webhook in the background, once: the provider's document knows no repetition. The caller holds
// p.mu.
func (p *Provider) post(tx *transaction) {
	url := p.state.Settings.WebhookURL
	body, err := json.Marshal(webhookBody{SPID: p.opts.SPID, StatusCode: http.StatusOK, Message: p.statusText(tx),
		TransactionID: tx.OurID, SignedFiles: signatureItems(tx, p.knobs(tx.User)), Grease: "ignore me"})
	if err != nil || url == "" || p.k.Closed() {
		return
	}
	key := tx.OurID
	p.k.Go(func() {
		p.k.Record(kernel.Effect{Kind: kernel.EffectWebhook, Key: key, TransactionID: key, Detail: p.postJSON(url, body)})
	})
}

// postJSON returns the answer's status, or why there was none.
func (p *Provider) postJSON(url string, body []byte) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "bad address"
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.k.Client.Do(req)
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}
