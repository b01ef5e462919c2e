package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// The vectors of the fact sheet.
const (
	vnpaySecret = "SANDBOXSECRETSANDBOXSECRET123456"
	vnpayRef    = "REG20261120A0001"
	payVector   = "vnp_Amount=30000000&vnp_Command=pay&vnp_CreateDate=20261120180000&vnp_CurrCode=VND&vnp_ExpireDate=20261120181500&vnp_IpAddr=203.0.113.10&vnp_Locale=vn&vnp_OrderInfo=Thanh+toan+goi+PS1+don+REG20261120A0001&vnp_OrderType=other&vnp_ReturnUrl=https%3A%2F%2Fapp.example.vn%2Fpay%2Fvnpay%2Freturn&vnp_TmnCode=DEMO0001&vnp_TxnRef=REG20261120A0001&vnp_Version=2.1.0"
	payHash     = "8ce78e9321be2f9d5d294c2f27b4a3eb70fc5f1afb3501c9b59ec9cf135b685451cdaa54889cc5e5ae2a192dbc4711c1c57986119c7e4fcf0f6187aa3247ad17"
	ipnVector   = "vnp_Amount=30000000&vnp_BankCode=NCB&vnp_BankTranNo=VNP14000001&vnp_CardType=ATM&vnp_OrderInfo=Thanh+toan+goi+PS1+don+REG20261120A0001&vnp_PayDate=20261120180233&vnp_ResponseCode=00&vnp_TmnCode=DEMO0001&vnp_TransactionNo=14000001&vnp_TransactionStatus=00&vnp_TxnRef=REG20261120A0001"
	ipnHash     = "6afa99c5f955e5c0e27d34c021347fe24c59eac97152a647511e7466adabb1db3f3e727f713a14354ff338093aabfc1e46b8684d79815f00057f6808239f5c51"
	queryHash   = "7edbbbbc57d0fd93def9bf510befb90f0f48d280ac355e460c5e7532f21e4518f45aa2185f8b89a82f0aaf1e38453cc63e61828526b683bd67dbb219eff2c673"
	refundHash  = "e79dfc3787fccd059d7ca09f915211d8e91d9a0a74d5b698dcb937fbbbc457629772533670dabd0673d902a8a0f608634ea32ed2ea67bf69a8328e78a2687968"
	payPath     = "/vnpay/paymentv2/vpcpay.html?"
	apiPath     = "/vnpay/merchant_webapi/api/transaction"
)

