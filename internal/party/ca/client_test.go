package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

const secret = "bearer-key-of-the-test"

func testClient(url string) *Client {
	return &Client{BaseURL: url + "/", Key: secret, Clock: partytest.Clock}
}

var testSubject = registration.Subject{CommonName: "TRẦN THỊ NGỌC ÁNH", UID: "CCCD:001302004567", Province: "HÀ NỘI", Locality: "CẦU GIẤY"}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func b64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

func pkixOf(t *testing.T, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func testName(commonName, uid string) pkix.Name {
	return pkix.Name{CommonName: commonName, ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: uid}}}
}

func testCSR(t *testing.T, commonName, uid string) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: testName(commonName, uid)}, testKey())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func testCertificate(t *testing.T) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: testName("X", "Y"), NotBefore: partytest.Now, NotAfter: partytest.Now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, testKey().Public(), testKey())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// caCall is a call with an answer that is good, so that one thing can be wrong at a time.
type caCall struct {
	name string
	do   func(*Client) error
	good string // answer
	sent string // method, path and body
}

func caCalls(t *testing.T) []caCall {
	ctx := context.Background()
	csr, cert := testCSR(t, testSubject.CommonName, testSubject.UID), testCertificate(t)
	return []caCall{
		{"search", func(c *Client) error { _, err := c.HasActive(ctx, "001302004567"); return err },
			`{"certificates":[]}`, `POST /ca/v1/certificates/search {"id_number":"001302004567"}`},
		{"key", func(c *Client) error { _, err := c.CreateKey(ctx, "R/key", "001302004567"); return err },
			`{"key_id":"k-1","public_key":"` + b64(pkixOf(t, testKey().Public())) + `","state":"created"}`,
			`POST /ca/v1/keys {"request_id":"R/key","id_number":"001302004567","algorithm":"rsa-2048"}`},
		{"csr", func(c *Client) error { _, err := c.CSR(ctx, "k-1", testSubject); return err },
			`{"csr":"` + b64(csr) + `"}`,
			`POST /ca/v1/keys/k-1/csr {"subject":{"common_name":"TRẦN THỊ NGỌC ÁNH","uid":"CCCD:001302004567","province":"HÀ NỘI","locality":"CẦU GIẤY"}}`},
		{"issue", func(c *Client) error { _, err := c.Issue(ctx, "R/issue", []byte("csr"), 12); return err },
			`{"state":"issued","certificate":"` + b64(cert) + `","chain":["` + b64(cert) + `"]}`,
			`POST /ca/v1/certificates {"request_id":"R/issue","csr":"Y3Ny","months":12}`},
		{"install", func(c *Client) error { return c.Install(ctx, "k-1", []byte("cert")) },
			`{"state":"installed"}`, `POST /ca/v1/keys/k-1/install {"certificate":"Y2VydA=="}`},
		{"start", func(c *Client) error { return c.StartActivation(ctx, "k-1") },
			`{"state":"awaiting-pin"}`, `POST /ca/v1/keys/k-1/start-activation {}`},
		{"state", func(c *Client) error { _, err := c.KeyState(ctx, "k-1"); return err },
			`{"key_id":"k-1","state":"pin-set"}`, `GET /ca/v1/keys/k-1 `},
		{"activate", func(c *Client) error { return c.Activate(ctx, "k-1") },
			`{"state":"active"}`, `POST /ca/v1/keys/k-1/activate {}`},
		{"revoke", func(c *Client) error { return c.Revoke(ctx, "R/revoke", "5401AB", 5) },
			`{"state":"revoked","revoked_at":"2026-11-20T11:05:00Z"}`, `POST /ca/v1/certificates/5401ab/revoke {"request_id":"R/revoke","reason":5}`},
		{"destroy", func(c *Client) error { return c.DestroyKey(ctx, "k-1") },
			`{"state":"disabled"}`, `POST /ca/v1/keys/k-1/destroy {}`},
	}
}

