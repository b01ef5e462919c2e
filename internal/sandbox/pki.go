package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The roles of the certification authority's own keys.
const (
	roleRoot        = "root"         // trust anchor
	roleIssuing     = "issuing"      // issues to subscribers
	roleRogue       = "rogue"        // has the issuing CA's name and another key
	roleTSA         = "tsa"          // signs time-stamps
	roleRootOCSP    = "root-ocsp"    // answers for what the root issued
	roleIssuingOCSP = "issuing-ocsp" // answers for what the issuing CA issued

	// The same of the second CA; see houses.
	roleSecondRoot        = "second-root"
	roleSecondIssuing     = "second-issuing"
	roleSecondRootOCSP    = "second-root-ocsp"
	roleSecondIssuingOCSP = "second-issuing-ocsp"
)

// authority is a key of the CA with its certificate.
type authority struct {
	role string
	cert *x509.Certificate
	key  crypto.Signer
}

// keyPair is an authority as it is stored. Cert is empty until issued.
type keyPair struct {
	Key  []byte `json:"key"` // PKCS #8
	Cert []byte `json:"cert,omitempty"`
}

// issued is what the CA remembers of a certificate.
type issued struct {
	Issuer  string      `json:"issuer"` // role
	User    string      `json:"user,omitempty"`
	Key     string      `json:"key,omitempty"` // key id, when issued through the key service
	Revoked *revocation `json:"revoked,omitempty"`
}

// revocation takes effect At, which may lie in the future.
type revocation struct {
	At     time.Time `json:"at"`
	Reason int       `json:"reason"` // RFC 5280 section 5.3.1
}

const reasonHold = 6 // certificateHold: a suspension, the only reason that can be taken back

// Enterprise number 32473 is reserved for documentation (RFC 5612).
var (
	oidCertificatePolicy = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 769, 1}
	oidTimestampPolicy   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 769, 2}
	oidUID               = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidOCSPNoCheck       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidExtKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidKPTimeStamping    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

const sandboxOrg = "KYSO SANDBOX - KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"

// parents says who issues to whom, and names the subject.
var parents = map[string]struct{ issuer, commonName string }{
	roleRoot:        {roleRoot, "KYSO SANDBOX ROOT CA"},
	roleIssuing:     {roleRoot, "KYSO SANDBOX CA RS"},
	roleRogue:       {roleRogue, "KYSO SANDBOX CA RS"},
	roleTSA:         {roleRoot, "KYSO SANDBOX TSA"},
	roleRootOCSP:    {roleRoot, "KYSO SANDBOX ROOT OCSP"},
	roleIssuingOCSP: {roleIssuing, "KYSO SANDBOX OCSP"},

	roleSecondRoot:        {roleSecondRoot, "KYSO SANDBOX INTRUST ROOT CA"},
	roleSecondIssuing:     {roleSecondRoot, "KYSO SANDBOX INTRUST CA"},
	roleSecondRootOCSP:    {roleSecondRoot, "KYSO SANDBOX INTRUST ROOT OCSP"},
	roleSecondIssuingOCSP: {roleSecondIssuing, "KYSO SANDBOX INTRUST OCSP"},
}

// SetBaseURL says where Parties is served, such as http://127.0.0.1:8769. The addresses inside certificates are
// made from it, so it has to be called before the first certificate is asked for; the CA's own certificates are
// issued anew when it changes, those of subscribers keep their old addresses.
func (w *World) SetBaseURL(url string) error {
	w.rebase(strings.TrimSuffix(url, "/"))
	return w.flush()
}

func (w *World) rebase(url string) {
	w.pkiMu.Lock()
	defer w.pkiMu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.BaseURL == url {
		return
	}
	w.state.BaseURL = url
	for role, pair := range w.state.CA {
		if parents[role].issuer != role {
			pair.Cert = nil
			delete(w.authorities, role)
		}
	}
	w.changed()
}

// authority returns the key and certificate of a role, made when first needed: an RSA key takes its time.
func (w *World) authority(role string) (*authority, error) {
	w.pkiMu.Lock()
	defer w.pkiMu.Unlock()
	return w.lockedAuthority(role)
}

func (w *World) lockedAuthority(role string) (*authority, error) {
	if a, ok := w.authorities[role]; ok && !w.rollsOver(a) {
		return a, nil
	}
	var pair *keyPair
	w.locked(func() { pair = w.state.CA[role] })
	if pair != nil && len(pair.Cert) > 0 {
		if cert, err := x509.ParseCertificate(pair.Cert); err == nil && w.rollsOver(&authority{role: role, cert: cert}) {
			pair = nil // a new key comes with the new certificate
		}
	}
	if pair == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("making the %s key: %w", role, err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("encoding the %s key: %w", role, err)
		}
		pair = &keyPair{Key: der}
	}
	key, err := parseKey(pair.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the %s key: %w", role, err)
	}
	a := &authority{role: role, key: key}
	if len(pair.Cert) == 0 {
		pair = &keyPair{Key: pair.Key}
		if pair.Cert, err = w.certify(a); err != nil {
			return nil, fmt.Errorf("certifying the %s key: %w", role, err)
		}
	}
	if a.cert, err = x509.ParseCertificate(pair.Cert); err != nil {
		return nil, fmt.Errorf("reading the %s certificate: %w", role, err)
	}
	w.locked(func() {
		w.state.CA[role] = pair
		w.state.Issued[serialHex(a.cert.SerialNumber)] = &issued{Issuer: parents[role].issuer}
		w.changed()
	})
	w.authorities[role] = a
	return a, nil
}

