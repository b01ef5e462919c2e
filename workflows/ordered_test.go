package workflows_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/workflows"
)

// TestACAThatBendsAFieldIsRefused has the CA change one field after the other of a certificate that is otherwise right. Each
// time the code says that it is not what was ordered and the message names the field; nothing of it reaches the record.
func TestACAThatBendsAFieldIsRefused(t *testing.T) {
	for bend, named := range map[string]registration.Difference{
		"ca": registration.DiffCA, "two-uids": registration.DiffUserID, "organization": registration.DiffAttributes,
		"longer": registration.DiffValidity, "backdated": registration.DiffValidity, "key-usage": registration.DiffKeyUsage,
		"extended-key-usage": registration.DiffExtUsage, "no-ocsp": registration.DiffOCSP, "alt-name": registration.DiffAltName,
		"critical-extension": registration.DiffCritical, "another-key": registration.DiffKey, "key-type": registration.DiffKey,
		"serial-again": registration.DiffSerial, "": "",
	} {
		t.Run("bent "+bend, func(t *testing.T) {
			e, _ := paidInReview(t)
			e.approved()
			other := e.issuedToAnother()
			e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueBent = bend }))
			e.must(e.patiently(e.reg.CreateKey))
			err := e.patiently(e.reg.IssueCertificate)
			if bend == "" {
				e.must(err)
				return
			}
			var refused *temporal.ApplicationError
			if !errors.As(err, &refused) || refused.Type() != string(problem.CertificateDiffers) || !refused.NonRetryable() || !strings.Contains(err.Error(), string(named)) {
				t.Errorf("got %v, want %s", err, named)
			}
			if r := e.registration(); r.Issued.Serial != "" || len(r.Issued.Certificate) > 0 {
				t.Errorf("the certificate was taken: %+v", r.Issued)
			}
			// The number of what was refused stays with this registration.
			if taken := e.serials(); (len(taken) == 1) == (bend == "serial-again") {
				t.Errorf("the refused certificate's number is not kept: %v", taken)
			}
			// What was issued all the same is revoked when the case is given up, and nothing else is.
			e.standsAt(registration.StatusClosing)
			err = e.patiently(e.reg.RevokeCertificate)
			if again := bend == "serial-again"; again != (err != nil) {
				t.Errorf("revoking: %v", err)
			}
			if n := e.world.CountEffects(sandbox.EffectRevoke, other); n != 0 {
				t.Errorf("the certificate of another citizen was revoked")
			}
		})
	}
}

// serials returns the numbers that the registration has taken.
func (e *enrolment) serials() (list []string) {
	e.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(e.dsn, "sqlite:"))
	e.must(err)
	defer func() { _ = db.Close() }()
	rows, err := db.Query(`SELECT serial FROM issued_serials WHERE registration_id = ?`, e.id)
	e.must(err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var serial string
		e.must(rows.Scan(&serial))
		list = append(list, serial)
	}
	e.must(rows.Err())
	return list
}

// patiently repeats what an outside party was too unwell to answer, as Temporal does.
func (e *enrolment) patiently(activity func(context.Context, string) error) (err error) {
	for range 20 {
		err = activity(context.Background(), e.id)
		var refused *temporal.ApplicationError
		if err == nil || errors.As(err, &refused) && refused.NonRetryable() {
			return err
		}
	}
	return err
}

// issuedToAnother has the CA issue to another citizen, and notes it as kyso does. It returns the serial number.
func (e *enrolment) issuedToAnother() string {
	e.Helper()
	const somebody = "001095000077"
	ctx, ca := context.Background(), e.reg.Issuers[sandbox.FirstIssuer].CA
	var issued registration.Issuance
	for range 20 { // the CA is unwell at times
		key, err := ca.CreateKey(ctx, "another/key", somebody)
		if err != nil {
			continue
		}
		csr, err := ca.CSR(ctx, key.ID, registration.Subject{CommonName: "TRẦN VĂN HẢI", UID: "CCCD:" + somebody, Province: "HÀ NỘI", Locality: "XÃ PHÚ LỘC"})
		if err != nil {
			continue
		}
		if issued, err = ca.Issue(ctx, "another/issue/"+hex.EncodeToString(csr[len(csr)-8:]), csr, 12); err == nil {
			break
		}
	}
	cert, err := x509.ParseCertificate(issued.Certificate)
	e.must(err)
	issuer, serial := sha256.Sum256(cert.RawIssuer), cert.SerialNumber.Text(16)
	e.must(e.records.TakeSerial(ctx, hex.EncodeToString(issuer[:]), serial, "another"))
	e.must(e.records.TakeSerial(ctx, hex.EncodeToString(issuer[:]), serial, "another"))
	return serial
}

// TestGivingUpRevokesTheNumberThatWasKept: the CA sent something else than was ordered, and cannot be asked again. The number that
// came is revoked all the same, once, and the key is destroyed.
func TestGivingUpRevokesTheNumberThatWasKept(t *testing.T) {
	e, _ := paidInReview(t)
	e.approved()
	e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueBent = "two-uids" }))
	e.must(e.patiently(e.reg.CreateKey))
	if err := e.patiently(e.reg.IssueCertificate); err == nil {
		t.Fatal("the certificate was taken")
	}
	taken := e.serials()
	e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "500" }))
	e.standsAt(registration.StatusClosing)
	for range 2 {
		e.must(e.patiently(e.reg.RevokeCertificate))
	}
	r := e.registration()
	if len(taken) != 1 || r.Issued.Serial != taken[0] || r.RevokedAt.IsZero() || e.world.CountEffects(sandbox.EffectRevoke, taken[0]) != 1 {
		t.Errorf("taken %v, the record says %q revoked at %s, %d revocations", taken, r.Issued.Serial, r.RevokedAt, e.world.CountEffects(sandbox.EffectRevoke, taken[0]))
	}
}

// TestACAThatSendsSomethingElseParks: an operator sees the word, and giving up revokes what was issued and refunds.
func TestACAThatSendsSomethingElseParks(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueBent = "two-uids" }))
	e.acts[registration.StatusIssuing] = func() {}
	e.whenParked(workflows.StepIssue, problem.CertificateDiffers, giveUp(), func() {})
	e.enrol(registration.StatusCancelled)
}
