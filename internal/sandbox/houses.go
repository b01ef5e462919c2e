package sandbox

import (
	"context"
	"net/http"
	"slices"
)

// house is a certification authority of the sandbox: it has a root, an issuing CA and an account of kyso's own, and
// shares the key service with the others.
type house struct {
	code          string // as VNeID and kyso call it
	path          string // in front of /ca/v1
	key           string // the bearer key of kyso
	root, issuing string // roles
}

// DefaultSecondCAKey is the bearer key of the second CA.
const DefaultSecondCAKey = "sandbox-only-second-ca-key"

// The codes of the two CAs, and the path of the second one.
const (
	FirstIssuer      = "VNPT-CA"
	SecondIssuer     = "INTRUST-CA"
	SecondIssuerPath = "/intrust"
)

var houses = []house{
	{FirstIssuer, "", DefaultCAKey, roleRoot, roleIssuing},
	{SecondIssuer, SecondIssuerPath, DefaultSecondCAKey, roleSecondRoot, roleSecondIssuing},
}

// responders say who answers for what an authority issued.
var responders = map[string]string{roleRoot: roleRootOCSP, roleIssuing: roleIssuingOCSP, roleSecondRoot: roleSecondRootOCSP,
	roleSecondIssuing: roleSecondIssuingOCSP}

func houseCalled(code string) (house, bool) {
	i := slices.IndexFunc(houses, func(h house) bool { return h.code == code })
	if i < 0 {
		return house{}, false
	}
	return houses[i], true
}

// ofIssuing is the house of an issuing CA.
func ofIssuing(role string) house {
	for _, h := range houses {
		if h.issuing == role {
			return h
		}
	}
	return houses[0]
}

type houseKey struct{}

func atHouse(r *http.Request, h house) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), houseKey{}, h))
}

// houseOf is the CA that a call came to.
func houseOf(r *http.Request) house {
	h, _ := r.Context().Value(houseKey{}).(house)
	return h
}
