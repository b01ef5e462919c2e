package vnpay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
)

// timeForm is how VNPay writes times, in Vietnam's zone.
const timeForm = "20060102150405"

// firstNumber is the vnp_TransactionNo of the first payment.
const firstNumber = 14000001

// What VNPay says about a payment: vnp_ResponseCode and vnp_TransactionStatus.
const (
	codePaid       = "00"
	codeSuspicious = "07"
	codeTimeout    = "11"
	codeCancelled  = "24"
	codeNoMoney    = "51"
	codeOther      = "99"

	statusDone       = "00"
	statusOpen       = "01"
	statusFailed     = "02"
	statusSuspicious = "07"
)

// outcomes are the buttons of the pay page.
var outcomes = map[string]string{"pay": codePaid, "no-money": codeNoMoney, "cancel": codeCancelled, "suspicious": codeSuspicious}

// payment is one pay URL that a browser opened.
type payment struct {
	TxnRef     string    `json:"txn_ref"`
	Hash       string    `json:"hash"`   // of the pay URL
	Amount     int64     `json:"amount"` // VND × 100, as on the wire
	OrderInfo  string    `json:"order_info"`
	ReturnURL  string    `json:"return_url"`
	CreateDate string    `json:"create_date"` // as sent; querydr and refund have to repeat it
	Number     int       `json:"number"`      // vnp_TransactionNo
	OpenedAt   time.Time `json:"opened_at"`
	ExpiresAt  time.Time `json:"expires_at"`

	Code      string       `json:"code,omitempty"`   // empty while undecided
	Status    string       `json:"status,omitempty"` // as Code
	DecidedAt time.Time    `json:"decided_at,omitzero"`
	Refunds   []refunded   `json:"refunds,omitempty"`
	Notices   []*ipnNotice `json:"notices,omitempty"`
}

// refunded is money that went back.
type refunded struct {
	RequestID string    `json:"request_id"`
	Type      string    `json:"type"` // 02 full, 03 partial
	Amount    int64     `json:"amount"`
	At        time.Time `json:"at"`
}

// left is what was not refunded.
func (p *payment) left() int64 {
	left := p.Amount
	for _, r := range p.Refunds {
		left -= r.Amount
	}
	return left
}

// Payment is a payment as tests and the control handler see it.
type Payment struct {
	TxnRef            string    `json:"txn_ref"`
	AmountVND         int64     `json:"amount_vnd"`
	RefundedVND       int64     `json:"refunded_vnd"`
	OrderInfo         string    `json:"order_info"`
	OpenedAt          time.Time `json:"opened_at"`
	ExpiresAt         time.Time `json:"expires_at"`
	ResponseCode      string    `json:"response_code"` // empty while undecided
	TransactionStatus string    `json:"transaction_status"`
	TransactionNo     string    `json:"transaction_no"`
	DecidedAt         time.Time `json:"decided_at,omitzero"`
	ReturnURL         string    `json:"return_url,omitempty"` // where the browser goes, signed, once decided
}

// PayOrder ends a payment as a button of its page would: pay (00), no-money (51), cancel (24) or suspicious (07). Its
// pay URL has to be open. After the page's time the code is 11, whatever is pressed.
func (g *Gateway) PayOrder(txnRef, outcome string) error {
	code := outcomes[outcome]
	if code == "" {
		return fmt.Errorf("%w: outcome %q", kernel.ErrInvalid, outcome)
	}
	return g.on(txnRef, func(p *payment) error {
		if g.expire(p); p.Code == codeTimeout {
			return nil
		}
		return g.decide(p, code)
	})
}

// SettlePayment resolves a suspicious payment: it is captured after all, or failed. An IPN tells, as for any end.
func (g *Gateway) SettlePayment(txnRef string, paid bool) error {
	return g.on(txnRef, func(p *payment) error {
		if p.Code != codeSuspicious {
			return fmt.Errorf("payment %s is not suspicious, its code is %q: %w", txnRef, p.Code, kernel.ErrDecided)
		}
		p.Code = ""
		if paid {
			return g.decide(p, codePaid)
		}
		return g.decide(p, codeOther)
	})
}

// on finds a payment, lets time pass, does something and saves it.
func (g *Gateway) on(txnRef string, do func(p *payment) error) error {
	g.k.Settle()
	err := fmt.Errorf("payment %q: %w", txnRef, kernel.ErrNotFound)
	kernel.Locked(&g.mu, func() {
		if p := g.state.Payments[txnRef]; p != nil {
			err = do(p)
			g.k.Changed()
		}
	})
	if err != nil {
		return err
	}
	g.k.Settle() // sends the IPN
	return g.k.Flush()
}

// decide ends a payment. The caller holds g.mu.
func (g *Gateway) decide(p *payment, code string) error {
	if p.Code != "" {
		return fmt.Errorf("payment %s ended with code %s: %w", p.TxnRef, p.Code, kernel.ErrDecided)
	}
	p.Code, p.Status, p.DecidedAt = code, statusFailed, g.k.Now()
	switch code {
	case codePaid:
		p.Status = statusDone
		g.k.Record(kernel.Effect{Kind: kernel.EffectCharge, Key: p.TxnRef, Detail: fmt.Sprintf("%d VND", p.Amount/100)})
	case codeSuspicious:
		p.Status = statusSuspicious
	}
	g.planIPN(p)
	g.k.Changed()
	g.k.Log.Info("payment", "txn_ref", p.TxnRef, "code", code)
	return nil
}

// expire ends a payment that the payer came back to after its time. An abandoned one stays as it is:
// querydr says that it failed, and no IPN does. The caller holds g.mu.
func (g *Gateway) expire(p *payment) {
	if p.Code == "" && !p.ExpiresAt.After(g.k.Now()) {
		if err := g.decide(p, codeTimeout); err != nil {
			g.k.Log.Error("expiring a payment failed", "txn_ref", p.TxnRef, "error", err)
		}
	}
}

// undecidedStatus is vnp_TransactionStatus while undecided. The caller holds g.mu.
func (g *Gateway) undecidedStatus(p *payment) string {
	if p.ExpiresAt.After(g.k.Now()) {
		return statusOpen
	}
	return statusFailed
}

// Payments returns all payments whose page was opened, oldest first.
func (g *Gateway) Payments() []Payment {
	g.k.Settle()
	g.mu.Lock()
	defer g.mu.Unlock()
	list := []Payment{}
	for _, p := range g.state.Payments {
		list = append(list, g.view(p))
	}
	slices.SortFunc(list, func(a, b Payment) int { return strings.Compare(a.TransactionNo, b.TransactionNo) })
	return list
}

// Payment returns one payment.
func (g *Gateway) Payment(txnRef string) (Payment, error) {
	g.k.Settle()
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.state.Payments[txnRef]; p != nil {
		return g.view(p), nil
	}
	return Payment{}, fmt.Errorf("payment %q: %w", txnRef, kernel.ErrNotFound)
}

// view is called with g.mu held.
func (g *Gateway) view(p *payment) Payment {
	v := Payment{TxnRef: p.TxnRef, AmountVND: p.Amount / 100, RefundedVND: (p.Amount - p.left()) / 100, OrderInfo: p.OrderInfo,
		OpenedAt: p.OpenedAt, ExpiresAt: p.ExpiresAt, ResponseCode: p.Code, TransactionStatus: p.Status,
		TransactionNo: strconv.Itoa(p.Number), DecidedAt: p.DecidedAt}
	if p.Code == "" {
		v.TransactionStatus = g.undecidedStatus(p)
	} else {
		v.ReturnURL = withQuery(p.ReturnURL, g.result(p))
	}
	return v
}
