package sandbox_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

func TestVNPayIPNModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode    string
		wait    time.Duration // before anything is sent
		answers []string
	}{
		{"", 0, []string{"00"}},
		{"lost", 0, []string{"lost"}},
		{"late", 30 * time.Second, []string{"00"}},
		{"double", 0, []string{"00", "00"}},
		{"forged", 0, []string{"forged: 97", "00"}},
		{"after-return", 2 * time.Second, []string{"00"}},
	} {
		t.Run("ipn-"+c.mode, func(t *testing.T) {
			t.Parallel()
			m := startMerchant(t)
			clock := vectorClock()
			b := start(t, sandbox.Options{Clock: clock.now})
			must(t, b.SetSettings(sandbox.Settings{IPNURL: m.URL + "/ipn?x=1", IPN: c.mode, IPNDelaySeconds: 30}))
			ref := b.openPayment("R-1")
			must(t, b.PayOrder(ref, "pay"))
			if c.wait > 0 {
				clock.advance(c.wait - time.Second)
				b.Settle()
				time.Sleep(20 * time.Millisecond)
				b.ipns(ref, 0)
				clock.advance(time.Second)
				b.Settle()
			}
			if got := b.ipns(ref, len(c.answers)); !slices.Equal(got, c.answers) {
				t.Errorf("answers %q", got)
			}
			for i, q := range m.got {
				forged := c.mode == "forged" && i == 0
				if (q.Get("vnp_Amount") != "30000000") != forged || q.Get("x") != "1" {
					t.Errorf("IPN %d is %v", i, q)
				}
			}
		})
	}
}

func TestVNPayRepeatsIPN(t *testing.T) {
	t.Parallel()
	m := startMerchant(t, "99", "500", "junk", "02")
	clock := vectorClock()
	dir := t.TempDir()
	b := start(t, sandbox.Options{Clock: clock.now, IPNURL: m.URL, Dir: dir})
	ref := b.openPayment("R-1")
	must(t, b.PayOrder(ref, "cancel"))
	b.ipns(ref, 1)
	clock.advance(5*time.Minute - time.Second)
	b.Settle()
	time.Sleep(20 * time.Millisecond)
	b.ipns(ref, 1)
	clock.advance(time.Second)
	b.Settle()
	b.ipns(ref, 2)
	must(t, b.Close())

	// Another process goes on where this one stopped.
	w, err := sandbox.New(sandbox.Options{Clock: clock.now, Dir: dir})
	must(t, err)
	b = &bench{w, t, ""}
	for n := 3; n <= 4; n++ {
		clock.advance(5 * time.Minute)
		b.Settle()
		b.ipns(ref, n)
	}
	clock.advance(time.Hour)
	b.Settle()
	time.Sleep(20 * time.Millisecond)
	if got := b.ipns(ref, 4); !slices.Equal(got, []string{"99", "HTTP 500", "no RspCode", "02"}) {
		t.Errorf("answers %q", got)
	}
	m.answers = slices.Repeat([]string{"01"}, 20)
	ref, err = b.OpenPayURL(payPath + payQuery("vnp_ExpireDate", "20261121180000"))
	must(t, err)
	must(t, b.PayOrder(ref, "pay"))
	for n := 1; n <= 10; n++ {
		b.ipns(ref, n)
		clock.advance(5 * time.Minute)
		b.Settle()
	}
	time.Sleep(20 * time.Millisecond)
	b.ipns(ref, 10)
	must(t, b.Close())
}

func TestVNPayAPIRefusals(t *testing.T) {
	t.Parallel()
	clock := vectorClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	ref := b.openPayment("R-1")
	expect := func(want string, got map[string]string) {
		t.Helper()
		if got["vnp_ResponseCode"] != want {
			t.Errorf("code %s, want %s: %v", got["vnp_ResponseCode"], want, got)
		}
	}
	expect("95", b.refund("RF-1", ref, "02", "30000000")) // nobody paid yet
	must(t, b.PayOrder(ref, "pay"))
	expect("03", b.apiRaw("{"))
	expect("03", b.apiRaw(`{"vnp_Command":"pay"}`))
	expect("02", b.api("Q", "2.1.0", "querydr", "OTHER001", ref, "20261120180000", "20261120180500", "203.0.113.10", "x"))
	expect("97", b.apiRaw(`{"vnp_RequestId":"Q","vnp_Command":"querydr","vnp_TmnCode":"DEMO0001","vnp_SecureHash":"00"}`))
	expect("03", b.api("Q", "2.1.0", "querydr", "DEMO0001", ref, "today", "20261120180500", "203.0.113.10", "x"))
	expect("03", b.api(strings.Repeat("Q", 33), "2.1.0", "querydr", "DEMO0001", ref, "20261120180000", "20261120180500", "203.0.113.10", "x"))
	expect("91", b.query("Q-1", "R-none"))
	expect("91", b.api("Q-2", "2.1.0", "querydr", "DEMO0001", ref, "20261120180001", "20261120180500", "203.0.113.10", "x"))
	expect("00", b.query("Q-3", ref))
	expect("94", b.query("Q-3", ref))
	clock.advance(24 * time.Hour)
	expect("00", b.query("Q-3", ref)) // another day

	expect("91", b.refund("RF-2", "R-none", "02", "30000000"))
	expect("03", b.refund("RF-2", ref, "01", "30000000"))
	expect("03", b.refund("RF-2", ref, "02", "3e7"))
	expect("99", b.refund("RF-2", ref, "02", "29000000"))
	expect("99", b.refund("RF-2", ref, "03", "30000100"))
	expect("00", b.refund("RF-2", ref, "02", "30000000"))
	expect("94", b.refund("RF-2", ref, "02", "30000000"))
	expect("95", b.refund("RF-3", ref, "02", "30000000"))
	if got := b.query("Q-4", ref); got["vnp_TransactionType"] != "02" || got["vnp_TransactionStatus"] != "00" {
		t.Errorf("after the refund: %v", got)
	}
	if n := b.CountEffects(sandbox.EffectRefund, ref); n != 1 {
		t.Errorf("%d refunds", n)
	}
	clock.advance(-24 * time.Hour)
	b.openPayment("R-3")
	must(t, b.PayOrder("R-3", "pay"))
	expect("00", b.refund("RF-4", "R-3", "03", "10000000"))
	if p, _ := b.Payment("R-3"); p.RefundedVND != 100_000 || b.query("Q-5", "R-3")["vnp_TransactionType"] != "03" {
		t.Errorf("refunded in part: %+v", p)
	}
	expect("99", b.refund("RF-5", "R-3", "02", "30000000"))
}

