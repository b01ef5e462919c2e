package activities

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// EmbedSignatures checks the certificate once more, recomputes H1, H2 and H3 from the stored bytes, verifies
// each value with the certificate's key, and only then fills the holes. Effect: blobs and records. Key: signing,
// document, level. Errors: SignatureInvalid, DigestMismatch and the certificate codes are final for the attempt.
func (a *Signing) EmbedSignatures(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.embedSignatures(ctx, signingID))
}

func (a *Signing) embedSignatures(ctx context.Context, signingID string) error {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return err
	}
	cert, path, err := a.checkCertificate(ctx, s)
	if err != nil {
		return err
	}
	return a.eachDocument(ctx, s, signing.LevelB, func(doc signing.Document) error {
		return a.embed(ctx, s, doc, cert, issuers(path), nil, signing.LevelB)
	})
}

// eachDocument runs do for every document that has not reached the level.
func (a *Signing) eachDocument(ctx context.Context, s signing.Signing, level signing.Level, do func(signing.Document) error) error {
	for _, doc := range s.Documents {
		_, done, err := a.stage(ctx, s, doc.Index, level)
		if err == nil && !done {
			err = do(doc)
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

func (a *Signing) embed(ctx context.Context, s signing.Signing, doc signing.Document, cert *x509.Certificate,
	chain []*x509.Certificate, stamp []byte, level signing.Level,
) error {
	embedded, base, err := a.fill(ctx, s, doc, cert, chain, stamp)
	if problem.CodeOf(err) == problem.SignatureInvalid {
		if markErr := a.markValue(ctx, s, doc.Index, signing.UseRejected); markErr != nil {
			return markErr
		}
	}
	if err != nil {
		return err
	}
	return a.saveStage(ctx, s, doc, level, base, embedded.Increment, embedded.SHA256, embedded.HashState)
}

// fill makes the filled increment. It is a pure function of what is stored, so that a retry makes the same bytes.
func (a *Signing) fill(ctx context.Context, s signing.Signing, doc signing.Document, cert *x509.Certificate,
	chain []*x509.Certificate, stamp []byte,
) (*pades.Embedded, signing.Upload, error) {
	base, err := a.Records.Upload(ctx, doc.UploadID)
	if err != nil {
		return nil, base, err
	}
	prepared, err := a.restore(ctx, doc)
	if err != nil {
		return nil, base, err
	}
	value, err := a.value(ctx, s, doc.Index)
	if err != nil {
		return nil, base, err
	}
	embedded, err := pades.Embed(pades.EmbedInput{
		Prepared: prepared, SourceSize: base.Size, HashState: base.HashState, Value: value.Value,
		Certificate: cert, Chain: chain, Timestamp: stamp,
	})
	return embedded, base, err
}

func (a *Signing) value(ctx context.Context, s signing.Signing, index int) (signing.SignatureValue, error) {
	values, err := a.Records.Values(ctx, s.ID)
	if err != nil {
		return signing.SignatureValue{}, err
	}
	for _, v := range values {
		if v.RequestID == s.Approval.OurID && v.Index == index && v.Use != signing.UseLate {
			return v, nil
		}
	}
	return signing.SignatureValue{}, problem.New(problem.SignatureInvalid, "no value was received for document %d", index+1)
}

func (a *Signing) markValue(ctx context.Context, s signing.Signing, index int, use signing.Use) error {
	value, err := a.value(ctx, s, index)
	if err != nil || value.Use == use {
		return err
	}
	value.Use = use
	return a.Records.SaveValue(ctx, s.ID, value)
}

// TimestampSignatures adds a time-stamp over each signature value (B-T). Effect: one time-stamp for each
// document. Key: signing and document; the token is kept before it is used, so that a retry does not ask again.
func (a *Signing) TimestampSignatures(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.timestampSignatures(ctx, signingID))
}

func (a *Signing) timestampSignatures(ctx context.Context, signingID string) error {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return err
	}
	stored, err := a.certificate(ctx, s.ID, s.Certificate)
	if err != nil {
		return err
	}
	cert, chain, err := parse(stored)
	if err != nil {
		return err
	}
	// The same path as at embed time, so that only the time-stamp differs. Whether the certificate is still good
	// was decided before the value was embedded.
	path, err := a.Trust.Check(cert, chain, s.Approval.AcceptedAt)
	if err != nil {
		return err
	}
	return a.eachDocument(ctx, s, signing.LevelT, func(doc signing.Document) error {
		token, err := a.token(ctx, s, doc, cert)
		if err != nil {
			return err
		}
		return a.embed(ctx, s, doc, cert, issuers(path), token, signing.LevelT)
	})
}

// token returns the kept time-stamp token of a document, or asks for one and keeps it.
func (a *Signing) token(ctx context.Context, s signing.Signing, doc signing.Document, cert *x509.Certificate) ([]byte, error) {
	evidence, err := a.Records.Evidence(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	for _, e := range evidence {
		if e.Kind == "timestamp" && e.Index == doc.Index {
			return e.Data, nil
		}
	}
	prepared, err := a.restore(ctx, doc)
	if err != nil {
		return nil, err
	}
	value, err := a.value(ctx, s, doc.Index)
	if err != nil {
		return nil, err
	}
	bare, _, err := pades.SignatureValue(&prepared, cert, value.Value)
	if err != nil {
		return nil, err
	}
	token, err := a.TSA.Stamp(ctx, sha256.Sum256(bare))
	if err != nil {
		return nil, err
	}
	return token, a.saveEvidence(ctx, s.ID, "timestamp", doc.Index, token)
}

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
	known := map[string]signing.Revocation{} // one question for each certificate, whatever the number of documents
	return a.eachDocument(ctx, s, signing.LevelLT, func(doc signing.Document) error {
		stamped, ok, err := a.stage(ctx, s, doc.Index, signing.LevelT)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Conflict, "the document has no time-stamp yet")
		}
		return a.extend(ctx, s, doc, stamped, known)
	})
}

