package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
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

// planWebhook decides what is sent for a decided transaction. The caller holds w.mu.
func (w *World) planWebhook(tx *transaction) {
	s := w.state.Settings
	if s.WebhookURL == "" {
		return
	}
	mode := s.Webhook
	if k := w.knobs(tx.User).Webhook; k != "" {
		mode = k
	}
	now := w.now()
	switch mode {
	case "lost":
		w.record(Effect{Kind: EffectWebhook, Key: tx.OurID, TransactionID: tx.OurID, Detail: "lost"})
		return
	case "late":
		delay := defaultWebhookDelay
		if s.WebhookDelaySeconds > 0 {
			delay = seconds(s.WebhookDelaySeconds)
		}
		tx.Deliveries = []delivery{{Due: now.Add(delay)}}
	case "double":
		tx.Deliveries = []delivery{{Due: now}, {Due: now}}
	default:
		tx.Deliveries = []delivery{{Due: now}}
	}
	w.open[tx.TranCode] = tx
	for _, d := range tx.Deliveries {
		w.wakeAt(d.Due)
	}
}

// post sends one webhook in the background, once: the provider's document knows no repetition. The caller holds
// w.mu.
func (w *World) post(tx *transaction) {
	url := w.state.Settings.WebhookURL
	body, err := json.Marshal(webhookBody{SPID: w.opts.SPID, StatusCode: http.StatusOK, Message: w.statusText(tx),
		TransactionID: tx.OurID, SignedFiles: signatureItems(tx, w.knobs(tx.User)), Grease: "ignore me"})
	if err != nil || url == "" || w.closed {
		return
	}
	key := tx.OurID
	w.posts.Go(func() {
		w.background(func() {
			w.note(Effect{Kind: EffectWebhook, Key: key, TransactionID: key, Detail: w.postJSON(url, body)})
		})
	})
}

// postJSON returns the answer's status, or why there was none.
func (w *World) postJSON(url string, body []byte) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "bad address"
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := w.client.Do(req)
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	return strconv.Itoa(res.StatusCode)
}
