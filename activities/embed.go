package activities

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

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
