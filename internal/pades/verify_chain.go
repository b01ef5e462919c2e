package pades

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"kyso/internal/finding"
)

// Sub-indications of EN 319 102-1 §5.1.3 that this package uses.
const (
	subFormat        = "FORMAT_FAILURE"
	subHash          = "HASH_FAILURE"
	subSignature     = "SIG_CRYPTO_FAILURE"
	subNoCertificate = "NO_SIGNING_CERTIFICATE_FOUND"
	subNoChain       = "NO_CERTIFICATE_CHAIN_FOUND"
	subConstraints   = "SIG_CONSTRAINTS_FAILURE"
	subChain         = "CHAIN_CONSTRAINTS_FAILURE"
	subCrypto        = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
	subExpired       = "OUT_OF_BOUNDS_NO_POE"
	subNotYetValid   = "NOT_YET_VALID"
	subRevoked       = "REVOKED_NO_POE"
	subRevokedCA     = "REVOKED_CA_NO_POE"
	subTryLater      = "TRY_LATER"
	subGeneric       = "GENERIC"
)

// Reasons that share a sub-indication with others and have words of their own.
const (
	whyUnexamined = "unexamined"
	whyFilled     = "filled"
	whyAnnotated  = "annotated"
	whyLost       = "lost"
	whyUnreadable = "unreadable"
	whyNewField   = "field_added"
)

// chainResult is what can be said of a certificate at a moment.
type chainResult struct {
	trusted bool   // a chain to a root was found
	sub     string // why it may not be relied on; empty when it may
	problem *finding.Kind
	leaf    standing // revocation of the certificate itself
	inFile  bool     // certificates and revocation data of the chain are all in the file
	issuer  *x509.Certificate
}

// checkChain validates a certificate at a moment for which existence of the signature is proven (or now).
func (v *verifier) checkChain(cert *x509.Certificate, at time.Time) chainResult {
	r := chainResult{leaf: standing{status: CertificateUnknown}}
	v.looksAt(cert)
	chain, err := v.buildChain(cert, at)
	if err != nil {
		r.sub, r.problem = subNoChain, noChain
		if v.trustless {
			r.problem = noTrust
		}
		if errors.Is(err, errRemoved) {
			r.problem = removedAuthority
		}
		if _, unhandled := errors.AsType[x509.UnhandledCriticalExtension](err); unhandled {
			r.sub, r.problem = subChain, criticalExtension
		}
		return r
	}
	r.trusted = true
	r.issuer = chain[min(1, len(chain)-1)]
	r.sub, r.problem = v.checkMembers(chain, at, &r)
	return r
}

// buildChain finds a chain to a root, at a moment or, when the certificate was not valid then, at the nearest one
// when it was: whether the moment fits is judged apart.
func (v *verifier) buildChain(cert *x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	if at.After(cert.NotAfter) {
		at = cert.NotAfter
	}
	if at.Before(cert.NotBefore) {
		at = cert.NotBefore
	}
	intermediates := x509.NewCertPool()
	for _, c := range v.pool.certs {
		intermediates.AddCert(c)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(chain[1:], v.distrusts) {
			v.looksAt(chain...)
			return chain, nil
		}
	}
	return nil, errRemoved
}

// errRemoved means that chains to a root exist, and each leads through a CA that was removed.
var errRemoved = errors.New("a CA was removed")

// distrusts reports whether no chain may lead through a certificate.
func (o VerifyOptions) distrusts(c *x509.Certificate) bool {
	sameKey := func(r *x509.Certificate) bool {
		return bytes.Equal(r.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	}
	return slices.ContainsFunc(o.Removed, sameKey) && !slices.ContainsFunc(slices.Concat(o.Roots, o.Intermediates), c.Equal)
}

// checkMembers checks keys, validity and revocation of a chain, the leaf first.
func (v *verifier) checkMembers(chain []*x509.Certificate, at time.Time, r *chainResult) (sub string, problem *finding.Kind) {
	leaf := chain[0]
	if slices.ContainsFunc(chain, weakKey) {
		return subCrypto, weakKeyInChain
	}
	r.inFile = true
	var unknown bool
	for i, cert := range chain[:len(chain)-1] {
		found := v.pool.statusAt(cert, chain[i+1], at, v.now)
		r.inFile = r.inFile && found.inFile && v.pool.inFile[sha256.Sum256(cert.Raw)]
		unknown = unknown || found.status == CertificateUnknown
		if i == 0 {
			r.leaf = found
		} else if found.status == CertificateRevoked || found.status == CertificateOnHold {
			return subRevokedCA, issuerRevoked
		}
	}
	switch {
	case r.leaf.status == CertificateRevoked:
		return subRevoked, wasRevoked
	case at.Before(leaf.NotBefore):
		r.leaf.status = CertificateNotYetValid
		return subNotYetValid, wasNotValid
	case at.After(leaf.NotAfter):
		r.leaf.status = CertificateExpired
		return subExpired, hasExpired
	case r.leaf.status == CertificateOnHold:
		return subTryLater, onHold
	case unknown && len(chain) > 1:
		return subTryLater, noInfo
	}
	return "", nil
}

// weakKey reports keys below what ETSI TS 119 312 allows for signatures.
func weakKey(cert *x509.Certificate) bool {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() < 2048
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize < 256
	}
	return false
}