func (a *Signing) extend(ctx context.Context, s signing.Signing, doc signing.Document, stamped signing.Upload, known map[string]signing.Revocation) error {
	src, err := a.Open(ctx, stamped)
	if err != nil {
		return err
	}
	evidence, err := a.gather(ctx, s.ID, doc, src, known)
	if err != nil {
		return err
	}
	extended, err := a.PDF.Extend(ctx, src, evidence, stamped.HashState)
	if err != nil {
		return err
	}
	return a.saveStage(ctx, s, doc, signing.LevelLT, stamped, extended.Increment, extended.SHA256, extended.HashState)
}

// maxGatherRounds bounds how often an answer may name a responder that is itself in question.
const maxGatherRounds = 4

// gather fetches what a verifier of our signature in src will miss. Signatures that were in the file before stay as
// they are: whether their issuers answer must not keep ours from being delivered.
func (a *Signing) gather(ctx context.Context, signingID string, doc signing.Document, src pades.Source, known map[string]signing.Revocation) (pades.Evidence, error) {
	var found pades.Evidence
	for range maxGatherRounds {
		have := found
		have.Certificates = slices.Clone(found.Certificates)
		for _, c := range slices.Concat(a.Trust.Intermediates, a.Trust.Roots) {
			have.Certificates = append(have.Certificates, c.Raw)
		}
		needs, err := a.PDF.Needs(ctx, src, pades.NeedsOptions{Have: have, Field: doc.Prepared.FieldName})
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

// DeliverDocuments verifies each finished document as a relying party would, and only then links it to the
// signing. Effect: records. Key: signing and document. Errors: VerificationFailed is final for the attempt.
func (a *Signing) DeliverDocuments(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.deliverDocuments(ctx, signingID))
}

func (a *Signing) deliverDocuments(ctx context.Context, signingID string) error {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return err
	}
	known := map[string]signing.Revocation{}
	for _, doc := range s.Documents {
		if err := a.deliver(ctx, s, doc, known); err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

func (a *Signing) deliver(ctx context.Context, s signing.Signing, doc signing.Document, known map[string]signing.Revocation) error {
	finished, ok, err := a.stage(ctx, s, doc.Index, s.Level)
	if err != nil {
		return err
	}
	if !ok {
		return problem.New(problem.Conflict, "the document has not reached level %s", s.Level)
	}
	src, err := a.Open(ctx, finished)
	if err != nil {
		return err
	}
	evidence, err := a.gather(ctx, s.ID, doc, src, known) // nothing for B-LT, which carries it all
	if err != nil {
		return err
	}
	result, err := a.PDF.Verify(ctx, src, pades.VerifyOptions{
		Roots: a.Trust.Roots, Intermediates: a.Trust.Intermediates, Now: a.Now(), Evidence: evidence,
	})
	if err != nil {
		return err
	}
	if err := accept(result, doc.Prepared.FieldName); err != nil {
		return err
	}
	if err := a.Records.SaveSigned(ctx, s.ID, doc.Index, finished.ID, s.Level); err != nil {
		return err
	}
	return a.markValue(ctx, s, doc.Index, signing.UseEmbedded)
}

// accept demands of our own signature what every verifier will: intact, over the whole file or followed by
// validation data only, by a trusted certificate that was good.
func accept(result *pades.Verification, field string) error {
	for _, report := range result.Signatures {
		if report.Field != field {
			continue
		}
		if report.Verdict == pades.TotalPassed && report.Intact && (report.CoversAll || report.LaterChanges == "validation-data") {
			return nil
		}
		return problem.New(problem.VerificationFailed, "the finished signature is %s %s", report.Verdict, report.SubIndication)
	}
	return problem.New(problem.VerificationFailed, "the finished file has no signature in our field")
}
