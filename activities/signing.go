// Package activities holds every side effect that a process may ask for. Each activity is: load, decide whether it
// is already done, call, record, return something small. What it returns stands in a history for years, so it is
// ids, digests and states only.
//
// It may import the domain packages, internal/pades, internal/forms, internal/problem and the Temporal SDK.
package activities

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"kyso/internal/decision"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// PDF is the PDF engine for the documents of one signing. They are untrusted: the implementation parses them in a
// process that may die. Errors are the document codes of package problem, DocumentTooComplex when a limit was hit.
type PDF interface {
	Inspect(ctx context.Context, src pades.Source, p pades.Policy) (*pades.Report, error)
	Prepare(ctx context.Context, src pades.Source, opt pades.PrepareOptions) (*pades.Prepared, error)
	Needs(ctx context.Context, src pades.Source, opt pades.NeedsOptions) ([]pades.Need, error)
	Extend(ctx context.Context, src pades.Source, ev pades.Evidence, hashState []byte) (*pades.Extended, error)
	PrepareArchive(ctx context.Context, src pades.Source, hashState []byte) (*pades.Prepared, error)
	Verify(ctx context.Context, src pades.Source, opt pades.VerifyOptions) (*pades.Verification, error)
	Close()
}

// Signing holds what the activities of a signing need. Every exported method is an activity.
type Signing struct {
	Records    signing.Records
	Decisions  decision.Records
	Waits      process.Waits
	Segments   signing.Segments
	Signers    map[string]signing.RemoteSigner // by provider name
	TSA        signing.TimestampAuthority
	Revocation signing.RevocationSource
	PDF        func() PDF                                   // one for each activity, closed at its end
	Trust      func(context.Context) (signing.Trust, error) // as of now
	Policy     pades.Policy
	Archiving  Archiving
	// Open gives a stored document as a source that is read by range.
	Open func(ctx context.Context, u signing.Upload) (pades.Source, error)
	Now  func() time.Time
	Pace *Pace // of questions to providers
	// Retries are the pauses before a parked process tries again by itself; see Parked.
	Retries []time.Duration
}

// InspectDocuments looks at every document before any party is asked, and reads each through once. Effect: none.
// Errors: the document codes and DigestMismatch; they are final.
func (a *Signing) InspectDocuments(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.inspectDocuments(ctx, signingID))
}

