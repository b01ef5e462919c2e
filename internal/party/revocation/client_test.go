package revocation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"kyso/internal/party/partytest"
	"kyso/internal/party/rssp769"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
)

// subscriber returns a certificate of the sandbox and its issuer.
func subscriber(w *partytest.World) (serial string, cert, issuer []byte) {
	w.T.Helper()
	provider := &rssp769.Client{Name: "Sandbox CA", BaseURL: w.URL + "/sca/sp769", SPID: sandbox.DefaultSPID,
		SPPassword: sandbox.DefaultSPPassword, Profile: rssp769.VNPT(), Timeout: 5 * time.Second}
	list, err := provider.Certificates(w.T.Context(), "cert", partytest.Subscriber, "")
	if err != nil {
		w.T.Fatal(err)
	}
	return list[0].Serial, list[0].DER, list[0].Chain[0]
}

func TestSandbox(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings sandbox.Settings
		ocsp     bool
	}{
		{"OCSP", sandbox.Settings{}, true},
		{"CRL when OCSP is down", sandbox.Settings{OCSP: "down"}, false},
		{"CRL when OCSP is unauthorized", sandbox.Settings{OCSP: "unauthorized"}, false},
		{"CRL when OCSP is stale", sandbox.Settings{OCSP: "stale"}, false},
		{"CRL when OCSP is forged", sandbox.Settings{OCSP: "bad-signature"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := partytest.NewWorld(t)
			serial, cert, issuer := subscriber(w)
			w.Configure(tt.settings)
			check := func(want signing.RevocationState, reason int) {
				t.Helper()
				w.Ahead.Add(int64(time.Second))       // the wire has whole seconds
				source := &Client{AllowPrivate: true} // a new one: no CRL kept
				got, err := source.Status(context.Background(), cert, issuer)
				if err != nil {
					t.Fatal(err)
				}
				if got.State != want || got.Reason != reason || (want != signing.RevocationGood) == got.RevokedAt.IsZero() {
					t.Errorf("got %s, reason %d, at %s; want %s, %d", got.State, got.Reason, got.RevokedAt, want, reason)
				}
				if (len(got.OCSP) > 0) != tt.ocsp || (len(got.CRL) > 0) == tt.ocsp || got.ThisUpdate.IsZero() || !got.NextUpdate.After(time.Now()) {
					t.Errorf("OCSP of %d bytes, CRL of %d, from %s to %s", len(got.OCSP), len(got.CRL), got.ThisUpdate, got.NextUpdate)
				}
			}
			check(signing.RevocationGood, 0)
			if err := w.Suspend(serial); err != nil {
				t.Fatal(err)
			}
			check(signing.RevocationOnHold, 6)
			if err := w.Restore(serial); err != nil {
				t.Fatal(err)
			}
			check(signing.RevocationGood, 0)
			if err := w.Revoke(serial, 1, time.Time{}); err != nil {
				t.Fatal(err)
			}
			check(signing.RevocationRevoked, 1)
		})
	}
}

func TestStatusOfTheIssuer(t *testing.T) {
	w := partytest.NewWorld(t)
	_, _, issuer := subscriber(w)
	roots, err := w.Roots()
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&Client{AllowPrivate: true}).Status(context.Background(), issuer, roots[0].Raw)
	if err != nil || got.State != signing.RevocationGood {
		t.Errorf("got %+v, %v", got.State, err)
	}
}

func TestUnknown(t *testing.T) {
	w := partytest.NewWorld(t)
	_, cert, issuer := subscriber(w)
	for _, settings := range []sandbox.Settings{{OCSP: "down", CRL: "down"}, {OCSP: "stale", CRL: "stale"}} {
		w.Configure(settings)
		_, err := (&Client{AllowPrivate: true}).Status(context.Background(), cert, issuer)
		if problem.CodeOf(err) != problem.RevocationUnknown {
			t.Errorf("%+v: got %v", settings, err)
		}
	}
	w.Configure(sandbox.Settings{})
	_, err := (&Client{}).Status(context.Background(), cert, issuer)
	if problem.CodeOf(err) != problem.RevocationUnknown || strings.Contains(err.Error(), "connection") {
		t.Errorf("guarded against loopback: %v", err)
	}
	if _, err := (&Client{AllowPrivate: true}).Status(context.Background(), cert, cert); problem.CodeOf(err) != problem.CertificateInvalid {
		t.Errorf("wrong issuer: %v", err)
	}
	if _, err := (&Client{}).Status(context.Background(), []byte("x"), issuer); problem.CodeOf(err) != problem.CertificateInvalid {
		t.Errorf("no certificate: %v", err)
	}
}