func vnpayMAC(text string) string {
	mac := hmac.New(sha512.New, []byte(vnpaySecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// vectorClock stands at 18:02:33 in Vietnam, when the payment of the vectors was made.
func vectorClock() *clock { return &clock{t: time.Date(2026, 11, 20, 11, 2, 33, 0, time.UTC)} }

// payQuery is the pay vector with some parameters changed, signed anew.
func payQuery(changes ...string) string {
	q, _ := url.ParseQuery(payVector)
	for i := 0; i+1 < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
	}
	return q.Encode() + "&vnp_SecureHash=" + vnpayMAC(q.Encode())
}

// openPayment opens the pay page for a reference of its own.
func (b *bench) openPayment(ref string) string {
	b.t.Helper()
	got, err := b.OpenPayURL(b.url + payPath + payQuery("vnp_TxnRef", ref))
	must(b.t, err)
	if got != ref {
		b.t.Fatalf("opened %q", got)
	}
	return ref
}

// api calls querydr or refund with the values in the order of the hash, and checks the hash of the answer.
func (b *bench) api(values ...string) map[string]string {
	b.t.Helper()
	names := strings.Fields("RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo")
	if values[2] == "refund" {
		names = strings.Fields("RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate CreateBy CreateDate IpAddr OrderInfo")
	}
	body := map[string]string{"vnp_SecureHash": vnpayMAC(strings.Join(values, "|"))}
	for i, name := range names {
		body["vnp_"+name] = values[i]
	}
	data, err := json.Marshal(body)
	must(b.t, err)
	return b.apiRaw(string(data))
}

func (b *bench) apiRaw(body string) map[string]string {
	b.t.Helper()
	res, raw, err := b.raw(apiPath, body)
	must(b.t, err)
	out := map[string]string{}
	if err := json.Unmarshal(raw, &out); err != nil || res.StatusCode != 200 {
		b.t.Fatalf("%d %s: %v", res.StatusCode, raw, err)
	}
	names := "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType TransactionStatus OrderInfo"
	if out["vnp_Command"] != "refund" {
		names += " PromotionCode PromotionAmount"
	}
	var parts []string
	for name := range strings.FieldsSeq(names) {
		parts = append(parts, out["vnp_"+name])
	}
	if out["vnp_SecureHash"] != vnpayMAC(strings.Join(parts, "|")) {
		b.t.Errorf("the answer has a wrong hash: %s", raw)
	}
	return out
}

func (b *bench) query(id, ref string) map[string]string {
	b.t.Helper()
	return b.api(id, "2.1.0", "querydr", "DEMO0001", ref, "20261120180000", "20261120180500", "203.0.113.10", "Truy van "+ref)
}

func (b *bench) refund(id, ref, kind, amount string) map[string]string {
	b.t.Helper()
	return b.api(id, "2.1.0", "refund", "DEMO0001", kind, ref, amount, "", "20261120180000", "ops01", "20261120190000", "203.0.113.10", "Hoan tien "+ref)
}

// merchant takes IPNs: it answers with the given codes, then 00.
type merchant struct {
	*httptest.Server
	mu      sync.Mutex
	answers []string
	got     []url.Values
}

func startMerchant(t *testing.T, answers ...string) *merchant {
	m := &merchant{answers: answers}
	m.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		q, code := r.URL.Query(), "00"
		m.got = append(m.got, r.URL.Query())
		hash := q.Get("vnp_SecureHash")
		q.Del("vnp_SecureHash")
		q.Del("x") // of the address, not of VNPay
		if hash != vnpayMAC(q.Encode()) {
			code = "97"
		} else if len(m.answers) > 0 {
			code, m.answers = m.answers[0], m.answers[1:]
		}
		switch code {
		case "500":
			rw.WriteHeader(500)
		case "junk":
			_, _ = io.WriteString(rw, "<html>")
		default:
			_, _ = fmt.Fprintf(rw, `{"RspCode":%q,"Message":"x"}`, code)
		}
	}))
	t.Cleanup(m.Close)
	return m
}

