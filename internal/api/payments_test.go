package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

// says answers a question with a status and an amount.
func says(status registration.PaymentStatus, amount int64) func(registration.Payment) (registration.PaymentNotice, error) {
	return func(p registration.Payment) (registration.PaymentNotice, error) {
		return registration.PaymentNotice{TxnRef: p.TxnRef, AmountVND: amount, Status: status, Transaction: "14000001"}, nil
	}
}

// openAttempt is a registration whose citizen was sent to VNPay a while ago.
func openAttempt(t *testing.T, age time.Duration) *desk {
	t.Helper()
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Package, r.PriceVND = registration.StatusAwaitingPayment, "PS1", 200_000
	})
	d.records.payments["P1"] = registration.Payment{TxnRef: "P1", RegistrationID: "r", Attempt: 1, AmountVND: 200_000,
		Status: registration.PaymentPending, CreatedAt: time.Now().Add(-age), ExpiresAt: time.Now().Add(time.Hour)}
	d.flows.status.TxnRef = "P1"
	return d
}

// No second page opens before VNPay has said of the first one that it is not paid.
func TestAnotherAttemptAsksAboutTheOpenOne(t *testing.T) {
	for name, c := range map[string]struct {
		age    time.Duration
		answer func(registration.Payment) (registration.PaymentNotice, error)
		status int
		code   problem.Code // empty when another attempt may begin
		asked  bool
	}{
		"paid":           {2 * time.Minute, says(registration.PaymentCaptured, 200_000), http.StatusConflict, problem.AlreadyPaid, true},
		"failed":         {2 * time.Minute, says(registration.PaymentFailed, 200_000), http.StatusOK, "", true},
		"not finished":   {2 * time.Minute, says(registration.PaymentPending, 200_000), http.StatusOK, "", true},
		"being checked":  {2 * time.Minute, says(registration.PaymentReview, 200_000), http.StatusConflict, problem.PaymentUnclear, true},
		"another amount": {2 * time.Minute, says(registration.PaymentCaptured, 100), http.StatusConflict, problem.PaymentUnclear, true},
		"no answer":      {2 * time.Minute, nil, http.StatusServiceUnavailable, problem.GatewayUnavailable, true},
		"window over":    {2 * time.Hour, nil, http.StatusServiceUnavailable, problem.GatewayUnavailable, true},
		"pressed twice":  {2 * time.Second, nil, http.StatusOK, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := openAttempt(t, c.age)
			d.answer = c.answer
			got := d.post("/v1/registrations/r/pay", `{}`)
			began := slices.Contains(d.flows.acts, any(workflows.Pay{}))
			if c.code == "" {
				wantStatus(t, got, c.status)
			} else {
				d.wantProblem(got, c.status, c.code)
				if title := c.code.Text().VI; !strings.Contains(string(got.body), title) {
					t.Errorf("no %q in %s", title, got.body)
				}
			}
			if began != (c.code == "") || (len(d.asked) == 1) != c.asked {
				t.Errorf("another attempt: %v; asked about %v", began, d.asked)
			}
			if c.code == problem.AlreadyPaid && !slices.Equal(d.flows.nudged, []string{"r"}) {
				t.Errorf("nudged %v", d.flows.nudged)
			}
		})
	}
}

// The browser's word is a reason to ask VNPay, whose word counts.
func TestReturnAsksNow(t *testing.T) {
	const query = "vnp_SecureHash=good&vnp_Amount=20000000&vnp_ResponseCode=00&vnp_TxnRef=P1"
	for name, c := range map[string]struct {
		answer func(registration.Payment) (registration.PaymentNotice, error)
		want   registration.PaymentStatus
	}{
		"paid":         {says(registration.PaymentCaptured, 200_000), registration.PaymentCaptured},
		"failed":       {says(registration.PaymentFailed, 200_000), registration.PaymentFailed},
		"not finished": {says(registration.PaymentPending, 200_000), registration.PaymentPending},
		"no answer":    {nil, registration.PaymentPending},
	} {
		t.Run(name, func(t *testing.T) {
			d := openAttempt(t, time.Minute)
			d.answer = c.answer
			back := "/v1/payments/return?" + bySigning(query)
			d.wantProblem(d.get("/v1/payments/return?"+strings.Replace(query, "good", "bad", 1)), http.StatusUnauthorized, problem.Denied)
			if len(d.asked) != 0 {
				t.Error("a forged return asked VNPay")
			}
			var shown api.ReturnBody
			d.get(back).into(t, &shown)
			if shown.Status != c.want || len(d.asked) != 1 {
				t.Errorf("shown as %s, asked %d times", shown.Status, len(d.asked))
			}
			decided := c.want.Decided()
			if decided != slices.Equal(d.flows.nudged, []string{"r"}) {
				t.Errorf("nudged %v", d.flows.nudged)
			}
			d.get(back).into(t, &shown)
			if decided && len(d.asked) != 1 {
				t.Error("a decided payment was asked about")
			}
		})
	}
}

// A payment whose fate is not clear is nobody's silence: when its registration needs it no more, a process of its own parks with it.
func TestUnclearPaymentOfAClosedRegistration(t *testing.T) {
	d := openAttempt(t, time.Minute)
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusWithdrawn })
	if got := ipn(d, strings.Replace(paid, "ResponseCode=00", "ResponseCode=07", 1)+"P1"); got != "00" {
		t.Errorf("answered %s", got)
	}
	if !slices.Equal(d.flows.refunds, []string{"P1"}) || !slices.Equal(d.flows.nudged, []string{"refund P1"}) {
		t.Errorf("refunds %v, nudged %v", d.flows.refunds, d.flows.nudged)
	}
}

