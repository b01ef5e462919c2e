package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"

	"kyso/internal/sandbox"
)

// TestCertificateAnswer checks the shape of the answer against the provider's document.
func TestCertificateAnswer(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	item := b.certificates(minh).Data.Certificates[0]
	if item.Status != "Đang hoạt động" || item.StatusCode != "VALID" || item.TransactionID != "T-CERT" || item.Chain.Root != nil {
		t.Errorf("item %+v", item)
	}
	if item.Subject != "C=VN,ST=THÀNH PHỐ HỒ CHÍ MINH,L="+b.leaf(minh).Subject.Locality[0]+",CN=NGUYỄN VĂN MINH,UID=CCCD:079095012345" {
		t.Errorf("cert_subject %q", item.Subject)
	}
	if want := fmt.Sprintf("%x", b.leaf(minh).SerialNumber); item.Serial != want {
		t.Errorf("serial_number %q, want %q", item.Serial, want)
	}
	if again := b.certificates(minh).Data.Certificates[0].Data; again != item.Data {
		t.Error("asking twice issued twice")
	}
	if !bytes.Contains(b.certificates(minh).raw, []byte("x_unknown")) {
		t.Error("no unknown field to stumble over")
	}

	b.knobs(minh, sandbox.Knobs{CRLFInCert: true})
	if data := b.certificates(minh).Data.Certificates[0].Data; !strings.Contains(data, "\r\n") || parseCert(t, data) == nil {
		t.Error("crlf_in_cert has no line ends")
	}
	two := b.certificates("001095000002")
	if len(two.Data.Certificates) != 2 {
		t.Fatalf("the user with two certificates has %d", len(two.Data.Certificates))
	}
	second := two.Data.Certificates[1].Serial
	one := b.call(hexBase+"/credentials/get_certificate", map[string]any{"user_id": "001095000002", "transaction_id": "T", "serial_number": second})
	if len(one.Data.Certificates) != 1 || one.Data.Certificates[0].Serial != second {
		t.Errorf("asked for one serial number, got %s", one.raw)
	}
	if none := b.certificates("001095000000"); none.StatusCode != 200 || !bytes.Contains(none.raw, []byte(`"user_certificates":[]`)) {
		t.Errorf("no certificate is answered %s", none.raw)
	}
	if seal := b.certificates("0312345678"); !bytes.Contains(seal.raw, []byte("ESEAL")) || !bytes.Contains(seal.raw, []byte("UID=MST:0312345678")) {
		t.Errorf("an organisation is answered %s", seal.raw)
	}
}

