package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

const (
	minh     = "079095012345"
	icaMinh  = "ICA.079095012345"
	hexBase  = "/sca/sp769/v1"
	signPath = hexBase + "/signatures/sign"
)

// clock is a time that only moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is a world that is served.
type bench struct {
	*sandbox.World
	t   *testing.T
	url string
}

func start(t *testing.T, opts sandbox.Options) *bench {
	t.Helper()
	w, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Parties())
	t.Cleanup(func() {
		server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, w.SetBaseURL(server.URL))
	return &bench{w, t, server.URL}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) knobs(user string, k sandbox.Knobs) {
	b.t.Helper()
	must(b.t, b.SetKnobs(user, k))
}

// answer is what the tests read of any answer.
type answer struct {
	StatusCode int    `json:"status_code"`
	Message    string `json:"message"`
	Data       struct {
		Certificates []struct {
			CertID     any    `json:"cert_id"`
			StatusCode string `json:"cert_status_code"`
			Status     string `json:"cert_status"`
			Serial     string `json:"serial_number"`
			Subject    string `json:"cert_subject"`
			Data       string `json:"cert_data"`
			Chain      struct {
				CA   string  `json:"ca_cert"`
				Root *string `json:"root_cert"`
			} `json:"chain_data"`
			TransactionID string `json:"transaction_id"`
		} `json:"user_certificates"`
		TransactionID string `json:"transaction_id"`
		TranCode      string `json:"tran_code"`
		ExpiredIn     *int   `json:"expired_in"`
		Signatures    []struct {
			DocID     string  `json:"doc_id"`
			Value     string  `json:"signature_value"`
			Timestamp *string `json:"timestamp_signature"`
		} `json:"signatures"`
	} `json:"data"`
	httpStatus int
	raw        []byte
}

// post sends body as it is.
func (b *bench) raw(path, body string) (*http.Response, []byte, error) {
	res, err := http.Post(b.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res, data, err
}

// call sends credentials and fields, and expects JSON back.
func (b *bench) call(path string, fields map[string]any) answer {
	b.t.Helper()
	body := map[string]any{"sp_id": sandbox.DefaultSPID, "sp_password": sandbox.DefaultSPPassword}
	maps.Copy(body, fields)
	data, err := json.Marshal(body)
	must(b.t, err)
	res, raw, err := b.raw(path, string(data))
	must(b.t, err)
	a := answer{httpStatus: res.StatusCode, raw: raw}
	if err := json.Unmarshal(raw, &a); err != nil {
		b.t.Fatalf("%s answered %d %q: %v", path, res.StatusCode, raw, err)
	}
	return a
}

// certificates asks for what a user holds.
func (b *bench) certificates(user string) answer {
	b.t.Helper()
	path := hexBase + "/credentials/get_certificate"
	if strings.HasPrefix(user, "ICA.") {
		path = "/gateway/ca/get_cert"
	}
	return b.call(path, map[string]any{"user_id": user, "transaction_id": "T-CERT", "serial_number": ""})
}

func (b *bench) leaf(user string) *x509.Certificate {
	b.t.Helper()
	a := b.certificates(user)
	if len(a.Data.Certificates) == 0 {
		b.t.Fatalf("user %s has no certificate: %s", user, a.raw)
	}
	return parseCert(b.t, a.Data.Certificates[0].Data)
}

func parseCert(t *testing.T, s string) *x509.Certificate {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func digestOf(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// files are sign_files with one document for each text, in hex.
func files(texts ...string) []map[string]any {
	var list []map[string]any
	for _, text := range texts {
		d := digestOf(text)
		list = append(list, map[string]any{"data_to_be_signed": hex.EncodeToString(d[:]), "doc_id": text,
			"file_type": "pdf", "sign_type": "hash"})
	}
	return list
}

func (b *bench) sign(user, tx string, texts ...string) answer {
	b.t.Helper()
	return b.call(signPath, map[string]any{"user_id": user, "transaction_id": tx, "transaction_desc": "Hợp đồng thử",
		"sign_files": files(texts...)})
}

func (b *bench) status(id string) answer {
	b.t.Helper()
	return b.call(signPath+"/"+id+"/status", nil)
}

// values returns the decoded signature values by doc_id.
func (a answer) values(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, s := range a.Data.Signatures {
		v, err := base64.StdEncoding.DecodeString(s.Value)
		must(t, err)
		out[s.DocID] = v
	}
	return out
}

func TestSignByHand(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{Clock: newClock().now})
	leaf := b.leaf(minh)

	a := b.sign(minh, "T-1", "a", "b")
	if a.httpStatus != 200 || a.Message != "sig_wait_for_user_confirm" || a.Data.TransactionID != "T-1" || *a.Data.ExpiredIn != 300 {
		t.Fatalf("sign answered %s", a.raw)
	}
	if a := b.status("T-1"); a.Message != "sig_wait_for_user_confirm" || !bytes.Contains(a.raw, []byte(`"signatures":null`)) {
		t.Fatalf("pending status is %s", a.raw)
	}
	n, err := b.Approve(minh)
	if err != nil || n != 1 {
		t.Fatalf("approved %d requests, %v", n, err)
	}
	done := b.status("T-1")
	if done.Message != "SUCCESS" || len(done.Data.Signatures) != 2 || done.Data.Signatures[0].Timestamp != nil {
		t.Fatalf("status after approval is %s", done.raw)
	}
	for doc, value := range done.values(t) {
		d := digestOf(doc)
		if err := rsa.VerifyPKCS1v15(leaf.PublicKey.(*rsa.PublicKey), crypto.SHA256, d[:], value); err != nil {
			t.Errorf("document %s: %v", doc, err)
		}
	}
	if again := b.status(a.Data.TranCode); !bytes.Equal(again.raw, done.raw) {
		t.Errorf("by tran_code the status is\n%s, by transaction_id\n%s", again.raw, done.raw)
	}
	for kind, want := range map[sandbox.EffectKind]int{sandbox.EffectPush: 1, sandbox.EffectDecision: 1, sandbox.EffectSign: 2} {
		if got := b.CountEffects(kind, ""); got != want {
			t.Errorf("%d %s effects, want %d", got, kind, want)
		}
	}
}
