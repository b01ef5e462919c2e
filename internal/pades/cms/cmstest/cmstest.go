// Package cmstest is a throw-away public key infrastructure for tests: a root, an issuing CA, a signer with a
// Vietnamese subject, a time-stamp authority and an OCSP responder. Answers are made by other libraries than the
// code under test (crypto/x509, x/crypto/ocsp, digitorus/timestamp), so that both must agree on the standards.
package cmstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"
)

// Identity is a certificate with its key.
type Identity struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// PKI is one infrastructure.
type PKI struct {
	T         testing.TB
	Root      *Identity
	CA        *Identity
	TSA       *Identity
	Responder *Identity // delegated, with id-pkix-ocsp-nocheck
	Now       time.Time
}

var serials struct {
	sync.Mutex
	next int64
}

func serial() *big.Int {
	serials.Lock()
	defer serials.Unlock()
	serials.next++
	return big.NewInt(0x5400000000 + serials.next)
}

var (
	oidUID     = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidNoCheck = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidEKU     = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTSAUse  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// rsaKeys are made once: a test binary needs a few and each takes a tenth of a second.
var rsaKeys sync.Map

// RSAKey returns the key with a name, made on first use.
func RSAKey(t testing.TB, name string, bits int) *rsa.PrivateKey {
	t.Helper()
	if key, ok := rsaKeys.Load(name); ok {
		return key.(*rsa.PrivateKey)
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	actual, _ := rsaKeys.LoadOrStore(name, key)
	return actual.(*rsa.PrivateKey)
}

// ECKey makes an elliptic curve key.
func ECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// New makes an infrastructure whose certificates were issued a year before now. All that New makes share names and
// keys; for one that has nothing in common with them take Stranger.
func New(t testing.TB, now time.Time) *PKI {
	t.Helper()
	return named(t, "Kyso Test", now, randomKey)
}

// Fixed makes an infrastructure whose keys are the same in every process, so that what one worker of a fuzz test signed
// verifies in another.
func Fixed(t testing.TB, now time.Time) *PKI {
	t.Helper()
	return named(t, "Kyso Fixed", now, FixedKey)
}

// FixedKey returns a P-256 key that depends on nothing but its name.
func FixedKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	scalar := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func randomKey(t testing.TB, name string) crypto.Signer { return RSAKey(t, name, 2048) }

// Stranger is an infrastructure without a reason to trust it.
func Stranger(t testing.TB, now time.Time) *PKI {
	t.Helper()
	return named(t, "Stranger", now, randomKey)
}

func named(t testing.TB, name string, now time.Time, key func(testing.TB, string) crypto.Signer) *PKI {
	t.Helper()
	p := &PKI{T: t, Now: now.UTC().Truncate(time.Second)}
	p.Root = p.Issue(nil, key(t, name+" root"), p.Template(name+" Root", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		c.NotAfter = now.AddDate(20, 0, 0)
	}))
	p.CA = p.Issue(p.Root, key(t, name+" ca"), p.Template(name+" CA", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		c.NotAfter = now.AddDate(10, 0, 0)
	}))
	p.TSA = p.Issue(p.CA, key(t, name+" tsa"), p.Template(name+" TSA", func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.NotAfter = now.AddDate(8, 0, 0)
		use, _ := asn1.Marshal([]asn1.ObjectIdentifier{oidTSAUse})
		c.ExtraExtensions = []pkix.Extension{{Id: oidEKU, Critical: true, Value: use}}
	}))
	p.Responder = p.Issue(p.CA, key(t, name+" ocsp"), p.Template(name+" OCSP", func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.ExtraExtensions = []pkix.Extension{{Id: oidNoCheck, Value: []byte{5, 0}}}
	}))
	return p
}

// Template returns a certificate template valid from a year before to three years after p.Now.
func (p *PKI) Template(name string, change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Country: []string{"VN"}, CommonName: name},
		NotBefore:    p.Now.AddDate(-1, 0, 0), NotAfter: p.Now.AddDate(3, 0, 0),
	}
	if change != nil {
		change(c)
	}
	return c
}

// Issue makes a certificate; by itself when issuer is nil.
func (p *PKI) Issue(issuer *Identity, key crypto.Signer, template *x509.Certificate) *Identity {
	p.T.Helper()
	parent, parentKey := template, key
	if issuer != nil {
		parent, parentKey = issuer.Cert, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		p.T.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.T.Fatal(err)
	}
	return &Identity{cert, key}
}

// Signer issues a signing certificate with a subject as Vietnamese CAs write them.
func (p *PKI) Signer(key crypto.Signer, change func(*x509.Certificate)) *Identity {
	p.T.Helper()
	return p.Issue(p.CA, key, p.Template("NGUYỄN THỊ HƯỜNG", func(c *x509.Certificate) {
		c.Subject.Province = []string{"Đà Nẵng"}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidUID, Value: "CCCD:079095012345"}}
		c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		if change != nil {
			change(c)
		}
	}))
}

// Stamp returns a time-stamp token over message.
func (p *PKI) Stamp(message []byte, at time.Time) []byte { return p.StampBy(p.TSA, message, at) }

// StampBy returns a time-stamp token by a certain authority.
func (p *PKI) StampBy(tsa *Identity, message []byte, at time.Time) []byte {
	p.T.Helper()
	sum := sha256.Sum256(message)
	stamp := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, SerialNumber: serial(), Accuracy: time.Second,
		Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1}, AddTSACertificate: true, Certificates: []*x509.Certificate{p.CA.Cert},
	}
	response, err := stamp.CreateResponseWithOpts(tsa.Cert, tsa.Key, crypto.SHA256)
	if err != nil {
		p.T.Fatal(err)
	}
	parsed, err := timestamp.ParseResponse(response)
	if err != nil {
		p.T.Fatal(err)
	}
	return parsed.RawToken
}

// OCSP returns an answer of the delegated responder, valid for a day from at. revoked is zero for good.
func (p *PKI) OCSP(cert *x509.Certificate, at, revoked time.Time, reason int) []byte {
	p.T.Helper()
	return p.OCSPBy(p.Responder, cert, at, revoked, reason)
}

// OCSPBy returns an answer signed by a certain responder.
func (p *PKI) OCSPBy(responder *Identity, cert *x509.Certificate, at, revoked time.Time, reason int) []byte {
	p.T.Helper()
	template := ocsp.Response{SerialNumber: cert.SerialNumber, Status: ocsp.Good, ThisUpdate: at, NextUpdate: at.Add(24 * time.Hour)}
	if responder.Cert != p.CA.Cert {
		template.Certificate = responder.Cert
	}
	if !revoked.IsZero() {
		template.Status, template.RevokedAt, template.RevocationReason = ocsp.Revoked, revoked, reason
	}
	der, err := ocsp.CreateResponse(p.CA.Cert, responder.Cert, template, responder.Key)
	if err != nil {
		p.T.Fatal(err)
	}
	return der
}

// CRL returns a list of issuer, valid for a week from at, with the given entries.
func (p *PKI) CRL(issuer *Identity, at time.Time, entries ...x509.RevocationListEntry) []byte {
	p.T.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: serial(), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 7), RevokedCertificateEntries: entries,
	}, issuer.Cert, issuer.Key)
	if err != nil {
		p.T.Fatal(err)
	}
	return der
}