// TestNowIsAskedNow: every question about a status goes out, and what an earlier answer said never decides. It revokes and
// suspends behind the back of answers that are still fresh, and takes the party away that gave them.
func TestNowIsAskedNow(t *testing.T) {
	w := partytest.NewWorld(t)
	serial, cert, issuer := subscriber(w)
	source := &Client{AllowPrivate: true, Clock: func() time.Time { return time.Now().Add(time.Duration(w.Ahead.Load())) }}
	asked := func(kind sandbox.EffectKind, detail string) (n int) {
		for _, e := range w.Ledger() {
			if e.Kind == kind && (detail == "" || e.Detail == detail) {
				n++
			}
		}
		return n
	}
	status := func(want signing.RevocationState) {
		t.Helper()
		w.Ahead.Add(int64(time.Second)) // the wire has whole seconds
		if got, err := source.Status(context.Background(), cert, issuer); err != nil || got.State != want {
			t.Errorf("got %q, %v, want %s", got.State, err, want)
		}
	}
	for name, kind := range map[string]sandbox.EffectKind{"": sandbox.EffectOCSP, "down": sandbox.EffectCRL} {
		w.Configure(sandbox.Settings{OCSP: name})
		before := asked(kind, "")
		status(signing.RevocationGood)
		status(signing.RevocationGood)
		if err := w.Suspend(serial); err != nil {
			t.Fatal(err)
		}
		status(signing.RevocationOnHold)
		if err := w.Restore(serial); err != nil {
			t.Fatal(err)
		}
		status(signing.RevocationGood)
		if n := asked(kind, "") - before; n != 4 {
			t.Errorf("four questions led to %d of kind %s", n, kind)
		}
	}
	if n := asked(sandbox.EffectCRL, "not-modified"); n != 1 {
		t.Errorf("an unchanged list was downloaded again: %d answers said that it had not changed", n)
	}
	w.Configure(sandbox.Settings{OCSP: "down", CRL: "down"})
	if _, err := source.Status(context.Background(), cert, issuer); problem.CodeOf(err) != problem.RevocationUnknown {
		t.Errorf("nobody can be asked: %v", err)
	}
	w.Configure(sandbox.Settings{OCSP: "down", CRL: "stale"}) // an older list than the one that was had
	if _, err := source.Status(context.Background(), cert, issuer); problem.CodeOf(err) != problem.RevocationUnknown {
		t.Errorf("an older list: %v", err)
	}
	w.Configure(sandbox.Settings{OCSP: "down"})
	if err := w.Revoke(serial, 1, time.Time{}); err != nil {
		t.Fatal(err)
	}
	status(signing.RevocationRevoked)
}

// TestConditionalCRL is a server of lists that knows conditions in every way, and lies in some.
func TestConditionalCRL(t *testing.T) {
	ca := newAuthority(t, "CA")
	now := time.Now().Truncate(time.Second)
	clock := now
	list := func() []byte {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(4), ThisUpdate: now, NextUpdate: now.Add(3 * time.Hour)}, ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}()
	var answer func(http.ResponseWriter, *http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("a cache on the way may answer: %v", r.Header)
		}
		answer(rw, r)
	}))
	t.Cleanup(server.Close)
	leaf := ca.sign(&x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf"},
		CRLDistributionPoints: []string{server.URL}}, ca.cert, newKey(t).Public())
	source := &Client{AllowPrivate: true, Clock: func() time.Time { return clock }}
	unchanged := func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotModified) }
	give := func(header, value string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set(header, value); rw.Write(list) }
	}
	only := func(header, value string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get(header) != value {
				t.Errorf("%s is %q, want %q", header, r.Header.Get(header), value)
			}
			rw.WriteHeader(http.StatusNotModified)
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		good   bool
	}{
		{"unchanged, and never had", unchanged, false},
		{"the first", give("ETag", `"a"`), true},
		{"unchanged by tag", only("If-None-Match", `"a"`), true},
		{"without a name", give("X-Nothing", ""), true},
		{"unchanged, without having been asked", unchanged, false},
		{"by date", give("Last-Modified", "Mon, 02 Nov 2026 00:00:00 GMT"), true},
		{"unchanged by date", only("If-Modified-Since", "Mon, 02 Nov 2026 00:00:00 GMT"), true},
		{"down", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, false},
	} {
		answer = tt.answer
		_, err := source.Status(context.Background(), leaf.Raw, ca.cert.Raw)
		if tt.good && err != nil || !tt.good && problem.CodeOf(err) != problem.RevocationUnknown {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	clock, answer = now.Add(4*time.Hour), unchanged
	if _, err := source.Status(context.Background(), leaf.Raw, ca.cert.Raw); problem.CodeOf(err) != problem.RevocationUnknown {
		t.Errorf("unchanged and out of date: %v", err)
	}
}

// authority is a small CA for answers that the sandbox does not give.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	a.cert = a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, SubjectKeyId: []byte(name),
	}, nil, a.key.Public())
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	a.t.Helper()
	if parent == nil {
		parent = template
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// served answers OCSP with ocsp and CRLs with crl, and returns a certificate that points there.
func (a *authority) served(ocspAnswer func(serial *big.Int) []byte, crl func(url string) []byte) *x509.Certificate {
	a.t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	a.t.Cleanup(server.Close)
	mux.HandleFunc("POST /ocsp", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request, err := ocsp.ParseRequest(body)
		if err != nil || r.Header.Get("Content-Type") != "application/ocsp-request" {
			a.t.Errorf("asked with %q: %v", r.Header.Get("Content-Type"), err)
			return
		}
		w.Write(ocspAnswer(request.SerialNumber))
	})
	mux.HandleFunc("GET /crl", func(w http.ResponseWriter, _ *http.Request) { w.Write(crl(server.URL + "/crl")) })
	template := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "leaf"}}
	if ocspAnswer != nil {
		template.OCSPServer = []string{server.URL + "/ocsp"}
	}
	if crl != nil {
		template.CRLDistributionPoints = []string{server.URL + "/crl"}
	}
	return a.sign(template, a.cert, newKey(a.t).Public())
}

