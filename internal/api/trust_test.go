package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// authority makes a self-signed certificate of a CA, changed as a test wants it.
func authority(t *testing.T, name string, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return authorityOf(t, name, key, change)
}

func authorityOf(t *testing.T, name string, key crypto.Signer, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Ban Cơ yếu"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// withTrust serves the list of trusted authorities, over files that hold one root.
func withTrust(t *testing.T) func(*api.Options) {
	root := authority(t, "Root of the files", nil)
	return func(o *api.Options) {
		if o.Trust == nil {
			files := []*x509.Certificate{root}
			o.Trust = &signing.TrustDesk{Files: func() []*x509.Certificate { return files }, Records: trustedOf(o.Desk)}
		}
	}
}

func trustedOf(desk signing.Desk) signing.TrustRecords {
	if forgetful, ok := desk.(forgetfulDesk); ok {
		desk = forgetful.Desk
	}
	return desk.(*store.Store).Trusted()
}

func trustBody(text, reason string) string {
	body, _ := json.Marshal(map[string]string{"certificate": text, "reason": reason})
	return string(body)
}

// TestTrustIsListedAddedAndRemoved walks through what an administrator does with the list.
func TestTrustIsListedAddedAndRemoved(t *testing.T) {
	b := newBench(t, withTrust(t))
	trustee := bearer(b.key("trustee-1", access.Trust))("")
	list := func() []api.AuthorityBody {
		var out api.AuthorityList
		b.get("/v1/trust", trustee...).into(t, &out)
		return out.Items
	}
	file := list()[0]
	if len(list()) != 1 || file.Source != "file" || file.State != "trusted" || file.Kind != "root" || file.ChangedBy != "" || file.Name != "Root of the files" || file.Organisation != "Ban Cơ yếu" {
		t.Fatalf("the files: %+v", list())
	}
	b.wantProblem(b.do(http.MethodDelete, "/v1/trust/"+file.Fingerprint+"?reason=x", "", trustee...), http.StatusConflict, problem.Conflict) // the last one
	ca := authority(t, "CA mới", nil)
	var added api.AuthorityBody
	got := b.post("/v1/trust", trustBody(pemOf(ca), "NEAC công bố"), trustee...)
	wantStatus(t, got, http.StatusCreated)
	got.into(t, &added)
	if added.Source != "added" || added.State != "trusted" || added.ChangedBy != "trustee-1" || added.Reason != "NEAC công bố" || added.Fingerprint != signing.Fingerprint(ca.Raw) || added.ChangedAt == nil {
		t.Errorf("added %+v", added)
	}
	remove := "/v1/trust/" + file.Fingerprint + "?reason=thu+h%E1%BB%93i"
	var removed api.AuthorityBody
	b.do(http.MethodDelete, remove, "", trustee...).into(t, &removed)
	if removed.State != "removed" || removed.Source != "file" || removed.Reason != "thu hồi" || removed.ChangedBy != "trustee-1" {
		t.Errorf("removed %+v", removed)
	}
	b.wantProblem(b.do(http.MethodDelete, remove, "", trustee...), http.StatusConflict, problem.Conflict)
	var again api.AuthorityBody
	b.post("/v1/trust", trustBody(base64.StdEncoding.EncodeToString(file.Certificate), "trả lại"), trustee...).into(t, &again)
	if again.State != "trusted" || again.Source != "file" || len(list()) != 2 {
		t.Errorf("again %+v of %d", again, len(list()))
	}
	b.wantProblem(b.do(http.MethodDelete, "/v1/trust/"+strings.Repeat("0", 64)+"?reason=x", "", trustee...), http.StatusNotFound, problem.NotFound)
	if n := len(slices.DeleteFunc(b.entries(), func(e audit.Entry) bool { return e.Kind != "trust" || e.Actor != "trustee-1" })); n != 3 {
		t.Errorf("%d entries of the audit log", n)
	}
}

// TestOnlyGoodAuthoritiesAreTrusted: what is no CA's, ended, weak or there already is refused, by name of the field.
func TestOnlyGoodAuthoritiesAreTrusted(t *testing.T) {
	b := newBench(t, withTrust(t))
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	there := authority(t, "there", nil)
	wantStatus(t, b.post("/v1/trust", trustBody(pemOf(there), "x")), http.StatusCreated)
	for name, c := range map[string]struct {
		text   string
		status int
		code   problem.Code
	}{
		"no certificate": {"khóa", http.StatusUnprocessableEntity, problem.Invalid},
		"other base64":   {base64.StdEncoding.EncodeToString([]byte("abc")), http.StatusUnprocessableEntity, problem.Invalid},
		"several":        {pemOf(there) + pemOf(there), http.StatusUnprocessableEntity, problem.Invalid},
		"a signer's":     {pemOf(authority(t, "a", func(c *x509.Certificate) { c.IsCA = false })), http.StatusUnprocessableEntity, problem.CertificateInvalid},
		"other usage":    {pemOf(authority(t, "a", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })), http.StatusUnprocessableEntity, problem.CertificateInvalid},
		"ended":          {pemOf(authority(t, "a", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), http.StatusUnprocessableEntity, problem.CertificateExpired},
		"to come":        {pemOf(authority(t, "a", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), http.StatusUnprocessableEntity, problem.CertificateExpired},
		"a weak key":     {pemOf(authorityOf(t, "a", weak, nil)), http.StatusUnprocessableEntity, problem.CertificateInvalid},
		"there already":  {pemOf(there), http.StatusConflict, problem.Conflict},
	} {
		p := b.wantProblem(b.post("/v1/trust", trustBody(c.text, "x")), c.status, c.code)
		if len(p.Errors) != 1 || p.Errors[0].Location != "body.certificate" || p.Errors[0].MessageVI == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	p := b.wantProblem(b.post("/v1/trust", trustBody(pemOf(authority(t, "a", nil)), "gọi 0901234567")), http.StatusUnprocessableEntity, problem.Invalid)
	if fmt.Sprint(p.Errors[0].Location) != "body.reason" {
		t.Errorf("a phone number: %+v", p)
	}
}
