package vnpay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// The test vectors of VNPay's fact sheet, computed there from the documented rules and not with this code.
const (
	vectorSecret = "SANDBOXSECRETSANDBOXSECRET123456"
	vectorPay    = "vnp_Amount=30000000&vnp_Command=pay&vnp_CreateDate=20261120180000&vnp_CurrCode=VND&vnp_ExpireDate=20261120181500" +
		"&vnp_IpAddr=203.0.113.10&vnp_Locale=vn&vnp_OrderInfo=Thanh+toan+goi+PS1+don+REG20261120A0001&vnp_OrderType=other" +
		"&vnp_ReturnUrl=https%3A%2F%2Fapp.example.vn%2Fpay%2Fvnpay%2Freturn&vnp_TmnCode=DEMO0001&vnp_TxnRef=REG20261120A0001&vnp_Version=2.1.0"
	vectorPayHash = "8ce78e9321be2f9d5d294c2f27b4a3eb70fc5f1afb3501c9b59ec9cf135b685451cdaa54889cc5e5ae2a192dbc4711c1c57986119c7e4fcf0f6187aa3247ad17"
	vectorIPN     = "vnp_Amount=30000000&vnp_BankCode=NCB&vnp_BankTranNo=VNP14000001&vnp_CardType=ATM" +
		"&vnp_OrderInfo=Thanh+toan+goi+PS1+don+REG20261120A0001&vnp_PayDate=20261120180233&vnp_ResponseCode=00&vnp_TmnCode=DEMO0001" +
		"&vnp_TransactionNo=14000001&vnp_TransactionStatus=00&vnp_TxnRef=REG20261120A0001"
	vectorIPNHash    = "6afa99c5f955e5c0e27d34c021347fe24c59eac97152a647511e7466adabb1db3f3e727f713a14354ff338093aabfc1e46b8684d79815f00057f6808239f5c51"
	vectorQueryHash  = "7edbbbbc57d0fd93def9bf510befb90f0f48d280ac355e460c5e7532f21e4518f45aa2185f8b89a82f0aaf1e38453cc63e61828526b683bd67dbb219eff2c673"
	vectorRefundHash = "e79dfc3787fccd059d7ca09f915211d8e91d9a0a74d5b698dcb937fbbbc457629772533670dabd0673d902a8a0f608634ea32ed2ea67bf69a8328e78a2687968"
)

func testClient(url string) *Client {
	return &Client{PayBase: "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html", APIBase: url + "/merchant_webapi/api/transaction",
		TmnCode: "DEMO0001", Secret: vectorSecret, ReturnURL: "https://app.example.vn/pay/vnpay/return", IP: "203.0.113.10",
		Clock: partytest.Clock}
}

func testPayment() registration.Payment {
	created := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	return registration.Payment{TxnRef: "REG20261120A0001", AmountVND: 300_000, CreatedAt: created, ExpiresAt: created.Add(15 * time.Minute),
		Reference: "14000001"}
}

func TestPayURL(t *testing.T) {
	v := testClient("")
	want := v.PayBase + "?" + vectorPay + "&vnp_SecureHash=" + vectorPayHash
	for _, info := range []string{"Thanh toan goi PS1 don REG20261120A0001", "Thanh toán gói PS1 |&đơn+=~* REG20261120A0001"} {
		if got := v.payURL(testPayment(), registration.Payer{Address: "203.0.113.10", Info: info}); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", info, got, want)
		}
	}
	for address, want := range map[string]string{
		"": localhost, "203.0.113.10:80": localhost, "::ffff:203.0.113.9": "203.0.113.9", "fe80::1%eth0": "fe80::1", "2001:db8::1": "2001:db8::1",
	} {
		u, err := url.Parse(v.payURL(testPayment(), registration.Payer{Address: address, Info: "x"}))
		if err != nil || u.Query().Get("vnp_IpAddr") != want {
			t.Errorf("%q: got %s, %v", address, u, err)
		}
	}
}

