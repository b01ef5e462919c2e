package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
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
	// budget is how many records one step compares.
	budget = 100
	// round is about how many records one round of the loop compares: with a round each 20 seconds, 10,000 open
	// processes are all compared within four minutes, for some fifty questions to Temporal a second.
	round = 1000
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
	CreatePayment(ctx context.Context, p registration.Payment, waits ...process.Wait) error
	ApplyNotice(ctx context.Context, n registration.PaymentNotice) (p registration.Payment, fresh bool, err error)
	MarkRefund(ctx context.Context, txnRef, refundID string, at time.Time) error
}

// Mismatches keeps what was found as incidents.
type Mismatches interface {
	// OpenMismatch opens an incident unless one of the same reason is open for the process.
	OpenMismatch(ctx context.Context, in process.Incident) (fresh bool, err error)
	// OpenMismatches lists the open incidents that comparing the books found, oldest first.
	OpenMismatches(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]process.Incident, error)
	// CloseIncidents closes the open incidents of a process: the one of an id, those of a reason, or all when both are empty.
	CloseIncidents(ctx context.Context, in process.Incident) (closed int, err error)
	// GivenUp reports whether an operator has closed a process that has no record.
	GivenUp(ctx context.Context, kind process.Kind, id string) (bool, error)
}

// Runs is Temporal as the reconciler asks it; *workflows.Client is the real one.
type Runs interface {
	State(ctx context.Context, workflowID string) (workflows.RunState, error)
	// Stand is State with a mark that stays as long as nothing happens to the process; empty when that is not known.
	Stand(ctx context.Context, workflowID string) (state workflows.RunState, mark string, err error)
	Runs(ctx context.Context, after string, limit int) (runs []workflows.Run, next string, err error)
	// BrokenRuns are those that ended and did not complete.
	BrokenRuns(ctx context.Context, after string, limit int) (runs []workflows.Run, next string, err error)
	Status(ctx context.Context, signingID string) (workflows.SigningStatus, error)
	RegistrationStatus(ctx context.Context, id string) (workflows.RegistrationStatus, error)
	// RegistrationRuns asks every run of a registration that Temporal has, the newest first.
	RegistrationRuns(ctx context.Context, id string) ([]workflows.PastRun, error)
	Engine
}

// Gateway is all payment parties; registration.Gateways is the real one.
type Gateway interface {
	Query(ctx context.Context, requestID string, p registration.Payment) (registration.PaymentNotice, error)
	// Refund gives the whole price back, once for each request id.
	Refund(ctx context.Context, requestID string, p registration.Payment, actor string) error
}

// Reconciler compares the two books, the store and Temporal, both ways, and payments with their gateways. What does not agree
// becomes an incident; an incident whose cause has gone is closed. A process that is behind its record is told again what it
// has, by Behind. Comparing changes nothing else, so several reconcilers may run at once.
type Reconciler struct {
	Books    Books
	Records  Records
	Paid     Paid
	Found    Mismatches
	Told     Toldness
	Engine   Runs
	Ended    Ended
	Waits    process.Waits // nil compares no waits
	Gateways Gateway       // nil compares no payments
	// CAs are asked for keys and certificates, by the code of the issuer.
	CAs map[string]registration.Keys
	Now func() time.Time // default time.Now

	place string // where the loop goes on

	signings      statuses[workflows.SigningStatus]
	registrations statuses[workflows.RegistrationStatus]
}

// Once compares the next part of the books. It does nothing while Temporal is away. What could not be compared is its
// error, after everything else was.
func (r *Reconciler) Once(ctx context.Context) error {
	var failures []error
	if r.place == "" {
		r.signings.turn()
		r.registrations.turn()
	}
	for checked := 0; checked < round; {
		report, err := r.Step(ctx, r.place)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, f := range report.Failed {
			if len(failures) < maxFailures {
				failures = append(failures, fmt.Errorf("comparing %s %s: %s", f.Process, f.ProcessID, f.Message))
			}
		}
		if r.place = report.Next; r.place == "" || r.place == endedStage+":" {
			r.place = ""
			break
		}
		checked += report.Checked
	}
	return errors.Join(append(failures, r.due(ctx))...)
}

// statuses are the answers of processes, each with the mark of how far its process had come. Asking a process that waits has a worker replay
// it; the answer of one whose mark has not changed has not changed either.
type statuses[S any] struct {
	mu          sync.Mutex
	now, before map[string]marked[S] // of this pass over the books and of the one before
}

type marked[S any] struct {
	mark   string
	answer S
}

