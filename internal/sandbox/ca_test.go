package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

const anh = "001302004567"

// caAnswer is what the tests read of an answer of the CA.
type caAnswer struct {
	Error       string   `json:"error"`
	KeyID       string   `json:"key_id"`
	PublicKey   []byte   `json:"public_key"`
	State       string   `json:"state"`
	CSR         []byte   `json:"csr"`
	Certificate []byte   `json:"certificate"`
	Chain       [][]byte `json:"chain"`
	RevokedAt   string   `json:"revoked_at"`
	List        []struct {
		Serial, Status string
		ValidTo        time.Time `json:"valid_to"`
	} `json:"certificates"`
	status int
}

// tryCA calls the CA and returns what went wrong on the way.
func (b *bench) tryCA(method, path string, body any) (caAnswer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return caAnswer{}, err
	}
	req, err := http.NewRequest(method, b.url+"/ca/v1/"+path, bytes.NewReader(data))
	if err != nil {
		return caAnswer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultCAKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return caAnswer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	a := caAnswer{status: res.StatusCode}
	if err == nil && res.StatusCode != http.StatusTooManyRequests {
		err = json.Unmarshal(raw, &a)
	}
	return a, err
}

func (b *bench) ca(path string, body any) caAnswer {
	b.t.Helper()
	a, err := b.tryCA("POST", path, body)
	must(b.t, err)
	return a
}

type fields = map[string]any

func keyBody(id, user string) fields {
	return fields{"request_id": id, "id_number": user, "algorithm": "rsa-2048"}
}

func csrBody(user string) fields {
	return fields{"subject": fields{"common_name": "TRẦN THỊ NGỌC ÁNH", "uid": "CCCD:" + user, "province": "HÀ NỘI",
		"locality": "PHƯỜNG CẦU GIẤY", "email": "anh@example.vn"}}
}

// enrol takes a citizen as far as an issued certificate.
func (b *bench) enrol(user, id string) (keyID string, cert *x509.Certificate) {
	b.t.Helper()
	key := b.ca("keys", keyBody(id, user))
	csr := b.ca("keys/"+key.KeyID+"/csr", csrBody(user))
	issued := b.ca("certificates", fields{"request_id": id, "csr": csr.CSR, "months": 12})
	if issued.State != "issued" {
		b.t.Fatalf("key %+v, csr %+v, issued %+v", key, csr, issued)
	}
	cert, err := x509.ParseCertificate(issued.Certificate)
	must(b.t, err)
	return key.KeyID, cert
}

// activate goes on to an active key.
func (b *bench) activate(user, keyID string, cert *x509.Certificate) {
	b.t.Helper()
	b.ca("keys/"+keyID+"/install", fields{"certificate": cert.Raw})
	b.ca("keys/"+keyID+"/start-activation", fields{})
	must(b.t, b.SetPIN(user, "280594"))
	if a := b.ca("keys/"+keyID+"/activate", fields{}); a.State != "active" {
		b.t.Fatalf("activated %+v", a)
	}
}

