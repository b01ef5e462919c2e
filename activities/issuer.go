package activities

import (
	"crypto/x509"
	"slices"

	"kyso/internal/forms"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// Issuer is a certification authority that citizens may choose in VNeID, with everything that hangs on the choice.
type Issuer struct {
	CA     registration.CA
	Party  forms.Provider // who sells, as it stands in documents
	Sealer registration.Sealer
	// Authorities are the certificates under which this CA issues. Empty means that every trusted root will do, which is
	// right only where there is one issuer.
	Authorities     []*x509.Certificate
	SigningProvider string                       // the remote signing provider that holds the new keys
	UserOf          func(idNumber string) string // the user id of a citizen there
}

// issuer returns the CA that the citizen chose. Before there were several, a request could name any and got the default
// one: whoever has that one's contract keeps it to the end. Errors: Invalid when it is not configured; the process parks
// until it is, or is given up.
func (a *Registration) issuer(r registration.Registration) (Issuer, error) {
	if known, ok := a.Issuers[r.Issuer]; ok {
		return known, nil
	}
	if r.Contract != nil || r.Issued != nil {
		return a.Issuers[a.DefaultIssuer], nil
	}
	return Issuer{}, problem.New(problem.Invalid, "the issuer of the registration is not configured (KYSO_ISSUERS)")
}

// issuerCode is the code of the CA that issuer returns.
func (a *Registration) issuerCode(r registration.Registration) string {
	if _, ok := a.Issuers[r.Issuer]; ok {
		return r.Issuer
	}
	return a.DefaultIssuer
}

// issued reports whether a path, the certificate first, leads to this CA.
func (i Issuer) issued(path []*x509.Certificate) bool {
	if len(i.Authorities) == 0 {
		return true
	}
	return len(path) > 1 && slices.ContainsFunc(path[1:], func(c *x509.Certificate) bool {
		return slices.ContainsFunc(i.Authorities, c.Equal)
	})
}
