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
	s, err := a.completing(ctx, signingID, signing.LevelB)
	if err != nil {
		return err
	}
	cert, path, err := a.checkCertificate(ctx, s)
	if err != nil {
		return err
	}
	values, err := a.values(ctx, s)
	if err != nil {
		return err
	}
	m := material{cert, issuers(path), values}
	return a.eachDocument(ctx, s, signing.LevelB, func(doc signing.Document) error { return a.embed(ctx, s, doc, m) })
}

// material is what the signatures of one signing are made of, read once for all its documents.
type material struct {
	cert   *x509.Certificate
	chain  []*x509.Certificate
	values map[int]signing.SignatureValue // by document
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

// embed makes the B-B signature, which verifies the value. It is kept only when nothing is to be added to it: a
// time-stamp lies inside the signature, so that a B-T one is written anew.
func (a *Signing) embed(ctx context.Context, s signing.Signing, doc signing.Document, m material) error {
	embedded, base, err := a.fill(ctx, doc, m, nil)
	if problem.CodeOf(err) == problem.SignatureInvalid {
		if markErr := a.markValue(ctx, s, m.values, doc.Index, signing.UseRejected); markErr != nil {
			return markErr
		}
	}
	if err != nil || s.Level != signing.LevelB {
		return err
	}
	return a.saveStage(ctx, s, doc, signing.LevelB, base, embedded.Increment, embedded.SHA256, embedded.HashState)
}

// fill makes the filled increment. It is a pure function of what is stored, so that a retry makes the same bytes.
func (a *Signing) fill(ctx context.Context, doc signing.Document, m material, stamp []byte) (*pades.Embedded, signing.Upload, error) {
	base, err := a.uploaded(ctx, doc)
	if err != nil {
		return nil, base, err
	}
	prepared, err := a.restore(ctx, base, doc)
	if err != nil {
		return nil, base, err
	}
	embedded, err := pades.Embed(pades.EmbedInput{
		Prepared: prepared, SourceSize: base.Size, HashState: base.HashState, Value: m.values[doc.Index].Value,
		Certificate: m.cert, Chain: m.chain, Timestamp: stamp,
	})
	return embedded, base, err
}

// values returns the values that came for the signing's own request, one for each document.
func (a *Signing) values(ctx context.Context, s signing.Signing) (map[int]signing.SignatureValue, error) {
	list, err := a.Records.Values(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	values := make(map[int]signing.SignatureValue, len(list))
	for _, v := range list {
		if v.RequestID == s.Approval.OurID && v.Use != signing.UseLate {
			values[v.Index] = v
		}
	}
	for _, doc := range s.Documents {
		if _, ok := values[doc.Index]; !ok {
			return nil, problem.New(problem.SignatureInvalid, "no value was received for document %d", doc.Index+1)
		}
	}
	return values, nil
}

func (a *Signing) markValue(ctx context.Context, s signing.Signing, values map[int]signing.SignatureValue, index int, use signing.Use) error {
	value := values[index]
	if value.Use == use {
		return nil
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
	s, err := a.completing(ctx, signingID, signing.LevelT)
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
	trust, err := a.Trust(ctx)
	if err != nil {
		return err
	}
	path, err := trust.Check(cert, chain, s.Approval.AcceptedAt)
	if err != nil {
		return err
	}
	values, err := a.values(ctx, s)
	if err != nil {
		return err
	}
	tokens, err := a.tokens(ctx, s.ID, signatureToken)
	if err != nil {
		return err
	}
	m := material{cert, issuers(path), values}
	return a.eachDocument(ctx, s, signing.LevelT, func(doc signing.Document) error {
		token, ok := tokens[doc.Index]
		if !ok {
			if token, err = a.stamp(ctx, s, doc, m); err != nil {
				return err
			}
		}
		stamped, base, err := a.fill(ctx, doc, m, token)
		if err != nil {
			return err
		}
		return a.saveStage(ctx, s, doc, signing.LevelT, base, stamped.Increment, stamped.SHA256, stamped.HashState)
	})
}

// signatureToken is the kind of evidence that the time-stamp over a signature value is.
const signatureToken = "timestamp"

// tokens returns the time-stamp tokens of a kind that are kept already, by document.
func (a *Signing) tokens(ctx context.Context, signingID, kind string) (map[int][]byte, error) {
	evidence, err := a.Records.Evidence(ctx, signingID)
	tokens := map[int][]byte{}
	for _, e := range evidence {
		if e.Kind == kind {
			tokens[e.Index] = e.Data
		}
	}
	return tokens, err
}

// stamp asks for a time-stamp over a document's value and keeps it.
func (a *Signing) stamp(ctx context.Context, s signing.Signing, doc signing.Document, m material) ([]byte, error) {
	base, err := a.uploaded(ctx, doc)
	if err != nil {
		return nil, err
	}
	prepared, err := a.restore(ctx, base, doc)
	if err != nil {
		return nil, err
	}
	bare, _, err := pades.SignatureValue(&prepared, m.cert, m.values[doc.Index].Value)
	if err != nil {
		return nil, err
	}
	token, err := a.TSA.Stamp(ctx, sha256.Sum256(bare))
	if err != nil {
		return nil, err
	}
	return token, a.saveEvidence(ctx, s.ID, signatureToken, doc.Index, token)
}
