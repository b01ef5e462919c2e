// Package verify judges the signatures and document time-stamps of a file along the lines of ETSI EN 319 102-1.
package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"kyso/internal/finding"
	"kyso/internal/pades/changes"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/form"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/trust"
	"kyso/internal/problem"
)

// verifier is one run of Verify.
type verifier struct {
	src     document.Source
	file    *pdf.File
	now     time.Time
	pool    *trust.Pool
	anchors trust.Anchors
	poes    []poe
	budget  changes.Budget

	signatures []*signature
}

// poe is a proof of existence: everything before end existed at a time (EN 319 102-1 §5.6.2.3).
type poe struct {
	end    int64
	at     time.Time
	inFile bool // the file carries what is needed to judge the authority

	authority string
}

// signature is one signed field under examination.
type signature struct {
	field  pdf.SignatureField
	report *SignatureReport
	end    int64 // of the signed range; 0 when the format is wrong
	cms    *cms.SignedData
	token  *cms.Token // of a document time-stamp
	pades  bool       // SubFilter ETSI.CAdES.detached
	style  style
	cert   *x509.Certificate
}

// File is what pades.Verify does: it reads all signatures, then examines them from the last to the first.
func File(src document.Source, opt Options) (*Verification, error) {
	if err := document.CheckSize(src); err != nil {
		return nil, err
	}
	f, err := pdf.Open(src, src.Size(), pdf.Limits{})
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	if err := document.Readable(f); err != nil {
		return nil, err
	}
	f.KeepAsIs()
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, fmt.Errorf("reading the signature fields: %w", err)
	}
	v := &verifier{src: src, file: f, now: opt.Now, pool: trust.NewPool(), budget: comparisons}
	result := &Verification{Verdict: Indeterminate, Signatures: []SignatureReport{}} // never null in JSON
	v.addStore(result)
	signatures, err := v.collect(fields)
	if err != nil {
		return nil, err
	}
	v.signatures = signatures
	v.addKnown(opt) // after what the file carries, so that this stays known of it
	if result.Signed = len(signatures) > 0; !result.Signed {
		result.Note(noSignature.Say())
		return result, nil
	}
	if err := v.checkAll(signatures); err != nil {
		return nil, err
	}
	switch err := v.checkCovers(signatures); problem.CodeOf(err) {
	case "":
	case problem.DocumentBroken, problem.DocumentTooComplex: // decides no verdict
		result.Note(cover.NotExamined())
	default:
		return nil, err
	}
	if opt.Material {
		result.Material = v.pool.Material()
	}
	result.Verdict = TotalPassed
	for _, s := range signatures {
		s.report.explain()
		result.Signatures = append(result.Signatures, *s.report)
		if worse(s.report.Verdict, result.Verdict) {
			result.Verdict = s.report.Verdict
		}
	}
	return result, nil
}

// addStore takes in what the document security store of the file holds.
func (v *verifier) addStore(result *Verification) {
	store, err := dss.Read(v.file)
	if err != nil {
		result.Note(storeUnreadable.Say())
		return
	}
	v.pool.Add(store, true)
}

// addKnown takes in what the caller trusts and knows.
func (v *verifier) addKnown(opt Options) {
	v.anchors = trust.NewAnchors(opt.Roots, opt.Intermediates, opt.Removed)
	for _, cert := range opt.Intermediates {
		v.pool.AddCertificate(cert, false)
	}
	v.pool.Add(opt.Evidence, false)
}

// collect reads the signed fields and their CMS, in the order of the form.
func (v *verifier) collect(fields []pdf.SignatureField) ([]*signature, error) {
	var list []*signature
	for _, field := range fields {
		if v.isEmpty(field) {
			continue
		}
		if len(list) == form.MaxSignatures {
			return nil, problem.New(problem.DocumentTooComplex, "the file has more than %d signatures", form.MaxSignatures)
		}
		s := &signature{field: field, report: &SignatureReport{
			Field: field.Name, Kind: "signature", Verdict: TotalPassed,
			CertificateThen: trust.CertificateUnknown, CertificateNow: trust.CertificateUnknown,
		}}
		list = append(list, s)
		if field.Field == nil {
			s.report.fail(TotalFailed, subFormat, fieldUnreadable.Say())
			continue
		}
		if field.Value == nil {
			s.report.fail(TotalFailed, subFormat, noDictionary.Say())
			continue
		}
		v.describe(s)
		err := v.checkFormat(s)
		if reading, ok := errors.AsType[*readingError](err); ok {
			return nil, reading // says nothing of the signature
		}
		if err != nil {
			s.malformed(err)
			continue
		}
		v.pool.AddSignedData(s.cms)
	}
	return list, nil
}

