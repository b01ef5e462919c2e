package activities

import (
	"bytes"
	"context"
	"slices"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// ContractDue reads when the sealed contract of a registration needs a further archive time-stamp: at once, when it could not be
// archived with its seal. Effect: none.
func (a *Registration) ContractDue(ctx context.Context, registrationID string) (Renewal, error) {
	defer alive(ctx)()
	renewal, err := a.contractDue(ctx, registrationID)
	return renewal, fail(err)
}

func (a *Registration) contractDue(ctx context.Context, id string) (Renewal, error) {
	r, file, err := a.sealedContract(ctx, id)
	if err != nil || file == nil {
		return Renewal{Gone: err == nil}, err
	}
	renewal := Renewal{Due: a.Now(), Generation: r.Contract.Renewals + 1}
	if r.Contract.Level != string(signing.LevelLTA) {
		return renewal, nil
	}
	trust, err := a.Trust(ctx)
	if err != nil {
		return renewal, err
	}
	found, err := pades.Verify(bytes.NewReader(file), pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Removed: trust.Removed, Now: a.Now()})
	if err != nil {
		return renewal, err
	}
	last := slices.IndexFunc(found.Signatures, func(s pades.SignatureReport) bool { return s.Kind == "document-timestamp" && s.CoversAll })
	if last < 0 || !found.Signatures[last].Intact {
		return renewal, problem.New(problem.VerificationFailed, "no archive time-stamp holds the whole contract")
	}
	renewal.Due = a.Archiving.due(a.Now(), a.Archiving.end(found.Signatures[last]))
	return renewal, nil
}

// sealedContract reads the sealed contract; there is no file when it, or the registration, is not kept any more.
func (a *Registration) sealedContract(ctx context.Context, id string) (r registration.Registration, file []byte, err error) {
	r, err = a.Records.Registration(ctx, id)
	if err == nil && r.Contract != nil && r.Contract.SealedID != "" {
		var upload signing.Upload
		if file, upload, err = a.read(ctx, r.Contract.SealedID); err == nil {
			err = upload.Has(r.Contract.Sealed)
		}
	}
	if code := problem.CodeOf(err); code == problem.NotFound || code == problem.Erased {
		return r, nil, nil
	}
	return r, file, err
}

// ContractInput names one round for a sealed contract.
type ContractInput struct {
	RegistrationID string `json:"registration_id"`
	Generation     int    `json:"generation"` // 1 is the first
}

// ArchiveContract puts a further time-stamp over the sealed contract, with what proves the last one. Effect: one time-stamp, and one
// file in the place of the last. Key: registration and generation; a try that comes late, or for a round that is not the next, changes nothing.
func (a *Registration) ArchiveContract(ctx context.Context, in ContractInput) error {
	defer alive(ctx)()
	return fail(a.archiveContract(ctx, in))
}

func (a *Registration) archiveContract(ctx context.Context, in ContractInput) error {
	r, file, err := a.sealedContract(ctx, in.RegistrationID)
	if err != nil || file == nil || r.Contract.Renewals+1 != in.Generation {
		return err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	archived, err := issuer.Sealer.Archive(ctx, file)
	if err != nil {
		return err
	}
	kept, err := a.keep(ctx, r.SubjectID, "hop-dong.pdf", archived)
	if err != nil {
		return err
	}
	before := r.Contract.SealedID
	return a.Records.Change(ctx, r.ID, func(r *registration.Registration) error {
		if r.Contract == nil || r.Contract.SealedID != before {
			return nil
		}
		r.Contract.Earlier = append(r.Contract.Earlier, before)
		r.Contract.SealedID, r.Contract.Sealed, r.Contract.Level = kept.ID, kept.SHA256, string(signing.LevelLTA)
		r.Contract.Renewals = in.Generation
		return nil
	})
}