// lives says how many years certificates of the CA's own keys last. Those that only sign answers and time-stamps get another key a
// year before their end, as live authorities do.
var lives = map[string]int{roleRoot: 40, roleIssuing: 30, roleRogue: 30, roleTSA: shortLife, roleRootOCSP: shortLife, roleIssuingOCSP: shortLife,
	roleSecondRoot: 40, roleSecondIssuing: 30, roleSecondRootOCSP: shortLife, roleSecondIssuingOCSP: shortLife}

const shortLife = 5 // years

func (w *World) rollsOver(a *authority) bool {
	return lives[a.role] == shortLife && w.now().After(a.cert.NotAfter.AddDate(-1, 0, 0))
}

// certify issues the certificate of one of the CA's own keys. The caller holds pkiMu.
func (w *World) certify(a *authority) ([]byte, error) {
	issuer := a
	role := parents[a.role]
	if role.issuer != a.role {
		var err error
		if issuer, err = w.lockedAuthority(role.issuer); err != nil {
			return nil, err
		}
	}
	template, err := w.template(a.key.Public(), 10*time.Minute, time.Duration(lives[a.role])*365*24*time.Hour)
	if err != nil {
		return nil, err
	}
	template.RawSubject = distinguishedName("VN", "HÀ NỘI", "", sandboxOrg, role.commonName, "")
	switch a.role {
	case roleRoot, roleIssuing, roleRogue, roleSecondRoot, roleSecondIssuing:
		template.IsCA = true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if a.role != roleRoot && a.role != roleSecondRoot {
			template.MaxPathLenZero = true
		}
	case roleTSA: // RFC 3161 section 2.3: this extended key usage alone, and critical
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidKPTimeStamping})
		if err != nil {
			return nil, err
		}
		template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		template.ExtraExtensions = []pkix.Extension{{Id: oidExtKeyUsage, Critical: true, Value: usage}}
	case roleRootOCSP, roleIssuingOCSP, roleSecondRootOCSP, roleSecondIssuingOCSP: // RFC 6960 section 4.2.2.2
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		template.ExtraExtensions = []pkix.Extension{{Id: oidOCSPNoCheck, Value: asn1.NullBytes}}
	}
	if a != issuer {
		w.addAddresses(template, issuer.role)
		return x509.CreateCertificate(rand.Reader, template, issuer.cert, a.key.Public(), issuer.key)
	}
	return x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
}

// template has what every certificate has. Its life starts sinceAgo before now.
func (w *World) template(public crypto.PublicKey, sinceAgo, life time.Duration) (*x509.Certificate, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, err
	}
	id := sha1.Sum(info.Key.Bytes) // RFC 5280 section 4.2.1.2, method 1
	from := w.now().Add(-sinceAgo)
	return &x509.Certificate{
		SerialNumber: newSerial(), NotBefore: from, NotAfter: from.Add(life), SubjectKeyId: id[:],
		BasicConstraintsValid: true, SignatureAlgorithm: x509.SHA256WithRSA,
	}, nil
}

// addAddresses names where the issuer's certificate, OCSP responder and CRL are.
func (w *World) addAddresses(template *x509.Certificate, issuer string) {
	var base string
	w.locked(func() { base = w.state.BaseURL })
	if base == "" {
		return
	}
	template.IssuingCertificateURL = []string{base + "/ca/" + issuer + ".crt"}
	template.CRLDistributionPoints = []string{base + "/crl/" + issuer + ".crl"}
	if len(template.ExtKeyUsage) == 0 { // a responder's own status is not asked for: nocheck
		template.OCSPServer = []string{base + "/ocsp"}
	}
}

// newSerial is two fixed bytes, so that it is positive and reads like those of live CAs, and 16 random ones.
func newSerial() *big.Int {
	serial := make([]byte, 18)
	serial[0], serial[1] = 0x54, 0x01
	rand.Read(serial[2:]) // never fails
	return new(big.Int).SetBytes(serial)
}

func serialHex(serial *big.Int) string { return hex.EncodeToString(serial.Bytes()) }

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

// Roots returns the trust anchor.
func (w *World) Roots() ([]*x509.Certificate, error) { return w.certificatesOf(roleRoot) }

// Intermediates returns the certificate of the CA that issues to subscribers.
func (w *World) Intermediates() ([]*x509.Certificate, error) { return w.certificatesOf(roleIssuing) }

func (w *World) certificatesOf(role string) ([]*x509.Certificate, error) {
	a, err := w.authority(role)
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{a.cert}, w.flush()
}

// TrustPEM returns roots and intermediates of every CA as PEM, for a trust bundle.
func (w *World) TrustPEM() ([]byte, error) {
	var roles []string
	for _, h := range houses {
		roles = append(roles, h.root, h.issuing)
	}
	return w.pemOf(roles...)
}

// AuthoritiesPEM returns root and intermediate of one CA.
func (w *World) AuthoritiesPEM(issuer string) ([]byte, error) {
	h, ok := houseCalled(issuer)
	if !ok {
		return nil, fmt.Errorf("%w: issuer %q", ErrInvalid, issuer)
	}
	return w.pemOf(h.root, h.issuing)
}

func (w *World) pemOf(roles ...string) ([]byte, error) {
	var out []byte
	for _, role := range roles {
		a, err := w.authority(role)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return out, w.flush()
}

// made reports whether a role has a key already.
func (w *World) made(role string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.CA[role] != nil
}
