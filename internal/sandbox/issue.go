package sandbox

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// user is somebody whose keys the provider holds.
type user struct {
	Certificates []*credential `json:"certificates"`
}

// credential is a key with its certificate.
type credential struct {
	ID     string `json:"id"`
	Serial string `json:"serial"`
	Issuer string `json:"issuer"` // role
	Scheme string `json:"scheme"` // rsa, p256 or pss
	Cert   []byte `json:"cert"`
	Key    []byte `json:"key"` // PKCS #8

	cert *x509.Certificate
	key  crypto.Signer
}

// open parses what was stored, once.
func (c *credential) open() error {
	if c.key != nil {
		return nil
	}
	cert, err := x509.ParseCertificate(c.Cert)
	if err != nil {
		return fmt.Errorf("reading a subscriber certificate: %w", err)
	}
	key, err := parseKey(c.Key)
	if err != nil {
		return fmt.Errorf("reading a subscriber key: %w", err)
	}
	c.cert, c.key = cert, key
	return nil
}

// certSpec is one entry of Knobs.Certificates.
type certSpec struct{ state, scheme string }

func parseCertSpec(s string) (certSpec, error) {
	spec := certSpec{state: s, scheme: "rsa"}
	if state, scheme, found := strings.Cut(s, "+"); found {
		spec = certSpec{state, scheme}
	}
	if !slices.Contains([]string{"valid", "expired", "revoked", "suspended", "wrong-chain"}, spec.state) ||
		!slices.Contains([]string{"rsa", "p256", "pss"}, spec.scheme) {
		return certSpec{}, fmt.Errorf("%w: certificate %q", ErrInvalid, s)
	}
	return spec, nil
}

// subscriber returns the user with open credentials, inventing a person for every well-formed id. It is nil for
// an id of nobody. For somebody with a key of the key service it is the keys that are active there, and nothing is
// invented.
func (w *World) subscriber(userID string) (*user, error) {
	p, ok := personOf(userID)
	if !ok {
		return nil, nil
	}
	if u, ok, err := w.enrolled(userID); ok {
		return u, err
	}
	var (
		u     *user
		specs []string
	)
	w.locked(func() {
		u, ok = w.state.Users[userID]
		specs = w.knobs(userID).Certificates
	})
	if ok {
		return u, w.openUser(u)
	}
	if len(specs) == 0 {
		specs = []string{"valid"}
	}
	// Keys take their time, so they are made outside the lock; the first of two racing calls wins.
	fresh := &user{}
	records := map[string]*issued{}
	for _, s := range specs {
		if s == "none" {
			continue
		}
		spec, err := parseCertSpec(s)
		if err != nil {
			return nil, err
		}
		c, record, err := w.issue(userID, p, spec)
		if err != nil {
			return nil, fmt.Errorf("issuing a certificate: %w", err)
		}
		fresh.Certificates = append(fresh.Certificates, c)
		records[c.Serial] = record
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if u, ok := w.state.Users[userID]; ok {
		return u, w.lockedOpenUser(u)
	}
	w.state.Users[userID] = fresh
	for _, c := range fresh.Certificates {
		w.state.Issued[c.Serial] = records[c.Serial]
		w.record(Effect{Kind: EffectCertificate, Key: c.Serial, User: userID, Detail: "issued"})
	}
	w.changed()
	return fresh, nil
}

func (w *World) openUser(u *user) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lockedOpenUser(u)
}

func (w *World) lockedOpenUser(u *user) error {
	for _, c := range u.Certificates {
		if err := c.open(); err != nil {
			return err
		}
	}
	return nil
}

// issue makes a key and has it certified.
func (w *World) issue(userID string, p person, spec certSpec) (*credential, *issued, error) {
	key, err := newSubscriberKey(spec.scheme)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	ago, life := 10*24*time.Hour, 365*24*time.Hour
	if spec.state == "expired" {
		ago = life + 30*24*time.Hour
	}
	role := roleIssuing
	if spec.state == "wrong-chain" {
		role = roleRogue
	}
	issuer, err := w.authority(role)
	if err != nil {
		return nil, nil, err
	}
	template, err := w.template(key.Public(), ago, life)
	if err != nil {
		return nil, nil, err
	}
	organisation := ""
	if p.organisation {
		organisation = p.name
	}
	template.RawSubject = distinguishedName("VN", p.province, p.locality, organisation, p.name, p.uid)
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	template.PolicyIdentifiers = []asn1.ObjectIdentifier{oidCertificatePolicy}
	w.addAddresses(template, roleIssuing)
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	c := &credential{ID: newUUID(), Serial: serialHex(template.SerialNumber), Issuer: role, Scheme: spec.scheme,
		Cert: der, Key: pkcs8}
	record := &issued{Issuer: role, User: userID}
	switch spec.state {
	case "revoked":
		record.Revoked = &revocation{At: w.now().Add(-24 * time.Hour), Reason: 1} // keyCompromise
	case "suspended":
		record.Revoked = &revocation{At: w.now().Add(-24 * time.Hour), Reason: reasonHold}
	}
	return c, record, c.open()
}

func newSubscriberKey(scheme string) (crypto.Signer, error) {
	if scheme == "p256" {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

// distinguishedName encodes a name in the order of Vietnamese CAs: C, ST, L, O, CN, UID. All but the country are
// UTF8String (TCVN 6909). Empty parts are left out.
func distinguishedName(country, province, locality, organisation, commonName, uid string) []byte { //nolint:unparam // the wire has a country
	var name pkix.RDNSequence
	for _, part := range []struct {
		oid   asn1.ObjectIdentifier
		value string
	}{
		{asn1.ObjectIdentifier{2, 5, 4, 6}, country},
		{asn1.ObjectIdentifier{2, 5, 4, 8}, province},
		{asn1.ObjectIdentifier{2, 5, 4, 7}, locality},
		{asn1.ObjectIdentifier{2, 5, 4, 10}, organisation},
		{asn1.ObjectIdentifier{2, 5, 4, 3}, commonName},
		{oidUID, uid},
	} {
		if part.value == "" {
			continue
		}
		value := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(part.value)}
		if part.value == country {
			value.Tag = asn1.TagPrintableString
		}
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: part.oid, Value: value}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		panic(err) // names of fixed shape always encode
	}
	return der
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
