package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// Incidents is the desk of operators, as far as the acts need it.
type Incidents interface {
	Show(ctx context.Context, id string) (process.Incident, []incident.Entry, error)
}

// Toldness forgets what a process is known to know.
type Toldness interface {
	ForgetTold(ctx context.Context, id string) error
}

// Beginner begins processes again; *workflows.Client is the real one.
type Beginner interface {
	SigningAgain(ctx context.Context, in workflows.SigningInput) error
	RegistrationAgain(ctx context.Context, in workflows.RegistrationInput) error
	ArchiveAgain(ctx context.Context, in workflows.ArchiveInput) error
	Stop(ctx context.Context, workflowID, reason string) error
}

// Mender does what an operator decides about a mismatch.
type Mender struct {
	*Reconciler
	Incidents Incidents
	Processes Beginner
	Decisions decision.Records
	Limits    workflows.RegistrationLimits
}

// Act does it and closes the incidents of the process. Errors: problem.NotFound, problem.Conflict when the incident is
// closed or is none of the reconciler's, problem.Invalid for an act that it does not offer.
func (m *Mender) Act(ctx context.Context, id, action, actor, note string) error {
	i, _, err := m.Incidents.Show(ctx, id)
	if err != nil {
		return err
	}
	if !i.ClosedAt.IsZero() || !incident.Mismatch(i.Reason) {
		return problem.New(problem.Conflict, "the incident is closed, or its process can be repaired")
	}
	certificate := slices.Contains(certificateCodes, problem.Code(i.Reason))
	switch offered := incident.Acts(i.Reason, i.Step); {
	case !slices.Contains(offered, action) && (certificate || action != incident.BeginAgain && action != incident.Close):
		return problem.New(problem.Invalid, "the action is one of %v", offered)
	case certificate:
		err = m.certificateAct(ctx, i, action, actor)
	case i.Step == incident.ArchiveStep && action == incident.BeginAgain:
		in := workflows.ArchiveInput{SigningID: i.ProcessID, Generation: 1}
		if i.Process == process.Registration {
			in = workflows.ArchiveInput{RegistrationID: i.ProcessID, Generation: 1}
		}
		err = m.Processes.ArchiveAgain(ctx, in)
	case i.Process == process.Signing:
		err = m.signingAgain(ctx, i, action, actor)
	default:
		err = m.registrationAgain(ctx, i, action, actor)
	}
	if err != nil {
		return err
	}
	closing := process.Incident{Process: i.Process, ProcessID: i.ProcessID, ClosedAt: orNow(m.Now), Action: action, Actor: actor, Note: note}
	if action == incident.Accept {
		closing.IncidentID = i.IncidentID
	}
	_, err = m.Found.CloseIncidents(ctx, closing)
	return err
}

// stray stops a process that has no record. Nothing can be resumed, and what it did outside is not known here.
func (m *Mender) stray(ctx context.Context, workflowID, action string) error {
	if action == incident.BeginAgain {
		return problem.New(problem.Invalid, "there is no record to begin again from")
	}
	return m.Processes.Stop(ctx, workflowID, "its record is not there")
}

// outdated stops a process that stands where its record was: the record has ended, and with it everything outside.
func (m *Mender) outdated(ctx context.Context, workflowID string, i process.Incident) error {
	if problem.Code(i.Reason) != problem.RecordMissing {
		return nil // it has ended meanwhile, by itself
	}
	return m.Processes.Stop(ctx, workflowID, "its record has ended")
}

func (m *Mender) signingAgain(ctx context.Context, i process.Incident, action, actor string) error {
	record, err := m.Records.Signing(ctx, i.ProcessID)
	if problem.CodeOf(err) == problem.NotFound {
		return m.stray(ctx, process.SigningWorkflowID(i.ProcessID), action)
	}
	if err != nil {
		return err
	}
	if record.Status.Final() {
		return m.outdated(ctx, process.SigningWorkflowID(i.ProcessID), i)
	}
	return m.resumeSigning(ctx, record, action, actor)
}