func TestGatewayProfile(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	certs := b.certificates(icaMinh)
	if _, isNumber := certs.Data.Certificates[0].CertID.(float64); !isNumber || certs.Data.TransactionID != "T-CERT" {
		t.Errorf("the gateway answers %s", certs.raw)
	}
	d := digestOf("a")
	request := func(data string) answer {
		return b.call("/gateway/ca/sign_file", map[string]any{"user_id": icaMinh, "transaction_id": "T-1",
			"serial_number": certs.Data.Certificates[0].Serial,
			"sign_files":    []map[string]any{{"data_to_be_signed": data, "doc_id": "a", "file_type": "pdf", "sign_type": "hash"}}})
	}
	if a := request(fmt.Sprintf("%x", d)); a.StatusCode != 400 {
		t.Errorf("hex at the base64 gateway is answered %s", a.raw)
	}
	if a := request(base64.StdEncoding.EncodeToString(d[:])); a.StatusCode != 200 {
		t.Fatalf("sign is answered %s", a.raw)
	}
	if _, err := b.Approve(icaMinh); err != nil {
		t.Fatal(err)
	}
	value := b.call("/gateway/ca/sign_file/T-1/status", nil).values(t)["a"]
	if err := rsa.VerifyPKCS1v15(b.leaf(icaMinh).PublicKey.(*rsa.PublicKey), crypto.SHA256, d[:], value); err != nil {
		t.Error(err)
	}
	for path, user := range map[string]string{"/gateway/ca/get_cert": minh, hexBase + "/credentials/get_certificate": icaMinh} {
		if a := b.call(path, map[string]any{"user_id": user, "transaction_id": "T"}); a.StatusCode != 401 {
			t.Errorf("%s knows %s: %s", path, user, a.raw)
		}
	}
	if b.leaf(icaMinh).Subject.CommonName != b.leaf(minh).Subject.CommonName {
		t.Error("the same number is two people")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	good := func() map[string]any {
		return map[string]any{"user_id": minh, "transaction_id": "T-R", "sign_files": files("a")}
	}
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprint("doc", i)
	}
	for name, c := range map[string]struct {
		change  func(m map[string]any)
		code    int
		message string
	}{
		"password":       {func(m map[string]any) { m["sp_password"] = "wrong" }, 401, "SP_CREDENTIAL_INVALID"},
		"no password":    {func(m map[string]any) { delete(m, "sp_password"); m["sp_id"] = "" }, 401, "SP_CREDENTIAL_INVALID"},
		"user":           {func(m map[string]any) { m["user_id"] = "12" }, 401, "SP_CREDENTIAL_INVALID: user is not valid"},
		"no transaction": {func(m map[string]any) { delete(m, "transaction_id") }, 400, "BAD_REQUEST"},
		"no files":       {func(m map[string]any) { delete(m, "sign_files") }, 400, "BAD_REQUEST"},
		"51 files":       {func(m map[string]any) { m["sign_files"] = files(many...) }, 400, "BAD_REQUEST"},
		"same doc_id":    {func(m map[string]any) { m["sign_files"] = files("a", "a") }, 400, "BAD_REQUEST"},
		"file to sign":   {func(m map[string]any) { m["sign_files"].([]map[string]any)[0]["sign_type"] = "file" }, 400, "BAD_REQUEST"},
		"short digest":   {func(m map[string]any) { m["sign_files"].([]map[string]any)[0]["data_to_be_signed"] = "00" }, 400, "BAD_REQUEST"},
		"other serial":   {func(m map[string]any) { m["serial_number"] = "5401aa" }, 400, "BAD_REQUEST"},
		"revoked":        {func(m map[string]any) { m["user_id"] = "001095000011" }, 403, "CREDENTIAL_STATUS_INVALID"},
		"expired":        {func(m map[string]any) { m["user_id"] = "001095000010" }, 403, "CREDENTIAL_STATUS_INVALID"},
	} {
		fields := good()
		c.change(fields)
		if fields["sp_password"] == nil && name == "no password" {
			fields["sp_password"] = ""
		}
		a := b.call(signPath, fields)
		if a.httpStatus != c.code || a.StatusCode != c.code || a.Message != c.message {
			t.Errorf("%s: HTTP %d, %s", name, a.httpStatus, a.raw)
		}
	}
	if n := b.CountEffects(sandbox.EffectPush, ""); n != 0 {
		t.Errorf("%d pushes for refused requests", n)
	}
	for _, body := range []string{"", "{", `{"sign_files":7}`} {
		if res, raw, err := b.raw(signPath, body); err != nil || res.StatusCode != 400 {
			t.Errorf("body %q: %v %s", body, err, raw)
		}
	}
	if res, err := http.Get(b.url + signPath + "/T-R/status"); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET status: %v %v", res.StatusCode, err)
	}
	if a := b.status("unknown"); a.httpStatus != 404 {
		t.Errorf("an unknown transaction is answered %s", a.raw)
	}
	must(t, b.UpdateSettings(func(s *sandbox.Settings) { s.BodyStatusOnly = true }))
	if a := b.status("unknown"); a.httpStatus != 200 || a.StatusCode != 404 {
		t.Errorf("body_status_only: HTTP %d, %s", a.httpStatus, a.raw)
	}
}

// TestSameTransaction: however often a request arrives, the phone shows it once.
func TestSameTransaction(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	first := b.sign(minh, "T-1", "a")
	if again := b.sign(minh, "T-1", "a"); again.Data.TranCode != first.Data.TranCode {
		t.Errorf("first %s\nagain %s", first.raw, again.raw)
	}
	if other := b.sign(minh, "T-1", "b"); other.StatusCode != 400 || !strings.Contains(other.Message, "duplicate") {
		t.Errorf("the same id for another document is answered %s", other.raw)
	}
	b.knobs(minh, sandbox.Knobs{DuplicateAs400: true})
	if again := b.sign(minh, "T-1", "a"); again.StatusCode != 400 || !strings.Contains(again.Message, "duplicate") {
		t.Errorf("duplicate_400 answers %s", again.raw)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { b.sign(icaFree, "T-2", "a") })
	}
	wg.Wait()
	if n := b.CountEffects(sandbox.EffectPush, ""); n != 2 {
		t.Errorf("%d pushes for two transactions", n)
	}
}