func TestOCSPAnswers(t *testing.T) {
	ca, stranger := newAuthority(t, "CA"), newAuthority(t, "stranger")
	delegate := func(parent *authority, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
		key := newKey(t)
		template := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "responder"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
		change(template)
		return parent.sign(template, parent.cert, key.Public()), key
	}
	nothing := func(*x509.Certificate) {}
	now := time.Now().Truncate(time.Second)
	for _, tt := range []struct {
		name     string
		issuer   *authority // named by the CertID
		parent   *authority // of the responder; nil when the CA itself signs
		change   func(*x509.Certificate)
		template ocsp.Response
		good     bool
	}{
		{"by the CA", ca, nil, nil, ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, true},
		{"by a delegate", ca, ca, nothing, ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, true},
		{"without nextUpdate", ca, ca, nothing, ocsp.Response{ThisUpdate: now}, true},
		{"a little of the future", ca, ca, nothing, ocsp.Response{ThisUpdate: now.Add(4 * time.Minute), NextUpdate: now.Add(time.Hour)}, true},
		{"just over", ca, ca, nothing, ocsp.Response{ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(-4 * time.Minute)}, true},
		{"of the future", ca, ca, nothing, ocsp.Response{ThisUpdate: now.Add(6 * time.Minute), NextUpdate: now.Add(time.Hour)}, false},
		{"over", ca, ca, nothing, ocsp.Response{ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(-6 * time.Minute)}, false},
		{"old, without nextUpdate", ca, ca, nothing, ocsp.Response{ThisUpdate: now.Add(-2 * time.Hour)}, false},
		{"unknown", ca, ca, nothing, ocsp.Response{Status: ocsp.Unknown, ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
		{"another serial", ca, ca, nothing, ocsp.Response{SerialNumber: big.NewInt(78), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
		{"another issuer", stranger, ca, nothing, ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
		{"a delegate of somebody else", ca, stranger, nothing, ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
		{"a delegate for something else", ca, ca, func(c *x509.Certificate) { c.ExtKeyUsage = nil },
			ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
		{"a delegate that has expired", ca, ca, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour)
		}, ocsp.Response{ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			responder, key := ca.cert, ca.key
			if tt.parent != nil {
				responder, key = delegate(tt.parent, tt.change)
				tt.template.Certificate = responder
			}
			leaf := ca.served(func(serial *big.Int) []byte {
				template := tt.template
				if template.SerialNumber == nil {
					template.SerialNumber = serial
				}
				der, err := ocsp.CreateResponse(tt.issuer.cert, responder, template, key)
				if err != nil {
					t.Fatal(err)
				}
				return der
			}, nil)
			got, err := (&Client{AllowPrivate: true}).Status(context.Background(), leaf.Raw, ca.cert.Raw)
			if tt.good && (err != nil || got.State != signing.RevocationGood) || !tt.good && problem.CodeOf(err) != problem.RevocationUnknown {
				t.Errorf("got %q, %v", got.State, err)
			}
		})
	}
}

func TestCRLs(t *testing.T) {
	ca, stranger := newAuthority(t, "CA"), newAuthority(t, "stranger")
	now := time.Now().Truncate(time.Second)
	point := func(v any) func(string) []pkix.Extension {
		return func(string) []pkix.Extension {
			der, err := asn1.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return []pkix.Extension{{Id: oidIssuingPoint, Critical: true, Value: der}}
		}
	}
	type flags struct {
		Users    bool `asn1:"optional,tag:1"`
		CAs      bool `asn1:"optional,tag:2"`
		Indirect bool `asn1:"optional,tag:4"`
	}
	named := func(name func(url string) string) func(string) []pkix.Extension {
		return func(url string) []pkix.Extension {
			uri := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(name(url))}
			type fullName struct {
				Full []asn1.RawValue `asn1:"tag:0"`
			}
			return point(struct {
				Point fullName `asn1:"tag:0"`
			}{fullName{[]asn1.RawValue{uri}}})(url)
		}
	}
	for _, tt := range []struct {
		name       string
		signer     *authority
		from, to   time.Time
		extensions func(url string) []pkix.Extension
		good       bool
	}{
		{"plain", ca, now, now.Add(time.Hour), nil, true},
		{"over", ca, now.Add(-2 * time.Hour), now.Add(-time.Hour), nil, false},
		{"of the future", ca, now.Add(time.Hour), now.Add(2 * time.Hour), nil, false},
		{"of a stranger", stranger, now, now.Add(time.Hour), nil, false},
		{"for users", ca, now, now.Add(time.Hour), point(flags{Users: true}), true},
		{"for CAs", ca, now, now.Add(time.Hour), point(flags{CAs: true}), false},
		{"indirect", ca, now, now.Add(time.Hour), point(flags{Indirect: true}), false},
		{"of this point", ca, now, now.Add(time.Hour), named(func(url string) string { return url }), true},
		{"of another point", ca, now, now.Add(time.Hour), named(func(url string) string { return url + "2" }), false},
		{"delta", ca, now, now.Add(time.Hour), func(string) []pkix.Extension {
			return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaf := ca.served(nil, func(url string) []byte {
				template := &x509.RevocationList{Number: big.NewInt(3), ThisUpdate: tt.from, NextUpdate: tt.to}
				if tt.extensions != nil {
					template.ExtraExtensions = tt.extensions(url)
				}
				der, err := x509.CreateRevocationList(rand.Reader, template, tt.signer.cert, tt.signer.key)
				if err != nil {
					t.Error(err)
				}
				return der
			})
			got, err := (&Client{AllowPrivate: true}).Status(context.Background(), leaf.Raw, ca.cert.Raw)
			if tt.good && (err != nil || got.State != signing.RevocationGood) || !tt.good && problem.CodeOf(err) != problem.RevocationUnknown {
				t.Errorf("got %q, %v", got.State, err)
			}
		})
	}
}

func TestCRLNumbersOnlyGrow(t *testing.T) {
	ca := newAuthority(t, "CA")
	now := time.Now().Truncate(time.Second)
	number := int64(9)
	leaf := ca.served(nil, func(string) []byte {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(number), ThisUpdate: now, NextUpdate: now.Add(3 * time.Hour),
		}, ca.cert, ca.key)
		if err != nil {
			t.Error(err)
		}
		return der
	})
	source := &Client{AllowPrivate: true, Clock: func() time.Time { return now }}
	status := func() error {
		_, err := source.Status(context.Background(), leaf.Raw, ca.cert.Raw)
		return err
	}
	if err := status(); err != nil {
		t.Fatal(err)
	}
	number = 8
	if err := status(); problem.CodeOf(err) != problem.RevocationUnknown || !strings.Contains(err.Error(), "older") {
		t.Errorf("a lower number: %v", err)
	}
	number = 10
	if err := status(); err != nil {
		t.Errorf("a higher number: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	source := &Client{Rewrite: map[string]string{
		"http://dead.example/":     "http://alive.example/",
		"http://dead.example/ocsp": "https://ocsp.example/v2",
	}}
	for address, want := range map[string]string{
		"http://ca.example/crl":          "http://ca.example/crl",
		"http://dead.example/a.crl":      "http://alive.example/a.crl",
		"http://dead.example/ocsp?x":     "https://ocsp.example/v2?x",
		"ldap://ca.example/cn=crl":       "",
		"file:///etc/passwd":             "",
		"http:///nothing":                "",
		"http://user:secret@ca.example/": "",
		"http://ca.example:8080/":        "",
		"http://ca.example:443/":         "http://ca.example:443/",
		"://":                            "",
	} {
		got, err := source.target(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", address, got, err)
		}
	}
}
