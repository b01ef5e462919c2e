package activities

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"

	"kyso/internal/forms"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/vn"
)

// WritePapers writes the request form and the contract. Effect: two files. Key: the registration; what is written
// stays, since the citizen may have read it. Errors: Invalid when a text cannot be printed.
func (a *Registration) WritePapers(ctx context.Context, id string) error {
	defer alive(ctx)()
	return fail(a.writePapers(ctx, id))
}

func (a *Registration) writePapers(ctx context.Context, id string) error {
	r, err := a.Records.Registration(ctx, id)
	if err != nil || r.Contract != nil {
		return err
	}
	papers, err := a.compose(ctx, r, a.Now().UTC().Truncate(time.Second))
	if err != nil {
		return err
	}
	request, contract, err := a.keepPapers(ctx, r, papers)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Contract == nil {
			r.Request, r.Contract = &request, &contract
		}
		return nil
	})
}

// Rewritten says what became of the papers of a corrected dossier.
type Rewritten struct {
	Agreed bool `json:"agreed"` // the citizen has agreed to this very contract
}

// RewritePapers writes the papers of a corrected dossier again, unless they say the same as before. The consent to the earlier
// contract then counts no more. Effect: two files. Key: what the papers say. Errors: as WritePapers.
func (a *Registration) RewritePapers(ctx context.Context, id string) (Rewritten, error) {
	defer alive(ctx)()
	agreed, err := a.rewritePapers(ctx, id)
	return Rewritten{Agreed: agreed}, fail(err)
}

func (a *Registration) rewritePapers(ctx context.Context, id string) (agreed bool, err error) {
	r, err := a.Records.Registration(ctx, id)
	if err != nil || r.Contract == nil {
		return false, err
	}
	if r.Status != registration.StatusNeedsMore { // a process that was reset: nothing is corrected now
		return r.Consent != nil && r.Consent.SHA256 == r.Contract.SHA256, nil
	}
	same, err := a.compose(ctx, r, r.Contract.At) // the same text at the same time has the same bytes
	if err != nil {
		return false, err
	}
	if same.contract.SHA256 == r.Contract.SHA256 {
		return r.Consent != nil && r.Consent.SHA256 == r.Contract.SHA256, nil
	}
	now := a.Now().UTC().Truncate(time.Second)
	papers, err := a.compose(ctx, r, now)
	if err != nil {
		return false, err
	}
	request, contract, err := a.keepPapers(ctx, r, papers)
	if err != nil {
		return false, err
	}
	before := r.Contract.SHA256
	return false, a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Contract.SHA256 == before {
			r.Request, r.Contract, r.Consent = &request, &contract, nil
		}
		return nil
	})
}

// papers are the request form and the contract of a registration.
type papers struct {
	requestNumber, contractNumber string
	at                            time.Time
	request, contract             forms.Written
}

// compose writes both papers as the store knows the dossier now.
func (a *Registration) compose(ctx context.Context, r registration.Registration, at time.Time) (papers, error) {
	p := papers{requestNumber: process.PaperNumber("PYC", r.ID, at.In(vn.Zone).Year()), contractNumber: process.PaperNumber("HD", r.ID, at.In(vn.Zone).Year()), at: at}
	subscriber, err := a.subscriber(ctx, r)
	if err != nil {
		return p, err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return p, err
	}
	plan := a.orderedPlan(r)
	consents, err := a.Records.Consents(ctx, r.ID)
	if err != nil {
		return p, err
	}
	data := forms.RequestData{Number: p.requestNumber, At: at, Subscriber: subscriber, Provider: issuer.Party, Plan: plan, VNeIDRequest: r.RequestID}
	for _, c := range consents {
		data.Consents = append(data.Consents, forms.ConsentLine{Purpose: c.Purpose, Version: c.TextVersion, AcceptedAt: c.AcceptedAt})
	}
	if p.request, err = forms.RequestForm(data); err != nil {
		return p, err
	}
	p.contract, err = forms.Contract(forms.ContractData{Number: p.contractNumber, At: at, Subscriber: subscriber, Provider: issuer.Party, Plan: plan,
		RequestNumber: p.requestNumber, RequestSHA256: p.request.SHA256})
	return p, err
}