// ipn signs parameters as VNPay does, after change.
func ipn(t *testing.T, change func(url.Values)) url.Values {
	t.Helper()
	q, err := url.ParseQuery(vectorIPN)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(q)
	}
	q.Set("vnp_SecureHash", testClient("").sign(hashedQuery(q)))
	return q
}

func TestVerifyIPN(t *testing.T) {
	want := registration.PaymentNotice{TxnRef: "REG20261120A0001", AmountVND: 300_000, Transaction: "14000001", Reference: "14000001",
		Status: registration.PaymentCaptured, Said: "00/00", At: time.Date(2026, 11, 20, 11, 2, 33, 0, time.UTC)}
	for name, raw := range map[string]string{
		"as sent":        vectorIPN + "&vnp_SecureHash=" + vectorIPNHash,
		"upper case":     vectorIPN + "&vnp_SecureHash=" + strings.ToUpper(vectorIPNHash),
		"other escapes":  strings.ReplaceAll(vectorIPN, "+", "%20") + "&vnp_SecureHash=" + vectorIPNHash,
		"other order":    "vnp_SecureHash=" + vectorIPNHash + "&" + vectorIPN,
		"with hash type": vectorIPN + "&vnp_SecureHashType=HMACSHA512&vnp_BankCode2=&utm=1&vnp_SecureHash=" + vectorIPNHash,
	} {
		q, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		door := testClient("").Door()
		for _, route := range []registration.Route{door.Notice, door.Return} {
			if got, err := route.Open(registration.Call{Query: q}); err != nil || got != want {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
		}
	}
	got, err := testClient("").VerifyIPN(ipn(t, func(q url.Values) {
		q.Del("vnp_PayDate")
		q.Set("vnp_ResponseCode", "24")
		q.Set("vnp_TransactionStatus", "02")
		q.Set("vnp_TransactionNo", "0")
		q.Set("vnp_CurrCode", "VND")
	}))
	if err != nil || got.At != partytest.Now || got.Said != "24/02" || got.Transaction != "" || got.Status != registration.PaymentFailed {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
}

// Paid is only what both codes say; money whose fate is not clear is neither paid nor failed.
func TestWhatCodesSay(t *testing.T) {
	for codes, want := range map[[2]string]registration.PaymentStatus{
		{"00", "00"}: registration.PaymentCaptured, {"00", "01"}: registration.PaymentPending, {"24", "02"}: registration.PaymentFailed,
		{"51", "02"}: registration.PaymentFailed, {"07", "00"}: registration.PaymentReview, {"00", "04"}: registration.PaymentReview,
		{"00", "05"}: registration.PaymentReview, {"00", "06"}: registration.PaymentReview, {"00", "07"}: registration.PaymentReview,
		{"91", ""}: registration.PaymentFailed, {"00", "02"}: registration.PaymentFailed,
	} {
		back := codes[0] == "00" && (codes[1] == "05" || codes[1] == "06")
		if got := said(codes[0], codes[1]); got.Status != want || got.GivenBack != back || got.Said != codes[0]+"/"+codes[1] {
			t.Errorf("%v is %+v, want %s, given back %v", codes, got, want, back)
		}
	}
}

// Another spelling of a number is the same number, and one that is none names nothing.
func TestTransactionsHaveOneSpelling(t *testing.T) {
	for number, want := range map[string]string{"014000001": "14000001", "0": "", "000": "", "": ""} {
		got, err := testClient("").VerifyIPN(ipn(t, func(q url.Values) { q.Set("vnp_TransactionNo", number) }))
		if err != nil || got.Transaction != want || string(got.Reference) != want {
			t.Errorf("%q: %+v, %v", number, got, err)
		}
	}
}

func TestWhatVNPayIsAnswered(t *testing.T) {
	for receipt, want := range map[registration.Receipt]string{registration.ReceiptRecorded: "00", registration.ReceiptUnknown: "01", registration.ReceiptDecided: "02",
		registration.ReceiptAmount: "04", registration.ReceiptForged: "97", registration.ReceiptFault: "99"} {
		status, body := testClient("").Door().Answer(receipt)
		if got, _ := body.(IPNBody); status != 200 || got.RspCode != want || got.Message == "" {
			t.Errorf("%s: %d %+v", receipt, status, body)
		}
	}
}

func TestVerifyIPNRefuses(t *testing.T) {
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	for name, tt := range map[string]struct {
		before, after func(url.Values)
		want          problem.Code
	}{
		"no hash":             {nil, func(q url.Values) { q.Del("vnp_SecureHash") }, problem.SignatureInvalid},
		"short hash":          {nil, set("vnp_SecureHash", vectorIPNHash[:127]), problem.SignatureInvalid},
		"another amount":      {nil, set("vnp_Amount", "3000000000"), problem.SignatureInvalid},
		"another parameter":   {nil, set("vnp_Extra", "1"), problem.SignatureInvalid},
		"twice":               {nil, func(q url.Values) { q.Add("vnp_ResponseCode", "24") }, problem.SignatureInvalid},
		"hash twice":          {nil, func(q url.Values) { q.Add("vnp_SecureHash", "x") }, problem.SignatureInvalid},
		"terminal":            {set("vnp_TmnCode", "DEMO0002"), nil, problem.Invalid},
		"currency":            {set("vnp_CurrCode", "USD"), nil, problem.Invalid},
		"no amount":           {func(q url.Values) { q.Del("vnp_Amount") }, nil, problem.Invalid},
		"half a đồng":         {set("vnp_Amount", "30000050"), nil, problem.Invalid},
		"nothing":             {set("vnp_Amount", "0"), nil, problem.Invalid},
		"negative":            {set("vnp_Amount", "-30000000"), nil, problem.Invalid},
		"plus":                {set("vnp_Amount", "+30000000"), nil, problem.Invalid},
		"not a number":        {set("vnp_Amount", "3e7"), nil, problem.Invalid},
		"beyond all measures": {set("vnp_Amount", "99999999999999999900"), nil, problem.Invalid},
		"no reference":        {func(q url.Values) { q.Del("vnp_TxnRef") }, nil, problem.Invalid},
		"odd reference":       {set("vnp_TxnRef", "REG|1"), nil, problem.Invalid},
		"odd number":          {set("vnp_TransactionNo", "1'; --"), nil, problem.Invalid},
		"no code":             {func(q url.Values) { q.Del("vnp_ResponseCode") }, nil, problem.Invalid},
		"no status":           {func(q url.Values) { q.Del("vnp_TransactionStatus") }, nil, problem.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			q := ipn(t, tt.before)
			if tt.after != nil {
				tt.after(q)
			}
			_, err := testClient("").VerifyIPN(q)
			partytest.CheckProblem(t, err, tt.want, vectorSecret, vectorIPNHash)
		})
	}
	unset := &Client{TmnCode: "DEMO0001"}
	q := ipn(t, nil)
	q.Set("vnp_SecureHash", unset.sign(hashedQuery(q)))
	if _, err := unset.VerifyIPN(q); problem.CodeOf(err) != problem.SignatureInvalid {
		t.Errorf("without a secret: %v", err)
	}
}

// answerTo is an answer of the API with the given fields over the usual ones, signed in the documented order. A
// field of "-" is left out.
func answerTo(command string, fields ...string) partytest.Answer {
	m := map[string]string{
		"vnp_ResponseId": "RS1", "vnp_Command": command, "vnp_ResponseCode": "00", "vnp_Message": "QueryDR Success",
		"vnp_TmnCode": "DEMO0001", "vnp_TxnRef": "REG20261120A0001", "vnp_Amount": "30000000", "vnp_BankCode": "NCB",
		"vnp_PayDate": "20261120180233", "vnp_TransactionNo": "14000001", "vnp_TransactionType": "01", "vnp_TransactionStatus": "00",
		"vnp_OrderInfo": "Thanh toan 079095012345",
	}
	for i := 0; i < len(fields); i += 2 {
		if m[fields[i]] = fields[i+1]; fields[i+1] == "-" {
			delete(m, fields[i])
		}
	}
	order := "vnp_ResponseId vnp_Command vnp_ResponseCode vnp_Message vnp_TmnCode vnp_TxnRef vnp_Amount vnp_BankCode vnp_PayDate " +
		"vnp_TransactionNo vnp_TransactionType vnp_TransactionStatus vnp_OrderInfo"
	if command == "querydr" {
		order += " vnp_PromotionCode vnp_PromotionAmount"
	}
	var values []string
	for name := range strings.FieldsSeq(order) {
		values = append(values, m[name])
	}
	if _, signed := m["vnp_SecureHash"]; !signed {
		m["vnp_SecureHash"] = testClient("").sign(strings.Join(values, "|"))
	}
	body, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return partytest.OK(string(body))
}

func TestQueryAndRefundBodies(t *testing.T) {
	p := partytest.New(t, answerTo("querydr"))
	if _, err := testClient(p.URL).Query(context.Background(), "RQ20261120180500A01", testPayment()); err != nil {
		t.Fatal(err)
	}
	want := `{"vnp_Command":"querydr","vnp_CreateDate":"20261120180500","vnp_IpAddr":"203.0.113.10","vnp_OrderInfo":"Truy van REG20261120A0001",` +
		`"vnp_RequestId":"RQ20261120180500A01","vnp_SecureHash":"` + vectorQueryHash + `","vnp_TmnCode":"DEMO0001",` +
		`"vnp_TransactionDate":"20261120180000","vnp_TxnRef":"REG20261120A0001","vnp_Version":"2.1.0"}`
	if got := p.Last(); got.Method != "POST" || got.Path != "/merchant_webapi/api/transaction" || got.Body != want {
		t.Errorf("%s %s\n%s\nwant\n%s", got.Method, got.Path, got.Body, want)
	}
	p = partytest.New(t, answerTo("refund", "vnp_TransactionType", "02", "vnp_TransactionStatus", "05"))
	v := testClient(p.URL)
	v.Clock = func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	if err := v.Refund(context.Background(), "RF20261120190000A01", testPayment(), "ops|01"); err != nil {
		t.Fatal(err)
	}
	want = `{"vnp_Amount":"30000000","vnp_Command":"refund","vnp_CreateBy":"ops01","vnp_CreateDate":"20261120190000","vnp_IpAddr":"203.0.113.10",` +
		`"vnp_OrderInfo":"Hoan tien REG20261120A0001","vnp_RequestId":"RF20261120190000A01","vnp_SecureHash":"` + vectorRefundHash + `",` +
		`"vnp_TmnCode":"DEMO0001","vnp_TransactionDate":"20261120180000","vnp_TransactionNo":"14000001","vnp_TransactionType":"02",` +
		`"vnp_TxnRef":"REG20261120A0001","vnp_Version":"2.1.0"}`
	if got := p.Last().Body; got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

func TestRequestIDs(t *testing.T) {
	for _, id := range []string{"", "0123456789012345678901234567890123", "a|b", "019ac000-0000-7000-8000-000000000001/refund", "đ"} {
		got := requestIDOf(id)
		if len(got) != 32 || got == id || got != requestIDOf(id) || cleanText(got, 99) != got {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestQueryAnswers(t *testing.T) {
	paid := time.Date(2026, 11, 20, 11, 2, 33, 0, time.UTC)
	later := testPayment().ExpiresAt.Add(time.Second)
	numbers := answerTo("querydr")
	numbers.Body = strings.Replace(numbers.Body, `"30000000"`, `30000000`, 1)
	for _, tt := range []struct {
		name   string
		now    time.Time
		answer partytest.Answer
		want   registration.PaymentNotice
		code   problem.Code
	}{
		{"paid", later, answerTo("querydr"), registration.PaymentNotice{AmountVND: 300_000, Transaction: "14000001", Reference: "14000001", Status: registration.PaymentCaptured, Said: "00/00", At: paid}, ""},
		{"paid, in numbers", later, numbers, registration.PaymentNotice{AmountVND: 300_000, Transaction: "14000001", Reference: "14000001", Status: registration.PaymentCaptured, Said: "00/00", At: paid}, ""},
		{"another amount is the caller's matter", later, answerTo("querydr", "vnp_Amount", "100"),
			registration.PaymentNotice{AmountVND: 1, Transaction: "14000001", Reference: "14000001", Status: registration.PaymentCaptured, Said: "00/00", At: paid}, ""},
		{"not finished", later, answerTo("querydr", "vnp_TransactionStatus", "01", "vnp_PayDate", "-", "vnp_TransactionNo", "-"),
			registration.PaymentNotice{AmountVND: 300_000, Status: registration.PaymentPending, Said: "00/01", At: later}, ""},
		{"suspicious", later, answerTo("querydr", "vnp_TransactionStatus", "07"),
			registration.PaymentNotice{AmountVND: 300_000, Transaction: "14000001", Reference: "14000001", Status: registration.PaymentReview, Said: "00/07", At: paid}, ""},
		{"refunded is not paid", later, answerTo("querydr", "vnp_TransactionType", "02"),
			registration.PaymentNotice{AmountVND: 300_000, Transaction: "14000001", Reference: "14000001", Status: registration.PaymentReview, Said: "00/05", GivenBack: true, At: paid}, ""},
		{"not found, too early to say", testPayment().ExpiresAt, answerTo("querydr", "vnp_ResponseCode", "91", "vnp_Amount", "-"),
			registration.PaymentNotice{AmountVND: 300_000, Status: registration.PaymentPending, Said: "00/01", At: testPayment().ExpiresAt}, ""},
		{"not found", later, answerTo("querydr", "vnp_ResponseCode", "91", "vnp_TxnRef", "-", "vnp_Amount", "-"),
			registration.PaymentNotice{AmountVND: 300_000, Status: registration.PaymentFailed, Said: "91/", At: later}, ""},
		{"not found, of another", later, answerTo("querydr", "vnp_ResponseCode", "91", "vnp_TxnRef", "OTHER"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"of another payment", later, answerTo("querydr", "vnp_TxnRef", "OTHER"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"of another terminal", later, answerTo("querydr", "vnp_TmnCode", "DEMO0002"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"no status", later, answerTo("querydr", "vnp_TransactionStatus", "-"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"half a đồng", later, answerTo("querydr", "vnp_Amount", "30000001"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"hash of a refund", later, answerTo("querydr", "vnp_SecureHash", testClient("").sign("x")), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"not found, not signed", later, answerTo("querydr", "vnp_ResponseCode", "91", "vnp_SecureHash", ""), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"terminal", later, answerTo("querydr", "vnp_ResponseCode", "02", "vnp_SecureHash", ""), registration.PaymentNotice{}, problem.ProviderCredentials},
		{"form", later, answerTo("querydr", "vnp_ResponseCode", "03"), registration.PaymentNotice{}, problem.ProviderCredentials},
		{"checksum", later, answerTo("querydr", "vnp_ResponseCode", "97", "vnp_SecureHash", ""), registration.PaymentNotice{}, problem.ProviderCredentials},
		{"repeated", later, answerTo("querydr", "vnp_ResponseCode", "94"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"other", later, answerTo("querydr", "vnp_ResponseCode", "99"), registration.PaymentNotice{}, problem.ProviderUnavailable},
		{"an object for a value", later, partytest.OK(`{"vnp_ResponseCode":{"a":1}}`), registration.PaymentNotice{}, problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := testClient(partytest.New(t, tt.answer).URL)
			v.Clock = func() time.Time { return tt.now }
			got, err := v.Query(context.Background(), "RQ1", testPayment())
			partytest.CheckProblem(t, err, tt.code, vectorSecret, "079095012345")
			if tt.code == "" {
				tt.want.TxnRef = "REG20261120A0001"
			}
			if got != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRefundAnswers(t *testing.T) {
	refund := func(fields ...string) partytest.Answer { return answerTo("refund", fields...) }
	query := func(fields ...string) partytest.Answer { return answerTo("querydr", fields...) }
	code := func(c string) partytest.Answer { return refund("vnp_ResponseCode", c) }
	for _, tt := range []struct {
		name    string
		answers []partytest.Answer
		want    problem.Code
	}{
		{"taken", []partytest.Answer{refund("vnp_TransactionType", "02", "vnp_TransactionStatus", "05")}, ""},
		{"taken, but rejected", []partytest.Answer{refund("vnp_TransactionStatus", "09")}, problem.RefundRefused},
		{"taken for another", []partytest.Answer{refund("vnp_TxnRef", "OTHER")}, problem.ProviderUnavailable},
		{"signed like a query", []partytest.Answer{query()}, problem.ProviderUnavailable},
		{"duplicate, refunding", []partytest.Answer{code("94"), query("vnp_TransactionStatus", "05")}, ""},
		{"duplicate, at the bank", []partytest.Answer{code("94"), query("vnp_TransactionStatus", "06")}, ""},
		{"duplicate, refunded", []partytest.Answer{code("94"), query("vnp_TransactionType", "02")}, ""},
		{"duplicate, refunded in part", []partytest.Answer{code("94"), query("vnp_TransactionType", "03")}, problem.ProviderUnavailable},
		{"duplicate, rejected", []partytest.Answer{code("94"), query("vnp_TransactionType", "02", "vnp_TransactionStatus", "09")}, problem.RefundRefused},
		{"duplicate, not to be seen", []partytest.Answer{code("94"), query()}, problem.ProviderUnavailable},
		{"duplicate, no answer", []partytest.Answer{code("94"), {Status: 500}}, problem.ProviderUnavailable},
		{"duplicate, forged answer", []partytest.Answer{code("94"), query("vnp_TransactionStatus", "05", "vnp_SecureHash", "00")}, problem.ProviderUnavailable},
		{"not paid, but refunded", []partytest.Answer{code("95"), query("vnp_TransactionStatus", "06")}, ""},
		{"not paid", []partytest.Answer{code("95"), query("vnp_TransactionStatus", "02")}, problem.RefundRefused},
		{"not paid, not known", []partytest.Answer{code("95"), query("vnp_ResponseCode", "91")}, problem.RefundRefused},
		{"not known", []partytest.Answer{code("91")}, problem.RefundRefused},
		{"terminal", []partytest.Answer{code("02")}, problem.ProviderCredentials},
		{"form", []partytest.Answer{code("03")}, problem.ProviderCredentials},
		{"checksum", []partytest.Answer{code("97")}, problem.ProviderCredentials},
		{"other", []partytest.Answer{code("99")}, problem.ProviderUnavailable},
		{"odd code", []partytest.Answer{code("079095012345")}, problem.ProviderUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := partytest.New(t, tt.answers...)
			err := testClient(p.URL).Refund(context.Background(), "RF1", testPayment(), "ops01")
			partytest.CheckProblem(t, err, tt.want, vectorSecret, "079095012345")
			if len(p.Seen) != len(tt.answers) {
				t.Errorf("asked %d times", len(p.Seen))
			}
			for i, seen := range p.Seen {
				var sent map[string]string
				if err := json.Unmarshal([]byte(seen.Body), &sent); err != nil || len(sent["vnp_RequestId"]) > 32 || i > 0 && sent["vnp_Command"] != "querydr" {
					t.Errorf("request %d: %s", i, seen.Body)
				}
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	for i, do := range []func(*Client) error{
		func(v *Client) error { return v.Refund(context.Background(), "RF1", testPayment(), "ops01") },
		func(v *Client) error {
			_, err := v.Query(context.Background(), "RQ1", testPayment())
			return err
		},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			partytest.BadAnswers(t, func(url string) error { return do(testClient(url)) }, vectorSecret)
		})
	}
}
