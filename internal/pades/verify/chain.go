package verify

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"kyso/internal/finding"
	"kyso/internal/pades/trust"
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
	leaf    trust.Standing // revocation of the certificate itself
	inFile  bool           // certificates and revocation data of the chain are all in the file
	issuer  *x509.Certificate
}

// checkChain validates a certificate at a moment for which existence of the signature is proven (or now).
func (v *verifier) checkChain(cert *x509.Certificate, at time.Time) chainResult {
	r := chainResult{leaf: trust.Standing{Status: trust.CertificateUnknown}}
	v.pool.LookAt(cert)
	chain, err := v.pool.Chain(cert, at, v.anchors)
	if err != nil {
		r.sub, r.problem = subNoChain, noChain
		if v.anchors.None {
			r.problem = noTrust
		}
		if errors.Is(err, trust.ErrRemoved) {
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

// checkMembers checks keys, validity and revocation of a chain, the leaf first.
func (v *verifier) checkMembers(chain []*x509.Certificate, at time.Time, r *chainResult) (sub string, problem *finding.Kind) {
	leaf := chain[0]
	if slices.ContainsFunc(chain, weakKey) {
		return subCrypto, weakKeyInChain
	}
	r.inFile = true
	var unknown bool
	for i, cert := range chain[:len(chain)-1] {
		found := v.pool.StatusAt(cert, chain[i+1], at, v.now)
		r.inFile = r.inFile && found.InFile && v.pool.Carried(cert)
		unknown = unknown || found.Status == trust.CertificateUnknown
		if i == 0 {
			r.leaf = found
		} else if found.Status == trust.CertificateRevoked || found.Status == trust.CertificateOnHold {
			return subRevokedCA, issuerRevoked
		}
	}
	switch {
	case r.leaf.Status == trust.CertificateRevoked:
		return subRevoked, wasRevoked
	case at.Before(leaf.NotBefore):
		r.leaf.Status = trust.CertificateNotYetValid
		return subNotYetValid, wasNotValid
	case at.After(leaf.NotAfter):
		r.leaf.Status = trust.CertificateExpired
		return subExpired, hasExpired
	case r.leaf.Status == trust.CertificateOnHold:
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