// keepPapers stores both.
func (a *Registration) keepPapers(ctx context.Context, r registration.Registration, p papers) (request, contract registration.Paper, err error) {
	request, err = a.keepPaper(ctx, r.SubjectID, "phieu-yeu-cau.pdf", p.requestNumber, p.at, p.request, p.request.Subscriber)
	if err != nil {
		return request, contract, err
	}
	contract, err = a.keepPaper(ctx, r.SubjectID, "hop-dong.pdf", p.contractNumber, p.at, p.contract, p.contract.Provider)
	return request, contract, err
}

// keepPaper stores a written paper under the key of its person, with the box of whoever signs it.
func (a *Registration) keepPaper(ctx context.Context, subjectID, name, number string, at time.Time, w forms.Written, box forms.Box) (registration.Paper, error) {
	upload, err := a.keep(ctx, subjectID, name, w.PDF)
	if err != nil {
		return registration.Paper{}, err
	}
	return registration.Paper{Number: number, Template: w.Template, UploadID: upload.ID, SHA256: upload.SHA256, At: at,
		Box: [5]float64{float64(box.Page), box.X, box.Y, box.Width, box.Height}}, nil
}

func (a *Registration) keep(ctx context.Context, subjectID, name string, pdf []byte) (signing.Upload, error) {
	upload, err := a.Store(ctx, name, bytes.NewReader(pdf))
	if err != nil {
		return upload, err
	}
	upload.SubjectID = subjectID
	return upload, a.Signings.SaveUpload(ctx, upload)
}

func (a *Registration) orderedPlan(r registration.Registration) forms.Plan {
	p := forms.Plan{Code: r.Package, NameVI: r.Package, PriceVND: r.PriceVND, Months: r.Months}
	if known, err := a.plan(r.Package); err == nil {
		p.NameVI = known.NameVI
	}
	return p
}

// subscriber is the person as documents show them.
func (a *Registration) subscriber(ctx context.Context, r registration.Registration) (forms.Subscriber, error) {
	p, err := a.Records.Person(ctx, r.ID)
	if err != nil {
		return forms.Subscriber{}, err
	}
	account, err := a.Records.Account(ctx, r.AccountID)
	if err != nil {
		return forms.Subscriber{}, err
	}
	var address []string
	for _, part := range []string{p.Address, p.Commune, p.Province} {
		if part != "" {
			address = append(address, part)
		}
	}
	return forms.Subscriber{FullName: p.FullName, BirthDate: p.BirthDate, Sex: p.Sex, Nationality: p.Nationality, IDNumber: p.IDNumber,
		IDIssuedOn: p.IDIssuedOn, IDIssuedBy: p.IDIssuedBy, IDExpiresOn: p.IDExpiresOn, Address: strings.Join(address, ", "),
		Phone: account.Phone, Email: account.Email}, nil
}

// ContractSealed says what is left to do for a sealed contract. A worker of an earlier release says nothing.
type ContractSealed struct {
	Archive bool `json:"archive"` // a process keeps it archived, when the registration has ended
}

// SealContract puts the provider's seal on the contract that the citizen agreed to. Effect: one file, at B-LTA, or at B-T when
// what B-LTA takes cannot be had now. Key: the registration; the first sealed file stays. Errors: DigestMismatch when the file is
// not what was agreed to.
func (a *Registration) SealContract(ctx context.Context, id string) (ContractSealed, error) {
	defer alive(ctx)()
	return ContractSealed{Archive: true}, fail(a.sealContract(ctx, id))
}

func (a *Registration) sealContract(ctx context.Context, id string) error {
	r, err := a.Records.Registration(ctx, id)
	if err != nil || (r.Contract != nil && r.Contract.SealedID != "") {
		return err
	}
	if r.Contract == nil || r.Consent == nil || r.Consent.SHA256 != r.Contract.SHA256 {
		return problem.New(problem.DigestMismatch, "the consent is not to this contract")
	}
	pdf, upload, err := a.read(ctx, r.Contract.UploadID)
	if err != nil {
		return err
	}
	if upload.SHA256 != r.Contract.SHA256 {
		return problem.New(problem.DigestMismatch, "the stored contract is not the one that was agreed to")
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	sealed, err := issuer.Sealer.Seal(ctx, pdf, "Bên cung cấp dịch vụ ký hợp đồng", r.Contract.Box)
	if err != nil {
		return err
	}
	kept, err := a.keep(ctx, r.SubjectID, "hop-dong.pdf", sealed.PDF)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Contract.SealedID == "" {
			r.Contract.SealedID, r.Contract.Sealed, r.Contract.Level = kept.ID, kept.SHA256, string(signing.LevelT)
			if sealed.Archived {
				r.Contract.Level = string(signing.LevelLTA)
			}
		}
		return nil
	})
}