// TestTheCitizensAddressReachesVNPay follows the address from what proxies write to the page that VNPay opens.
func TestTheCitizensAddressReachesVNPay(t *testing.T) {
	gateway := &vnpay.Client{PayBase: "https://pay.example/vpcpay.html", TmnCode: "KYSO0001", Secret: "secret", ReturnURL: "https://kyso.example/return"}
	for _, c := range []struct {
		trusted, forwarded, want string
	}{
		{"127.0.0.0/8", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.0/8", "198.51.100.1, 203.0.113.9", "203.0.113.9"}, // the left one is the citizen's own text
		{"127.0.0.0/8", "2001:db8::7", "2001:db8::7"},
		{"127.0.0.0/8", "[2001:db8::7]:4711", "2001:db8::7"},
		{"127.0.0.0/8", "::ffff:203.0.113.9", "203.0.113.9"},
		{"127.0.0.0/8", "", "127.0.0.1"},
		{"192.0.2.1/32", "203.0.113.9", "127.0.0.1"}, // not from a proxy of ours
	} {
		d := newDesk(t, func(o *api.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(c.trusted)} })
		d.options.Begin = gateway.Begin
		s := &surface{desk: d, owner: "team-pay"}
		s.as = bearer(d.key(s.owner, access.Scopes()...))("")
		id, body := s.registrationFor("POST /v1/registrations/{id}/pay")
		got := d.post("/v1/registrations/"+id+"/pay", body, append(s.as, "X-Forwarded-For", c.forwarded)...)
		wantStatus(t, got, http.StatusOK)
		var link api.PayBody
		got.into(t, &link)
		address, err := url.Parse(link.PayURL)
		must(t, err)
		if ip := address.Query().Get("vnp_IpAddr"); ip != c.want {
			t.Errorf("from %q behind %s: VNPay is told %q, want %q", c.forwarded, c.trusted, ip, c.want)
		}
	}
}

// A gateway that cannot open its page is told as such, and what it gives with a page is kept.
func TestPagesOfGateways(t *testing.T) {
	d := openAttempt(t, 2*time.Second)
	d.closed = problem.New(problem.ProviderUnavailable, "no answer")
	d.wantProblem(d.post("/v1/registrations/r/pay", `{}`), http.StatusServiceUnavailable, problem.GatewayUnavailable)
	d.closed, d.reference = nil, "session-1"
	wantStatus(t, d.post("/v1/registrations/r/pay", `{}`), http.StatusOK)
	if got := d.records.payments["P1"].Reference; got != "session-1" {
		t.Errorf("kept %q", got)
	}
}

// moon is a payment party that tells by POST, in JSON, and reads nothing but the status.
var moon = registration.PaymentDoor{
	Notice: registration.Route{Method: http.MethodPost, Path: "/v1/moon/notices", Operation: "receiveMoon", Summary: "Take the moon's word",
		Open: func(c registration.Call) (registration.PaymentNotice, error) {
			var in struct{ Order, Key string }
			if err := json.Unmarshal(c.Body, &in); err != nil || in.Key != "good" {
				return registration.PaymentNotice{}, problem.New(problem.SignatureInvalid, "not the moon's")
			}
			return registration.PaymentNotice{TxnRef: in.Order, AmountVND: 200_000, Status: registration.PaymentCaptured, Transaction: "m-1"}, nil
		}},
	Answer: func(r registration.Receipt) (int, any) {
		return map[registration.Receipt]int{registration.ReceiptRecorded: http.StatusNoContent, registration.ReceiptForged: http.StatusTeapot}[r], nil
	},
	Return: registration.Route{Open: func(c registration.Call) (registration.PaymentNotice, error) {
		if c.Query.Get("moon") == "" {
			return registration.PaymentNotice{}, problem.New(problem.SignatureInvalid, "not the moon's")
		}
		return registration.PaymentNotice{TxnRef: c.Query.Get("moon")}, nil
	}},
}

// The API serves the door of any payment party, and believes each about its own payments only.
func TestAnotherPaymentParty(t *testing.T) {
	d := newDesk(t, func(o *api.Options) { o.Registration.Doors["moon"] = moon })
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusAwaitingPayment })
	for ref, gateway := range map[string]string{"P1": "moon", "P2": ""} {
		d.records.payments[ref] = registration.Payment{TxnRef: ref, RegistrationID: "r", AmountVND: 200_000, Status: registration.PaymentPending, Gateway: gateway}
	}
	wantStatus(t, d.post("/v1/moon/notices", `{"Order":"P1","Key":"bad"}`), http.StatusTeapot)
	if got := d.post("/v1/moon/notices", `{"Order":"P1","Key":"good"}`, "Content-Type", "application/json"); got.status != http.StatusNoContent || len(got.body) > 0 {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	if got := d.records.payments["P1"].Status; got != registration.PaymentCaptured {
		t.Errorf("P1 is %s", got)
	}
	var shown api.ReturnBody
	d.get("/v1/payments/return?moon=P1").into(t, &shown)
	if shown.Status != registration.PaymentCaptured {
		t.Errorf("shown as %+v", shown)
	}
	d.wantProblem(d.get("/v1/payments/return?moon=P2"), http.StatusNotFound, problem.NotFound)
	d.wantProblem(d.get("/v1/payments/return?"+bySigning(paid+"P1")), http.StatusNotFound, problem.NotFound)
	if !strings.Contains(string(d.get("/openapi.json").body), "/v1/moon/notices") {
		t.Error("the document does not show the door")
	}
}