func (a *Signing) inspectDocuments(ctx context.Context, signingID string) error {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	for _, doc := range s.Documents {
		upload, err := a.uploaded(ctx, doc)
		if err != nil {
			return err
		}
		src, err := a.Open(ctx, upload)
		if err == nil {
			err = readThrough(src, upload.SHA256) // the phone must not ring for a file that cannot be signed
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
		if _, err := pdf.Inspect(ctx, src, a.Policy); err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

// Found is what FindCertificates found.
type Found struct {
	Fingerprint string `json:"fingerprint,omitempty"` // the certificate to use; empty when the user has to choose
	Usable      int    `json:"usable"`
}

// FindCertificates looks the user's certificates up and chooses when there is no choice. Effect: the list is
// stored. Key: the signing. Errors: CertificateMissing, CertificateOther, CertificateExpired, CertificateInvalid are final.
func (a *Signing) FindCertificates(ctx context.Context, signingID string) (Found, error) {
	found, err := a.findCertificates(ctx, signingID)
	return found, fail(err)
}

func (a *Signing) findCertificates(ctx context.Context, signingID string) (Found, error) {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return Found{}, err
	}
	if s.Certificate != "" {
		return Found{Fingerprint: s.Certificate, Usable: 1}, nil
	}
	signer, err := a.signer(s.Provider)
	if err != nil {
		return Found{}, err
	}
	list, err := signer.Certificates(ctx, process.CertificatesID(s.ID, "cert"), s.UserID, s.Serial)
	if err != nil {
		return Found{}, err
	}
	if list, err = owned(list, s.UserID); err != nil {
		return Found{}, err
	}
	if err := a.Records.SaveCertificates(ctx, s.ID, list); err != nil {
		return Found{}, err
	}
	usable, err := a.usable(ctx, list, s.Serial)
	if err != nil {
		return Found{}, err
	}
	if len(usable) > 1 {
		return Found{Usable: len(usable)}, nil
	}
	return Found{Fingerprint: usable[0], Usable: 1}, a.Records.ChooseCertificate(ctx, s.ID, usable[0])
}

// owned leaves out what is not of the user that was asked for: a provider that mixes up its users must not make one of them
// sign for another. When nothing else came, that is the answer.
func owned(list []signing.Certificate, userID string) ([]signing.Certificate, error) {
	var mine []signing.Certificate
	for _, c := range list {
		cert, _, err := parse(c)
		if err != nil || signing.BelongsTo(cert, userID) { // one that cannot be read is refused where it is used
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 && len(list) > 0 {
		return nil, errOther
	}
	return mine, nil
}

var errOther = problem.New(problem.CertificateOther, "no certificate that came is of the user that was asked for")

// usable returns the fingerprints of the certificates that may sign. When none may, the error says what is wrong
// with the first, which is the one that a person with one certificate asks about.
func (a *Signing) usable(ctx context.Context, list []signing.Certificate, serial string) ([]string, error) {
	trust, err := a.Trust(ctx)
	if err != nil {
		return nil, err
	}
	var usable []string
	var first error
	for _, c := range list {
		if serial != "" && c.Serial != serial {
			continue
		}
		err := a.checkDates(trust, c)
		if err == nil {
			usable = append(usable, c.Fingerprint)
		} else if first == nil {
			first = err
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	if first != nil {
		return nil, first
	}
	return nil, problem.New(problem.CertificateMissing, "the provider holds no such certificate for the user")
}

func (a *Signing) checkDates(trust signing.Trust, c signing.Certificate) error {
	cert, chain, err := parse(c)
	if err != nil {
		return err
	}
	_, err = trust.Check(cert, chain, a.Now())
	return err
}

// RecordTransition writes transitions. Key: signing and seq. Error: Conflict for one whose facts the store does not hold.
func (a *Signing) RecordTransition(ctx context.Context, in TransitionInput) error {
	return fail(a.take(ctx, Work{SigningID: in.SigningID, Moves: append([]signing.Transition{in.Transition}, in.Then...)}))
}

// TransitionInput is one transition to write, and those that follow it.
type TransitionInput struct {
	SigningID  string               `json:"signing_id"`
	Transition signing.Transition   `json:"transition"`
	Then       []signing.Transition `json:"then,omitempty"`
}

// RecordChoice writes the certificate that the user chose, after checking that it is one of theirs and may sign.
// Key: the signing. Errors: CertificateMissing and the certificate codes are final.
func (a *Signing) RecordChoice(ctx context.Context, in ChoiceInput) error {
	return fail(a.recordChoice(ctx, in))
}

// ChoiceInput is the choice of a certificate.
type ChoiceInput struct {
	SigningID   string `json:"signing_id"`
	Fingerprint string `json:"fingerprint"`
}

func (a *Signing) recordChoice(ctx context.Context, in ChoiceInput) error {
	err := decided(ctx, a.Decisions, aboutSigning(in.SigningID), "choose-certificate", func(d ChoiceInput) bool { return d.Fingerprint == in.Fingerprint })
	if err == nil {
		_, err = a.due(ctx, in.SigningID, signing.StatusAwaitingCertificate)
	}
	if err != nil {
		return err
	}
	chosen, err := a.certificate(ctx, in.SigningID, in.Fingerprint)
	if err != nil {
		return err
	}
	trust, err := a.Trust(ctx)
	if err == nil {
		err = a.checkDates(trust, chosen)
	}
	if err != nil {
		return err
	}
	return a.Records.ChooseCertificate(ctx, in.SigningID, in.Fingerprint)
}

// RecordPlacements writes where the boxes stand. Key: signing and document.
func (a *Signing) RecordPlacements(ctx context.Context, in PlacementsInput) error {
	err := decided(ctx, a.Decisions, aboutSigning(in.SigningID), "place", func(d PlacementsInput) bool { return reflect.DeepEqual(d.Placements, in.Placements) })
	if err == nil {
		_, err = a.due(ctx, in.SigningID, signing.StatusAwaitingPlacement)
	}
	if err != nil {
		return fail(err)
	}
	for i, p := range in.Placements {
		if err := a.Records.SavePlacement(ctx, in.SigningID, i, p); err != nil {
			return fail(err)
		}
	}
	return nil
}

// PlacementsInput holds one placement for each document, in order.
type PlacementsInput struct {
	SigningID  string              `json:"signing_id"`
	Placements []signing.Placement `json:"placements"`
}

// RecordIncident writes an incident, opened or closed. Key: the incident id. Error: Denied for an end that its actor did not decide.
func (a *Signing) RecordIncident(ctx context.Context, in process.Incident) (Parked, error) {
	if in.ClosedAt.IsZero() {
		return parked(a.Retries), fail(a.Records.OpenIncident(ctx, in))
	}
	if err := repaired(ctx, a.Decisions, aboutSigning(in.ProcessID), in.Action, in.Actor); err != nil {
		return Parked{}, fail(err)
	}
	return Parked{}, fail(a.Records.CloseIncident(ctx, in))
}
