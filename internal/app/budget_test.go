package app_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"kyso/internal/app"
	"kyso/internal/audit"
	"kyso/internal/blob"
	"kyso/internal/forms"
	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
)

// issuerServer stands for the OCSP responders, lists and issuers' addresses that certificates name.
type issuerServer struct {
	*httptest.Server
	asked, sent atomic.Int64
}

func newIssuerServer(t *testing.T, hangs bool) *issuerServer {
	t.Helper()
	s := &issuerServer{}
	stop := make(chan struct{})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if hangs {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
			return
		}
		n, _ := w.Write(make([]byte, 100_000))
		s.sent.Add(int64(n))
	}))
	t.Cleanup(func() { close(stop); s.Close() })
	return s
}

// signedBy returns a file with a signature of each of n certificates, every one with addresses of its own at the server.
func signedBy(t *testing.T, pki *cmstest.PKI, file []byte, n int, server *issuerServer) []byte {
	t.Helper()
	for i := range n {
		signer := pki.Signer(cmstest.FixedKey(t, "budget"), func(c *x509.Certificate) {
			at := fmt.Sprintf("%s/%s/%d", server.URL, pki.Root.Cert.Subject.CommonName[:5], i)
			c.OCSPServer, c.CRLDistributionPoints, c.IssuingCertificateURL = []string{at + "/ocsp"}, []string{at + "/crl"}, []string{at + "/aia"}
		})
		prepared, err := pades.Prepare(bytes.NewReader(file), pades.PrepareOptions{Certificate: signer.Cert, SigningTime: time.Now(), Box: pades.Box{Invisible: true}})
		if err != nil {
			t.Fatal(err)
		}
		embedded, err := pades.Embed(pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(file)), HashState: prefixState(t, file),
			Value: cmstest.Sign(t, signer.Key, prepared.H3[:], crypto.SHA256), Certificate: signer.Cert, Chain: []*x509.Certificate{pki.CA.Cert}})
		if err != nil {
			t.Fatal(err)
		}
		file = append(bytes.Clone(file), embedded.Increment...)
	}
	return file
}

func prefixState(t *testing.T, data []byte) []byte {
	t.Helper()
	sum := sha256.New()
	sum.Write(data)
	state, err := sum.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// verifier is the API as it is assembled, without Temporal, which a verification does not need.
func verifier(t *testing.T, trust signing.Trust) *httptest.Server {
	t.Helper()
	dir := t.TempDir()
	const key = "kyso_the-administrator-of-this-test"
	cfg, err := app.FromEnvironment(plain("KYSO_ADMIN_KEY="+key, "KYSO_REVOCATION_PRIVATE=true"))
	if err != nil {
		t.Fatal(err)
	}
	a := &app.App{Config: cfg, Log: slog.New(slog.DiscardHandler), Trust: func(context.Context) (signing.Trust, error) { return trust, nil }}
	master, err := vault.ReadOrCreateMasterKey(filepath.Join(dir, "master.key"))
	if err == nil {
		a.Store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "kyso.db"), master)
	}
	if err == nil {
		t.Cleanup(func() { _ = a.Store.Close() })
		err = a.Store.Migrate(t.Context())
	}
	if err == nil {
		a.Blobs, err = blob.Open(t.Context(), "file://"+filepath.Join(dir, "blobs"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Blobs.Close() })
	a.Recorder = &audit.Recorder{Log: a.Store.AuditLog(), Logger: a.Log, Now: time.Now}
	handler := a.API()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+key)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// TestOneVerificationHasOneBudget hands in a file of many signatures at the door: 15 under a configured root, 15 under a stranger's, each
// with addresses of its own. Whatever the addresses do, one verification sends so many requests, takes in so many bytes and holds so
// long, and asks about no certificate of a stranger.
func TestOneVerificationHasOneBudget(t *testing.T) {
	now := time.Now()
	paper, err := forms.Sample(now)
	if err != nil {
		t.Fatal(err)
	}
	ours, strangers := cmstest.Fixed(t, now), cmstest.Stranger(t, now)
	door := verifier(t, signing.Trust{Roots: []*x509.Certificate{ours.Root.Cert}})
	for name, hangs := range map[string]bool{"answers nonsense": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known, foreign := newIssuerServer(t, hangs), newIssuerServer(t, hangs)
			file := signedBy(t, strangers, signedBy(t, ours, bytes.Clone(paper), 15, known), 15, foreign)
			began := time.Now()
			answer, err := http.Post(door.URL+"/v1/verifications", "application/pdf", bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var found pades.Verification
			if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || answer.StatusCode != http.StatusOK || len(found.Signatures) != 30 {
				t.Fatalf("%d, %d signatures, %v", answer.StatusCode, len(found.Signatures), err)
			}
			took := time.Since(began)
			t.Logf("%d requests, %d bytes, %s", known.asked.Load(), known.sent.Load(), took.Round(time.Millisecond))
			if n := known.asked.Load(); n == 0 || n > 24 {
				t.Errorf("%d requests about ours, want 1 to 24", n)
			}
			if n := foreign.asked.Load(); n != 0 {
				t.Errorf("%d requests about strangers", n)
			}
			if n := known.sent.Load(); n > 40<<20 {
				t.Errorf("%d bytes", n)
			}
			if took > time.Minute { // the budget is 20 s; the rest is for a busy machine
				t.Errorf("held for %s", took)
			}
			for _, s := range found.Signatures {
				if s.Verdict == pades.TotalPassed {
					t.Errorf("%s passed without an answer", s.Field)
				}
			}
		})
	}
}
