package ca

import (
	"context"
	"net/http"

	"kyso/internal/sandbox/pki"
)

// The bearer keys of kyso at the two CAs.
const (
	DefaultKey       = "sandbox-only-ca-key"
	DefaultSecondKey = "sandbox-only-second-ca-key"
)

// SecondPath is where the calls of the second CA are.
const SecondPath = "/intrust"

// house is a certification authority of the sandbox: it has a root, an issuing CA and an account of kyso's own, and
// shares the key service with the others.
type house struct {
	issuing string // role
	path    string // in front of /ca/v1
	key     string // the bearer key of kyso
}

var houses = []house{
	{pki.Issuers[0].Issuing, "", DefaultKey},
	{pki.Issuers[1].Issuing, SecondPath, DefaultSecondKey},
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
