// Package vnpay is the client of the payment gateway VNPay, and opens its notices.
package vnpay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/vn"
)

const (
	who           = "VNPay"
	wireVersion   = "2.1.0"
	timeForm      = "20060102150405" // in GMT+7
	hashField     = "vnp_SecureHash"
	hashTypeField = "vnp_SecureHashType"
	maxOrderInfo  = 255
	maxTxnRef     = 100
	maxRequestID  = 32
	localhost     = "127.0.0.1"
)

// Client is the payment gateway, version 2.1.0. It implements registration.PaymentGateway, and verifies what the
// browser and VNPay itself bring to our doors.
type Client struct {
	PayBase   string // of the pay page, such as https://sandbox.vnpayment.vn/paymentv2/vpcpay.html
	APIBase   string // of querydr and refund, such as https://sandbox.vnpayment.vn/merchant_webapi/api/transaction
	TmnCode   string // our terminal, 8 characters
	Secret    string // signs everything; without one nothing is believed
	ReturnURL string // where the browser comes back to
	IP        string // our address, sent with queries and refunds; empty means 127.0.0.1
	HTTP      *http.Client
	Timeout   time.Duration    // 0 means 15 s
	Clock     func() time.Time // nil means time.Now
}

var _ registration.PaymentGateway = (*Client)(nil)

// Begin implements registration.PaymentGateway. VNPay hears of a payment from the browser: the address says it all.
func (v *Client) Begin(_ context.Context, p registration.Payment, payer registration.Payer) (registration.Opened, error) {
	return registration.Opened{URL: v.payURL(p, payer)}, nil
}

func (v *Client) payURL(p registration.Payment, payer registration.Payer) string {
	query := url.Values{
		"vnp_Version": {wireVersion}, "vnp_Command": {"pay"}, "vnp_TmnCode": {v.TmnCode},
		"vnp_Amount": {amountOf(p)}, "vnp_CurrCode": {"VND"}, "vnp_TxnRef": {cleanText(p.TxnRef, maxTxnRef)},
		"vnp_OrderInfo": {cleanText(payer.Info, maxOrderInfo)}, "vnp_OrderType": {"other"}, "vnp_Locale": {"vn"},
		"vnp_ReturnUrl": {v.ReturnURL}, "vnp_IpAddr": {cleanIP(payer.Address)},
		"vnp_CreateDate": {dateOf(p.CreatedAt)}, "vnp_ExpireDate": {dateOf(p.ExpiresAt)},
	}
	signed := hashedQuery(query)
	return v.PayBase + "?" + signed + "&" + hashField + "=" + v.sign(signed)
}

// VerifyIPN reads what VNPay told our IPN address. It returns problem.SignatureInvalid for what is not VNPay's word,
// and problem.Invalid for a word that is not about a payment of ours in VND.
func (v *Client) VerifyIPN(query url.Values) (registration.PaymentNotice, error) {
	for name, values := range query {
		if strings.HasPrefix(name, "vnp_") && len(values) != 1 {
			return registration.PaymentNotice{}, problem.New(problem.SignatureInvalid, "a parameter is there more than once")
		}
	}
	if !v.signed(hashedQuery(query), query.Get(hashField)) {
		return registration.PaymentNotice{}, problem.New(problem.SignatureInvalid, "the notice is not signed by %s", who)
	}
	if query.Get("vnp_TmnCode") != v.TmnCode {
		return registration.PaymentNotice{}, problem.New(problem.Invalid, "the notice is for another terminal")
	}
	if currency := query.Get("vnp_CurrCode"); currency != "" && currency != "VND" {
		return registration.PaymentNotice{}, problem.New(problem.Invalid, "the notice is in another currency")
	}
	return v.notice(query)
}

var (
	txnRefForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	codeForm   = regexp.MustCompile(`^[0-9]{2}$`)
	numberForm = regexp.MustCompile(`^[0-9]{0,32}$`)
)