// ipns waits until so many IPNs of a payment were answered, and returns the answers.
func (b *bench) ipns(ref string, want int) []string {
	b.t.Helper()
	for range 400 {
		if b.CountEffects(sandbox.EffectIPN, ref) >= want {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	var answers []string
	for _, e := range b.Ledger() {
		if e.Kind == sandbox.EffectIPN && e.Key == ref {
			answers = append(answers, e.Detail)
		}
	}
	if len(answers) != want {
		b.t.Fatalf("%s: IPNs %q, want %d", ref, answers, want)
	}
	return answers
}

func TestVNPayVectors(t *testing.T) {
	t.Parallel()
	m := startMerchant(t)
	clock := vectorClock()
	b := start(t, sandbox.Options{Clock: clock.now, IPNURL: m.URL + "/ipn"})
	ref, err := b.OpenPayURL("https://sandbox.vnpayment.vn/paymentv2/vpcpay.html?" + payVector + "&vnp_SecureHash=" + strings.ToUpper(payHash))
	must(t, err)
	must(t, b.PayOrder(ref, "pay"))
	p, err := b.Payment(ref)
	must(t, err)
	q, _ := url.ParseQuery(ipnVector + "&vnp_SecureHash=" + ipnHash)
	if p.ReturnURL != "https://app.example.vn/pay/vnpay/return?"+q.Encode() {
		t.Errorf("the browser goes to %s", p.ReturnURL)
	}
	b.ipns(ref, 1)
	if got := m.got[0].Encode(); got != q.Encode() {
		t.Errorf("the IPN is %s", got)
	}
	got := b.apiRaw(`{"vnp_RequestId":"RQ20261120180500A01","vnp_Version":"2.1.0","vnp_Command":"querydr","vnp_TmnCode":"DEMO0001","vnp_TxnRef":"` +
		vnpayRef + `","vnp_TransactionDate":20261120180000,"vnp_CreateDate":"20261120180500","vnp_IpAddr":"203.0.113.10","vnp_OrderInfo":"Truy van ` +
		vnpayRef + `","vnp_SecureHash":"` + queryHash + `"}`)
	if got["vnp_ResponseCode"] != "00" || got["vnp_TransactionStatus"] != "00" || got["vnp_TransactionType"] != "01" ||
		got["vnp_Amount"] != "30000000" || got["vnp_TransactionNo"] != "14000001" || got["vnp_PayDate"] != "20261120180233" {
		t.Errorf("querydr: %v", got)
	}
	got = b.apiRaw(`{"vnp_RequestId":"RF20261120190000A01","vnp_Version":"2.1.0","vnp_Command":"refund","vnp_TmnCode":"DEMO0001","vnp_TransactionType":"02","vnp_TxnRef":"` +
		vnpayRef + `","vnp_Amount":30000000,"vnp_TransactionNo":"14000001","vnp_TransactionDate":"20261120180000","vnp_CreateBy":"ops01","vnp_CreateDate":"20261120190000","vnp_IpAddr":"203.0.113.10","vnp_OrderInfo":"Hoan tien ` +
		vnpayRef + `","vnp_SecureHash":"` + refundHash + `"}`)
	if got["vnp_ResponseCode"] != "00" || got["vnp_TransactionType"] != "02" || b.CountEffects(sandbox.EffectRefund, ref) != 1 {
		t.Errorf("refund: %v", got)
	}
}

func TestVNPayRefusesPayURL(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{Clock: vectorClock().now})
	page := browser{t, b.url}
	for _, q := range []string{
		payVector + "&vnp_SecureHash=" + strings.Replace(payHash, "8", "9", 1),
		payVector,
		strings.Replace(payQuery(), "30000000", "30000100", 1),
		payQuery() + "&vnp_Amount=1",
		payQuery("vnp_TmnCode", "OTHER001"), payQuery("vnp_Amount", "30000050"), payQuery("vnp_Amount", "0"), payQuery("vnp_Amount", "-100"),
		payQuery("vnp_CurrCode", "USD"), payQuery("vnp_Version", "2.0.0"), payQuery("vnp_Command", "token"), payQuery("vnp_TxnRef", ""),
		payQuery("vnp_OrderInfo", "Thanh toán"), payQuery("vnp_OrderInfo", "a~b"), payQuery("vnp_ReturnUrl", "javascript:alert(1)"),
		payQuery("vnp_IpAddr", "home"), payQuery("vnp_ExpireDate", "20261120175900"), payQuery("vnp_CreateDate", "2026-11-20"),
		payQuery("vnp_Locale", "fr"), payQuery("vnp_OrderType", ""),
	} {
		if status, answer := page.do("GET", payPath+q, ""); status != 400 {
			t.Errorf("%s\n: %d %s", q, status, answer)
		}
		if _, err := b.OpenPayURL(payPath + q); !errors.Is(err, sandbox.ErrInvalid) {
			t.Errorf("%s\n: %v", q, err)
		}
	}
	if n := len(b.Payments()); n != 0 {
		t.Errorf("%d payments", n)
	}
	// A reference belongs to one payment.
	b.openPayment("R-1")
	if status, _ := page.do("GET", payPath+payQuery("vnp_TxnRef", "R-1", "vnp_Amount", "100"), ""); status != 400 {
		t.Errorf("a reference was taken twice: %d", status)
	}
}

// noRedirect is a browser that shows where it is sent.
var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func TestVNPayPage(t *testing.T) {
	t.Parallel()
	m := startMerchant(t)
	clock := vectorClock()
	b := start(t, sandbox.Options{Clock: clock.now, IPNURL: m.URL})
	address := b.url + payPath + payQuery("vnp_ReturnUrl", "http://127.0.0.1:8680/register?a=1")
	res, err := http.Get(address)
	must(t, err)
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	mustContain(t, string(body), `lang="vi"`, "300.000 ₫", "Thanh toán", "Không đủ tiền", "Hủy", "Giao dịch nghi ngờ", "18:15:00 20/11/2026", "không chuyển tiền thật")
	policy := res.Header.Get("Content-Security-Policy")
	mustContain(t, policy, "default-src 'none'", "form-action 'self' http://127.0.0.1:8680;", "frame-ancestors 'none'")

	press := func(outcome string, header ...string) *http.Response {
		req, err := http.NewRequest("POST", address, strings.NewReader("outcome="+outcome))
		must(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := noRedirect.Do(req)
		must(t, err)
		res.Body.Close()
		return res
	}
	if res := press("pay", "Sec-Fetch-Site", "cross-site"); res.StatusCode != 403 {
		t.Errorf("another site paid: %d", res.StatusCode)
	}
	if res := press("steal"); res.StatusCode != 400 {
		t.Errorf("an outcome that is none: %d", res.StatusCode)
	}
	res = press("no-money")
	back, err := url.Parse(res.Header.Get("Location"))
	must(t, err)
	if res.StatusCode != 303 || back.Path != "/register" || back.Query().Get("a") != "1" || back.Query().Get("vnp_ResponseCode") != "51" ||
		back.Query().Get("vnp_TransactionStatus") != "02" {
		t.Errorf("%d to %s", res.StatusCode, back)
	}
	if n := b.CountEffects(sandbox.EffectIPN, vnpayRef); n != 1 {
		t.Errorf("the browser was back before the IPN was answered: %d", n)
	}
	if again := press("pay"); again.Header.Get("Location") != back.String() || b.CountEffects(sandbox.EffectCharge, "") != 0 {
		t.Errorf("a second press leads to %s", again.Header.Get("Location"))
	}
	if res, err := noRedirect.Get(address); err != nil || res.Header.Get("Location") != back.String() {
		t.Errorf("the page of a payment that ended: %v %v", res, err)
	}
}

func TestVNPayOutcomes(t *testing.T) {
	t.Parallel()
	clock := vectorClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	for outcome, want := range map[string][2]string{"pay": {"00", "00"}, "no-money": {"51", "02"}, "cancel": {"24", "02"}, "suspicious": {"07", "07"}} {
		ref := b.openPayment("R-" + outcome)
		if got := b.query("Q1-"+outcome, ref); got["vnp_ResponseCode"] != "00" || got["vnp_TransactionStatus"] != "01" {
			t.Errorf("%s, open: %v", outcome, got)
		}
		must(t, b.PayOrder(ref, outcome))
		if got := b.query("Q2-"+outcome, ref); got["vnp_TransactionStatus"] != want[1] || got["vnp_TransactionType"] != "01" {
			t.Errorf("%s: %v", outcome, got)
		}
		if p, _ := b.Payment(ref); p.ResponseCode != want[0] {
			t.Errorf("%s: code %s", outcome, p.ResponseCode)
		}
		if err := b.PayOrder(ref, "pay"); !errors.Is(err, sandbox.ErrDecided) {
			t.Errorf("%s was decided twice: %v", outcome, err)
		}
	}
	if n := b.CountEffects(sandbox.EffectCharge, ""); n != 1 {
		t.Errorf("%d charges", n)
	}
	must(t, b.SettlePayment("R-suspicious", true))
	if got := b.query("Q3", "R-suspicious"); got["vnp_TransactionStatus"] != "00" || b.CountEffects(sandbox.EffectCharge, "R-suspicious") != 1 {
		t.Errorf("settled as paid: %v", got)
	}
	b.openPayment("R-bad")
	must(t, b.PayOrder("R-bad", "suspicious"))
	must(t, b.SettlePayment("R-bad", false))
	if got := b.query("Q4", "R-bad"); got["vnp_TransactionStatus"] != "02" || b.CountEffects(sandbox.EffectCharge, "R-bad") != 0 {
		t.Errorf("settled as failed: %v", got)
	}
	if err := b.SettlePayment("R-pay", false); err == nil {
		t.Error("a payment that is not suspicious was settled")
	}

	b.openPayment("R-left")
	clock.advance(13 * time.Minute)
	if got := b.query("Q5", "R-left"); got["vnp_TransactionStatus"] != "02" {
		t.Errorf("after its time: %v", got)
	}
	must(t, b.PayOrder("R-left", "pay"))
	if p, _ := b.Payment("R-left"); p.ResponseCode != "11" || b.CountEffects(sandbox.EffectCharge, "R-left") != 0 {
		t.Errorf("paid after its time: %+v", p)
	}
	res, err := noRedirect.Get(b.url + payPath + payQuery("vnp_TxnRef", "R-late"))
	must(t, err)
	if to := res.Header.Get("Location"); res.StatusCode != 303 || !strings.Contains(to, "vnp_ResponseCode=11") {
		t.Errorf("opened after its time: %d %s", res.StatusCode, to)
	}
}