// turn forgets what was not asked for in the last pass. Until the first turn nothing is kept.
func (s *statuses[S]) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.before = map[string]marked[S]{}, s.now
}

// of returns the answer of a process, which is asked unless it has answered at this mark.
func (s *statuses[S]) of(id, mark string, ask func() (S, error)) (S, error) {
	s.mu.Lock()
	last, known := s.now[id]
	if !known {
		last, known = s.before[id]
	}
	s.mu.Unlock()
	if !known || last.mark != mark || mark == "" {
		answer, err := ask()
		if err != nil {
			return answer, err
		}
		last = marked[S]{mark, answer}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now[id] = last
	}
	return last.answer, nil
}

// endedStage compares everything that has ended, on demand only; see due.
const endedStage = "ended"

// stages are the parts of the comparison, in order.
var stages = []string{"signings", "registrations", "archives", "messages", "runs", "broken", "incidents", endedStage}

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
			next, err = compare(ctx, r, &report, after, r.Books.OpenRegistrations, placeOfRegistration, r.registration)
		case endedStage:
			next, err = compare(ctx, r, &report, after, r.Ended.EndedRegistrations, placeOfRegistration, r.ended)
		case "archives":
			next, err = compare(ctx, r, &report, after, r.Books.ArchivedSignings, placeOfSigning, r.archive)
		case "messages":
			next, err = compare(ctx, r, &report, after, r.Books.Carried, func(m webhook.Message) row {
				return row{page.After(m.CreatedAt, m.Place()), process.Signing, "message " + m.Place()}
			}, r.message)
		case "incidents":
			next, err = compare(ctx, r, &report, after, r.Found.OpenMismatches, placeOfIncident, r.mismatch)
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
	at   page.Cursor
	kind process.Kind
	id   string
}

func placeOfRegistration(s registration.Registration) row {
	return row{page.After(s.CreatedAt, s.ID), process.Registration, s.ID}
}

func placeOfSigning(s signing.Signing) row {
	return row{page.After(s.CreatedAt, s.ID), process.Signing, s.ID}
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
		if err := r.failed(ctx, report, at.kind, at.id, err); err != nil {
			return "", err
		}
	}
	if len(rows) < budget {
		return "", nil
	}
	return after.String(), nil
}

// failed notes what could not be compared. It returns an error when nothing can: Temporal is away, or the time is over.
func (r *Reconciler) failed(ctx context.Context, report *incident.Report, kind process.Kind, id string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || away(ctx, r.Engine, err) {
		return err
	}
	report.Failed = append(report.Failed, incident.Failure{Process: kind, ProcessID: id, Code: string(problem.CodeOf(err)), Message: err.Error()})
	return nil
}

// behind notes a process that stands where its record was.
func (r *Reconciler) behind(report *incident.Report, kind process.Kind, id string, knows, has int) {
	report.Behind = append(report.Behind, incident.Behind{Process: kind, ProcessID: id,
		Message: fmt.Sprintf("the process has made %d transitions, the record has %d", knows, has)})
}

// found opens an incident.
func (r *Reconciler) found(ctx context.Context, report *incident.Report, kind process.Kind, id, step string, code problem.Code, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	fresh, err := r.Found.OpenMismatch(ctx, process.Incident{Process: kind, ProcessID: id,
		Attention: process.Attention{Step: step, Reason: string(code), Message: message, Since: orNow(r.Now)}})
	report.Findings = append(report.Findings, incident.Finding{Process: kind, ProcessID: id, Code: string(code), Message: message, New: fresh})
	return err
}

// gone closes the mismatches of a process whose books agree again. open is the incident that the record shows, of whatever reason:
// a record that shows none has none, and one that shows another may have a mismatch as well.
func (r *Reconciler) gone(ctx context.Context, report *incident.Report, kind process.Kind, id, open string) error {
	return r.closes(ctx, report, kind, id, open, problem.ProcessMissing, problem.RecordMissing)
}

// closes ends the open incidents of some reasons.
func (r *Reconciler) closes(ctx context.Context, report *incident.Report, kind process.Kind, id, open string, codes ...problem.Code) error {
	if open == "" {
		return nil
	}
	for _, code := range codes {
		n, err := r.Found.CloseIncidents(ctx, process.Incident{Process: kind, ProcessID: id, Attention: process.Attention{Reason: string(code)}, ClosedAt: orNow(r.Now), Action: "auto", Actor: "kyso",
			Note: "the books agree again"})
		report.Closed += n
		if err != nil {
			return err
		}
	}
	return nil
}