func TestRequests(t *testing.T) {
	for _, c := range caCalls(t) {
		t.Run(c.name, func(t *testing.T) {
			p := partytest.New(t, partytest.OK(strings.Replace(c.good, "{", `{"news":{},`, 1)))
			if err := c.do(testClient(p.URL)); err != nil {
				t.Fatal(err)
			}
			got := p.Last()
			if sent := got.Method + " " + got.Path + " " + got.Body; sent != c.sent {
				t.Errorf("sent\n%s\nwant\n%s", sent, c.sent)
			}
			if got.Header.Get("Authorization") != "Bearer "+secret || (got.Body != "") != (got.Header.Get("Content-Type") == "application/json") {
				t.Errorf("with %v", got.Header)
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	for _, c := range caCalls(t) {
		t.Run(c.name, func(t *testing.T) {
			partytest.BadAnswers(t, func(url string) error { return c.do(testClient(url)) }, secret, "001302004567", "NGỌC")
			p := partytest.New(t, partytest.Answer{Status: 409, Body: `{"error":"conflict","message":"001302004567"}`})
			partytest.CheckProblem(t, c.do(testClient(p.URL)), problem.Conflict, secret, "001302004567")
		})
	}
}

func TestAnswers(t *testing.T) {
	calls := caCalls(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	broken := testCSR(t, testSubject.CommonName, testSubject.UID)
	broken[len(broken)-1] ^= 1
	cert := b64(testCertificate(t))
	for _, tt := range []struct{ call, name, answer string }{
		{"search", "no list", `{"certificates":null}`},
		{"search", "unknown status", `{"certificates":[{"status":"active"},{"status":"odd"}]}`},
		{"key", "no id", `{"key_id":"","public_key":"` + b64(pkixOf(t, testKey().Public())) + `"}`},
		{"key", "a path for an id", `{"key_id":"../x","public_key":"` + b64(pkixOf(t, testKey().Public())) + `"}`},
		{"key", "no public key", `{"key_id":"k-1"}`},
		{"key", "another algorithm", `{"key_id":"k-1","public_key":"` + b64(pkixOf(t, ec.Public())) + `"}`},
		{"csr", "not base64", `{"csr":"?"}`},
		{"csr", "not PKCS #10", `{"csr":"` + cert + `"}`},
		{"csr", "wrong signature", `{"csr":"` + b64(broken) + `"}`},
		{"csr", "another name", `{"csr":"` + b64(testCSR(t, "TRẦN THỊ NGỌC ANH", testSubject.UID)) + `"}`},
		{"csr", "another number", `{"csr":"` + b64(testCSR(t, testSubject.CommonName, "CCCD:001302004568")) + `"}`},
		{"issue", "no certificate", `{"state":"issued"}`},
		{"issue", "broken certificate", `{"state":"issued","certificate":"AAAA"}`},
		{"issue", "broken chain", `{"state":"issued","certificate":"` + cert + `","chain":["AAAA"]}`},
		{"issue", "endless chain", `{"state":"issued","certificate":"` + cert + `","chain":["` + strings.Repeat(cert+`","`, 10) + cert + `"]}`},
		{"issue", "unknown state", `{"state":"odd","certificate":"` + cert + `"}`},
		{"install", "created", `{"state":"created"}`},
		{"start", "installed", `{"state":"installed"}`},
		{"start", "disabled", `{"state":"disabled"}`},
		{"state", "another key", `{"key_id":"k-2","state":"active"}`},
		{"state", "unknown state", `{"key_id":"k-1","state":"odd"}`},
		{"activate", "pin-set", `{"state":"pin-set"}`},
		{"revoke", "active", `{"state":"active"}`},
		{"destroy", "active", `{"state":"active"}`},
	} {
		t.Run(tt.call+", "+tt.name, func(t *testing.T) {
			i := slices.IndexFunc(calls, func(c caCall) bool { return c.name == tt.call })
			p := partytest.New(t, partytest.OK(tt.answer))
			partytest.CheckProblem(t, calls[i].do(testClient(p.URL)), problem.ProviderUnavailable, secret, "001302004567")
		})
	}
}

func TestResults(t *testing.T) {
	ctx := context.Background()
	for answer, want := range map[string]bool{
		`[]`: false, `[{"status":"revoked"},{"status":"inactive"},{"status":"expired"}]`: false,
		`[{"status":"revoked"},{"status":"active","serial":"01"}]`: true,
	} {
		p := partytest.New(t, partytest.OK(`{"certificates":`+answer+`}`))
		if got, err := testClient(p.URL).HasActive(ctx, "001302004567"); err != nil || got != want {
			t.Errorf("%s: %t, %v", answer, got, err)
		}
	}
	p := partytest.New(t, partytest.Answer{Status: 202, Body: `{"state":"pending"}`})
	if got, err := testClient(p.URL).Issue(ctx, "R", nil, 12); err != nil || !got.Pending || got.Certificate != nil {
		t.Errorf("pending: %+v, %v", got, err)
	}
	p = partytest.New(t, partytest.OK(`{"state":"pin-set","key_id":"k-1"}`))
	for _, do := range []func() error{
		func() error { return testClient(p.URL).Install(ctx, "k-1", nil) },
		func() error { return testClient(p.URL).StartActivation(ctx, "k-1") },
	} {
		if err := do(); err != nil {
			t.Errorf("a later state: %v", err)
		}
	}
	if got, err := testClient(p.URL).KeyState(ctx, "k-1"); err != nil || got != registration.KeyPINSet {
		t.Errorf("state %q, %v", got, err)
	}
}

func TestOddIDs(t *testing.T) {
	p := partytest.New(t, partytest.OK(`{}`))
	for _, id := range []string{"", ".", "..", "a/b", "k?x", strings.Repeat("k", 200)} {
		partytest.CheckProblem(t, testClient(p.URL).Activate(context.Background(), id), problem.Invalid)
		partytest.CheckProblem(t, testClient(p.URL).Revoke(context.Background(), "R", id, 5), problem.Invalid)
	}
	if len(p.Seen) != 0 {
		t.Errorf("asked %v", p.Seen)
	}
}
