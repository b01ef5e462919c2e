package eseal

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"os"

	"kyso/internal/pemfile"
	"kyso/internal/problem"
)

// RSAScheme is how an RSA key signs.
type RSAScheme string

// The schemes; the empty one is SchemePSS, which Circular 15/2025/TT-BKHCN, Annex I 1.2, asks for.
const (
	SchemePSS   RSAScheme = "pss"        // RSASSA-PSS, with a salt as long as the digest
	SchemePKCS1 RSAScheme = "pkcs1-v1_5" // RSASSA-PKCS1-v1_5, for keys and relying parties that know no other
)

// Settings are where the seal on the contracts of one issuer's party lies, and how it signs.
type Settings struct {
	KeyFile         string // PEM with PKCS #8. Keys on PKCS #11 tokens are not supported yet.
	CertificateFile string // PEM: the certificate of that key first, then its issuers
	RSA             RSAScheme
}

// environment is where settings are read from.
type environment interface {
	Text(name, fallback string) string
	Fail(name, what string)
}

// Read reads the settings of the first issuer's seal.
//
// KYSO_SEAL_KEY_FILE is the private key of the seal on contracts, PEM with PKCS #8.
//
// KYSO_SEAL_CERT_FILE is PEM: the certificate of that key first, then its issuers.
//
// KYSO_SEAL_RSA_SCHEME is how seals with an RSA key sign, "pss" (the default) or "pkcs1-v1_5". It holds for the seal of every
// issuer; ECDSA keys have one way.
func Read(e environment) Settings {
	s := Settings{
		KeyFile:         e.Text("KYSO_SEAL_KEY_FILE", ".kyso/seal.key"),
		CertificateFile: e.Text("KYSO_SEAL_CERT_FILE", ".kyso/seal.pem"),
		RSA:             RSAScheme(e.Text("KYSO_SEAL_RSA_SCHEME", string(SchemePSS))),
	}
	if s.RSA != SchemePSS && s.RSA != SchemePKCS1 {
		e.Fail("KYSO_SEAL_RSA_SCHEME", "has to be pss or pkcs1-v1_5")
	}
	return s
}

// ReadIssuer reads the settings of another issuer's seal, which signs as the first does: KYSO_ISSUER_…_SEAL_KEY_FILE and
// KYSO_ISSUER_…_SEAL_CERT_FILE. Neither has a default: another seal would be wrong.
func ReadIssuer(e environment, code, prefix string, first Settings) Settings {
	must := func(name string) string {
		value := e.Text(prefix+name, "")
		if value == "" {
			e.Fail(prefix+name, "has to be given for issuer "+code)
		}
		return value
	}
	return Settings{KeyFile: must("SEAL_KEY_FILE"), CertificateFile: must("SEAL_CERT_FILE"), RSA: first.RSA}
}

// Open reads the key of the seal (PEM, PKCS #8, not encrypted) and its certificates (PEM, the seal's own first, then
// its issuers). What does not belong together is problem.Invalid.
func (s Settings) Open() (crypto.Signer, []*x509.Certificate, error) {
	key, err := pemfile.Key(s.KeyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key of the seal: %w", err)
	}
	certificates, err := pemfile.Certificates(s.CertificateFile)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the certificate of the seal: %w", err)
	}
	if len(certificates) == 0 {
		return nil, nil, problem.New(problem.Invalid, "%s holds no certificate", s.CertificateFile)
	}
	public, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(certificates[0].PublicKey) {
		return nil, nil, problem.New(problem.Invalid, "the first certificate of %s is not that of the key in %s", s.CertificateFile, s.KeyFile)
	}
	return key, certificates, nil
}

// Probe looks whether both files are there, without reading the key, and returns the certificates, whose end matters.
func (s Settings) Probe() ([]*x509.Certificate, error) {
	certificates, err := pemfile.Certificates(s.CertificateFile)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(s.KeyFile)
	return certificates, err
}
