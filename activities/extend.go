package activities

import (
	"context"
	"slices"

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
	s, err := a.Records.Signing(ctx, signingID)
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
) error {
	src, err := a.Open(ctx, stamped)
	if err != nil {
		return err
	}
	evidence, err := a.gather(ctx, pdf, s.ID, pades.NeedsOptions{ByteRange: doc.Prepared.ByteRange}, src, known)
	if err != nil {
		return err
	}
	extended, err := pdf.Extend(ctx, src, evidence, stamped.HashState)
	if err != nil {
		return err
	}
	return a.saveStage(ctx, s, doc, signing.LevelLT, stamped, extended.Increment, extended.SHA256, extended.HashState)
}

// maxGatherRounds bounds how often an answer may name a responder that is itself in question.
const maxGatherRounds = 4

// gather fetches what a verifier of our signature in src will miss, which ask names. Signatures that were in the file before
// stay as they are: whether their issuers answer must not keep ours from being delivered.
func (a *Signing) gather(ctx context.Context, pdf PDF, signingID string, ask pades.NeedsOptions, src pades.Source,
	known map[string]signing.Revocation,
) (pades.Evidence, error) {
	var found pades.Evidence
	for range maxGatherRounds {
		ask.Have = found
		ask.Have.Certificates = slices.Clone(found.Certificates)
		for _, c := range slices.Concat(a.Trust.Intermediates, a.Trust.Roots) {
			ask.Have.Certificates = append(ask.Have.Certificates, c.Raw)
		}
		needs, err := pdf.Needs(ctx, src, ask)
		ask.Fresh = false // once; then only what the answers name
		if err != nil || len(needs) == 0 {
			return found, err
		}
		for _, need := range needs {
			status, err := a.statusOf(ctx, signingID, need, known)
			if err != nil {
				return found, err
			}
			found.Certificates = append(found.Certificates, need.Certificate.Raw, need.Issuer.Raw)
			if len(status.OCSP) > 0 {
				found.OCSPs = append(found.OCSPs, status.OCSP)
			} else {
				found.CRLs = append(found.CRLs, status.CRL)
			}
		}
	}
	return found, problem.New(problem.RevocationUnknown, "status services keep naming further certificates")
}

func (a *Signing) statusOf(ctx context.Context, signingID string, need pades.Need, known map[string]signing.Revocation) (signing.Revocation, error) {
	key := signing.Fingerprint(need.Certificate.Raw)
	if status, ok := known[key]; ok {
		return status, nil
	}
	status, err := a.Revocation.Status(ctx, need.Certificate.Raw, need.Issuer.Raw)
	if err != nil {
		return status, err
	}
	known[key] = status
	return status, a.saveRevocation(ctx, signingID, status)
}
