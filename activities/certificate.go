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
	var found answers
	for i := 0; i+1 < len(path) && err == nil; i++ {
		var status signing.Revocation
		if status, err = a.Revocation.Status(ctx, path[i].Raw, path[i+1].Raw); err == nil {
			found.add(path[i].Raw, status, a.Now())
			err = mayBeUsed(status)
		}
	}
	if saveErr := a.saveAnswers(ctx, s.ID, found); err == nil {
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

// answers is what one look at a certificate's path found: the results, and the answers that say so.
type answers struct {
	checked []statusCheck
	proof   []signing.Evidence
}

func (l *answers) add(cert []byte, status signing.Revocation, now time.Time) {
	source, data := "ocsp", status.OCSP
	if len(data) == 0 {
		source, data = "crl", status.CRL
	}
	l.checked = append(l.checked, statusCheck{signing.Fingerprint(cert), status.State, source, now.UTC(), status.ThisUpdate, status.NextUpdate})
	l.proof = append(l.proof, pieceOfEvidence(source, -1, data, now))
}

// saveAnswers keeps what one look found, also when that is a refusal.
func (a *Signing) saveAnswers(ctx context.Context, signingID string, found answers) error {
	if len(found.checked) == 0 {
		return nil
	}
	data, err := json.Marshal(found.checked)
	if err != nil {
		return fmt.Errorf("writing down a check: %w", err)
	}
	if err := a.Records.SaveEvidence(ctx, signingID, append(found.proof, pieceOfEvidence(signing.CertificateCheck, -1, data, a.Now()))...); err != nil {
		return fmt.Errorf("keeping revocation data: %w", err)
	}
	return nil
}

// issuers returns what belongs into a signature besides the certificate: its path without the root, which every
// verifier must have from elsewhere.
func issuers(path []*x509.Certificate) []*x509.Certificate {
	if len(path) < 3 {
		return nil
	}
	return path[1 : len(path)-1]
}

// mayBeUsed turns the status of a certificate that is not good into problem.CertificateRevoked.
func mayBeUsed(status signing.Revocation) error {
	switch status.State {
	case signing.RevocationGood:
		return nil
	case signing.RevocationOnHold:
		return problem.New(problem.CertificateRevoked, "the certificate is suspended")
	}
	return problem.New(problem.CertificateRevoked, "the certificate was revoked on %s", status.RevokedAt.UTC().Format("2006-01-02"))
}

func (a *Signing) saveEvidence(ctx context.Context, signingID, kind string, index int, data []byte) error {
	return a.Records.SaveEvidence(ctx, signingID, pieceOfEvidence(kind, index, data, a.Now()))
}

func pieceOfEvidence(kind string, index int, data []byte, now time.Time) signing.Evidence {
	sum := sha256.Sum256(data)
	return signing.Evidence{Kind: kind, Index: index, Digest: hex.EncodeToString(sum[:]), Data: data, At: now}
}
