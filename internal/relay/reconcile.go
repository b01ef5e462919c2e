package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/webhook"
	"kyso/workflows"
)

const (
	// settled is how old a record or a run must be before its other book is asked for it.
	settled = 30 * time.Second
	// lostAfter is how old a record must be that has never been worked on: until then it may wait for its start.
	lostAfter = 10 * time.Minute
	// budget is how many records one step compares, and about as many one round of the loop.
	budget = 100
	// secondLook is how long after a first look a record that seems behind its process is read again: the process may
	// be writing it.
	secondLook = 2 * time.Second
)

// Books lists what has to have a process, oldest first.
type Books interface {
	OpenSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error)
	OpenRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error)
	// ArchivedSignings are those whose documents are kept archived.
	ArchivedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error)
	// Carried are messages that a process carries.
	Carried(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]webhook.Message, error)
	// CarryAgain gives a message another round.
	CarryAgain(ctx context.Context, m webhook.Message) error
}

// Records are single records. problem.NotFound for an unknown id.
type Records interface {
	Signing(ctx context.Context, id string) (signing.Signing, error)
	LastSeq(ctx context.Context, signingID string) (int, error)
	Registration(ctx context.Context, id string) (registration.Registration, error)
	RegistrationMoves(ctx context.Context, id string) ([]registration.Transition, error)
}

// Paid is what the store knows of attempts to pay.
type Paid interface {
	Payments(ctx context.Context, registrationID string) ([]registration.Payment, error)
	CreatePayment(ctx context.Context, p registration.Payment) error
	ApplyNotice(ctx context.Context, n registration.PaymentNotice) (p registration.Payment, fresh bool, err error)
	MarkRefund(ctx context.Context, txnRef, refundID string, at time.Time) error
}

// Mismatches keeps what was found as incidents.
type Mismatches interface {
	// OpenMismatch opens an incident unless one of the same reason is open for the process.
	OpenMismatch(ctx context.Context, in incident.Incident) (fresh bool, err error)
	// CloseIncidents closes the open incidents of a process, of one reason or of all when it is empty.
	CloseIncidents(ctx context.Context, in incident.Incident) (closed int, err error)
	// GivenUp reports whether an operator has closed a process that has no record.
	GivenUp(ctx context.Context, process incident.Process, id string) (bool, error)
}

// Runs is Temporal as the reconciler asks it; *workflows.Client is the real one.
type Runs interface {
	State(ctx context.Context, workflowID string) (workflows.RunState, error)
	Runs(ctx context.Context, after string, limit int) (runs []workflows.Run, next string, err error)
	// BrokenRuns are those that ended and did not complete.
	BrokenRuns(ctx context.Context, after string, limit int) (runs []workflows.Run, next string, err error)
	Status(ctx context.Context, signingID string) (workflows.SigningStatus, error)
	RegistrationStatus(ctx context.Context, id string) (workflows.RegistrationStatus, error)
	Engine
}

// Gateway is VNPay.
type Gateway interface {
	Query(ctx context.Context, requestID string, p registration.Payment) (registration.PaymentNotice, error)
	// Refund gives the whole price back, once for each request id.
	Refund(ctx context.Context, requestID string, p registration.Payment, actor string) error
}

// Reconciler compares the two books, the store and Temporal, both ways, and payments with VNPay. What does not agree
// becomes an incident; an incident whose cause has gone is closed. A process that is behind its record is told again what it
// has, by Behind. Comparing changes nothing else, so several reconcilers may run at once.
type Reconciler struct {
	Books   Books
	Records Records
	Paid    Paid
	Found   Mismatches
	Told    Toldness
	Engine  Runs
	VNPay   Gateway          // nil compares no payments
	Now     func() time.Time // default time.Now

	place string // where the loop goes on
}

// Once compares the next part of the books. It does nothing while Temporal is away. What could not be compared is its
// error, after everything else was.
func (r *Reconciler) Once(ctx context.Context) error {
	var failures []error
	for checked := 0; checked < budget; {
		report, err := r.Step(ctx, r.place)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, f := range report.Failed {
			if len(failures) < maxFailures {
				failures = append(failures, fmt.Errorf("comparing %s %s: %s", f.Process, f.ProcessID, f.Message))
			}
		}
		if r.place = report.Next; r.place == "" {
			break
		}
		checked += report.Checked
	}
	return errors.Join(failures...)
}

// stages are the parts of the comparison, in order.
var stages = []string{"signings", "registrations", "archives", "messages", "runs", "broken"}

