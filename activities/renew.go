package activities

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// Archiving says when archive time-stamps are renewed.
type Archiving struct {
	// Margin is how long before its end an archive time-stamp is renewed: time for an operator to remove what is in the way.
	Margin time.Duration
	// Ends says until when an algorithm is trusted, by a part of its name as verification reports it, such as SHA-256 or
	// RSASSA-PKCS1-v1_5.
	Ends map[string]time.Time
}

// end returns when what holds up a time-stamp gives way: the authority's certificate or one of its algorithms.
func (a Archiving) end(stamp pades.SignatureReport) time.Time {
	end := stamp.CertificateEnd
	for name, at := range a.Ends {
		if strings.Contains(stamp.Algorithm, name) && at.Before(end) {
			end = at
		}
	}
	return end
}

// due returns when to renew what ends at a time. An authority that still uses a certificate near its end is asked again after
// half of what is left, at most once a day.
func (a Archiving) due(now, end time.Time) time.Time {
	const atMostOnceIn = 24 * time.Hour
	if at := end.Add(-a.Margin); at.After(now) {
		return at
	}
	return now.Add(max(end.Sub(now)/2, atMostOnceIn))
}

// Renewal says when the archive time-stamps of a signing have to be renewed.
type Renewal struct {
	Due time.Time `json:"due"`
	// Gone says that there is nothing to renew any more: the record was erased.
	Gone bool `json:"gone,omitempty"`
	// Generation is of the renewal that comes next; 1 is the first.
	Generation int `json:"generation,omitempty"`
}

// ArchiveDue reads when the archive time-stamps of a signing end. Effect: none.
func (a *Signing) ArchiveDue(ctx context.Context, signingID string) (Renewal, error) {
	defer alive(ctx)()
	renewal, err := a.archiveDue(ctx, signingID)
	return renewal, fail(err)
}

func (a *Signing) archiveDue(ctx context.Context, signingID string) (Renewal, error) {
	s, err := a.Records.Signing(ctx, signingID)
	if code := problem.CodeOf(err); code == problem.NotFound || code == problem.Erased {
		return Renewal{Gone: true}, nil
	}
	if err != nil {
		return Renewal{}, err
	}
	if s.Status == signing.StatusCompleting { // the signing began this process, and records its own end at the same time
		return Renewal{}, fmt.Errorf("the signing is %s: its end is not recorded yet", s.Status)
	}
	if !s.ErasedAt.IsZero() || s.Status != signing.StatusSigned || s.Level != signing.LevelLTA {
		return Renewal{Gone: true}, nil
	}
	pdf := a.PDF()
	defer pdf.Close()
	var renewal Renewal
	for _, doc := range s.Documents {
		if next := generationOf(doc.SignedID) + 1; renewal.Generation == 0 || next < renewal.Generation {
			renewal.Generation = next // a round may have ended for some
		}
		current, err := a.recorded(ctx, doc.SignedID, doc.SignedSHA256)
		if err != nil {
			return renewal, err
		}
		stamp, err := a.lastStamp(ctx, pdf, current)
		if err != nil {
			return renewal, fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
		if due := a.Archiving.due(a.Now(), a.Archiving.end(stamp)); renewal.Due.IsZero() || due.Before(renewal.Due) {
			renewal.Due = due
		}
	}
	return renewal, nil
}

// lastStamp returns the document time-stamp that covers all of a document. One that does not hold is no ground to build on:
// an operator has to look.
func (a *Signing) lastStamp(ctx context.Context, pdf PDF, document signing.Upload) (last pades.SignatureReport, err error) {
	src, err := a.Open(ctx, document)
	if err != nil {
		return last, err
	}
	defer func() { err = orChanged(err, src, document) }()
	trust, err := a.Trust(ctx)
	if err != nil {
		return last, err
	}
	found, err := pdf.Verify(ctx, src, pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Removed: trust.Removed, Now: a.Now()})
	if err != nil {
		return pades.SignatureReport{}, err
	}
	i := slices.IndexFunc(found.Signatures, func(s pades.SignatureReport) bool { return s.Kind == "document-timestamp" && s.CoversAll })
	if i < 0 || !found.Signatures[i].Intact {
		return pades.SignatureReport{}, problem.New(problem.VerificationFailed, "no archive time-stamp holds the whole document")
	}
	return found.Signatures[i], nil
}

