// Package pki is the ground that the certification authority, the signing provider, the time-stamp authority and the
// revocation services stand on: the authorities' keys and certificates, the register of what was issued and revoked, and
// CMS. It speaks no wire.
package pki

import (
	"crypto/rsa"
	"slices"
	"sync"

	"kyso/internal/sandbox/kernel"
)

// PKI keeps what all authorities of the world have in common. Make one with New.
type PKI struct {
	k    *kernel.Kernel
	draw func() (*rsa.PrivateKey, error)

	making      sync.Mutex // taken before mu, never after it
	authorities map[string]*Authority

	mu    sync.Mutex
	state state
}

// state is what survives a restart.
type state struct {
	BaseURL string              `json:"base_url"`
	CA      map[string]*keyPair `json:"ca"`     // by role
	Issued  map[string]*Issued  `json:"issued"` // by serial number
}

// New makes the ground. draw draws RSA keys, each time another one; nil draws fresh ones.
func New(k *kernel.Kernel, draw func() (*rsa.PrivateKey, error)) *PKI {
	if draw == nil {
		draw = fresh
	}
	return &PKI{k: k, draw: draw, authorities: map[string]*Authority{}, state: state{CA: map[string]*keyPair{}, Issued: map[string]*Issued{}}}
}

// Party is what the kernel knows of it.
func (p *PKI) Party() kernel.Party {
	return kernel.Party{Name: "pki", Lock: &p.mu, State: &p.state}
}

// Issuer is a certification authority of the world by the name that others call it.
type Issuer struct {
	Code          string // as VNeID and kyso call it
	Root, Issuing string // roles
}

// The codes of the two CAs.
const (
	FirstIssuer  = "VNPT-CA"
	SecondIssuer = "INTRUST-CA"
)

// Issuers are the CAs, the first one first.
var Issuers = []Issuer{
	{FirstIssuer, RoleRoot, RoleIssuing},
	{SecondIssuer, roleSecondRoot, roleSecondIssuing},
}

// Responders say who answers for what an authority issued.
var Responders = map[string]string{RoleRoot: roleRootOCSP, RoleIssuing: roleIssuingOCSP, roleSecondRoot: roleSecondRootOCSP,
	roleSecondIssuing: roleSecondIssuingOCSP}

// IssuerCalled finds a CA by its code.
func IssuerCalled(code string) (Issuer, bool) {
	i := slices.IndexFunc(Issuers, func(i Issuer) bool { return i.Code == code })
	if i < 0 {
		return Issuer{}, false
	}
	return Issuers[i], true
}

// OfIssuing is the CA whose issuing authority has a role.
func OfIssuing(role string) Issuer {
	for _, i := range Issuers {
		if i.Issuing == role {
			return i
		}
	}
	return Issuers[0]
}

// Codes are the names of all CAs.
func Codes() []string {
	var codes []string
	for _, i := range Issuers {
		codes = append(codes, i.Code)
	}
	return codes
}