func (b *bench) want(what string, a caAnswer, status int, code string) {
	b.t.Helper()
	if a.status != status || a.Error != code {
		b.t.Errorf("%s: %d %q, want %d %q", what, a.status, a.Error, status, code)
	}
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	clock := newClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	if before := b.certificates(anh); len(before.Data.Certificates) != 1 {
		t.Fatalf("before enrolment: %s", before.raw)
	}
	if a := b.ca("certificates/search", fields{"id_number": anh}); a.status != 200 || a.List == nil || len(a.List) != 0 {
		t.Errorf("invented certificates count: %+v", a)
	}
	keyID, cert := b.enrol(anh, "R-1")
	issuing, err := b.Intermediates()
	must(t, err)
	roots, err := b.Roots()
	must(t, err)
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	pool.AddCert(roots[0])
	between.AddCert(issuing[0])
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: clock.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	if s := cert.Subject.String(); cert.Subject.CommonName != "TRẦN THỊ NGỌC ÁNH" || cert.EmailAddresses[0] != "anh@example.vn" ||
		!cert.NotAfter.Equal(cert.NotBefore.AddDate(0, 12, 0)) || len(cert.OCSPServer) != 1 || len(cert.CRLDistributionPoints) != 1 {
		t.Errorf("certificate of %s from %s to %s", s, cert.NotBefore, cert.NotAfter)
	}

	// Nothing to sign with until the key is active, in whatever step.
	search := func(want string) {
		t.Helper()
		a := b.ca("certificates/search", fields{"id_number": anh})
		if len(a.List) != 1 || a.List[0].Status != want || a.List[0].Serial != fmt.Sprintf("%x", cert.SerialNumber) || !a.List[0].ValidTo.Equal(cert.NotAfter) {
			t.Errorf("search %+v, want %s", a, want)
		}
		for _, user := range []string{anh, "ICA." + anh} {
			listed := b.certificates(user)
			if n := len(listed.Data.Certificates); listed.httpStatus != 200 || (n == 1) != (want == "active") {
				t.Errorf("the provider lists %d certificates of %s while %s", n, user, want)
			}
		}
	}
	search("inactive")
	b.want("activate too early", b.ca("keys/"+keyID+"/activate", fields{}), 409, "conflict")
	b.want("start too early", b.ca("keys/"+keyID+"/start-activation", fields{}), 409, "conflict")
	b.want("destroy", b.ca("keys/"+keyID+"/destroy", fields{}), 409, "conflict")
	b.want("install another", b.ca("keys/"+keyID+"/install", fields{"certificate": issuing[0].Raw}), 422, "refused")
	if err := b.SetPIN(anh, "280594"); err == nil {
		t.Error("a PIN before the activation started")
	}
	for range 2 {
		b.activateOnce(keyID, cert)
	}
	search("inactive")
	if err := b.SetPIN(anh, "123456"); err == nil {
		t.Error("a sequence was taken")
	}
	must(t, b.SetPIN(anh, "280594"))
	if err := b.SetPIN(anh, "280595"); err == nil {
		t.Error("the PIN was set twice")
	}
	if !b.CheckPIN(keyID, "280594") || b.CheckPIN(keyID, "280595") {
		t.Error("another PIN was kept")
	}
	search("inactive")
	for range 2 {
		if a := b.ca("keys/"+keyID+"/activate", fields{}); a.State != "active" {
			t.Errorf("activated %+v", a)
		}
	}
	if a, err := b.tryCA("GET", "keys/"+keyID, nil); err != nil || a.State != "active" || a.KeyID != keyID {
		t.Errorf("state %+v %v", a, err)
	}
	search("active")

	// Signing works with it.
	b.sign(anh, "T-1", "a")
	if n, err := b.Approve(anh); n != 1 || err != nil {
		t.Fatalf("approved %d, %v", n, err)
	}
	d := digestOf("a")
	if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, d[:], b.status("T-1").values(t)["a"]); err != nil {
		t.Error(err)
	}
	for kind, want := range map[sandbox.EffectKind]int{sandbox.EffectKey: 1, sandbox.EffectIssue: 1, sandbox.EffectKeyState: 4, sandbox.EffectPush: 1} {
		if got := b.CountEffects(kind, ""); got != want {
			t.Errorf("%d effects %s, want %d", got, kind, want)
		}
	}
}

// activateOnce installs and starts; doing it again changes nothing.
func (b *bench) activateOnce(keyID string, cert *x509.Certificate) {
	b.t.Helper()
	if a := b.ca("keys/"+keyID+"/install", fields{"certificate": cert.Raw}); a.State != "installed" {
		b.t.Errorf("installed %+v", a)
	}
	if a := b.ca("keys/"+keyID+"/start-activation", fields{}); a.State != "awaiting-pin" {
		b.t.Errorf("started %+v", a)
	}
}

