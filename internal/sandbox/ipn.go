package sandbox

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	ipnEvery        = 5 * time.Minute // between two tries
	ipnTries        = 10
	defaultIPNDelay = 2 * time.Minute
	ipnAfterReturn  = 2 * time.Second // when the browser has long come back
)

var ipnModes = []string{"", "on", "lost", "late", "double", "forged", "after-return"}

// ipnNotice is an IPN that is due. It is repeated until the merchant takes it.
type ipnNotice struct {
	Due    time.Time `json:"due"`
	Forged bool      `json:"forged,omitempty"` // by somebody who does not know the secret; once
	Tries  int       `json:"tries,omitempty"`
	Done   bool      `json:"done,omitempty"`
	busy   bool      // being sent
}

// paymentResult are the signed parameters of return and IPN. The caller holds w.mu.
func (w *World) paymentResult(p *payment) url.Values {
	q := paymentValues(p)
	q.Set("vnp_TmnCode", w.opts.TmnCode)
	q.Set("vnp_SecureHash", w.vnpaySign(vnpayHashed(q)))
	return q
}

// paymentValues are the parameters of return and IPN, without merchant and hash. Without a bank there is no money and
// no number.
func paymentValues(p *payment) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"vnp_Amount": strconv.FormatInt(p.Amount, 10), "vnp_BankCode": "NCB",
		"vnp_CardType": "ATM", "vnp_OrderInfo": p.OrderInfo, "vnp_PayDate": p.DecidedAt.In(vietnam).Format(vnpayTime),
		"vnp_ResponseCode": p.Code, "vnp_TransactionNo": strconv.Itoa(p.Number), "vnp_TransactionStatus": p.Status,
		"vnp_TxnRef": p.TxnRef} {
		q.Set(name, value)
	}
	switch p.Code {
	case codePaid, codeSuspicious:
		q.Set("vnp_BankTranNo", "VNP"+strconv.Itoa(p.Number))
	case codeCancelled, codeTimeout:
		q.Set("vnp_BankCode", "VNPAY")
		q.Set("vnp_CardType", "QRCODE")
		q.Set("vnp_TransactionNo", "0")
	}
	return q
}

// forgedResult claims that another amount was paid, signed with a secret of the forger's own.
func (w *World) forgedResult(p *payment) url.Values {
	q := paymentValues(p)
	q.Set("vnp_TmnCode", w.opts.TmnCode)
	q.Set("vnp_Amount", strconv.FormatInt(p.Amount+100_000_00, 10))
	q.Set("vnp_ResponseCode", codePaid)
	q.Set("vnp_TransactionStatus", statusDone)
	q.Set("vnp_SecureHash", hmacSHA512("NOT-THE-SECRET", vnpayHashed(q)))
	return q
}

// withQuery adds parameters to an address that may have some.
func withQuery(address string, q url.Values) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += q.Encode()
	return u.String()
}

// planIPN decides what is sent for a decided payment. The caller holds w.mu.
func (w *World) planIPN(p *payment) {
	s := w.state.Settings
	if s.IPNURL == "" {
		return
	}
	now := w.now()
	notices := []*ipnNotice{{Due: now}}
	switch s.IPN {
	case "lost":
		w.record(Effect{Kind: EffectIPN, Key: p.TxnRef, Detail: "lost"})
		return
	case "late":
		notices[0].Due = now.Add(defaultIPNDelay)
		if s.IPNDelaySeconds > 0 {
			notices[0].Due = now.Add(seconds(s.IPNDelaySeconds))
		}
	case "after-return":
		notices[0].Due = now.Add(ipnAfterReturn)
	case "double":
		notices = append(notices, &ipnNotice{Due: now})
	case "forged":
		notices = []*ipnNotice{{Due: now, Forged: true}, {Due: now}}
	}
	p.Notices = append(p.Notices, notices...)
	w.indexPayment(p)
}

// indexPayment sees to it that what falls due later happens. The caller holds w.mu.
func (w *World) indexPayment(p *payment) {
	for _, n := range p.Notices {
		if !n.Done {
			w.openPayments[p.TxnRef] = p
			w.wakeAt(n.Due)
		}
	}
}

// settlePayments sends what is due. The caller holds w.mu.
func (w *World) settlePayments(now time.Time) {
	for _, p := range w.openPayments {
		w.sendNotices(p, now)
	}
}

// sendNotices sends what is due for one payment, and forgets it when nothing is left to send. The caller holds w.mu.
func (w *World) sendNotices(p *payment, now time.Time) {
	waiting := false
	for _, n := range p.Notices {
		if n.Done {
			continue
		}
		if !n.busy && !n.Due.After(now) {
			w.sendNotice(p, n, now)
		}
		waiting = waiting || !n.Done
		if n.Forged && !n.Done {
			break // the right one comes after its answer
		}
	}
	if !waiting {
		delete(w.openPayments, p.TxnRef)
	}
}

// sendNotice sends one IPN in the background. The caller holds w.mu.
func (w *World) sendNotice(p *payment, n *ipnNotice, now time.Time) {
	address := w.state.Settings.IPNURL
	switch {
	case w.closed:
		return
	case address == "": // it was taken away since
		n.Done = true
		w.changed()
		return
	}
	q := w.paymentResult(p)
	if n.Forged {
		q = w.forgedResult(p)
	}
	n.busy = true
	w.posts.Go(func() {
		w.background(func() {
			answer := w.getIPN(withQuery(address, q))
			w.locked(func() { w.answeredIPN(p, n, now, answer) })
		})
	})
}

// answeredIPN notes what the merchant said to an IPN that was sent at a time. The caller holds w.mu.
func (w *World) answeredIPN(p *payment, n *ipnNotice, sent time.Time, answer string) {
	n.busy = false
	n.Tries++
	n.Done = n.Forged || answer == "00" || answer == "02" || n.Tries >= ipnTries
	if n.Forged {
		answer = "forged: " + answer
	}
	w.record(Effect{Kind: EffectIPN, Key: p.TxnRef, Detail: answer})
	if !n.Done {
		n.Due = sent.Add(ipnEvery)
		w.wakeAt(n.Due)
	}
	w.sendNotices(p, sent)
}

// getIPN returns the RspCode, or why there was none.
func (w *World) getIPN(address string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return "bad address"
	}
	res, err := w.client.Do(req)
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "HTTP " + strconv.Itoa(res.StatusCode)
	}
	var answer struct {
		RspCode string `json:"RspCode"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&answer); err != nil || answer.RspCode == "" {
		return "no RspCode"
	}
	return answer.RspCode
}

// AwaitIPN waits a moment for the answers of the IPNs that are on their way, so that they come before the browser.
func (w *World) AwaitIPN(txnRef string) {
	busy := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if p := w.state.Payments[txnRef]; p != nil {
			for _, n := range p.Notices {
				if n.busy {
					return true
				}
			}
		}
		return false
	}
	for until := time.Now().Add(3 * time.Second); busy() && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
}
