package evidence_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/party/revocation"
	"kyso/internal/problem"
)

// file stands for a PDF with n signatures, each by a certificate that names six addresses of its own.
type file struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	issuer *x509.Certificate
}

func newFile(t *testing.T) *file {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &file{t: t, key: key}
	f.issuer = f.certificate(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Some CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil)
	return f
}

func (f *file) certificate(template, issuer *x509.Certificate) *x509.Certificate {
	f.t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, f.key.Public(), f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	return cert
}

func (f *file) needs(n int, anchored bool, address string) evidence.Needs {
	var list []pades.Need
	for i := range n {
		at := func(kind string) []string {
			var list []string
			for j := range 5 {
				list = append(list, address+"/"+kind+"/"+big.NewInt(int64(i)).String()+"/"+big.NewInt(int64(j)).String())
			}
			return list
		}
		cert := f.certificate(&x509.Certificate{SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: "Signer"}, OCSPServer: at("ocsp"), CRLDistributionPoints: at("crl")}, f.issuer)
		list = append(list, pades.Need{Certificate: cert, Issuer: f.issuer, Anchored: anchored})
	}
	return func(context.Context, pades.Source, pades.NeedsOptions) ([]pades.Need, error) { return list, nil }
}

// TestOneFileCausesSoManyRequests: forty signatures with ten addresses each, of which none answers usefully.
func TestOneFileCausesSoManyRequests(t *testing.T) {
	f := newFile(t)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(make([]byte, 1000))
	}))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		anchored bool
		rule     evidence.Rule
		want     int64
		code     problem.Code
	}{
		"a verdict":                {true, evidence.Rule{Fresh: true, Silence: evidence.OnlyMentions}, 24, ""},
		"a verdict about nobody's": {false, evidence.Rule{Fresh: true, Silence: evidence.OnlyMentions}, 0, ""},
		"an extension":             {true, evidence.Rule{Fresh: true, Silence: evidence.FatalIfNew}, 60, problem.RevocationUnknown},
		"nobody's extension":       {false, evidence.Rule{Fresh: true, Silence: evidence.FatalIfNew}, 0, problem.RevocationUnknown},
		"few bytes":                {true, evidence.Rule{Silence: evidence.OnlyMentions, Budget: evidence.Budget{Requests: 100, Bytes: 4500, Time: time.Minute}}, 5, ""},
	} {
		asked.Store(0)
		source := &revocation.Client{AllowPrivate: true}
		_, missing, err := evidence.Gather(t.Context(), nil, f.needs(40, c.anchored, server.URL), source.Status, c.rule)
		if n := asked.Load(); n != c.want || problem.CodeOf(err) != c.code {
			t.Errorf("%s: %d requests, want %d; %v", name, n, c.want, err)
		}
		if c.code == "" && len(missing) != 40 {
			t.Errorf("%s: %d are said to be missing", name, len(missing))
		}
	}
}

// TestOneFileHoldsUsSoLong: every address takes the question and says nothing.
func TestOneFileHoldsUsSoLong(t *testing.T) {
	f := newFile(t)
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stop); server.Close() })
	for name, silence := range map[string]evidence.Silence{"a verdict": evidence.OnlyMentions, "an extension": evidence.FatalIfNew} {
		source := &revocation.Client{AllowPrivate: true} // patient: 15 s for each OCSP, a minute for each list
		began := time.Now()
		_, missing, err := evidence.Gather(t.Context(), nil, f.needs(40, true, server.URL), source.Status,
			evidence.Rule{Fresh: true, Silence: silence, Budget: evidence.Budget{Requests: 1000, Bytes: 1 << 20, Time: 300 * time.Millisecond}})
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: held for %s", name, took)
		}
		if len(missing) != 40 && problem.CodeOf(err) != problem.RevocationUnknown {
			t.Errorf("%s: %d missing, %v", name, len(missing), err)
		}
	}
}