func TestCARevokes(t *testing.T) {
	t.Parallel()
	clock := newClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	keyID, cert := b.enrol(anh, "R-1")
	b.activate(anh, keyID, cert)
	serial := fmt.Sprintf("%x", cert.SerialNumber)
	b.knobs(anh, sandbox.Knobs{WindowSeconds: 7200})
	b.sign(anh, "T-1", "a")

	b.want("a reason that is none", b.ca("certificates/"+serial+"/revoke", fields{"request_id": "V-0", "reason": 7}), 400, "invalid")
	first := b.ca("certificates/"+strings.ToUpper(serial)+"/revoke", fields{"request_id": "V-1", "reason": 5})
	clock.advance(time.Hour)
	again := b.ca("certificates/"+serial+"/revoke", fields{"request_id": "V-1", "reason": 5})
	other := b.ca("certificates/"+serial+"/revoke", fields{"request_id": "V-2", "reason": 1})
	if first.State != "revoked" || first.RevokedAt == "" || again.RevokedAt != first.RevokedAt || other.RevokedAt != first.RevokedAt {
		t.Errorf("revoked %+v, then %+v, then %+v", first, again, other)
	}
	b.want("another body", b.ca("certificates/"+serial+"/revoke", fields{"request_id": "V-1", "reason": 1}), 409, "duplicate-mismatch")
	b.want("no such", b.ca("certificates/00/revoke", fields{"request_id": "V-3", "reason": 1}), 404, "not-found")
	if n := b.CountEffects(sandbox.EffectRevoke, serial); n != 1 {
		t.Errorf("revoked %d times", n)
	}

	res, err := http.Get(b.url + "/crl/issuing.crl")
	must(t, err)
	defer res.Body.Close()
	der, err := io.ReadAll(res.Body)
	must(t, err)
	list, err := x509.ParseRevocationList(der)
	must(t, err)
	if len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].SerialNumber.Cmp(cert.SerialNumber) != 0 ||
		list.RevokedCertificateEntries[0].ReasonCode != 5 {
		t.Errorf("the CRL lists %+v", list.RevokedCertificateEntries)
	}
	if a := b.ca("certificates/search", fields{"id_number": anh}); a.List[0].Status != "revoked" {
		t.Errorf("search %+v", a)
	}
	if a := b.certificates(anh); a.httpStatus != 200 || len(a.Data.Certificates) != 0 {
		t.Errorf("the provider lists %s", a.raw)
	}
	if n, err := b.Approve(anh); n != 0 || err == nil {
		t.Errorf("a disabled key signed %d requests", n)
	}
	for range 2 {
		if a := b.ca("keys/"+keyID+"/destroy", fields{}); a.State != "disabled" {
			t.Errorf("destroyed %+v", a)
		}
	}
	b.want("install in a disabled key", b.ca("keys/"+keyID+"/install", fields{"certificate": cert.Raw}), 409, "conflict")
	b.want("activate a disabled key", b.ca("keys/"+keyID+"/activate", fields{}), 409, "conflict")

	fresh := b.ca("keys", keyBody("R-2", anh))
	if a := b.ca("keys/"+fresh.KeyID+"/destroy", fields{}); a.State != "disabled" {
		t.Errorf("destroyed %+v", a)
	}
}

// TestCAIdempotency: every write happens once for each id, and one key has one certificate.
func TestCAIdempotency(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	ids := make([]string, 4)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			if a, err := b.tryCA("POST", "keys", keyBody("R-1", anh)); err == nil {
				ids[i] = a.KeyID
			}
		})
	}
	group.Wait()
	if ids[0] == "" || len(slices.Compact(ids)) != 1 {
		t.Fatalf("keys %v", ids)
	}
	b.want("another citizen", b.ca("keys", keyBody("R-1", minh)), 409, "duplicate-mismatch")
	csr := b.ca("keys/"+ids[0]+"/csr", csrBody(anh))
	if again := b.ca("keys/"+ids[0]+"/csr", csrBody(anh)); !bytes.Equal(csr.CSR, again.CSR) {
		t.Error("the same subject gave another CSR")
	}
	certs := make([]string, 4)
	for i := range certs {
		group.Go(func() { // two request ids, twice each
			a, err := b.tryCA("POST", "certificates", fields{"request_id": fmt.Sprint("I-", i%2), "csr": csr.CSR, "months": 36})
			if err == nil && len(a.Chain) == 2 {
				certs[i] = base64.StdEncoding.EncodeToString(a.Certificate)
			}
		})
	}
	group.Wait()
	if certs[0] == "" || len(slices.Compact(certs)) != 1 || b.CountEffects(sandbox.EffectIssue, "") != 1 {
		t.Errorf("%d certificates for one key", b.CountEffects(sandbox.EffectIssue, ""))
	}
	b.want("another body", b.ca("certificates", fields{"request_id": "I-0", "csr": csr.CSR, "months": 12}), 409, "duplicate-mismatch")
}

