package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
)

// The roles of the certification authority's own keys.
const (
	RoleRoot        = "root"         // trust anchor
	RoleIssuing     = "issuing"      // issues to subscribers
	RoleRogue       = "rogue"        // has the issuing CA's name and another key
	RoleTSA         = "tsa"          // signs time-stamps
	roleRootOCSP    = "root-ocsp"    // answers for what the root issued
	roleIssuingOCSP = "issuing-ocsp" // answers for what the issuing CA issued

	// The same of the second CA; see Issuers.
	roleSecondRoot        = "second-root"
	roleSecondIssuing     = "second-issuing"
	roleSecondRootOCSP    = "second-root-ocsp"
	roleSecondIssuingOCSP = "second-issuing-ocsp"
)

// Authority is a key of the CA with its certificate.
type Authority struct {
	Role string
	Cert *x509.Certificate
	Key  crypto.Signer
}

// keyPair is an authority as it is stored. Cert is empty until issued.
type keyPair struct {
	Key  []byte `json:"key"` // PKCS #8
	Cert []byte `json:"cert,omitempty"`
}

const sandboxOrg = "KYSO SANDBOX - KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"

// parents says who issues to whom, and names the subject.
var parents = map[string]struct{ issuer, commonName string }{
	RoleRoot:        {RoleRoot, "KYSO SANDBOX ROOT CA"},
	RoleIssuing:     {RoleRoot, "KYSO SANDBOX CA RS"},
	RoleRogue:       {RoleRogue, "KYSO SANDBOX CA RS"},
	RoleTSA:         {RoleRoot, "KYSO SANDBOX TSA"},
	roleRootOCSP:    {RoleRoot, "KYSO SANDBOX ROOT OCSP"},
	roleIssuingOCSP: {RoleIssuing, "KYSO SANDBOX OCSP"},

	roleSecondRoot:        {roleSecondRoot, "KYSO SANDBOX INTRUST ROOT CA"},
	roleSecondIssuing:     {roleSecondRoot, "KYSO SANDBOX INTRUST CA"},
	roleSecondRootOCSP:    {roleSecondRoot, "KYSO SANDBOX INTRUST ROOT OCSP"},
	roleSecondIssuingOCSP: {roleSecondIssuing, "KYSO SANDBOX INTRUST OCSP"},
}

// SetBaseURL says where Parties is served, such as http://127.0.0.1:8769. The addresses inside certificates are
// made from it, so it has to be called before the first certificate is asked for; the CA's own certificates are
// issued anew when it changes, those of subscribers keep their old addresses.
func (p *PKI) SetBaseURL(url string) error {
	p.rebase(strings.TrimSuffix(url, "/"))
	return p.k.Flush()
}

func (p *PKI) rebase(url string) {
	p.making.Lock()
	defer p.making.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.BaseURL == url {
		return
	}
	p.state.BaseURL = url
	for role, pair := range p.state.CA {
		if parents[role].issuer != role {
			pair.Cert = nil
			delete(p.authorities, role)
		}
	}
	p.k.Changed()
}

// Authority returns the key and certificate of a role, made when first needed: an RSA key takes its time.
func (p *PKI) Authority(role string) (*Authority, error) {
	p.making.Lock()
	defer p.making.Unlock()
	return p.lockedAuthority(role)
}