const icaFree = "001202000001"

func TestThreeIDs(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	for _, c := range []struct {
		knobs                  sandbox.Knobs
		ours, theirs, tranCode bool // which id status knows
	}{
		{sandbox.Knobs{}, true, true, true},
		{sandbox.Knobs{DifferentResponseID: true}, false, true, true},
		{sandbox.Knobs{DifferentResponseID: true, StatusBy: "transaction_id"}, false, true, false},
		{sandbox.Knobs{StatusBy: "tran_code"}, false, false, true},
	} {
		b.knobs(minh, c.knobs)
		id := fmt.Sprintf("T-%+v", len(b.Ledger()))
		a := b.sign(minh, id, "a")
		for name, q := range map[string]struct {
			id    string
			known bool
		}{"ours": {id, c.ours}, "theirs": {a.Data.TransactionID, c.theirs}, "tran_code": {a.Data.TranCode, c.tranCode}} {
			if got := b.status(q.id).StatusCode == 200; got != q.known {
				t.Errorf("%+v: %s known: %v", c.knobs, name, got)
			}
		}
	}
}

// TestOutcomes lets time pass by the caller's clock.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		knobs   sandbox.Knobs
		after   time.Duration
		message string
		at      time.Duration // when it was decided
	}{
		"waiting":  {sandbox.Knobs{}, 299 * time.Second, "sig_wait_for_user_confirm", 0},
		"expired":  {sandbox.Knobs{}, 301 * time.Second, "sig_transaction_expired", 300 * time.Second},
		"approved": {sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 10}, time.Hour, "SUCCESS", 10 * time.Second},
		"declined": {sandbox.Knobs{Decision: "decline"}, time.Second, "sig_user_rejected", 0},
		"never":    {sandbox.Knobs{Decision: "never", WindowSeconds: 60}, 61 * time.Second, "sig_transaction_expired", time.Minute},
		"too late": {sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 301}, time.Hour, "sig_transaction_expired", 300 * time.Second},
		"4 days":   {sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 345600, WindowSeconds: 500000}, 97 * time.Hour, "SUCCESS", 96 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			b := start(t, sandbox.Options{Clock: clock.now})
			begin := clock.now()
			b.knobs(minh, c.knobs)
			b.sign(minh, "T-1", "a")
			clock.advance(c.after)
			if a := b.status("T-1"); a.Message != c.message {
				t.Errorf("status %s, want %s", a.Message, c.message)
			}
			for _, e := range b.Ledger() {
				if e.Kind == sandbox.EffectDecision && !e.At.Equal(begin.Add(c.at)) {
					t.Errorf("decided after %s, want %s", e.At.Sub(begin), c.at)
				}
			}
		})
	}
}