// Step compares up to a hundred records from a place on; an empty Next says that all of both books was compared.
func (r *Reconciler) Step(ctx context.Context, place string) (incident.Report, error) {
	if place == "" {
		place = stages[0] + ":"
	}
	report := incident.Report{Findings: []incident.Finding{}, Failed: []incident.Failure{}, Behind: []incident.Behind{}}
	stage, at, _ := strings.Cut(place, ":")
	if err := r.Engine.Ping(ctx); err != nil {
		return report, err
	}
	var next string
	var err error
	switch stage {
	case "runs":
		next, err = r.runs(ctx, at, r.Engine.Runs, r.run, &report)
	case "broken":
		next, err = r.runs(ctx, at, r.Engine.BrokenRuns, r.broken, &report)
	default:
		after, parseErr := page.Parse(at)
		if parseErr != nil {
			return report, problem.New(problem.Invalid, "not a place in the books")
		}
		switch stage {
		case "signings":
			next, err = compare(ctx, r, &report, after, r.Books.OpenSignings, placeOfSigning, r.signing)
		case "registrations":
			next, err = compare(ctx, r, &report, after, r.Books.OpenRegistrations, func(s registration.Registration) row {
				return row{page.After(s.CreatedAt, s.ID), incident.Registration, s.ID}
			}, r.registration)
		case "archives":
			next, err = compare(ctx, r, &report, after, r.Books.ArchivedSignings, placeOfSigning, r.archive)
		case "messages":
			next, err = compare(ctx, r, &report, after, r.Books.Carried, func(m webhook.Message) row {
				return row{page.After(m.CreatedAt, m.Place()), incident.Signing, "message " + m.Place()}
			}, r.message)
		default:
			return report, problem.New(problem.Invalid, "not a place in the books")
		}
	}
	switch {
	case err != nil:
		return report, fmt.Errorf("comparing %s: %w", stage, err)
	case next != "":
		report.Next = stage + ":" + next
	default:
		for i, name := range stages[:len(stages)-1] {
			if name == stage {
				report.Next = stages[i+1] + ":"
			}
		}
	}
	return report, nil
}

// row is where something stands in its list, and what it is called.
type row struct {
	at      page.Cursor
	process incident.Process
	id      string
}

func placeOfSigning(s signing.Signing) row {
	return row{page.After(s.CreatedAt, s.ID), incident.Signing, s.ID}
}

// compare looks at one page of a list. A row that fails does not keep the others waiting, unless Temporal is away; it is
// reported, since nothing is known of it.
func compare[T any](ctx context.Context, r *Reconciler, report *incident.Report, after page.Cursor,
	list func(context.Context, time.Time, page.Cursor, int) ([]T, error), place func(T) row, do func(context.Context, T, *incident.Report) error) (string, error) {
	rows, err := list(ctx, orNow(r.Now).Add(-settled), after, budget)
	if err != nil {
		return "", err
	}
	for _, each := range rows {
		at := place(each)
		after = at.at
		report.Checked++
		call, cancel := context.WithTimeout(ctx, 3*callLimit)
		err := do(call, each, report)
		cancel()
		if err := r.failed(ctx, report, at.process, at.id, err); err != nil {
			return "", err
		}
	}
	if len(rows) < budget {
		return "", nil
	}
	return after.String(), nil
}

// failed notes what could not be compared. It returns an error when nothing can: Temporal is away, or the time is over.
func (r *Reconciler) failed(ctx context.Context, report *incident.Report, process incident.Process, id string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || away(ctx, r.Engine, err) {
		return err
	}
	report.Failed = append(report.Failed, incident.Failure{Process: process, ProcessID: id, Code: string(problem.CodeOf(err)), Message: err.Error()})
	return nil
}

// behind notes a process that stands where its record was.
func (r *Reconciler) behind(report *incident.Report, process incident.Process, id string, knows, has int) {
	report.Behind = append(report.Behind, incident.Behind{Process: process, ProcessID: id,
		Message: fmt.Sprintf("the process has made %d transitions, the record has %d", knows, has)})
}

// found opens an incident.
func (r *Reconciler) found(ctx context.Context, report *incident.Report, process incident.Process, id, step string, code problem.Code, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	fresh, err := r.Found.OpenMismatch(ctx, incident.Incident{Process: process, ProcessID: id, Step: step, Reason: string(code), Message: message, Since: orNow(r.Now)})
	report.Findings = append(report.Findings, incident.Finding{Process: process, ProcessID: id, Code: string(code), Message: message, New: fresh})
	return err
}

// gone closes the incidents of a process whose books agree again.
func (r *Reconciler) gone(ctx context.Context, report *incident.Report, process incident.Process, id string, codes ...problem.Code) error {
	for _, code := range codes {
		n, err := r.Found.CloseIncidents(ctx, incident.Incident{Process: process, ProcessID: id, Reason: string(code), ClosedAt: orNow(r.Now), Action: "auto", Actor: "kyso",
			Note: "the books agree again"})
		report.Closed += n
		if err != nil {
			return err
		}
	}
	return nil
}

