// Package vnpay is the payment gateway VNPay 2.1.0: the pay page, the API for questions and refunds, and the IPN.
package vnpay

import (
	"sync"

	"kyso/internal/sandbox/kernel"
)

// The merchant that VNPay knows, unless Options says otherwise.
const (
	DefaultTmnCode = "DEMO0001"
	DefaultSecret  = "SANDBOXSECRETSANDBOXSECRET123456"
)

// IPNPath is where kyso takes an IPN.
const IPNPath = "/v1/vnpay/ipn"

// Settled are the variables with which kyso finds this gateway.
func Settled(parties, page string) []string {
	return []string{
		"KYSO_VNPAY_PAY_URL=" + parties + "/paymentv2/vpcpay.html",
		"KYSO_VNPAY_API_URL=" + parties + "/merchant_webapi/api/transaction",
		"KYSO_VNPAY_TMN_CODE=" + DefaultTmnCode,
		"KYSO_VNPAY_SECRET=" + DefaultSecret,
		"KYSO_VNPAY_RETURN_URL=" + page,
	}
}

// Options are the merchant's account.
type Options struct{ TmnCode, Secret string }

// Gateway takes payments. Make one with New.
type Gateway struct {
	k    *kernel.Kernel
	opts Options

	mu    sync.Mutex
	state state
	open  map[string]*payment // with an IPN still to send, by vnp_TxnRef
}

type state struct {
	Settings Settings            `json:"settings"`
	Payments map[string]*payment `json:"payments"`      // by vnp_TxnRef
	Refunds  map[string]string   `json:"vnpay_refunds"` // vnp_TxnRef by vnp_RequestId
	Day      string              `json:"vnpay_day"`     // of Queries
	Queries  map[string]bool     `json:"vnpay_queries"` // vnp_RequestIds of one day
}

// Settings are its switches, and the address of kyso.
type Settings struct {
	// IPNURL is where VNPay tells about payments that ended; no IPN is sent when it is empty.
	IPNURL string `json:"ipn_url,omitempty"`
	// IPN is on (also when empty), lost, late, double, forged (one with a wrong hash and another amount comes before) or
	// after-return (two seconds after the browser was sent back; else it comes before the browser).
	IPN string `json:"ipn,omitempty"`
	// IPNDelaySeconds is how late a late notice is; zero means two minutes.
	IPNDelaySeconds float64 `json:"ipn_delay_s,omitempty"`
}

func (s Settings) check() error {
	return kernel.OneOf("ipn", s.IPN, "on", "lost", "late", "double", "forged", "after-return")
}

// New makes a gateway.
func New(k *kernel.Kernel, opts Options) *Gateway {
	if opts.TmnCode == "" {
		opts = Options{DefaultTmnCode, DefaultSecret}
	}
	return &Gateway{k: k, opts: opts, open: map[string]*payment{},
		state: state{Payments: map[string]*payment{}, Refunds: map[string]string{}, Queries: map[string]bool{}}}
}

// Party is what the kernel knows of it.
func (g *Gateway) Party() kernel.Party {
	return kernel.Party{Name: "vnpay", Lock: &g.mu, State: &g.state,
		Calls:    []kernel.Call{{Name: callQuery}, {Name: callRefund}},
		Settings: kernel.SettingsAt(&g.state.Settings, Settings.check),
		Wake:     g.wake, Settle: g.settle, Parties: g.routes,
		Control: []kernel.Verb{
			{Pattern: "GET /payments", Do: g.getPayments},
			{Pattern: "POST /payments/{ref}/{act}", Help: "POST /payments/{ref}/pay|no-money|cancel|suspicious|settle-paid|settle-failed", Do: g.act},
		}}
}

func (g *Gateway) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.state.Payments {
		g.index(p)
	}
}