// RenewInput names one round of renewals.
type RenewInput struct {
	SigningID  string `json:"signing_id"`
	Generation int    `json:"generation"` // 1 is the first renewal
}

// RenewArchive puts a further time-stamp over each document, with what proves the last one. Effect: one time-stamp for each
// document, and the signed files grow. Key: signing, document and generation; the token is kept before it is used.
func (a *Signing) RenewArchive(ctx context.Context, in RenewInput) error {
	defer alive(ctx)()
	return fail(a.renewArchive(ctx, in))
}

func (a *Signing) renewArchive(ctx context.Context, in RenewInput) error {
	s, err := a.Records.Signing(ctx, in.SigningID)
	if code := problem.CodeOf(err); code == problem.NotFound || code == problem.Erased {
		return nil
	}
	if err != nil || !s.ErasedAt.IsZero() {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	r := renewal{stage: generationLevel(in.Generation), before: generationLevel(in.Generation - 1),
		kind: fmt.Sprintf("%s-%d", archiveToken, in.Generation), known: map[string]signing.Revocation{}}
	if r.tokens, err = a.tokens(ctx, s.ID, r.kind); err != nil {
		return err
	}
	for _, doc := range s.Documents {
		if err := a.renew(ctx, pdf, s, doc, r); err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

// renewal is one round over all documents of a signing.
type renewal struct {
	stage, before signing.Level  // what it makes, and of what
	kind          string         // of its tokens, as evidence
	tokens        map[int][]byte // that an earlier try got, by document
	known         map[string]signing.Revocation
}

func (a *Signing) renew(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document, r renewal) error {
	before, after := process.StageID(s.ID, doc.Index, string(r.before)), process.StageID(s.ID, doc.Index, string(r.stage))
	if doc.SignedID != before {
		return nil // done, perhaps long ago: a late try must not bring an older file back
	}
	_, done, err := a.stage(ctx, s, doc.Index, r.stage)
	if err == nil && !done {
		err = a.stampAgain(ctx, pdf, s, doc, r)
	}
	if err != nil {
		return err
	}
	return a.Records.RenewSigned(ctx, s.ID, doc.Index, before, after)
}

func (a *Signing) stampAgain(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document, r renewal) error {
	current, err := a.recorded(ctx, doc.SignedID, doc.SignedSHA256)
	if err != nil {
		return err
	}
	proven, err := a.prove(ctx, pdf, s, doc, current, r)
	if err != nil {
		return err
	}
	return a.archive(ctx, pdf, s, doc, archiving{base: proven, stage: r.stage, kind: r.kind, token: r.tokens[doc.Index]})
}

// generationLevel names the stage of a renewal; that of none is B-LTA itself.
func generationLevel(generation int) signing.Level {
	if generation == 0 {
		return signing.LevelLTA
	}
	return signing.Level(fmt.Sprintf("%s-%d", signing.LevelLTA, generation))
}

// generationOf returns how often a document was renewed, by the id of its last stage.
func generationOf(stage string) int {
	_, number, _ := strings.Cut(stage, "-"+strings.ToLower(string(signing.LevelLTA))+"-")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return n
}

// prove adds what later verifiers need to judge the last time-stamp, while it can still be had. What was found is kept: answers
// change from one try to the next, and the token that follows is over these very bytes.
func (a *Signing) prove(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document, current signing.Upload, r renewal,
) (signing.Upload, error) {
	stage := r.stage + "-proof"
	if done, ok, err := a.stage(ctx, s, doc.Index, stage); err != nil || ok {
		return done, err
	}
	stamp, err := a.lastStamp(ctx, pdf, current)
	if err != nil {
		return current, err
	}
	src, err := a.Open(ctx, current)
	if err != nil {
		return current, err
	}
	found, err := a.gather(ctx, pdf, s.ID, evidence.Rule{ByteRange: stamp.ByteRange, Fresh: true}, src, r.known)
	if err != nil {
		return current, err
	}
	extended, err := pdf.Extend(ctx, src, found, current.HashState)
	if err != nil {
		return current, err
	}
	if err := a.saveStage(ctx, s, doc, stage, current, extended.Increment, extended.SHA256, extended.HashState); err != nil {
		return current, err
	}
	return a.Records.Upload(ctx, process.StageID(s.ID, doc.Index, string(stage)))
}
