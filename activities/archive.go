package activities

import (
	"context"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// ArchiveDocuments puts a time-stamp over each document with its revocation data (B-LTA). Effect: one time-stamp for each
// document. Key: signing and document; the token is kept before it is used, so that a retry does not ask again.
func (a *Signing) ArchiveDocuments(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.archiveDocuments(ctx, signingID))
}

// archiveToken is the kind of evidence that an archive time-stamp is.
const archiveToken = "archive-timestamp"

func (a *Signing) archiveDocuments(ctx context.Context, signingID string) error {
	s, err := a.completing(ctx, signingID, signing.LevelLTA)
	if err != nil {
		return err
	}
	tokens, err := a.tokens(ctx, s.ID, archiveToken)
	if err != nil {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	return a.eachDocument(ctx, s, signing.LevelLTA, func(doc signing.Document) error {
		base, ok, err := a.stage(ctx, s, doc.Index, signing.LevelLT)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Conflict, "the document has no revocation data yet")
		}
		return a.archive(ctx, pdf, s, doc, archiving{base: base, stage: signing.LevelLTA, kind: archiveToken, token: tokens[doc.Index]})
	})
}

// archiving is one archive time-stamp: over which document, what is made of it, and the token when there is one already.
type archiving struct {
	base  signing.Upload
	stage signing.Level
	kind  string // of the token, as evidence
	token []byte
}

func (a *Signing) archive(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document, in archiving) (err error) {
	src, err := a.Open(ctx, in.base)
	if err != nil {
		return err
	}
	defer func() { err = orChanged(err, src, in.base) }()
	prepared, err := pdf.PrepareArchive(ctx, src, in.base.HashState)
	if err != nil {
		return err
	}
	if in.token == nil {
		if in.token, err = a.TSA.Stamp(ctx, prepared.H2); err != nil {
			return err
		}
		if err := a.saveEvidence(ctx, s.ID, in.kind, doc.Index, in.token); err != nil {
			return err
		}
	}
	archived, err := pades.EmbedArchive(*prepared, in.base.Size, in.base.HashState, in.token)
	if err != nil {
		return err
	}
	return a.saveStage(ctx, s, doc, in.stage, in.base, archived.Increment, archived.SHA256, archived.HashState)
}
