package signing

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"kyso/internal/problem"
)

// minRSABits and minECBits are the smallest keys that Circular 15/2025, Annex I, accepts.
const (
	minRSABits = 2048
	minECBits  = 256
)

// Trust is whom we believe: root certificates, and issuers that answers may leave out. Providers often send no
// root and the AIA address in certificates may be dead, so intermediates are kept with the configuration.
type Trust struct {
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
	Removed       []*x509.Certificate // CAs through which no chain may lead; see Distrusts
}

// Fingerprint returns the hex SHA-256 of a DER certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Check makes the checks that signing software owes before it lets a certificate sign (Circular 15/2025/TT-BKHCN):
// validity, key size, key usage and the chain to a trusted root, at the time now. It returns the path from cert
// to the root, both included. Revocation is the caller's part. The errors are problem.CertificateExpired and
// problem.CertificateInvalid.
func (t Trust) Check(cert *x509.Certificate, chain []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if now.After(cert.NotAfter) {
		return nil, problem.New(problem.CertificateExpired, "the certificate ended on %s", cert.NotAfter.UTC().Format(time.DateOnly))
	}
	if now.Before(cert.NotBefore) {
		return nil, problem.New(problem.CertificateExpired, "the certificate begins on %s", cert.NotBefore.UTC().Format(time.DateOnly))
	}
	if err := checkKey(cert); err != nil {
		return nil, err
	}
	if cert.KeyUsage&(x509.KeyUsageContentCommitment|x509.KeyUsageDigitalSignature) == 0 {
		return nil, problem.New(problem.CertificateInvalid, "the certificate's key usage does not allow signatures")
	}
	return t.path(cert, chain, now)
}

func checkKey(cert *x509.Certificate) error {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return problem.New(problem.CertificateInvalid, "RSA key of %d bits; at least %d are asked for", key.N.BitLen(), minRSABits)
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < minECBits {
			return problem.New(problem.CertificateInvalid, "EC key of %d bits; at least %d are asked for", key.Curve.Params().BitSize, minECBits)
		}
	default:
		return problem.New(problem.CertificateInvalid, "keys of type %s are not supported", cert.PublicKeyAlgorithm)
	}
	return nil
}

func (t Trust) path(cert *x509.Certificate, chain []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range t.Roots {
		roots.AddCert(c)
	}
	for _, c := range t.Intermediates {
		intermediates.AddCert(c)
	}
	for _, c := range chain {
		intermediates.AddCert(c)
	}
	paths, err := cert.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, problem.New(problem.CertificateInvalid, "no chain to a trusted root: %s", chainFault(err))
	}
	for _, path := range paths {
		if !slices.ContainsFunc(path[1:], t.Distrusts) {
			return path, nil
		}
	}
	return nil, problem.New(problem.CertificateInvalid, "no chain to a trusted root: an authority in it was removed from those that are trusted")
}

// chainFault says what is wrong without repeating names out of certificates.
func chainFault(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the issuer is not known or did not sign it"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "an issuer's certificate has expired"
		}
		return "an issuer's certificate does not allow it"
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return "a critical extension is not understood"
	}
	return "the certificate is not acceptable"
}