// read reads a paper of kyso's own as a whole; they are small.
func (a *Registration) read(ctx context.Context, uploadID string) ([]byte, signing.Upload, error) {
	upload, err := a.Signings.Upload(ctx, uploadID)
	if err != nil {
		return nil, upload, err
	}
	src, err := a.Open(ctx, upload)
	if err != nil {
		return nil, upload, err
	}
	pdf, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	return pdf, upload, err
}

// WriteAcceptance writes the acceptance record. Effect: one file. Key: the registration.
func (a *Registration) WriteAcceptance(ctx context.Context, id string) error {
	defer alive(ctx)()
	return fail(a.writeAcceptance(ctx, id))
}

func (a *Registration) writeAcceptance(ctx context.Context, id string) error {
	r, err := a.acceptable(ctx, id)
	if err != nil || r.Acceptance != nil {
		return err
	}
	cert, err := x509.ParseCertificate(r.Issued.Certificate)
	if err != nil {
		return fmt.Errorf("reading the issued certificate: %w", err)
	}
	subscriber, err := a.subscriber(ctx, r)
	if err != nil {
		return err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	now := a.Now().UTC().Truncate(time.Second)
	subject, err := a.subject(ctx, r)
	if err != nil {
		return err
	}
	written, err := forms.AcceptanceRecord(forms.AcceptanceData{
		Number: process.PaperNumber("BBNT", id, now.In(vn.Zone).Year()), At: now, ContractNumber: r.Contract.Number, ContractAt: r.Contract.At,
		Subscriber: subscriber, Provider: issuer.Party, Plan: a.orderedPlan(r), Serial: r.Issued.Serial,
		Subject: fmt.Sprintf("CN=%s, UID=%s, L=%s, ST=%s, C=VN", subject.CommonName, subject.UID, subject.Locality, subject.Province),
		Issuer:  cert.Issuer.CommonName, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
		ActivatedAt: r.Activation.ActivatedAt, Device: "Ứng dụng ký số trên điện thoại của thuê bao",
	})
	if err != nil {
		return err
	}
	paper, err := a.keepPaper(ctx, r.SubjectID, "bien-ban-nghiem-thu.pdf", process.PaperNumber("BBNT", id, now.In(vn.Zone).Year()), now, written, written.Subscriber)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Acceptance == nil {
			r.Acceptance = &registration.Acceptance{Paper: paper}
		}
		return nil
	})
}

// AcceptanceInput is an attempt to have the acceptance record signed.
type AcceptanceInput struct {
	RegistrationID string `json:"registration_id"`
	SigningID      string `json:"signing_id"`
	Attempt        int    `json:"attempt"`
	// Moves are what the registration has come to with the signed record.
	Moves []registration.Transition `json:"moves,omitempty"`
}

// SigningStart is what a child Signing is started with.
type SigningStart struct {
	Provider string        `json:"provider"`
	Level    signing.Level `json:"level,omitempty"` // B-T where a worker of an earlier release says nothing
}

// RequestAcceptance stores the signing of the acceptance record with the new certificate. Key: the signing's id. Error: Denied for
// an attempt that the citizen did not ask for.
func (a *Registration) RequestAcceptance(ctx context.Context, in AcceptanceInput) (SigningStart, error) {
	start, err := a.requestAcceptance(ctx, in)
	return start, fail(err)
}

