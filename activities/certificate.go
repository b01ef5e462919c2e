package activities

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// checkCertificate makes the check that is owed before each use of a certificate: owner, chain, dates, key, and the
// status of every certificate on the path as it is now. Suspension is reversible, so an earlier "good" says
// nothing. What was found is kept with the signing (Circular 15/2025/TT-BKHCN). It returns the certificate and its
// path to the root, both included.
func (a *Signing) checkCertificate(ctx context.Context, s signing.Signing) (*x509.Certificate, []*x509.Certificate, error) {
	stored, err := a.certificate(ctx, s.ID, s.Certificate)
	if err != nil {
		return nil, nil, err
	}
	cert, chain, err := parse(stored)
	if err != nil {
		return nil, nil, err
	}
	if !signing.BelongsTo(cert, s.UserID) { // also one that was looked up by an earlier release
		return nil, nil, errOther
	}
	trust, err := a.Trust(ctx)
	if err != nil {
		return nil, nil, err
	}
	path, err := trust.Check(cert, chain, a.Now())
	if err != nil {
		return nil, nil, err
	}
	var checked []statusCheck
	for i := 0; i+1 < len(path) && err == nil; i++ {
		var status signing.Revocation
		if status, err = a.checkStatus(ctx, s.ID, path[i], path[i+1]); status.State != "" {
			checked = append(checked, a.statusCheck(path[i].Raw, status))
		}
	}
	if saveErr := a.saveChecks(ctx, s.ID, checked); err == nil {
		err = saveErr
	}
	if err != nil {
		return nil, nil, err
	}
	return cert, path, nil
}

// statusCheck is the result of one question about a certificate. It is kept with the signing (Circular 15/2025/TT-BKHCN,
// Art. 5.4) and tells the two times apart: when the question was asked, and when the answer was made that came.
type statusCheck struct {
	Certificate string                  `json:"certificate"` // fingerprint
	State       signing.RevocationState `json:"state"`
	Source      string                  `json:"source"` // "ocsp" or "crl"
	AskedAt     time.Time               `json:"asked_at"`
	MadeAt      time.Time               `json:"made_at"` // thisUpdate
	NextUpdate  time.Time               `json:"next_update,omitzero"`
}

func (a *Signing) statusCheck(cert []byte, status signing.Revocation) statusCheck {
	source := "ocsp"
	if len(status.OCSP) == 0 {
		source = "crl"
	}
	return statusCheck{signing.Fingerprint(cert), status.State, source, a.Now().UTC(), status.ThisUpdate, status.NextUpdate}
}

// certificateCheck is the kind of evidence that the result of a check is.
const certificateCheck = "certificate-check"

// saveChecks keeps what one look at a certificate's path found, also when that is a refusal.
func (a *Signing) saveChecks(ctx context.Context, signingID string, checked []statusCheck) error {
	if len(checked) == 0 {
		return nil
	}
	data, err := json.Marshal(checked)
	if err != nil {
		return fmt.Errorf("writing down a check: %w", err)
	}
	return a.saveEvidence(ctx, signingID, certificateCheck, -1, data)
}

// issuers returns what belongs into a signature besides the certificate: its path without the root, which every
// verifier must have from elsewhere.
func issuers(path []*x509.Certificate) []*x509.Certificate {
	if len(path) < 3 {
		return nil
	}
	return path[1 : len(path)-1]
}

func (a *Signing) checkStatus(ctx context.Context, signingID string, cert, issuer *x509.Certificate) (signing.Revocation, error) {
	status, err := a.Revocation.Status(ctx, cert.Raw, issuer.Raw)
	if err != nil {
		return signing.Revocation{}, err
	}
	if err := a.saveRevocation(ctx, signingID, status); err != nil {
		return status, err
	}
	switch status.State {
	case signing.RevocationGood:
		return status, nil
	case signing.RevocationOnHold:
		return status, problem.New(problem.CertificateRevoked, "the certificate is suspended")
	}
	return status, problem.New(problem.CertificateRevoked, "the certificate was revoked on %s", status.RevokedAt.UTC().Format("2006-01-02"))
}

func (a *Signing) saveRevocation(ctx context.Context, signingID string, status signing.Revocation) error {
	kind, data := "ocsp", status.OCSP
	if len(data) == 0 {
		kind, data = "crl", status.CRL
	}
	if err := a.saveEvidence(ctx, signingID, kind, -1, data); err != nil {
		return fmt.Errorf("keeping revocation data: %w", err)
	}
	return nil
}

func (a *Signing) saveEvidence(ctx context.Context, signingID, kind string, index int, data []byte) error {
	sum := sha256.Sum256(data)
	return a.Records.SaveEvidence(ctx, signingID, signing.Evidence{
		Kind: kind, Index: index, Digest: hex.EncodeToString(sum[:]), Data: data, At: a.Now(),
	})
}