func (p *PKI) lockedAuthority(role string) (*Authority, error) {
	if a, ok := p.authorities[role]; ok && !p.rollsOver(a) {
		return a, nil
	}
	var pair *keyPair
	kernel.Locked(&p.mu, func() { pair = p.state.CA[role] })
	if pair != nil && len(pair.Cert) > 0 {
		if cert, err := x509.ParseCertificate(pair.Cert); err == nil && p.rollsOver(&Authority{Role: role, Cert: cert}) {
			pair = nil // a new key comes with the new certificate
		}
	}
	if pair == nil {
		key, err := p.draw()
		if err != nil {
			return nil, fmt.Errorf("making the %s key: %w", role, err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("encoding the %s key: %w", role, err)
		}
		pair = &keyPair{Key: der}
	}
	key, err := ParseKey(pair.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the %s key: %w", role, err)
	}
	a := &Authority{Role: role, Key: key}
	if len(pair.Cert) == 0 {
		pair = &keyPair{Key: pair.Key}
		if pair.Cert, err = p.certify(a); err != nil {
			return nil, fmt.Errorf("certifying the %s key: %w", role, err)
		}
	}
	if a.Cert, err = x509.ParseCertificate(pair.Cert); err != nil {
		return nil, fmt.Errorf("reading the %s certificate: %w", role, err)
	}
	kernel.Locked(&p.mu, func() {
		p.state.CA[role] = pair
		p.state.Issued[SerialHex(a.Cert.SerialNumber)] = &Issued{Issuer: parents[role].issuer}
		p.k.Changed()
	})
	p.authorities[role] = a
	return a, nil
}

// lives says how many years certificates of the CA's own keys last. Those that only sign answers and time-stamps
// get another key a year before their end, as live authorities do.
var lives = map[string]int{RoleRoot: 40, RoleIssuing: 30, RoleRogue: 30, RoleTSA: shortLife, roleRootOCSP: shortLife, roleIssuingOCSP: shortLife,
	roleSecondRoot: 40, roleSecondIssuing: 30, roleSecondRootOCSP: shortLife, roleSecondIssuingOCSP: shortLife}

const shortLife = 5 // years

func (p *PKI) rollsOver(a *Authority) bool {
	return lives[a.Role] == shortLife && p.k.Now().After(a.Cert.NotAfter.AddDate(-1, 0, 0))
}

// certify issues the certificate of one of the CA's own keys. The caller holds p.making.
func (p *PKI) certify(a *Authority) ([]byte, error) {
	issuer := a
	role := parents[a.Role]
	if role.issuer != a.Role {
		var err error
		if issuer, err = p.lockedAuthority(role.issuer); err != nil {
			return nil, err
		}
	}
	template, err := p.Template(a.Key.Public(), 10*time.Minute, time.Duration(lives[a.Role])*365*24*time.Hour)
	if err != nil {
		return nil, err
	}
	template.RawSubject = DistinguishedName("VN", "HÀ NỘI", "", sandboxOrg, role.commonName, "")
	switch a.Role {
	case RoleRoot, RoleIssuing, RoleRogue, roleSecondRoot, roleSecondIssuing:
		template.IsCA = true
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if a.Role != RoleRoot && a.Role != roleSecondRoot {
			template.MaxPathLenZero = true
		}
	case RoleTSA: // RFC 3161 section 2.3: this extended key usage alone, and critical
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
		p.addAddresses(template, issuer.Role)
		return x509.CreateCertificate(rand.Reader, template, issuer.Cert, a.Key.Public(), issuer.Key)
	}
	return x509.CreateCertificate(rand.Reader, template, template, a.Key.Public(), a.Key)
}

// Roots returns the trust anchor.
func (p *PKI) Roots() ([]*x509.Certificate, error) { return p.certificatesOf(RoleRoot) }

// Intermediates returns the certificate of the CA that issues to subscribers.
func (p *PKI) Intermediates() ([]*x509.Certificate, error) { return p.certificatesOf(RoleIssuing) }

func (p *PKI) certificatesOf(role string) ([]*x509.Certificate, error) {
	a, err := p.Authority(role)
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{a.Cert}, p.k.Flush()
}

// TrustPEM returns roots and intermediates of every CA as PEM, for a trust bundle.
func (p *PKI) TrustPEM() ([]byte, error) {
	var roles []string
	for _, i := range Issuers {
		roles = append(roles, i.Root, i.Issuing)
	}
	return p.pemOf(roles...)
}

// AuthoritiesPEM returns root and intermediate of one CA.
func (p *PKI) AuthoritiesPEM(issuer string) ([]byte, error) {
	i, ok := IssuerCalled(issuer)
	if !ok {
		return nil, fmt.Errorf("%w: issuer %q", kernel.ErrInvalid, issuer)
	}
	return p.pemOf(i.Root, i.Issuing)
}

func (p *PKI) pemOf(roles ...string) ([]byte, error) {
	var out []byte
	for _, role := range roles {
		a, err := p.Authority(role)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw})...)
	}
	return out, p.k.Flush()
}

// Made reports whether a role has a key already.
func (p *PKI) Made(role string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.CA[role] != nil
}