func (a *Registration) requestAcceptance(ctx context.Context, in AcceptanceInput) (SigningStart, error) {
	r, err := a.acceptable(ctx, in.RegistrationID)
	if err != nil {
		return SigningStart{}, err
	}
	if r.Acceptance == nil || in.SigningID != process.AcceptanceSigningID(in.RegistrationID, in.Attempt) {
		return SigningStart{}, problem.New(problem.Conflict, "there is no acceptance record that this signing is for")
	}
	asked, err := a.askedToSign(ctx, r, in.Attempt)
	if err != nil {
		return SigningStart{}, err
	}
	person, err := a.Records.Person(ctx, in.RegistrationID)
	if err != nil {
		return SigningStart{}, err
	}
	upload, err := a.Signings.Upload(ctx, r.Acceptance.UploadID)
	if err == nil {
		err = upload.Has(r.Acceptance.SHA256)
	}
	if err != nil {
		return SigningStart{}, err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return SigningStart{}, err
	}
	b := r.Acceptance.Box
	box := signing.Placement{Page: int(b[0]), X: b[1], Y: b[2], Width: b[3], Height: b[4]}
	at := r.Acceptance.At
	err = a.Signings.CreateSigning(ctx, signing.Signing{
		ID: in.SigningID, Provider: issuer.SigningProvider, UserID: issuer.UserOf(person.IDNumber), Serial: r.Issued.Serial,
		Level: acceptanceLevel, Reason: "Nghiệm thu dịch vụ chứng thư chữ ký số", Status: signing.StatusCreated, CreatedAt: at, UpdatedAt: at,
		Documents: []signing.Document{{UploadID: upload.ID, Name: upload.Name, Size: upload.Size, SHA256: upload.SHA256, Placement: &box}},
	})
	if err != nil {
		return SigningStart{}, err
	}
	return SigningStart{issuer.SigningProvider, acceptanceLevel}, a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		if in.Attempt >= r.Acceptance.Attempt { // a process that was reset asks for those before once more
			r.Acceptance.SigningID, r.Acceptance.Attempt, r.Acceptance.DecisionID = in.SigningID, in.Attempt, asked
		}
		return nil
	})
}

// acceptanceLevel is that of acceptance records: they are kept longest.
const acceptanceLevel = signing.LevelLTA

// askedToSign returns the decision of the citizen that an attempt to have the acceptance record signed is made for, empty for the
// first. Each serves one attempt. Error: Denied for an attempt that the citizen did not ask for, or while the one before goes on.
func (a *Registration) askedToSign(ctx context.Context, r registration.Registration, attempt int) (string, error) {
	last := r.Acceptance
	if attempt >= 1 && attempt <= max(last.Attempt, 1) {
		return last.DecisionID, nil
	}
	list, err := a.Decisions.Taken(ctx, aboutRegistration(r.ID), "sign-acceptance")
	if err != nil {
		return "", err
	}
	if attempt != last.Attempt+1 || len(list) == 0 || list[0].ID == last.DecisionID {
		return "", problem.New(problem.Denied, "the citizen did not ask for this attempt")
	}
	s, err := a.Signings.Signing(ctx, last.SigningID)
	if err == nil && (!s.Status.Final() || s.Status == signing.StatusSigned) {
		err = problem.New(problem.Denied, "the attempt before is %s", s.Status)
	}
	return list[0].ID, err
}

// AwaitAcceptance looks whether the signing of the acceptance record has ended, and returns how. Until then it fails with
// ErrorPending. It is for a signing that another process started: the API's relay, when a worker died between
// RequestAcceptance and the child workflow.
func (a *Registration) AwaitAcceptance(ctx context.Context, in AcceptanceInput) (signing.Status, error) {
	s, err := a.Signings.Signing(ctx, in.SigningID)
	if err != nil {
		return "", fail(err)
	}
	if !s.Status.Final() {
		return "", pending(acceptancePoll)
	}
	return s.Status, nil
}

const acceptancePoll = 5 * time.Second

// RecordAcceptance links the signed acceptance record, and records the transitions that follow from it. Key: the registration, and
// the numbers of the transitions.
func (a *Registration) RecordAcceptance(ctx context.Context, in AcceptanceInput) error {
	s, err := a.Signings.Signing(ctx, in.SigningID)
	if err != nil {
		return fail(err)
	}
	if of, ok := process.OfAcceptance(s.ID); !ok || of != in.RegistrationID || s.Status != signing.StatusSigned || len(s.Documents) != 1 {
		return fail(problem.New(problem.Conflict, "the acceptance record is not signed"))
	}
	signed, err := a.Signings.Upload(ctx, s.Documents[0].SignedID)
	if err == nil {
		err = signed.Has(s.Documents[0].SignedSHA256)
	}
	if err != nil {
		return fail(err)
	}
	err = a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		r.Acceptance.SignedID, r.Acceptance.SignedSHA = signed.ID, signed.SHA256
		return nil
	})
	if err == nil {
		err = a.recordMoves(ctx, in.RegistrationID, in.Moves)
	}
	return fail(err)
}
