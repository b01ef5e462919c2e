package vnpay

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

const (
	ipnEvery        = 5 * time.Minute // between two tries
	ipnTries        = 10
	defaultIPNDelay = 2 * time.Minute
	ipnAfterReturn  = 2 * time.Second // when the browser has long come back
)

// ipnNotice is an IPN that is due. It is repeated until the merchant takes it.
type ipnNotice struct {
	Due    time.Time `json:"due"`
	Forged bool      `json:"forged,omitempty"` // by a sender who does not know the secret; once
	Tries  int       `json:"tries,omitempty"`
	Done   bool      `json:"done,omitempty"`
	busy   bool      // being sent
}

// result are the signed parameters of return and IPN. The caller holds g.mu.
func (g *Gateway) result(p *payment) url.Values {
	q := valuesOf(p)
	q.Set("vnp_TmnCode", g.opts.TmnCode)
	q.Set("vnp_SecureHash", g.sign(hashed(q)))
	return q
}

// valuesOf are the parameters of return and IPN, without merchant and hash. Without a bank there is no money and
// no number.
func valuesOf(p *payment) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"vnp_Amount": strconv.FormatInt(p.Amount, 10), "vnp_BankCode": "NCB",
		"vnp_CardType": "ATM", "vnp_OrderInfo": p.OrderInfo, "vnp_PayDate": p.DecidedAt.In(vn.Zone).Format(timeForm),
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

// forged claims that another amount was paid, signed with a secret of the forger's own.
func (g *Gateway) forged(p *payment) url.Values {
	q := valuesOf(p)
	q.Set("vnp_TmnCode", g.opts.TmnCode)
	q.Set("vnp_Amount", strconv.FormatInt(p.Amount+100_000_00, 10))
	q.Set("vnp_ResponseCode", codePaid)
	q.Set("vnp_TransactionStatus", statusDone)
	q.Set("vnp_SecureHash", hmacSHA512("NOT-THE-SECRET", hashed(q)))
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

// planIPN decides what is sent for a decided payment. The caller holds g.mu.
func (g *Gateway) planIPN(p *payment) {
	s := g.state.Settings
	if s.IPNURL == "" {
		return
	}
	now := g.k.Now()
	notices := []*ipnNotice{{Due: now}}
	switch s.IPN {
	case "lost":
		g.k.Record(kernel.Effect{Kind: kernel.EffectIPN, Key: p.TxnRef, Detail: "lost"})
		return
	case "late":
		notices[0].Due = now.Add(defaultIPNDelay)
		if s.IPNDelaySeconds > 0 {
			notices[0].Due = now.Add(kernel.Seconds(s.IPNDelaySeconds))
		}
	case "after-return":
		notices[0].Due = now.Add(ipnAfterReturn)
	case "double":
		notices = append(notices, &ipnNotice{Due: now})
	case "forged":
		notices = []*ipnNotice{{Due: now, Forged: true}, {Due: now}}
	}
	p.Notices = append(p.Notices, notices...)
	g.index(p)
}

// index sees to it that what falls due later happens. The caller holds g.mu.
func (g *Gateway) index(p *payment) {
	for _, n := range p.Notices {
		if !n.Done {
			g.open[p.TxnRef] = p
			g.k.WakeAt(n.Due)
		}
	}
}

// settle sends what is due.
func (g *Gateway) settle(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	open := len(g.open) > 0
	for _, p := range g.open {
		g.sendNotices(p, now)
	}
	return open
}

// sendNotices sends what is due for one payment, and forgets it when nothing is left to send. The caller holds g.mu.
func (g *Gateway) sendNotices(p *payment, now time.Time) {
	waiting := false
	for _, n := range p.Notices {
		if n.Done {
			continue
		}
		if !n.busy && !n.Due.After(now) {
			g.sendNotice(p, n, now)
		}
		waiting = waiting || !n.Done
		if n.Forged && !n.Done {
			break // the right one comes after its answer
		}
	}
	if !waiting {
		delete(g.open, p.TxnRef)
	}
}

// sendNotice sends one IPN in the background. The caller holds g.mu.
func (g *Gateway) sendNotice(p *payment, n *ipnNotice, now time.Time) {
	address := g.state.Settings.IPNURL
	switch {
	case g.k.Closed():
		return
	case address == "": // it was taken away since
		n.Done = true
		g.k.Changed()
		return
	}
	q := g.result(p)
	if n.Forged {
		q = g.forged(p)
	}
	n.busy = true
	g.k.Go(func() {
		answer := g.getIPN(withQuery(address, q))
		kernel.Locked(&g.mu, func() { g.answeredIPN(p, n, now, answer) })
	})
}

// answeredIPN notes what the merchant said to an IPN that was sent at a time. The caller holds g.mu.
func (g *Gateway) answeredIPN(p *payment, n *ipnNotice, sent time.Time, answer string) {
	n.busy = false
	n.Tries++
	n.Done = n.Forged || answer == "00" || answer == "02" || n.Tries >= ipnTries
	if n.Forged {
		answer = "forged: " + answer
	}
	g.k.Record(kernel.Effect{Kind: kernel.EffectIPN, Key: p.TxnRef, Detail: answer})
	if !n.Done {
		n.Due = sent.Add(ipnEvery)
		g.k.WakeAt(n.Due)
	}
	g.sendNotices(p, sent)
}

// getIPN returns the RspCode, or why there was none.
func (g *Gateway) getIPN(address string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return "bad address"
	}
	res, err := g.k.Client.Do(req)
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
func (g *Gateway) AwaitIPN(txnRef string) {
	busy := func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		if p := g.state.Payments[txnRef]; p != nil {
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