// TestVNPayFaults: a refund whose answer is lost has happened, and its RequestId says so.
func TestVNPayFaults(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{Clock: vectorClock().now})
	ref := b.openPayment("R-1")
	must(t, b.PayOrder(ref, "pay"))
	must(t, b.SetSettings(sandbox.Settings{Faults: []sandbox.Fault{{On: "vnpay-refund", Do: "429", RetryAfterSeconds: 7, Times: 1},
		{On: "vnpay-refund", Do: "500", Times: 1}, {On: "vnpay-refund", Do: "lost", Times: 1}, {On: "vnpay-query", Do: "junk", Times: 1}}}))
	send := func(command string) (*http.Response, error) {
		values := []string{"RF-1", "2.1.0", "refund", "DEMO0001", "02", ref, "30000000", "", "20261120180000", "ops01", "20261120190000", "203.0.113.10", "x"}
		names := strings.Fields("RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate CreateBy CreateDate IpAddr OrderInfo")
		body := map[string]string{"vnp_SecureHash": vnpayMAC(strings.Join(values, "|"))}
		for i, name := range names {
			body["vnp_"+name] = values[i]
		}
		body["vnp_Command"] = command
		data, _ := json.Marshal(body)
		res, _, err := b.raw(apiPath, string(data))
		return res, err
	}
	if res, err := send("refund"); err != nil || res.StatusCode != 429 || res.Header.Get("Retry-After") != "7" {
		t.Errorf("429: %v %v", res, err)
	}
	if res, err := send("refund"); err != nil || res.StatusCode != 500 || b.CountEffects(sandbox.EffectRefund, ref) != 0 {
		t.Errorf("500: %v %v", res, err)
	}
	if _, err := send("refund"); err == nil || b.CountEffects(sandbox.EffectRefund, ref) != 1 {
		t.Errorf("lost: %v", err)
	}
	if got := b.refund("RF-1", ref, "02", "30000000"); got["vnp_ResponseCode"] != "94" || b.CountEffects(sandbox.EffectRefund, ref) != 1 {
		t.Errorf("the same request again: %v", got)
	}
	if res, err := send("querydr"); err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		t.Errorf("junk: %v %v", res, err)
	}
}

func TestVNPaySurvivesKillAndControl(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vectorClock()
	first := start(t, sandbox.Options{Dir: dir, Clock: clock.now, TmnCode: "SHOP0002", VNPaySecret: "another"})
	if _, err := first.OpenPayURL(payPath + payQuery()); err == nil {
		t.Error("another merchant's page")
	}
	second := start(t, sandbox.Options{Dir: dir, Clock: clock.now})
	second.openPayment("R-1")
	third, err := sandbox.New(sandbox.Options{Dir: dir, Clock: clock.now})
	must(t, err)
	t.Cleanup(func() { must(t, third.Close()) }) // no save may come after the folder is gone
	control := open(t, third.Control())
	if status, answer := control.do("GET", "/payments", ""); status != 200 || !strings.Contains(answer, `"txn_ref": "R-1"`) {
		t.Errorf("%d %s", status, answer)
	}
	for _, c := range []struct {
		path, want string
		status     int
	}{
		{"/payments/R-1/steal", "", 400},
		{"/payments/R-2/pay", "", 404},
		{"/payments/R-1/suspicious", `"response_code": "07"`, 200},
		{"/payments/R-1/pay", "", 409},
		{"/payments/R-1/settle-paid", `"transaction_status": "00"`, 200},
		{"/payments/R-1/settle-failed", "", 409},
	} {
		if status, answer := control.do("POST", c.path, ""); status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s", c.path, status, answer)
		}
	}
	if n := third.CountEffects(sandbox.EffectCharge, "R-1"); n != 1 {
		t.Errorf("%d charges", n)
	}
}