// malformed takes in that a signature cannot be read. What is only not known here says nothing against it.
func (s *signature) malformed(err error) {
	s.end = 0
	if _, ok := errors.AsType[cms.Unsupported](err); ok {
		s.report.fail(Indeterminate, subGeneric, notJudged.Say("why", err))
		return
	}
	s.report.fail(TotalFailed, subFormat, malformed.Say("why", err))
}

func (v *verifier) isEmpty(field pdf.SignatureField) bool {
	if field.Value != nil || field.Field == nil {
		return false
	}
	value, err := v.file.Resolve(field.Field.Get("V"))
	return err == nil && value == nil
}

// describe fills in what the signature dictionary claims about itself.
func (v *verifier) describe(s *signature) {
	text := func(key pdf.Name) string {
		t, err := v.file.TextOf(s.field.Value.Get(key))
		if err != nil {
			return ""
		}
		return t
	}
	s.report.Reason, s.report.Location = text("Reason"), text("Location")
	if at, ok := pdf.ParseDate(text("M")); ok {
		s.report.ClaimedTime = at
	}
	var rules form.Permissions
	if err := rules.ReadReferences(v.file, s.field.Value); err == nil {
		s.report.Certifies = rules.DocMDP
	}
}

// checkAll examines the signatures from the last to the first, so that a document time-stamp proves what it covers
// before that is judged.
func (v *verifier) checkAll(signatures []*signature) error {
	for _, s := range signatures {
		v.readTime(s)
	}
	order := slices.Clone(signatures)
	slices.SortStableFunc(order, func(a, b *signature) int { return int(min(1, max(-1, b.end-a.end))) })
	for _, s := range order {
		if s.end == 0 {
			continue
		}
		if err := v.own(s, v.checkCoverage); err != nil {
			return err
		}
		if err := v.own(s, v.checkDigest); err != nil {
			return err
		}
		if !s.report.Intact {
			v.coveredBy(s)
			continue
		}
		if s.token != nil {
			v.checkDocumentTimestamp(s)
		} else {
			v.checkSigner(s)
		}
	}
	if v.file.Rebuilt() {
		for _, s := range signatures {
			s.report.fail(TotalFailed, subFormat, damaged.Say())
		}
	}
	return nil
}

// own runs a check of one signature. What it cannot read fails this signature and no other.
func (v *verifier) own(s *signature, check func(*signature) error) error {
	err := check(s)
	switch problem.CodeOf(err) {
	case problem.DocumentBroken:
		s.report.fail(TotalFailed, subFormat, ownUnreadable.Say())
		return nil
	case problem.DocumentTooComplex:
		s.report.fail(Indeterminate, subGeneric, tooMuchToJudge.Say())
		return nil
	}
	return err
}

// setCertificate names the signer in the report.
func (r *SignatureReport) setCertificate(cert *x509.Certificate) {
	sum := sha256.Sum256(cert.Raw)
	r.Signer, r.Issuer = cert.Subject.CommonName, cert.Issuer.CommonName
	r.Serial, r.Fingerprint = cert.SerialNumber.Text(16), hex.EncodeToString(sum[:])
	r.CertificateEnd, r.Certificate = cert.NotAfter, certificateReport(cert)
}

// fail lowers the verdict; the first reason of the worst verdict stays.
func (r *SignatureReport) fail(verdict Verdict, sub string, found finding.Finding) {
	r.failAs(verdict, sub, sub, found)
}

// failAs is fail with a reason that its sub-indication alone does not say; why is a key of meanings.
func (r *SignatureReport) failAs(verdict Verdict, sub, why string, found finding.Finding) {
	if worse(verdict, r.Verdict) {
		r.Verdict, r.SubIndication, r.why = verdict, sub, why
	}
	r.note(found)
}

// note adds a finding to the report.
func (r *SignatureReport) note(found finding.Finding) {
	if !slices.Contains(r.Findings, found) {
		r.Findings = append(r.Findings, found)
		r.Problems = append(r.Problems, found.EN)
	}
}

// Note adds a finding about the file, such as what its caller could not find out.
func (v *Verification) Note(found finding.Finding) {
	if !slices.Contains(v.Findings, found) {
		v.Findings = append(v.Findings, found)
		v.Warnings = append(v.Warnings, found.EN)
	}
}

func worse(a, b Verdict) bool {
	rank := map[Verdict]int{TotalPassed: 0, Indeterminate: 1, TotalFailed: 2}
	return rank[a] > rank[b]
}
