package sandbox

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The merchant that VNPay knows, unless Options says otherwise.
const (
	DefaultTmnCode     = "DEMO0001"
	DefaultVNPaySecret = "SANDBOXSECRETSANDBOXSECRET123456"
)

// vnpayTime is how VNPay writes times, in Vietnam's zone.
const vnpayTime = "20060102150405"

// firstVNPayNumber is the vnp_TransactionNo of the first payment.
const firstVNPayNumber = 14000001

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

// paymentOutcomes are the buttons of the pay page.
var paymentOutcomes = map[string]string{"pay": codePaid, "no-money": codeNoMoney, "cancel": codeCancelled, "suspicious": codeSuspicious}

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

	Code      string          `json:"code,omitempty"`   // empty while nobody decided
	Status    string          `json:"status,omitempty"` // as Code
	DecidedAt time.Time       `json:"decided_at,omitzero"`
	Refunds   []paymentRefund `json:"refunds,omitempty"`
	Notices   []*ipnNotice    `json:"notices,omitempty"`
}

// paymentRefund is money that went back.
type paymentRefund struct {
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
	ResponseCode      string    `json:"response_code"` // empty while nobody decided
	TransactionStatus string    `json:"transaction_status"`
	TransactionNo     string    `json:"transaction_no"`
	DecidedAt         time.Time `json:"decided_at,omitzero"`
	ReturnURL         string    `json:"return_url,omitempty"` // where the browser goes, signed, once decided
}

// vnpaySign is HMAC-SHA512 with the merchant's secret, in hex.
func (w *World) vnpaySign(text string) string { return hmacSHA512(w.opts.VNPaySecret, text) }

func hmacSHA512(secret, text string) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// vnpaySigned reports whether hash, in either case, belongs to text.
func (w *World) vnpaySigned(text, hash string) bool {
	return hmac.Equal([]byte(w.vnpaySign(text)), []byte(strings.ToLower(hash)))
}

// vnpayHashed is the text that a query's hash is over: sorted, without empty values and the hash itself.
func vnpayHashed(q url.Values) string {
	hashed := url.Values{}
	for name, values := range q {
		if strings.HasPrefix(name, "vnp_") && name != "vnp_SecureHash" && name != "vnp_SecureHashType" && values[0] != "" {
			hashed.Set(name, values[0])
		}
	}
	return hashed.Encode()
}

// OpenPayURL does what a browser does with a pay URL, and returns its vnp_TxnRef. The page can be opened again; a
// payment whose time is over ends with code 11.
func (w *World) OpenPayURL(payURL string) (txnRef string, err error) {
	u, err := url.Parse(payURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return w.openPay(u.RawQuery)
}

func (w *World) openPay(rawQuery string) (txnRef string, err error) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	p, err := w.readPay(q)
	if err != nil {
		return "", err
	}
	w.locked(func() {
		if known := w.state.Payments[p.TxnRef]; known == nil {
			p.OpenedAt, p.Number = w.now(), firstVNPayNumber+len(w.state.Payments)
			w.state.Payments[p.TxnRef] = p
			w.changed()
		} else if known.Hash != p.Hash {
			err = fmt.Errorf("%w: vnp_TxnRef %s is taken by another payment", ErrInvalid, p.TxnRef)
		}
	})
	if err != nil {
		return "", err
	}
	return p.TxnRef, w.onPayment(p.TxnRef, func(p *payment) error {
		w.expirePayment(p)
		return nil
	})
}

