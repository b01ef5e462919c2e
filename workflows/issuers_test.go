package workflows_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os/exec"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

const (
	firstParty  = "CÔNG TY CỔ PHẦN KÝ SỐ THỬ NGHIỆM"
	secondParty = "CÔNG TY TNHH CHỨNG THỰC THỨ HAI"
)

// authorities are the certificates of one of the sandbox's CAs.
func (j *journey) authorities(code string) []*x509.Certificate {
	j.Helper()
	data, err := j.world.AuthoritiesPEM(code)
	j.must(err)
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return list
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		j.must(err)
		list = append(list, cert)
	}
}

// withTwoIssuers is a journey in which citizens choose between two CAs.
func withTwoIssuers(t *testing.T) *journey {
	t.Helper()
	j := newJourney(t)
	second := j.authorities(sandbox.SecondIssuer)
	trust := trustNow(t, j.acts)
	trust.Roots = append(trust.Roots, second[0])
	j.acts.Trust = func(context.Context) (signing.Trust, error) { return trust, nil }
	j.reg.Trust = j.acts.Trust
	one := j.reg.Issuers[sandbox.FirstIssuer]
	one.Authorities = j.authorities(sandbox.FirstIssuer)
	two := j.issuer(sandbox.SecondIssuer, sandbox.SecondIssuerPath, sandbox.DefaultSecondCAKey, secondParty, "0200000000")
	two.Authorities = second
	j.reg.Issuers[sandbox.FirstIssuer], j.reg.Issuers[sandbox.SecondIssuer] = one, two
	return j
}

// words are the text of a paper.
func (e *enrolment) words(uploadID string) string {
	e.Helper()
	cmd := exec.Command("pdftotext", "-layout", "-", "-")
	cmd.Stdin = bytes.NewReader(e.paper(uploadID))
	out, err := cmd.Output()
	e.must(err)
	return string(out)
}

func (e *enrolment) paper(uploadID string) []byte {
	e.Helper()
	upload, err := e.store.Upload(context.Background(), uploadID)
	e.must(err)
	src, err := e.journey.acts.Open(context.Background(), upload)
	e.must(err)
	data, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
	e.must(err)
	return data
}

// TestTheIssuerDecides registers with each of two CAs. Papers, seal, certificate and VNeID agree on the one that the
// citizen chose, and the other one sees nothing.
func TestTheIssuerDecides(t *testing.T) {
	for issuer, want := range map[string]struct{ party, taxCode, otherParty, other, certificate string }{
		sandbox.FirstIssuer:  {firstParty, "0100000000", secondParty, "0200000000", "KYSO SANDBOX CA RS"},
		sandbox.SecondIssuer: {secondParty, "0200000000", firstParty, "0100000000", "KYSO SANDBOX INTRUST CA"},
	} {
		t.Run(issuer, func(t *testing.T) {
			e := newEnrolmentWith(withTwoIssuers(t), issuer, "PS1")
			r := e.enrol(registration.StatusActive)
			cert, err := x509.ParseCertificate(r.Issued.Certificate)
			e.must(err)
			if r.Issuer != issuer || cert.Issuer.CommonName != want.certificate {
				t.Errorf("registered with %s, certificate of %s", r.Issuer, cert.Issuer.CommonName)
			}
			for name, id := range map[string]string{"request": r.Request.UploadID, "contract": r.Contract.SealedID, "acceptance": r.Acceptance.SignedID} {
				text := strings.Join(strings.Fields(e.words(id)), " ")
				mine := strings.Contains(text, want.party) && (name == "request" || strings.Contains(text, want.taxCode))
				if !mine || strings.Contains(text, want.other) || strings.Contains(text, want.otherParty) {
					t.Errorf("%s does not name %s alone:\n%s", name, want.party, text)
				}
				if name == "acceptance" && !strings.Contains(text, want.certificate) {
					t.Errorf("the acceptance record does not name %s", want.certificate)
				}
			}
			sealed, err := pades.Verify(bytes.NewReader(e.paper(r.Contract.SealedID)), pades.VerifyOptions{Roots: trustNow(t, e.journey.acts).Roots,
				Intermediates: trustNow(t, e.journey.acts).Intermediates, Now: e.env.Now()})
			e.must(err)
			if len(sealed.Signatures) != 2 || !strings.Contains(sealed.Signatures[0].Signer, want.party) || !strings.Contains(sealed.Signatures[0].Issuer, want.certificate) {
				t.Errorf("seals %+v", sealed.Signatures)
			}
			at := e.world.RegisteredCertificates(citizen)
			if len(at) != 1 || at[0].Issuer != issuer || at[0].Status != "ACTIVE" || at[0].Serial != r.Issued.Serial {
				t.Errorf("VNeID shows %+v", at)
			}
		})
	}
}

// TestACertificateOfAnotherCAIsRefused has the chosen CA's address lead to another CA: the certificate that comes is
// valid and trusted, and not the one that was ordered.
func TestACertificateOfAnotherCAIsRefused(t *testing.T) {
	j := withTwoIssuers(t)
	wrong := j.reg.Issuers[sandbox.SecondIssuer]
	wrong.CA = j.reg.Issuers[sandbox.FirstIssuer].CA
	j.reg.Issuers[sandbox.SecondIssuer] = wrong
	e := newEnrolmentWith(j, sandbox.SecondIssuer, "PS1")
	e.acts[registration.StatusIssuing] = func() {}
	e.whenParked(workflows.StepIssue, problem.CertificateDiffers, giveUp(), func() {})
	e.enrol(registration.StatusCancelled)
}

// TestAnIssuerThatIsNotConfiguredParks stands for requests of before issuers were looked at: no CA is asked, no paper is
// written, and an operator gives it up.
func TestAnIssuerThatIsNotConfiguredParks(t *testing.T) {
	j := withTwoIssuers(t)
	e := newEnrolmentWith(j, sandbox.SecondIssuer, "PS1")
	delete(j.reg.Issuers, sandbox.SecondIssuer)
	e.whenParked(workflows.StepCheckHolder, problem.Invalid, giveUp(), func() {})
	r := e.enrol(registration.StatusCancelled)
	if r.Contract != nil || e.world.CountEffects(sandbox.EffectKey, "") != 0 {
		t.Errorf("contract %v, %d keys", r.Contract, e.world.CountEffects(sandbox.EffectKey, ""))
	}
}