func TestRealTimeDecides(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	b.knobs(minh, sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 0.05})
	b.sign(minh, "T-1", "a")
	for range 200 {
		if b.CountEffects(sandbox.EffectDecision, "T-1") == 1 { // nobody asked, so it happened by itself
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the request was never approved")
}

// TestOneDecision: two devices answer at the same moment; one of them wins.
func TestOneDecision(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	id := b.sign(minh, "T-1", "a").Data.TranCode
	var wg sync.WaitGroup
	results := make([]error, 2)
	for i, d := range []sandbox.Decision{sandbox.Approved, sandbox.Declined} {
		wg.Go(func() { results[i] = b.Decide(id, d) })
	}
	wg.Wait()
	if (results[0] == nil) == (results[1] == nil) || !errors.Is(errors.Join(results...), sandbox.ErrDecided) {
		t.Errorf("approve: %v, decline: %v", results[0], results[1])
	}
	if n := b.CountEffects(sandbox.EffectDecision, "T-1"); n != 1 {
		t.Errorf("%d decisions", n)
	}
}

// TestValues checks what each knob does to the signature value.
func TestValues(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	pkcs1 := func(leaf any, doc string, value []byte) bool {
		d := digestOf(doc)
		return rsa.VerifyPKCS1v15(leaf.(*rsa.PublicKey), crypto.SHA256, d[:], value) == nil
	}
	for name, c := range map[string]struct {
		knobs sandbox.Knobs
		check func(key any, v map[string][]byte) bool
	}{
		"plain":       {sandbox.Knobs{}, func(k any, v map[string][]byte) bool { return pkcs1(k, "a", v["a"]) && pkcs1(k, "b", v["b"]) }},
		"swap_batch":  {sandbox.Knobs{SwapBatch: true}, func(k any, v map[string][]byte) bool { return pkcs1(k, "a", v["b"]) && pkcs1(k, "b", v["a"]) }},
		"wrong_key":   {sandbox.Knobs{WrongKey: true}, func(k any, v map[string][]byte) bool { return len(v["a"]) == 256 && !pkcs1(k, "a", v["a"]) }},
		"empty_value": {sandbox.Knobs{EmptyValue: true}, func(_ any, v map[string][]byte) bool { return len(v) == 2 && len(v["a"]) == 0 }},
		"pss": {sandbox.Knobs{Certificates: []string{"valid+pss"}}, func(k any, v map[string][]byte) bool {
			d := digestOf("a")
			return rsa.VerifyPSS(k.(*rsa.PublicKey), crypto.SHA256, d[:], v["a"], &rsa.PSSOptions{SaltLength: 32}) == nil
		}},
		"p256": {sandbox.Knobs{Certificates: []string{"valid+p256"}}, func(k any, v map[string][]byte) bool {
			d := digestOf("a")
			return ecdsa.VerifyASN1(k.(*ecdsa.PublicKey), d[:], v["a"])
		}},
		"raw_rs": {sandbox.Knobs{Certificates: []string{"valid+p256"}, RawRS: true}, func(k any, v map[string][]byte) bool {
			d, n := digestOf("a"), len(v["a"])/2
			r, s := new(big.Int).SetBytes(v["a"][:n]), new(big.Int).SetBytes(v["a"][n:])
			return n == 32 && ecdsa.Verify(k.(*ecdsa.PublicKey), d[:], r, s)
		}},
		"cms_answer": {sandbox.Knobs{CMSAnswer: true}, func(k any, v map[string][]byte) bool {
			p7, err := pkcs7.Parse(v["a"])
			return err == nil && len(p7.Signers) == 1 && len(p7.Signers[0].AuthenticatedAttributes) == 0 &&
				pkcs1(k, "a", p7.Signers[0].EncryptedDigest)
		}},
	} {
		b.knobs(minh, c.knobs)
		leaf := b.leaf(minh)
		b.sign(minh, "T-"+name, "a", "b")
		if n, err := b.Approve(minh); err != nil || n != 1 {
			t.Fatalf("%s: %d approved, %v", name, n, err)
		}
		if a := b.status("T-" + name); !c.check(leaf.PublicKey, a.values(t)) {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	body, err := json.Marshal(map[string]any{"sp_id": sandbox.DefaultSPID, "sp_password": sandbox.DefaultSPPassword,
		"user_id": minh, "transaction_id": "T", "sign_files": files("a")})
	must(t, err)
	for _, c := range []struct {
		do     string
		effect bool
		check  func(res *http.Response, raw []byte, err error) bool
	}{
		{"500", false, func(res *http.Response, raw []byte, _ error) bool {
			return res.StatusCode == 500 && bytes.Contains(raw, []byte("SERVAR_INTERNAL_ERROR"))
		}},
		{"429", false, func(res *http.Response, _ []byte, _ error) bool {
			return res.StatusCode == 429 && res.Header.Get("Retry-After") == "7"
		}},
		{"500-after", true, func(res *http.Response, _ []byte, _ error) bool { return res.StatusCode == 500 }},
		{"lost", true, func(_ *http.Response, _ []byte, err error) bool { return err != nil }},
		{"junk", true, func(res *http.Response, raw []byte, _ error) bool { return res.StatusCode == 200 && !json.Valid(raw) }},
		{"truncated", true, func(res *http.Response, raw []byte, _ error) bool {
			return res.StatusCode == 200 && len(raw) > 10 && !json.Valid(raw)
		}},
		{"huge", true, func(res *http.Response, raw []byte, _ error) bool { return res.StatusCode == 200 && len(raw) > 10<<20 }},
		{"slow", true, func(res *http.Response, raw []byte, _ error) bool { return res.StatusCode == 200 && json.Valid(raw) }},
	} {
		must(t, b.ResetKnobs(minh))
		before := b.CountEffects(sandbox.EffectPush, "")
		b.knobs(minh, sandbox.Knobs{Faults: []sandbox.Fault{{On: "status", Do: "500"},
			{On: "sign", Do: c.do, Times: 1, RetryAfterSeconds: 7, DelayMS: 20}}})
		mine := strings.Replace(string(body), `"transaction_id":"T"`, `"transaction_id":"T-`+c.do+`"`, 1)
		begin := time.Now()
		res, raw, err := b.raw(signPath, mine)
		if !c.check(res, raw, err) {
			t.Errorf("%s: %v %.80s", c.do, err, raw)
		}
		if c.do == "slow" && time.Since(begin) < 20*time.Millisecond {
			t.Error("slow is fast")
		}
		if effect := b.CountEffects(sandbox.EffectPush, "") > before; effect != c.effect {
			t.Errorf("%s: took effect: %v", c.do, effect)
		}
		if res, raw, err = b.raw(signPath, mine); err != nil || res.StatusCode != 200 || !json.Valid(raw) {
			t.Errorf("%s: the second try is answered %v %.80s", c.do, err, raw)
		}
		if n := b.CountEffects(sandbox.EffectPush, "T-"+c.do); n != 1 {
			t.Errorf("%s: %d pushes after two tries", c.do, n)
		}
	}
}

func TestFaultRate(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{Seed: 1})
	b.sign(minh, "T", "a")
	must(t, b.UpdateSettings(func(s *sandbox.Settings) { s.FaultRate = 0.2 }))
	failed := 0
	for range 300 {
		if res, raw, err := b.raw(signPath+"/T/status", ""); err != nil || res.StatusCode != 200 || !json.Valid(raw) {
			failed++
		}
	}
	if failed < 30 || failed > 90 {
		t.Errorf("%d of 300 requests failed at a rate of 20 %%", failed)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	got := make(chan map[string]any, 8)
	portal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		got <- body
	}))
	t.Cleanup(portal.Close)
	clock := newClock()
	b := start(t, sandbox.Options{Clock: clock.now, WebhookURL: portal.URL})
	count := func(key string, want int) {
		t.Helper()
		for range 200 {
			if b.CountEffects(sandbox.EffectWebhook, key) == want {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("%s: %d webhooks, want %d", key, b.CountEffects(sandbox.EffectWebhook, key), want)
	}
	decide := func(id, mode string, act func(string) (int, error)) {
		t.Helper()
		b.knobs(minh, sandbox.Knobs{Webhook: mode})
		b.sign(minh, id, "a")
		if _, err := act(minh); err != nil {
			t.Fatal(err)
		}
	}
	decide("T-on", "", b.Approve)
	count("T-on", 1)
	body := <-got
	if body["sp_id"] != sandbox.DefaultSPID || body["status_code"] != 200.0 || body["message"] != "SUCCESS" || body["transaction_id"] != "T-on" {
		t.Errorf("webhook %v", body)
	}
	signed := body["signed_files"].([]any)[0].(map[string]any)
	if signed["doc_id"] != "a" || signed["signature_value"] == "" || signed["timestamp_signature"] != nil {
		t.Errorf("signed_files %v", signed)
	}
	decide("T-no", "", b.Decline)
	count("T-no", 1)
	if body := <-got; body["message"] != "sig_user_rejected" || body["signed_files"] != nil {
		t.Errorf("webhook of a declined request %v", body)
	}
	decide("T-double", "double", b.Approve)
	count("T-double", 2)
	<-got
	<-got
	decide("T-lost", "lost", b.Approve)
	count("T-lost", 1)
	decide("T-late", "late", b.Approve)
	b.Settle()
	if len(got) != 0 || b.CountEffects(sandbox.EffectWebhook, "T-late") != 0 {
		t.Error("a lost or late webhook came at once")
	}
	clock.advance(11 * time.Second)
	b.Settle()
	count("T-late", 1)
	<-got
}