var (
	orderInfo = regexp.MustCompile(`^[A-Za-z0-9 .,:/_-]{1,255}$`) // no diacritics, nothing that is escaped in two ways
	txnRefs   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,15}$`)
)

// readPay checks a pay URL: who asks, the hash, then each parameter.
func (w *World) readPay(q url.Values) (*payment, error) {
	for name, values := range q {
		if len(values) != 1 {
			return nil, fmt.Errorf("%w: %s stands there twice", ErrInvalid, name)
		}
	}
	if q.Get("vnp_TmnCode") != w.opts.TmnCode {
		return nil, fmt.Errorf("%w: vnp_TmnCode %q", ErrInvalid, q.Get("vnp_TmnCode"))
	}
	if !w.vnpaySigned(vnpayHashed(q), q.Get("vnp_SecureHash")) {
		return nil, fmt.Errorf("%w: vnp_SecureHash", ErrInvalid)
	}
	created, createdErr := time.ParseInLocation(vnpayTime, q.Get("vnp_CreateDate"), vietnam)
	expires, expiresErr := time.ParseInLocation(vnpayTime, q.Get("vnp_ExpireDate"), vietnam)
	_, ipErr := netip.ParseAddr(q.Get("vnp_IpAddr"))
	back, backErr := url.Parse(q.Get("vnp_ReturnUrl"))
	amount, amountErr := vnpayAmount(q.Get("vnp_Amount"))
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"vnp_Version", q.Get("vnp_Version") == "2.1.0"},
		{"vnp_Command", q.Get("vnp_Command") == "pay"},
		{"vnp_Amount", amountErr == nil && amount%100 == 0},
		{"vnp_CurrCode", q.Get("vnp_CurrCode") == "VND"},
		{"vnp_TxnRef", txnRefs.MatchString(q.Get("vnp_TxnRef"))},
		{"vnp_OrderInfo", orderInfo.MatchString(q.Get("vnp_OrderInfo"))},
		{"vnp_OrderType", q.Get("vnp_OrderType") != ""},
		{"vnp_Locale", slices.Contains([]string{"vn", "en"}, q.Get("vnp_Locale"))},
		{"vnp_ReturnUrl", backErr == nil && slices.Contains([]string{"http", "https"}, back.Scheme) && back.Host != ""},
		{"vnp_IpAddr", ipErr == nil},
		{"vnp_CreateDate", createdErr == nil},
		{"vnp_ExpireDate", expiresErr == nil && expires.After(created)},
	} {
		if !c.ok {
			return nil, fmt.Errorf("%w: %s %q", ErrInvalid, c.name, q.Get(c.name))
		}
	}
	return &payment{TxnRef: q.Get("vnp_TxnRef"), Hash: strings.ToLower(q.Get("vnp_SecureHash")), Amount: amount,
		OrderInfo: q.Get("vnp_OrderInfo"), ReturnURL: q.Get("vnp_ReturnUrl"), CreateDate: q.Get("vnp_CreateDate"),
		ExpiresAt: expires.UTC()}, nil
}

// vnpayAmount reads VND × 100.
func vnpayAmount(s string) (int64, error) {
	if !digits.MatchString(s) {
		return 0, fmt.Errorf("%w: amount %q", ErrInvalid, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: no amount", ErrInvalid)
	}
	return n, err
}

// PayOrder ends a payment as a button of its page would: pay (00), no-money (51), cancel (24) or suspicious (07). Its
// pay URL has to be open. After the page's time the code is 11, whatever is pressed.
func (w *World) PayOrder(txnRef, outcome string) error {
	code := paymentOutcomes[outcome]
	if code == "" {
		return fmt.Errorf("%w: outcome %q", ErrInvalid, outcome)
	}
	return w.onPayment(txnRef, func(p *payment) error {
		if w.expirePayment(p); p.Code == codeTimeout {
			return nil
		}
		return w.decidePayment(p, code)
	})
}

// SettlePayment resolves a suspicious payment: it is captured after all, or failed. An IPN tells, as for any end.
func (w *World) SettlePayment(txnRef string, paid bool) error {
	return w.onPayment(txnRef, func(p *payment) error {
		if p.Code != codeSuspicious {
			return fmt.Errorf("payment %s is not suspicious, its code is %q: %w", txnRef, p.Code, ErrDecided)
		}
		p.Code = ""
		if paid {
			return w.decidePayment(p, codePaid)
		}
		return w.decidePayment(p, codeOther)
	})
}

// onPayment finds a payment, lets time pass, does something and saves it.
func (w *World) onPayment(txnRef string, do func(p *payment) error) error {
	w.Settle()
	err := fmt.Errorf("payment %q: %w", txnRef, ErrNotFound)
	w.locked(func() {
		if p := w.state.Payments[txnRef]; p != nil {
			err = do(p)
			w.changed()
		}
	})
	if err != nil {
		return err
	}
	w.Settle() // sends the IPN
	return w.flush()
}

// decidePayment ends a payment. The caller holds w.mu.
func (w *World) decidePayment(p *payment, code string) error {
	if p.Code != "" {
		return fmt.Errorf("payment %s ended with code %s: %w", p.TxnRef, p.Code, ErrDecided)
	}
	p.Code, p.Status, p.DecidedAt = code, statusFailed, w.now()
	switch code {
	case codePaid:
		p.Status = statusDone
		w.record(Effect{Kind: EffectCharge, Key: p.TxnRef, Detail: fmt.Sprintf("%d VND", p.Amount/100)})
	case codeSuspicious:
		p.Status = statusSuspicious
	}
	w.planIPN(p)
	w.changed()
	w.log.Info("payment", "txn_ref", p.TxnRef, "code", code)
	return nil
}

// expirePayment ends a payment that somebody came back to after its time. One that everybody left stays as it is:
// querydr says that it failed, and no IPN does. The caller holds w.mu.
func (w *World) expirePayment(p *payment) {
	if p.Code == "" && !p.ExpiresAt.After(w.now()) {
		if err := w.decidePayment(p, codeTimeout); err != nil {
			w.log.Error("expiring a payment failed", "txn_ref", p.TxnRef, "error", err)
		}
	}
}

// undecidedStatus is vnp_TransactionStatus while nobody decided. The caller holds w.mu.
func (w *World) undecidedStatus(p *payment) string {
	if p.ExpiresAt.After(w.now()) {
		return statusOpen
	}
	return statusFailed
}

// Payments returns all payments whose page was opened, oldest first.
func (w *World) Payments() []Payment {
	w.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []Payment{}
	for _, p := range w.state.Payments {
		list = append(list, w.viewPayment(p))
	}
	slices.SortFunc(list, func(a, b Payment) int { return strings.Compare(a.TransactionNo, b.TransactionNo) })
	return list
}

// Payment returns one payment.
func (w *World) Payment(txnRef string) (Payment, error) {
	w.Settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.state.Payments[txnRef]; p != nil {
		return w.viewPayment(p), nil
	}
	return Payment{}, fmt.Errorf("payment %q: %w", txnRef, ErrNotFound)
}

// viewPayment is called with w.mu held.
func (w *World) viewPayment(p *payment) Payment {
	v := Payment{TxnRef: p.TxnRef, AmountVND: p.Amount / 100, RefundedVND: (p.Amount - p.left()) / 100, OrderInfo: p.OrderInfo,
		OpenedAt: p.OpenedAt, ExpiresAt: p.ExpiresAt, ResponseCode: p.Code, TransactionStatus: p.Status,
		TransactionNo: strconv.Itoa(p.Number), DecidedAt: p.DecidedAt}
	if p.Code == "" {
		v.TransactionStatus = w.undecidedStatus(p)
	} else {
		v.ReturnURL = withQuery(p.ReturnURL, w.paymentResult(p))
	}
	return v
}
