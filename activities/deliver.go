package activities

import (
	"context"
	"fmt"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// DeliverDocuments verifies each finished document as a relying party would, and only then links it to the
// signing. Effect: records. Key: signing and document. Errors: VerificationFailed, DigestMismatch and
// the certificate codes are final for the attempt.
func (a *Signing) DeliverDocuments(ctx context.Context, signingID string) error {
	defer alive(ctx)()
	return fail(a.deliverDocuments(ctx, signingID))
}

func (a *Signing) deliverDocuments(ctx context.Context, signingID string) error {
	s, err := a.completing(ctx, signingID, signing.LevelB)
	if err != nil {
		return err
	}
	values, err := a.values(ctx, s)
	if err != nil {
		return err
	}
	pdf := a.PDF()
	defer pdf.Close()
	known := map[string]signing.Revocation{}
	for _, doc := range s.Documents {
		err := a.deliver(ctx, pdf, s, doc, known)
		if err == nil {
			err = a.markValue(ctx, s, values, doc.Index, signing.UseEmbedded)
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", doc.Index+1, err)
		}
	}
	return nil
}

func (a *Signing) deliver(ctx context.Context, pdf PDF, s signing.Signing, doc signing.Document,
	known map[string]signing.Revocation,
) (err error) {
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
	defer func() { err = orChanged(err, src, finished) }()
	var found pades.Evidence // nothing for B-LT, which carries it all
	if !s.Level.AtLeast(signing.LevelLT) {
		if found, err = a.gather(ctx, pdf, s.ID, evidence.Rule{ByteRange: doc.Prepared.ByteRange}, src, known); err != nil {
			return err
		}
	}
	trust, err := a.Trust(ctx)
	if err != nil {
		return err
	}
	opt := pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Removed: trust.Removed, Now: a.Now(), Evidence: found}
	result, err := pdf.Verify(ctx, src, opt)
	if err != nil {
		return err
	}
	if err := accept(result, doc.Prepared.ByteRange); err != nil {
		return err
	}
	if err := a.spared(ctx, pdf, doc, result, opt); err != nil {
		return err
	}
	return a.Records.SaveSigned(ctx, s.ID, doc.Index, finished.ID, s.Level)
}

// orChanged returns what is wrong with a stored file that failed: bytes that are not those of its record fail as a broken file or
// a bad signature does, and which of them it is decides who can help. It reads the file only when something failed in it.
func orChanged(err error, src pades.Source, document signing.Upload) error {
	if code := problem.CodeOf(err); code != problem.VerificationFailed && code.Kind() != problem.KindInvalid {
		return err
	}
	if changed := readThrough(src, document.SHA256); changed != nil {
		return changed
	}
	return err
}

// becameUseless are the findings about a certificate that was good when the value was embedded, and is not any more: the
// signature is as it was made, and a new one with this certificate would end in the same place.
var becameUseless = map[string]problem.Code{
	"REVOKED_NO_POE":       problem.CertificateRevoked,
	"REVOKED_CA_NO_POE":    problem.CertificateRevoked,
	"OUT_OF_BOUNDS_NO_POE": problem.CertificateExpired,
	"TRY_LATER":            problem.RevocationUnknown,
}

// accept demands of our own signature what every verifier will: intact, over the whole file or followed by
// validation data only, by a trusted certificate that was good.
func accept(result *pades.Verification, byteRange [4]int64) error {
	for _, report := range result.Signatures {
		if report.ByteRange != byteRange {
			continue
		}
		if report.Verdict == pades.TotalPassed && report.Intact && (report.CoversAll || report.LaterChanges == "validation-data") {
			return nil
		}
		if code, ok := becameUseless[report.SubIndication]; ok {
			return problem.New(code, "the finished signature is %s %s: %s", report.Verdict, report.SubIndication, report.WhyEN)
		}
		return problem.New(problem.VerificationFailed, "the finished signature is %s %s", report.Verdict, report.SubIndication)
	}
	return problem.New(problem.VerificationFailed, "the finished file does not hold our signature")
}
