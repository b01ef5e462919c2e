package activities

import (
	"context"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// ExtendSignatures adds certificates and revocation data for the signer's and the time-stamp authority's chains
// (B-LT). Effect: blobs and records. Key: signing and document.
func (a *Signing) ExtendSignatures(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.extendSignatures(ctx, signingID))
}

func (a *Signing) extendSignatures(ctx context.Context, signingID string) error {
	s, err := a.completing(ctx, signingID, signing.LevelLT)
	if err != nil {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	known := map[string]signing.Revocation{} // one question for each certificate, whatever the number of documents
	return a.eachDocument(ctx, s, signing.LevelLT, func(doc signing.Document) error {
		stamped, ok, err := a.stage(ctx, s, doc.Index, signing.LevelT)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Conflict, "the document has no time-stamp yet")
		}
		return a.extend(ctx, pdf, s, doc, stamped, known)
	})
}

func (a *Signing) extend(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document, stamped signing.Upload,
	known map[string]signing.Revocation,
) (err error) {
	src, err := a.Open(ctx, stamped)
	if err != nil {
		return err
	}
	defer func() { err = orChanged(err, src, stamped) }()
	found, err := a.gather(ctx, pdf, s.ID, evidence.Rule{ByteRange: doc.Prepared.ByteRange}, src, known)
	if err != nil {
		return err
	}
	extended, err := pdf.Extend(ctx, src, found, stamped.HashState)
	if err != nil {
		return err
	}
	return a.saveStage(ctx, s, doc, signing.LevelLT, stamped, extended.Increment, extended.SHA256, extended.HashState)
}

// gather fetches what a verifier of one signature in src will miss. Signatures that were in the file before stay as they are:
// whether their issuers answer must not keep ours from being delivered.
func (a *Signing) gather(ctx context.Context, pdf PDF, signingID string, rule evidence.Rule, src pades.Source,
	known map[string]signing.Revocation,
) (pades.Evidence, error) {
	var err error
	if rule.Trust, err = a.Trust(ctx); err != nil {
		return pades.Evidence{}, err
	}
	var asked answers
	found, _, err := evidence.Gather(ctx, src, pdf.Needs, func(ctx context.Context, cert, issuer []byte) (signing.Revocation, error) {
		return a.statusOf(ctx, cert, issuer, known, &asked)
	}, rule)
	if saveErr := a.saveAnswers(ctx, signingID, asked); err == nil {
		err = saveErr
	}
	return found, err
}

func (a *Signing) statusOf(ctx context.Context, cert, issuer []byte, known map[string]signing.Revocation, asked *answers) (signing.Revocation, error) {
	key := signing.Fingerprint(cert)
	if status, ok := known[key]; ok {
		return status, nil
	}
	status, err := a.Revocation.Status(ctx, cert, issuer)
	if err == nil {
		known[key] = status
		asked.add(cert, status, a.Now())
	}
	return status, err
}
