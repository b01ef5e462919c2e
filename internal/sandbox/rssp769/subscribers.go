package rssp769

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// user is a person whose keys the provider holds.
type user struct {
	Certificates []*pki.Credential `json:"certificates"`
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
		return certSpec{}, fmt.Errorf("%w: certificate %q", kernel.ErrInvalid, s)
	}
	return spec, nil
}

// subscriber returns the user with open credentials, inventing a person for every well-formed id. It is nil for
// an id without an owner. For a person with a key of the key service it is the keys that are active there, and nothing is
// invented.
func (p *Provider) subscriber(userID string) (*user, error) {
	person, ok := people.Of(userID)
	if !ok {
		return nil, nil
	}
	if u, ok, err := p.enrolled(userID); ok {
		return u, err
	}
	var (
		u     *user
		specs []string
	)
	kernel.Locked(&p.mu, func() {
		u, ok = p.state.Users[userID]
		specs = p.knobs(userID).Certificates
	})
	if ok {
		return u, p.openUser(u)
	}
	if len(specs) == 0 {
		specs = []string{"valid"}
	}
	// Keys take their time, so they are made outside the lock; the first of two racing calls wins.
	fresh := &user{}
	records := map[string]pki.Issued{}
	for _, s := range specs {
		if s == "none" {
			continue
		}
		spec, err := parseCertSpec(s)
		if err != nil {
			return nil, err
		}
		c, record, err := p.issue(userID, person, spec)
		if err != nil {
			return nil, fmt.Errorf("issuing a certificate: %w", err)
		}
		fresh.Certificates = append(fresh.Certificates, c)
		records[c.Serial] = record
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.state.Users[userID]; ok {
		return u, p.lockedOpenUser(u)
	}
	p.state.Users[userID] = fresh
	for _, c := range fresh.Certificates {
		p.pki.Register(c.Serial, records[c.Serial], "issued")
	}
	p.k.Changed()
	return fresh, nil
}

func (p *Provider) openUser(u *user) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lockedOpenUser(u)
}

func (p *Provider) lockedOpenUser(u *user) error {
	for _, c := range u.Certificates {
		if err := c.Open(); err != nil {
			return err
		}
	}
	return nil
}

// issue makes a key and has it certified.
func (p *Provider) issue(userID string, owner people.Person, spec certSpec) (*pki.Credential, pki.Issued, error) {
	key, err := p.pki.NewKey(spec.scheme)
	if err != nil {
		return nil, pki.Issued{}, fmt.Errorf("making a key: %w", err)
	}
	ago, life := 10*24*time.Hour, 365*24*time.Hour
	if spec.state == "expired" {
		ago = life + 30*24*time.Hour
	}
	record := pki.Issued{Issuer: pki.RoleIssuing, User: userID}
	if spec.state == "wrong-chain" {
		record.Issuer = pki.RoleRogue
	}
	issuer, err := p.pki.Authority(record.Issuer)
	if err != nil {
		return nil, record, err
	}
	template, err := p.pki.SubscriberTemplate(pki.RoleIssuing, key.Public(), ago, life)
	if err != nil {
		return nil, record, err
	}
	organisation := ""
	if owner.Organisation {
		organisation = owner.Name
	}
	template.RawSubject = pki.DistinguishedName("VN", owner.Province, owner.Locality, organisation, owner.Name, owner.UID)
	der, err := issuer.Certify(template, key.Public())
	if err != nil {
		return nil, record, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, record, err
	}
	c := &pki.Credential{ID: kernel.NewUUID(), Serial: pki.SerialHex(template.SerialNumber), Issuer: record.Issuer, Scheme: spec.scheme,
		Cert: der, Private: pkcs8}
	switch spec.state {
	case "revoked":
		record.Revoked = &pki.Revocation{At: p.k.Now().Add(-24 * time.Hour), Reason: 1} // keyCompromise
	case "suspended":
		record.Revoked = &pki.Revocation{At: p.k.Now().Add(-24 * time.Hour), Reason: pki.ReasonHold}
	}
	return c, record, c.Open()
}

// credentialOf finds the key that a transaction was accepted for. The caller holds p.mu.
func (p *Provider) credentialOf(tx *transaction) (*pki.Credential, error) {
	if c, err := p.enrolledCredential(tx.Serial); c != nil || err != nil {
		return c, err
	}
	if c := p.state.Retired[tx.Serial]; c != nil {
		return c, c.Open()
	}
	if u := p.state.Users[tx.User]; u != nil {
		for _, c := range u.Certificates {
			if c.Serial == tx.Serial {
				return c, c.Open()
			}
		}
	}
	return nil, errors.New("there is no key for this request")
}

// Serials returns the serial numbers of a user's certificates, which are issued if need be.
func (p *Provider) Serials(userID string) ([]string, error) {
	u, err := p.subscriber(userID)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("user %q: %w", userID, kernel.ErrNotFound)
	}
	var serials []string
	for _, c := range u.Certificates {
		serials = append(serials, c.Serial)
	}
	return serials, p.k.Flush()
}

// Held is a certificate as people behind the stage see it.
type Held struct {
	Serial   string    `json:"serial_number"`
	Status   string    `json:"status"`
	Scheme   string    `json:"scheme"`
	NotAfter time.Time `json:"not_after"`
}

// Holds returns what a user holds, which is issued if need be.
func (p *Provider) Holds(userID string) ([]Held, error) {
	u, err := p.subscriber(userID)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("user %q: %w", userID, kernel.ErrNotFound)
	}
	list := []Held{}
	for _, c := range u.Certificates {
		list = append(list, Held{Serial: c.Serial, Status: p.pki.Status(c.Serial, c.Certificate()), Scheme: c.Scheme, NotAfter: c.Certificate().NotAfter})
	}
	return list, p.k.Flush()
}