func (m *Mender) resumeSigning(ctx context.Context, record signing.Signing, action, actor string) error {
	seq, err := m.Records.LastSeq(ctx, record.ID)
	if err != nil {
		return err
	}
	closing := action == incident.Close
	id, err := m.resumption(ctx, decision.Object{Process: process.Signing, ID: record.ID}, actor, decision.Resumption{Close: closing})
	if err != nil {
		return err
	}
	return m.Processes.SigningAgain(ctx, workflows.SigningAgainOf(record, seq, id, closing))
}

// resumption records the decision that lets one run begin on a record that has moved, with what is known of the run before it.
func (m *Mender) resumption(ctx context.Context, about decision.Object, actor string, known decision.Resumption) (string, error) {
	content, err := json.Marshal(known)
	if err != nil {
		return "", fmt.Errorf("recording a decision: %w", err)
	}
	now := orNow(m.Now).UTC().Truncate(time.Microsecond)
	made, err := m.Decisions.Decide(ctx, decision.Decision{ID: "run-" + uuid.NewString(), Kind: decision.Resume, Object: about, Actor: actor, Principal: decision.Kyso,
		Content: content, CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
	return made.ID, err
}

// registrationAgain resumes a registration. The gateway is asked first, so that money is not overlooked.
func (m *Mender) registrationAgain(ctx context.Context, i process.Incident, action, actor string) error {
	record, err := m.Records.Registration(ctx, i.ProcessID)
	status, statusErr := m.Engine.RegistrationStatus(ctx, i.ProcessID) // of the run that was; without one, nothing is known
	if problem.CodeOf(err) == problem.NotFound {
		return m.strayRegistration(ctx, i.ProcessID, action)
	}
	if err != nil {
		return err
	}
	if record.Status.Final() {
		return m.outdated(ctx, process.RegistrationWorkflowID(i.ProcessID), i)
	}
	if err := m.payments(ctx, record, status, workflows.RunBroken, &incident.Report{}); err != nil {
		return err
	}
	payments, err := m.Paid.Payments(ctx, record.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(payments, func(p registration.Payment) bool {
		return p.TxnRef == record.PaidRef && p.Status == registration.PaymentRefunded
	}) {
		action = incident.Close // the price has gone back already: there is nothing to go on with
	}
	moves, err := m.Records.RegistrationMoves(ctx, record.ID)
	if err != nil {
		return err
	}
	reason := ""
	if len(moves) > 0 {
		reason = moves[len(moves)-1].Detail
	}
	var run *workflows.RegistrationStatus
	if statusErr == nil {
		run = &status
	}
	known := decision.Resumption{Close: action == incident.Close, Attempts: attemptsOf(payments, status), Issuing: workflows.MayHaveKey(record, run)}
	if action == incident.Close && record.Acceptance != nil && record.Acceptance.SigningID != "" {
		if err := m.closeAcceptance(ctx, record.Acceptance.SigningID, actor); err != nil {
			return err
		}
	}
	id, err := m.resumption(ctx, decision.Object{Process: process.Registration, ID: record.ID}, actor, known)
	if err != nil {
		return err
	}
	if err := m.Processes.RegistrationAgain(ctx, workflows.RegistrationAgainOf(record, m.Limits, reason, id, known)); err != nil {
		return err
	}
	return m.Told.ForgetTold(ctx, record.ID)
}

// closeAcceptance closes the signing of an acceptance record, which outlives the registration that began it.
func (m *Mender) closeAcceptance(ctx context.Context, id, actor string) error {
	record, err := m.Records.Signing(ctx, id)
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		return nil // it was not begun
	case err != nil || record.Status.Final():
		return err
	}
	return m.resumeSigning(ctx, record, incident.Close, actor)
}

// attemptsOf is how many attempts to pay the gateway may know.
func attemptsOf(payments []registration.Payment, status workflows.RegistrationStatus) int {
	n := 0
	for _, opened := range status.Attempts {
		n = max(n, process.AttemptOf(opened.TxnRef))
	}
	for _, p := range payments {
		n = max(n, p.Attempt)
	}
	return n
}