// signing compares one signing. The record is read again after Temporal has answered: a process writes its end before
// it ends, so a record that is open then has lost its process.
func (r *Reconciler) signing(ctx context.Context, s signing.Signing, report *incident.Report) error {
	state, err := r.Engine.State(ctx, workflows.SigningWorkflowID(s.ID))
	if err != nil {
		return err
	}
	if state != workflows.RunRunning {
		now, err := r.Records.Signing(ctx, s.ID)
		if err != nil || now.Status.Final() || now.Status == signing.StatusCreated && state == workflows.RunMissing && !mayBeLost(now.CreatedAt, orNow(r.Now)) {
			return err
		}
		return r.found(ctx, report, incident.Signing, s.ID, string(now.Status), problem.ProcessMissing, "the record is %s, the process is %s", now.Status, state)
	}
	stood, err := r.Records.LastSeq(ctx, s.ID)
	if err != nil {
		return err
	}
	for look := range 2 {
		status, err := r.Engine.Status(ctx, s.ID)
		if err != nil {
			return err
		}
		if status.Seq < stood { // it asks the provider itself, and comes after
			r.behind(report, incident.Signing, s.ID, status.Seq, stood)
		}
		seq, err := r.Records.LastSeq(ctx, s.ID)
		if err != nil {
			return err
		}
		if status.Seq <= seq {
			break
		}
		if look == 1 {
			return r.found(ctx, report, incident.Signing, s.ID, string(s.Status), problem.RecordMissing, "the process has made %d transitions, the record has %d", status.Seq, seq)
		}
		pause(ctx, secondLook)
	}
	if code := problem.Code(s.Attention.Reason); code == problem.ProcessMissing || code == problem.RecordMissing {
		return r.gone(ctx, report, incident.Signing, s.ID, problem.ProcessMissing, problem.RecordMissing)
	}
	return nil
}

// mayBeLost reports whether a record without a process is old enough not to be waiting for its start.
func mayBeLost(created, now time.Time) bool { return now.Sub(created) > lostAfter }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// registration compares one registration and its payments.
func (r *Reconciler) registration(ctx context.Context, s registration.Registration, report *incident.Report) error {
	state, err := r.Engine.State(ctx, workflows.RegistrationWorkflowID(s.ID))
	if err != nil {
		return err
	}
	var status workflows.RegistrationStatus
	if state != workflows.RunMissing { // a closed run answers as long as its history is kept
		if status, err = r.Engine.RegistrationStatus(ctx, s.ID); err != nil && state == workflows.RunRunning {
			return err
		}
	}
	if err := r.payments(ctx, s, status, state, report); err != nil {
		return err
	}
	if state != workflows.RunRunning {
		now, err := r.Records.Registration(ctx, s.ID)
		if err != nil || now.Status.Final() || now.Status == registration.StatusRequested && state == workflows.RunMissing && !mayBeLost(now.CreatedAt, orNow(r.Now)) {
			return err
		}
		return r.found(ctx, report, incident.Registration, s.ID, string(now.Status), problem.ProcessMissing, "the record is %s, the process is %s", now.Status, state)
	}
	if status.Seq < s.Seq { // the row was read before the process was asked
		r.behind(report, incident.Registration, s.ID, status.Seq, s.Seq)
		if err := r.Told.ForgetTold(ctx, s.ID); err != nil {
			return err
		}
	}
	for look := range 2 {
		now, err := r.Records.Registration(ctx, s.ID)
		if err != nil {
			return err
		}
		if status.Seq <= now.Seq {
			break
		}
		if look == 1 {
			return r.found(ctx, report, incident.Registration, s.ID, string(now.Status), problem.RecordMissing, "the process has made %d transitions and is %s, the record has %d and is %s",
				status.Seq, status.Status, now.Seq, now.Status)
		}
		pause(ctx, secondLook)
	}
	if code := problem.Code(s.Attention.Reason); code == problem.ProcessMissing || code == problem.RecordMissing {
		return r.gone(ctx, report, incident.Registration, s.ID, problem.ProcessMissing, problem.RecordMissing)
	}
	return nil
}

// archive compares the process that keeps documents archived. One that an operator gave up ended by itself.
func (r *Reconciler) archive(ctx context.Context, s signing.Signing, report *incident.Report) error {
	state, err := r.Engine.State(ctx, workflows.ArchiveWorkflowID(s.ID))
	switch {
	case err != nil:
		return err
	case state == workflows.RunMissing || state == workflows.RunBroken:
		return r.found(ctx, report, incident.Signing, s.ID, incident.ArchiveStep, problem.ProcessMissing, "the documents are to be kept archived, the process for it is %s", state)
	case problem.Code(s.Attention.Reason) == problem.ProcessMissing:
		return r.gone(ctx, report, incident.Signing, s.ID, problem.ProcessMissing)
	}
	return nil
}

// message has a message carried again whose process is gone. A receiver knows by its id what it has seen.
func (r *Reconciler) message(ctx context.Context, m webhook.Message, report *incident.Report) error {
	state, err := r.Engine.State(ctx, workflows.MessageWorkflowID(m))
	if err != nil || state == workflows.RunRunning || state == workflows.RunCompleted {
		return err
	}
	report.Carried++
	return r.Books.CarryAgain(ctx, m)
}
