package vnpay

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

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

// sign is HMAC-SHA512 with the merchant's secret, in hex.
func (g *Gateway) sign(text string) string { return hmacSHA512(g.opts.Secret, text) }

func hmacSHA512(secret, text string) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// signed reports whether hash, in either case, belongs to text.
func (g *Gateway) signed(text, hash string) bool {
	return hmac.Equal([]byte(g.sign(text)), []byte(strings.ToLower(hash)))
}

// hashed is the text that a query's hash is over: sorted, without empty values and the hash itself.
func hashed(q url.Values) string {
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
func (g *Gateway) OpenPayURL(payURL string) (txnRef string, err error) {
	u, err := url.Parse(payURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", kernel.ErrInvalid, err)
	}
	return g.openPay(u.RawQuery)
}

func (g *Gateway) openPay(rawQuery string) (txnRef string, err error) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", fmt.Errorf("%w: %w", kernel.ErrInvalid, err)
	}
	p, err := g.readPay(q)
	if err != nil {
		return "", err
	}
	kernel.Locked(&g.mu, func() {
		if known := g.state.Payments[p.TxnRef]; known == nil {
			p.OpenedAt, p.Number = g.k.Now(), firstNumber+len(g.state.Payments)
			g.state.Payments[p.TxnRef] = p
			g.k.Changed()
		} else if known.Hash != p.Hash {
			err = fmt.Errorf("%w: vnp_TxnRef %s is taken by another payment", kernel.ErrInvalid, p.TxnRef)
		}
	})
	if err != nil {
		return "", err
	}
	return p.TxnRef, g.on(p.TxnRef, func(p *payment) error {
		g.expire(p)
		return nil
	})
}

var (
	orderInfo = regexp.MustCompile(`^[A-Za-z0-9 .,:/_-]{1,255}$`) // no diacritics, nothing that is escaped in two ways
	txnRefs   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,15}$`)
)

// readPay checks a pay URL: who asks, the hash, then each parameter.
func (g *Gateway) readPay(q url.Values) (*payment, error) {
	for name, values := range q {
		if len(values) != 1 {
			return nil, fmt.Errorf("%w: %s stands there twice", kernel.ErrInvalid, name)
		}
	}
	if q.Get("vnp_TmnCode") != g.opts.TmnCode {
		return nil, fmt.Errorf("%w: vnp_TmnCode %q", kernel.ErrInvalid, q.Get("vnp_TmnCode"))
	}
	if !g.signed(hashed(q), q.Get("vnp_SecureHash")) {
		return nil, fmt.Errorf("%w: vnp_SecureHash", kernel.ErrInvalid)
	}
	created, createdErr := time.ParseInLocation(timeForm, q.Get("vnp_CreateDate"), vn.Zone)
	expires, expiresErr := time.ParseInLocation(timeForm, q.Get("vnp_ExpireDate"), vn.Zone)
	_, ipErr := netip.ParseAddr(q.Get("vnp_IpAddr"))
	back, backErr := url.Parse(q.Get("vnp_ReturnUrl"))
	amount, amountErr := amountOf(q.Get("vnp_Amount"))
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
			return nil, fmt.Errorf("%w: %s %q", kernel.ErrInvalid, c.name, q.Get(c.name))
		}
	}
	return &payment{TxnRef: q.Get("vnp_TxnRef"), Hash: strings.ToLower(q.Get("vnp_SecureHash")), Amount: amount,
		OrderInfo: q.Get("vnp_OrderInfo"), ReturnURL: q.Get("vnp_ReturnUrl"), CreateDate: q.Get("vnp_CreateDate"),
		ExpiresAt: expires.UTC()}, nil
}

// amountOf reads VND × 100.
func amountOf(s string) (int64, error) {
	if !digits.MatchString(s) {
		return 0, fmt.Errorf("%w: amount %q", kernel.ErrInvalid, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: no amount", kernel.ErrInvalid)
	}
	return n, err
}