func TestCARefuses(t *testing.T) {
	t.Parallel()
	clock := newClock()
	b := start(t, sandbox.Options{Clock: clock.now})
	key := b.ca("keys", keyBody("R-1", anh))
	csr := b.ca("keys/"+key.KeyID+"/csr", csrBody(anh)).CSR
	issue := func(id string, csr []byte, months int) caAnswer {
		return b.ca("certificates", fields{"request_id": id, "csr": csr, "months": months})
	}
	b.want("37 months", issue("I-1", csr, 37), 422, "refused")
	b.want("no id", issue("", csr, 12), 400, "invalid")
	b.want("no CSR", issue("I-1", []byte("x"), 12), 400, "invalid")
	bent := bytes.Clone(csr)
	bent[len(bent)-1] ^= 1
	b.want("a bent CSR", issue("I-1", bent, 12), 400, "invalid")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	foreign, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{Country: []string{"VN"}, CommonName: "X"}}, private)
	must(t, err)
	b.want("a foreign key", issue("I-1", foreign, 12), 422, "refused")
	b.want("someone else's name", b.ca("keys/"+key.KeyID+"/csr", csrBody(minh)), 422, "refused")
	b.want("no key", b.ca("keys/none/csr", csrBody(anh)), 404, "not-found")
	b.want("an unknown field", b.ca("keys", fields{"request_id": "R-9", "id_number": anh, "algorithm": "rsa-2048", "x": 1}), 400, "invalid")
	b.want("no citizen", b.ca("keys", keyBody("R-9", "12")), 400, "invalid")
	if res, body, err := b.raw("/ca/v1/keys", "{}"); err != nil || res.StatusCode != 401 || !bytes.Contains(body, []byte("unauthorized")) {
		t.Errorf("without the bearer key: %s %v", body, err)
	}

	b.knobs(anh, sandbox.Knobs{IssueFails: "refused"})
	b.want("told to refuse", issue("I-1", csr, 12), 422, "refused")
	b.knobs(anh, sandbox.Knobs{IssueFails: "500"})
	b.want("told to fail", issue("I-1", csr, 12), 500, "internal")
	b.knobs(anh, sandbox.Knobs{IssueAfterSeconds: 3600 * 24})
	clock.advance(time.Hour)
	for range 2 {
		if a := issue("I-2", csr, 12); a.status != 202 || a.State != "pending" {
			t.Errorf("at once: %+v", a)
		}
	}
	clock.advance(24 * time.Hour)
	if a := issue("I-2", csr, 12); a.State != "issued" {
		t.Errorf("a day later: %+v", a)
	}
	must(t, b.SetSettings(sandbox.Settings{CA: "down"}))
	if a := issue("I-2", csr, 12); a.status != 503 {
		t.Errorf("down: %+v", a)
	}
}

// TestCAFaults: what was lost after the effect is there when it is asked for again, and happened once.
func TestCAFaults(t *testing.T) {
	t.Parallel()
	b := start(t, sandbox.Options{})
	for i, do := range []string{"lost", "500", "500-after", "junk", "truncated", "429"} {
		user := fmt.Sprintf("0012030001%02d", i)
		id := "R-" + do
		b.knobs(user, sandbox.Knobs{Faults: []sandbox.Fault{{On: "ca-key", Do: do, Times: 1}, {On: "ca-issue", Do: do, Times: 1}, {On: "ca-activate", Do: do, Times: 1}}})
		twice := func(path string, body any) {
			if a, err := b.tryCA("POST", path, body); err == nil && a.status == 200 {
				t.Errorf("%s %s: no fault", do, path)
			}
		}
		twice("keys", keyBody(id, user))
		key := b.ca("keys", keyBody(id, user))
		csr := b.ca("keys/"+key.KeyID+"/csr", csrBody(user))
		twice("certificates", fields{"request_id": id, "csr": csr.CSR, "months": 12})
		_, cert := b.enrol(user, id)
		b.activateOnce(key.KeyID, cert)
		must(t, b.SetPIN(user, "280594"))
		twice("keys/"+key.KeyID+"/activate", fields{})
		if a := b.ca("keys/"+key.KeyID+"/activate", fields{}); a.State != "active" {
			t.Errorf("%s: %+v", do, a)
		}
		for _, kind := range []sandbox.EffectKind{sandbox.EffectKey, sandbox.EffectIssue} {
			if n := b.CountEffects(kind, id); n != 1 {
				t.Errorf("%s: %d effects %s", do, n, kind)
			}
		}
	}
	must(t, b.SetSettings(sandbox.Settings{FaultRate: 1}))
	if a, err := b.tryCA("POST", "certificates/search", fields{"id_number": anh}); err == nil && a.status == 200 {
		t.Error("the fault rate does not reach the CA")
	}
}
