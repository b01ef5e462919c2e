package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

const (
	// recompare is how long a registration that has ended is not compared again, unless its money moves.
	recompare = 7 * 24 * time.Hour
	// retryCompare is when one is compared again that could not be.
	retryCompare = time.Hour
	// askedFor is how long the gateway is asked what became of money that pays for a certificate in use.
	askedFor = 35 * 24 * time.Hour
)

// Ended lists registrations that have ended, and keeps what was found about them.
type Ended interface {
	// EndedRegistrations lists all of them, the oldest first.
	EndedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error)
	// DueRegistrations lists those that were not compared since a time, those longest ago first.
	DueRegistrations(ctx context.Context, since time.Time, limit int) ([]registration.Registration, error)
	MarkCompared(ctx context.Context, id string, at time.Time) error
	// MarkRevoked notes that a certificate was revoked, and has the money of its registration looked at again.
	MarkRevoked(ctx context.Context, id, serial string, at time.Time) error
	// Accepted reports whether an operator has accepted a mismatch of a registration.
	Accepted(ctx context.Context, id, reason string) (bool, error)
}

// certificateCodes are the mismatches of record, money and certificate; see registration.Standing.
var certificateCodes = []problem.Code{problem.CertificateUnpaid, problem.CertificateLost, problem.CertificateLeft}

// due compares the registrations that have ended and were not compared for long. There may be millions of them, so they do not stand
// between those that are open.
func (r *Reconciler) due(ctx context.Context) error {
	now := orNow(r.Now)
	list, err := r.Ended.DueRegistrations(ctx, now.Add(-recompare), budget)
	if err != nil {
		return err
	}
	var failures []error
	for _, s := range list {
		call, cancel := context.WithTimeout(ctx, 3*callLimit)
		err := r.ended(call, s, &incident.Report{})
		cancel()
		when := now
		if err != nil {
			when = now.Add(retryCompare - recompare)
			if len(failures) < maxFailures {
				failures = append(failures, fmt.Errorf("comparing registration %s, its money and its certificate: %w", s.ID, err))
			}
		}
		if err := r.Ended.MarkCompared(ctx, s.ID, when); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

// ended compares a registration that has ended with its payments and its certificate at the CA.
func (r *Reconciler) ended(ctx context.Context, s registration.Registration, report *incident.Report) error {
	verdict, standing, err := r.stands(ctx, s, report)
	if err != nil {
		return err
	}
	return errors.Join(r.judged(ctx, s, verdict, standing, report), r.contract(ctx, s, report))
}

// contract compares the process that keeps a sealed contract archived, once the registration has begun it. One that an operator
// gave up ended by itself. Contracts that earlier releases sealed have none.
func (r *Reconciler) contract(ctx context.Context, s registration.Registration, report *incident.Report) error {
	if s.Contract == nil || s.Contract.Level == "" || !s.Status.Final() {
		return nil
	}
	state, err := r.Engine.State(ctx, process.ContractArchiveWorkflowID(s.ID))
	if err != nil || state == workflows.RunRunning || state == workflows.RunCompleted {
		return err
	}
	if begins, err := r.Engine.State(ctx, process.RegistrationWorkflowID(s.ID)); err != nil || begins == workflows.RunRunning {
		return err
	}
	return r.found(ctx, report, process.Registration, s.ID, incident.ArchiveStep, problem.ProcessMissing, "the contract is to be kept archived, the process for it is %s", state)
}

// stands asks the parties and judges. The gateway is asked about the money of a certificate in use: no other book says what was
// refunded elsewhere.
func (r *Reconciler) stands(ctx context.Context, s registration.Registration, report *incident.Report) (registration.Verdict, registration.Standing, error) {
	payments, err := r.Paid.Payments(ctx, s.ID)
	if err != nil {
		return "", registration.Standing{}, err
	}
	for _, p := range payments {
		if r.Gateways == nil || s.Status != registration.StatusActive || p.Status != registration.PaymentCaptured || p.TxnRef != s.PaidRef || orNow(r.Now).Sub(p.CreatedAt) > askedFor {
			continue
		}
		if err := r.ask(ctx, p, report); err != nil {
			return "", registration.Standing{}, err
		}
		if payments, err = r.Paid.Payments(ctx, s.ID); err != nil {
			return "", registration.Standing{}, err
		}
	}
	at, err := r.certificate(ctx, s)
	standing := registration.StandingOf(s, payments, at)
	return standing.Judge(), standing, err
}

// certificate asks the CA how the certificate of a registration stands. The record alone answers while a process works on it, and
// when no key can have been made, or no CA is configured.
func (r *Reconciler) certificate(ctx context.Context, s registration.Registration) (registration.CertificateStatus, error) {
	ca := r.CAs[s.Issuer]
	if ca == nil || !s.Status.Final() {
		switch {
		case s.Issued == nil || s.Issued.Serial == "":
			return registration.CertificateNone, nil
		case !s.RevokedAt.IsZero():
			return registration.CertificateRevoked, nil
		}
		return registration.CertificateActive, nil
	}
	if !workflows.MayHaveKey(s, nil) {
		return registration.CertificateNone, nil
	}
	key, err := ca.FindKey(ctx, process.KeyID(s.ID))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return registration.CertificateNone, nil
	case err == nil && s.Status == registration.StatusActive && (s.Issued == nil || s.Issued.Serial != key.Serial):
		return registration.CertificateNone, nil // what it has is not the citizen's
	}
	return key.Certificate, err
}

// judged opens the incident of a verdict and closes those of others.
func (r *Reconciler) judged(ctx context.Context, s registration.Registration, verdict registration.Verdict, standing registration.Standing, report *incident.Report) error {
	for _, code := range certificateCodes {
		if problem.Code(verdict) != code {
			if err := r.closes(ctx, report, process.Registration, s.ID, s.Attention.IncidentID, code); err != nil {
				return err
			}
			continue
		}
		accepted, err := r.Ended.Accepted(ctx, s.ID, string(code))
		if err != nil || accepted {
			return err
		}
		if err := r.found(ctx, report, process.Registration, s.ID, string(s.Status), code, "%s", standing); err != nil {
			return err
		}
	}
	return nil
}

// certificateAct does what an operator decides about a certificate and its money. Accepting changes nothing: what is wrong was settled
// elsewhere, and is not found again. Closing undoes the certificate; money that is here goes back by itself when it is owed.
func (m *Mender) certificateAct(ctx context.Context, i process.Incident, action, actor string) error {
	if action == incident.Accept {
		return nil
	}
	s, err := m.Records.Registration(ctx, i.ProcessID)
	switch {
	case err != nil:
		return err
	case !s.Status.Final():
		return m.registrationAgain(ctx, i, incident.Close, actor)
	}
	ca := m.CAs[s.Issuer]
	if ca == nil {
		return problem.New(problem.Conflict, "its CA is not configured")
	}
	key, err := ca.FindKey(ctx, process.KeyID(s.ID))
	if err == nil {
		err = revoke(ctx, ca, s.ID, key)
	}
	if err != nil {
		return err
	}
	return m.Ended.MarkRevoked(ctx, s.ID, key.Serial, orNow(m.Now))
}
