package activities

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// PrepareDocuments checks the certificate, then writes for each document the incremental update that will carry
// the signature, with all digests. Effect: blobs and records. Key: signing and document; what is prepared stays
// as it is, since the owner may have seen its short code. Errors: document, placement and certificate codes are
// final.
//
// With Ask it also asks the owner, once, under the rules of RequestApproval, which is left to ask when this fails.
func (a *Signing) PrepareDocuments(ctx context.Context, in Work) (requested Requested, err error) {
	defer alive(ctx)()
	if err = a.take(ctx, in); err == nil {
		err = a.prepareDocuments(ctx, in.SigningID)
	}
	if err == nil && in.Ask {
		requested = a.askAtOnce(ctx, in.SigningID)
	}
	return requested, fail(err)
}

// askAtOnceLimit is how long a record may say "preparing" while a provider takes its time to answer.
const askAtOnceLimit = 10 * time.Second

func (a *Signing) askAtOnce(ctx context.Context, signingID string) (requested Requested) {
	asking, cancel := context.WithTimeout(ctx, askAtOnceLimit)
	defer cancel()
	err := inStage(asking, StageRequest, signingID, func(ctx context.Context, id string) (err error) {
		requested, err = a.requestApproval(ctx, id, signing.StatusPreparing)
		return err
	})
	if err != nil {
		activity.GetLogger(ctx).Info("The owner is asked by an activity of its own", "code", string(problem.CodeOf(err)))
		return Requested{}
	}
	return requested
}

func (a *Signing) prepareDocuments(ctx context.Context, signingID string) error {
	s, err := a.Records.Signing(ctx, signingID)
	if err == nil && s.Status != signing.StatusPreparing && !slices.ContainsFunc(s.Documents, func(d signing.Document) bool { return d.Prepared == nil }) {
		return nil // the process was reset
	}
	if err == nil {
		s, err = a.due(ctx, signingID, signing.StatusPreparing)
	}
	if err != nil {
		return err
	}
	cert, _, err := a.checkCertificate(ctx, s)
	if err != nil {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	at := a.Now()
	for _, doc := range s.Documents {
		if doc.Prepared != nil {
			continue
		}
		if err := a.prepareDocument(ctx, pdf, s, doc, cert, at); err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

func (a *Signing) prepareDocument(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document,
	cert *x509.Certificate, at time.Time,
) error {
	upload, err := a.uploaded(ctx, doc)
	if err != nil {
		return err
	}
	src, err := a.Open(ctx, upload)
	if err != nil {
		return err
	}
	prepared, err := pdf.Prepare(ctx, src, Placed(doc.Placement, pades.PrepareOptions{
		Policy: a.Policy, Certificate: cert, SigningTime: at, Reason: s.Reason, Location: s.Location, HashState: upload.HashState,
	}))
	if err != nil {
		return err
	}
	segment, err := a.Segments.Append(ctx, upload, prepared.Increment)
	if err != nil {
		return err
	}
	name := prepared.Field
	if prepared.Existing {
		name = "" // the author's word, perhaps the name of a person
	}
	return a.Records.SavePrepared(ctx, s.ID, doc.Index, signing.Prepared{
		H1: hex.EncodeToString(prepared.H1[:]), H2: hex.EncodeToString(prepared.H2[:]), H3: hex.EncodeToString(prepared.H3[:]),
		ByteRange: prepared.ByteRange, SignedAttrs: prepared.SignedAttrs,
		Increment: segment.Key, IncrementLen: segment.Length,
		FieldName: name, HoleOffset: prepared.HoleOffset, HoleLen: prepared.HoleLength,
	})
}

// Placed adds to the options how the signature stands in the document.
func Placed(p *signing.Placement, opt pades.PrepareOptions) pades.PrepareOptions {
	if p == nil {
		return opt
	}
	opt.Box = pades.Box{
		Page: p.Page, X: p.X, Y: p.Y, Width: p.Width, Height: p.Height, Invisible: p.Invisible, Pages: p.Pages, AllPages: p.AllPages,
	}
	opt.FieldNumber = p.FieldNumber
	opt.Certify = pades.Certification(p.Certify)
	opt.AllowNewField, opt.AllowCover = p.AllowNewField, p.AllowCover
	for _, a := range p.EmptyFields {
		opt.EmptyFields = append(opt.EmptyFields, pades.Box{Page: a.Page, X: a.X, Y: a.Y, Width: a.Width, Height: a.Height})
	}
	if p.LockAll {
		opt.Lock = &pades.Lock{Action: pades.LockAll}
	}
	return opt
}

// restore turns the record of a preparation back into what pades made, with the increment read from the blobs.
func (a *Signing) restore(ctx context.Context, base signing.Upload, doc signing.Document) (pades.Prepared, error) {
	p := doc.Prepared
	if p == nil {
		return pades.Prepared{}, problem.New(problem.Conflict, "document %d is not prepared", doc.Index+1)
	}
	increment, err := a.readIncrement(ctx, base, p.Increment, p.IncrementLen)
	if err != nil {
		return pades.Prepared{}, err
	}
	out := pades.Prepared{
		Increment: increment, Field: p.FieldName, ByteRange: p.ByteRange,
		HoleOffset: p.HoleOffset, HoleLength: p.HoleLen, SignedAttrs: p.SignedAttrs,
	}
	for digest, text := range map[*[32]byte]string{&out.H1: p.H1, &out.H2: p.H2, &out.H3: p.H3} {
		if n, err := hex.Decode(digest[:], []byte(text)); err != nil || n != len(digest) {
			return pades.Prepared{}, problem.New(problem.DigestMismatch, "a stored digest of document %d is not a SHA-256", doc.Index+1)
		}
	}
	return out, nil
}