// notice reads the fields that an IPN and the answer of querydr share. Both codes must be there: a notice without one
// would pass for a payment that failed.
func (v *Client) notice(fields url.Values) (registration.PaymentNotice, error) {
	amount, ok := wholeVND(fields.Get("vnp_Amount"))
	if !ok {
		return registration.PaymentNotice{}, problem.New(problem.Invalid, "the notice names no whole amount")
	}
	ref, number, code, status := fields.Get("vnp_TxnRef"), fields.Get("vnp_TransactionNo"), fields.Get("vnp_ResponseCode"), fields.Get("vnp_TransactionStatus")
	if !txnRefForm.MatchString(ref) || !numberForm.MatchString(number) || !codeForm.MatchString(code) || !codeForm.MatchString(status) {
		return registration.PaymentNotice{}, problem.New(problem.Invalid, "a field of the notice is missing or malformed")
	}
	if kind := fields.Get("vnp_TransactionType"); kind != "" && kind != typePayment && status == codeOK {
		status = statusRefunding // it shows a refund
	}
	n := said(code, status)
	n.TxnRef, n.AmountVND, n.At = ref, amount, party.Now(v.Clock).UTC()
	n.Transaction = strings.TrimLeft(number, "0") // 014 is 14, and 0 is none
	n.Reference = registration.Reference(n.Transaction)
	if at, err := time.ParseInLocation(timeForm, fields.Get("vnp_PayDate"), vn.Zone); err == nil {
		n.At = at.UTC()
	}
	return n, nil
}

// said turns VNPay's two codes into a status: paid only when both are 00, review for money whose fate is not clear. 05 and 06 are a
// refund that was asked for, and one that was sent to the bank.
func said(code, status string) registration.PaymentNotice {
	n := registration.PaymentNotice{Status: registration.PaymentFailed, Said: code + "/" + status}
	switch {
	case code == codeOK && status == codeOK:
		n.Status = registration.PaymentCaptured
	case code == codeSuspect, status == statusReversed, status == statusRefunding, status == statusRefundSent, status == statusSuspect:
		n.Status = registration.PaymentReview
		n.GivenBack = code == codeOK && (status == statusRefunding || status == statusRefundSent)
	case code == codeOK && status == statusNotFinished:
		n.Status = registration.PaymentPending
	}
	return n
}

// hashedQuery is what VNPay signs of a query: its parameters without the hash and the empty ones, sorted, form-encoded.
// A query that came in is decoded and encoded again, so that other ways to escape the same value make no difference.
func hashedQuery(query url.Values) string {
	kept := url.Values{}
	for name := range query {
		value := query.Get(name)
		if strings.HasPrefix(name, "vnp_") && name != hashField && name != hashTypeField && value != "" {
			kept.Set(name, value)
		}
	}
	return kept.Encode()
}

func (v *Client) sign(text string) string {
	mac := hmac.New(sha512.New, []byte(v.Secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// signed takes hex digits of either case.
func (v *Client) signed(text, hash string) bool {
	return v.Secret != "" && hmac.Equal([]byte(v.sign(text)), []byte(strings.ToLower(hash)))
}

// amountOf is in hundredths of a đồng.
func amountOf(p registration.Payment) string { return strconv.FormatInt(p.AmountVND, 10) + "00" }

func wholeVND(amount string) (int64, bool) {
	if len(amount) > 1 && amount[0] == '0' || strings.HasPrefix(amount, "+") {
		return 0, false
	}
	n, err := strconv.ParseInt(amount, 10, 64)
	return n / 100, err == nil && n > 0 && n%100 == 0
}

func dateOf(t time.Time) string { return t.In(vn.Zone).Format(timeForm) }

// cleanText keeps letters without their marks, digits, blanks and ._-, which every language escapes alike and which
// hold no separator of VNPay's.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" ._-", r):
			return r
		case r == 'đ':
			return 'd'
		case r == 'Đ':
			return 'D'
		}
		return -1
	}, norm.NFD.String(s))
	return s[:min(len(s), limit)]
}

func cleanIP(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return localhost
	}
	return ip.Unmap().WithZone("").String()
}

// requestIDOf fits an id of ours into VNPay's 32 characters, always the same way.
func requestIDOf(id string) string {
	if id != "" && len(id) <= maxRequestID && cleanText(id, maxRequestID) == id {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])[:maxRequestID]
}
