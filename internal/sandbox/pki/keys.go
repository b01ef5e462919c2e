package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// The states of a key at the key service, in the order in which they follow.
const (
	KeyCreated     = "created"
	KeyInstalled   = "installed"
	KeyAwaitingPIN = "awaiting-pin"
	KeyPINSet      = "pin-set"
	KeyActive      = "active"
	KeyLocked      = "locked" // by a knob: nothing here counts wrong PINs
	KeyDisabled    = "disabled"
)

// Key is a key of the key service as others see it: everything but its private half and its PIN.
type Key struct {
	ID, User, State string
	Issuer          string // role
	Public          []byte // PKIX DER
	Serial          string // of its certificate, once there is one
	Cert            []byte
}

// Credential is a key with its certificate, once there is one.
type Credential struct {
	ID      string `json:"id"`
	Serial  string `json:"serial"`
	Issuer  string `json:"issuer"` // role
	Scheme  string `json:"scheme"` // rsa, p256 or pss
	Cert    []byte `json:"cert"`
	Private []byte `json:"key"` // PKCS #8

	cert   *x509.Certificate
	signer crypto.Signer
}

// Open parses what was stored, once.
func (c *Credential) Open() error {
	if c.signer != nil {
		return nil
	}
	cert, err := x509.ParseCertificate(c.Cert)
	if err != nil {
		return fmt.Errorf("reading a subscriber certificate: %w", err)
	}
	signer, err := ParseKey(c.Private)
	if err != nil {
		return fmt.Errorf("reading a subscriber key: %w", err)
	}
	c.cert, c.signer = cert, signer
	return nil
}

// Certificate is that of a credential that was opened.
func (c *Credential) Certificate() *x509.Certificate { return c.cert }

// Signer is the key of a credential that was opened.
func (c *Credential) Signer() crypto.Signer { return c.signer }

// NewKey makes a key of a scheme.
func (p *PKI) NewKey(scheme string) (crypto.Signer, error) {
	if scheme == "p256" {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return p.draw()
}

// fresh draws an RSA key.
func fresh() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }
