package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// CreateKey makes the citizen's key pair at the key service. Effect: one key. Key: the registration. The digest of the
// public key is recorded before a certificate is asked for. Errors: Conflict when the store does not hold what an issuance
// needs; see issuable.
func (a *Registration) CreateKey(ctx context.Context, id string) error {
	return fail(a.issuableKey(ctx, id))
}

func (a *Registration) issuableKey(ctx context.Context, id string) error {
	if _, err := a.issuable(ctx, id, registration.StatusIssuing, registration.StatusActivating, registration.StatusAccepting, registration.StatusActive); err != nil {
		return err
	}
	return a.createKey(ctx, id)
}

func (a *Registration) createKey(ctx context.Context, id string) error {
	r, err := a.Records.Registration(ctx, id)
	if err != nil || r.Issued != nil {
		return err
	}
	person, err := a.Records.Person(ctx, id)
	if err != nil {
		return err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	key, err := issuer.CA.CreateKey(ctx, process.KeyID(id), person.IDNumber)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Issued == nil {
			r.Issued = &registration.Issued{KeyID: key.ID, SPKI: spki(key.PublicKey)}
		}
		return nil
	})
}

// IssueCertificate asks the CA for the certificate and checks what comes. While the CA has not decided it fails with
// ErrorPending. Effect: one certificate. Key: the registration and what the certificate is to say; the CA gives one
// key one certificate. Errors: ProviderRefused when the CA says no, CertificateDiffers when it is not what was ordered.
func (a *Registration) IssueCertificate(ctx context.Context, id string) error {
	return fail(a.issueCertificate(ctx, id))
}

func (a *Registration) issueCertificate(ctx context.Context, id string) error {
	r, err := a.issuable(ctx, id, registration.StatusIssuing, registration.StatusActivating, registration.StatusAccepting, registration.StatusActive)
	if err != nil {
		return err
	}
	if r.Issued == nil {
		return problem.New(problem.Conflict, "there is no key")
	}
	if r.Issued.Serial != "" {
		return nil
	}
	subject, err := a.subject(ctx, r)
	if err != nil {
		return err
	}
	issued, err := a.issue(ctx, r, subject)
	if err != nil {
		return err
	}
	if issued.Pending {
		return pending(a.Pace.Next("ca", issuePause))
	}
	cert, err := a.checkIssued(ctx, r, subject, issued)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		i := r.Issued
		i.Serial, i.Fingerprint = serialOf(cert), signing.Fingerprint(cert.Raw)
		i.NotBefore, i.NotAfter, i.Certificate = cert.NotBefore.UTC(), cert.NotAfter.UTC(), cert.Raw
		return nil
	})
}

// spki names a public key (PKIX DER).
func spki(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// issuePause is how often a CA that takes its time is asked.
const issuePause = time.Minute

func (a *Registration) issue(ctx context.Context, r registration.Registration, subject registration.Subject) (registration.Issuance, error) {
	issuer, err := a.issuer(r)
	if err != nil {
		return registration.Issuance{}, err
	}
	csr, err := issuer.CA.CSR(ctx, r.Issued.KeyID, subject)
	if err != nil {
		return registration.Issuance{}, err
	}
	if request, err := x509.ParseCertificateRequest(csr); err != nil || spki(request.RawSubjectPublicKeyInfo) != r.Issued.SPKI {
		return registration.Issuance{}, problem.New(problem.CertificateInvalid, "the certificate request is for another key")
	}
	return issuer.CA.Issue(ctx, process.IssueID(r.ID, csr), csr, r.Months)
}

// subject is what the certificate says of its owner (profile of VNPT SmartCA).
func (a *Registration) subject(ctx context.Context, r registration.Registration) (registration.Subject, error) {
	p, err := a.Records.Person(ctx, r.ID)
	if err != nil {
		return registration.Subject{}, err
	}
	return registration.Subject{
		CommonName: strings.ToUpper(p.FullName), UID: "CCCD:" + p.IDNumber,
		Province: strings.ToUpper(p.Province), Locality: strings.ToUpper(p.Commune),
	}, nil
}

// checkIssued compares what a CA hands over with the order, field by field, and demands a chain to a trusted root and a serial
// number that its issuer did not use before. The error names every difference.
func (a *Registration) checkIssued(ctx context.Context, r registration.Registration, want registration.Subject, got registration.Issuance) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(got.Certificate)
	if err != nil {
		return nil, problem.New(problem.ProviderUnavailable, "the CA sent something that is not a certificate")
	}
	var chain []*x509.Certificate
	for _, der := range got.Chain {
		if c, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, c)
		}
	}
	// The number is taken whatever else is wrong, so that it stays this registration's when the certificate is refused.
	taken := a.takeSerial(ctx, cert, r.ID)
	if taken != nil && problem.CodeOf(taken) != problem.CertificateDiffers {
		return nil, taken
	}
	order := registration.Order{SPKI: r.Issued.SPKI, Subject: want, Months: r.Months, Since: r.CreatedAt}
	differences := order.Differences(cert, a.Now())
	trust, err := a.Trust(ctx)
	if err != nil {
		return nil, err
	}
	// A certificate that has just been issued may begin in a few minutes by our clock.
	path, err := trust.Check(cert, chain, latest(a.Now(), cert.NotBefore))
	issuer, unknown := a.issuer(r)
	if (err != nil || unknown != nil || !issuer.issued(path)) && len(differences) == 0 {
		differences = append(differences, registration.DiffIssuer)
	}
	if taken != nil {
		differences = append(differences, registration.DiffSerial)
	}
	if len(differences) > 0 {
		return nil, differs(differences)
	}
	return cert, nil
}

func (a *Registration) takeSerial(ctx context.Context, cert *x509.Certificate, registrationID string) error {
	issuer := sha256.Sum256(cert.RawIssuer)
	err := a.Serials.TakeSerial(ctx, hex.EncodeToString(issuer[:]), serialOf(cert), registrationID)
	if problem.CodeOf(err) == problem.Conflict {
		return differs([]registration.Difference{registration.DiffSerial})
	}
	return err
}

func differs(differences []registration.Difference) error {
	words := make([]string, len(differences))
	for i, d := range differences {
		words[i] = string(d)
	}
	return problem.New(problem.CertificateDiffers, "not as ordered: %s", strings.Join(words, ", "))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// InstallCertificate puts the certificate next to its key, inactive, and makes the phone ask for a PIN. Both are
// idempotent by the key.
func (a *Registration) InstallCertificate(ctx context.Context, id string) error {
	return fail(a.installCertificate(ctx, id))
}

func (a *Registration) installCertificate(ctx context.Context, id string) error {
	r, err := a.issuable(ctx, id, registration.StatusIssuing, registration.StatusActivating, registration.StatusAccepting, registration.StatusActive)
	if err != nil {
		return err
	}
	if r.Issued == nil || len(r.Issued.Certificate) == 0 {
		return problem.New(problem.Conflict, "there is no certificate")
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	if err := issuer.CA.Install(ctx, r.Issued.KeyID, r.Issued.Certificate); err != nil {
		return err
	}
	if err := issuer.CA.StartActivation(ctx, r.Issued.KeyID); err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Activation == nil {
			r.Issued.InstalledAt = a.Now().UTC()
			r.Activation = &registration.Activation{StartedAt: a.Now().UTC()}
		}
		return nil
	})
}

// AwaitPIN looks whether the citizen has set the PIN on the phone; until then it fails with ErrorPending. The PIN itself
// never comes here. Errors: Conflict when the key is locked or disabled.
func (a *Registration) AwaitPIN(ctx context.Context, id string) error {
	return fail(a.awaitPIN(ctx, id))
}

func (a *Registration) awaitPIN(ctx context.Context, id string) error {
	r, set, err := a.lookForPIN(ctx, id)
	if err == nil && !set {
		return pending(a.Pace.Next("ca", process.PauseAt(a.Now().Sub(r.Activation.StartedAt), time.Hour)))
	}
	return err
}

// ReadPIN reports whether the PIN is set, as a watcher has recorded, and ends the wait for it. While it is not, the CA is asked now.
// Effect: records. Key: the registration. Errors: the one that asking again does not overcome.
func (a *Registration) ReadPIN(ctx context.Context, id string) (bool, error) {
	set, err := a.readPIN(ctx, id)
	return set, fail(err)
}

func (a *Registration) readPIN(ctx context.Context, id string) (bool, error) {
	r, err := a.Records.Registration(ctx, id)
	switch {
	case err != nil:
		return false, err
	case r.Activation == nil:
		return false, problem.New(problem.Conflict, "the activation has not begun")
	case !r.Activation.PINSetAt.IsZero():
		return true, a.Waits.EndWait(ctx, process.WaitPIN, id)
	}
	return false, lookNow(ctx, a.Waits, registration.PINWait(id, a.issuerCode(r), r.Activation.StartedAt, r.Deadline), a.Now())
}

// lookForPIN asks once, and notes that the PIN is set.
func (a *Registration) lookForPIN(ctx context.Context, id string) (r registration.Registration, set bool, err error) {
	if r, err = a.Records.Registration(ctx, id); err != nil {
		return r, false, err
	}
	if r.Activation == nil {
		return r, false, problem.New(problem.Conflict, "the activation has not begun")
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return r, false, err
	}
	state, err := issuer.CA.KeyState(ctx, r.Issued.KeyID)
	if err != nil {
		return r, false, err
	}
	switch state {
	case registration.KeyPINSet, registration.KeyActive:
	case registration.KeyLocked, registration.KeyDisabled:
		return r, false, problem.New(problem.Conflict, "the key is %s", state)
	default:
		return r, false, nil
	}
	return r, true, a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Activation.PINSetAt.IsZero() {
			r.Activation.PINSetAt = a.Now().UTC()
		}
		return nil
	})
}

// ActivateKey makes the key usable, after PIN and OTP. Effect: the key signs. Key: the key. Errors: Denied without an
// accepted code.
func (a *Registration) ActivateKey(ctx context.Context, id string) error {
	return fail(a.activateKey(ctx, id))
}

func (a *Registration) activateKey(ctx context.Context, id string) error {
	r, err := a.issuable(ctx, id, registration.StatusActivating, registration.StatusAccepting, registration.StatusActive)
	if err != nil {
		return err
	}
	if r.Activation == nil || r.Activation.CodeID == "" || r.Activation.PINSetAt.IsZero() {
		return problem.New(problem.Denied, "PIN and code come before the activation")
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	if err := issuer.CA.Activate(ctx, r.Issued.KeyID); err != nil {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.Activation.ActivatedAt.IsZero() {
			r.Activation.ActivatedAt = a.Now().UTC()
		}
		return nil
	})
}

// RevokeCertificate undoes the issuance: it revokes the certificate, also one whose answer was lost, and destroys the
// key. Effect: one revocation. Key: the registration.
func (a *Registration) RevokeCertificate(ctx context.Context, id string) error {
	return fail(a.revokeCertificate(ctx, id))
}

// CessationOfOperation is the CRLReason of RFC 5280 §5.3.1 for a certificate that is no longer needed.
const CessationOfOperation = 5

func (a *Registration) revokeCertificate(ctx context.Context, id string) error {
	before, err := a.Records.Registration(ctx, id)
	if err != nil {
		return err
	}
	if before.Status == registration.StatusActive || before.Status != registration.StatusClosing && !before.Status.Final() {
		return problem.New(problem.Conflict, "the registration is %s: nothing is to be revoked", before.Status)
	}
	if _, err := a.issuer(before); err != nil {
		return nil //nolint:nilerr // no CA was asked for anything
	}
	if err := a.createKey(ctx, id); problem.CodeOf(err) == problem.ProviderRefused {
		return nil // there never was a key
	} else if err != nil { // else this finds a key whose answer was lost
		return err
	}
	r, err := a.Records.Registration(ctx, id)
	if err != nil || !r.RevokedAt.IsZero() {
		return err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return err
	}
	first, err := a.revokeAll(ctx, issuer.CA, r)
	if err != nil || first == "" {
		return err
	}
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.RevokedAt.IsZero() {
			r.Issued.Serial, r.RevokedAt = first, a.Now().UTC()
		}
		return nil
	})
}

// revokeAll revokes every certificate that the registration was given, refused ones too, and destroys the key. The numbers are
// those that were written down when the certificates came: a CA that is asked again may say something else. Only when the CA
// keeps the key for a certificate whose answer never came is it asked which. The first number is returned, empty for none.
func (a *Registration) revokeAll(ctx context.Context, ca registration.CA, r registration.Registration) (first string, err error) {
	serials, err := a.Serials.TakenSerials(ctx, r.ID)
	if err != nil {
		return "", err
	}
	if own := r.Issued.Serial; own != "" && !slices.Contains(serials, own) { // of a release that took no numbers
		serials = append(serials, own)
	}
	for lost := false; ; lost = true {
		for _, serial := range serials {
			request := process.RevocationID(r.ID)
			if first = cmp.Or(first, serial); len(serials) > 1 || lost {
				request += "/" + serial
			}
			if err := ca.Revoke(ctx, request, serial, CessationOfOperation); err != nil {
				return first, err
			}
		}
		err := ca.DestroyKey(ctx, r.Issued.KeyID)
		if problem.CodeOf(err) != problem.Conflict || lost {
			return cmp.Or(r.Issued.Serial, first), err
		}
		serial, err := a.lostSerial(ctx, r)
		if err != nil {
			return first, err
		}
		serials = []string{serial}
	}
}

// lostSerial asks again for a certificate that was issued and whose answer never came, or was not what was asked for.
func (a *Registration) lostSerial(ctx context.Context, r registration.Registration) (string, error) {
	subject, err := a.subject(ctx, r)
	if err != nil {
		return "", err
	}
	issued, err := a.issue(ctx, r, subject)
	if err != nil {
		return "", err
	}
	cert, err := x509.ParseCertificate(issued.Certificate)
	if err != nil {
		return "", problem.New(problem.ProviderUnavailable, "the CA does not say which certificate it issued")
	}
	// A number that is also on another citizen's certificate would revoke that one.
	return serialOf(cert), a.takeSerial(ctx, cert, r.ID)
}

func serialOf(cert *x509.Certificate) string { return strings.ToLower(cert.SerialNumber.Text(16)) }
