package activities

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"kyso/internal/decision"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/vn"
)

// Registration holds what the activities of a registration need. Every exported method is an activity.
type Registration struct {
	Records   registration.Records
	Decisions decision.Records
	Waits     process.Waits
	Logins    registration.Logins
	Serials   registration.Serials
	Signings  signing.Desk // for papers, and for signing the acceptance record
	VNeID     registration.VNeID
	SMS       registration.SMS
	Gateways  registration.PaymentGateway                  // each payment goes to its own
	Gateway   string                                       // that of attempts that begin; empty means registration.FirstGateway
	Trust     func(context.Context) (signing.Trust, error) // as of now

	// Store keeps a file and returns its record, not yet saved.
	Store func(ctx context.Context, name string, r io.Reader) (signing.Upload, error)
	// Open gives a stored file as a source that is read by range.
	Open func(ctx context.Context, u signing.Upload) (pades.Source, error)
	// CodeText is the text message of a one-time code.
	CodeText func(purpose registration.Purpose, digits string) string
	// NoticeText is the text message about what became of an account.
	NoticeText func(kind registration.NoticeKind, at time.Time) string

	Limits        registration.Limits // of registrations that begin
	Packages      []registration.Package
	Issuers       map[string]Issuer // by the code that VNeID sends
	DefaultIssuer string            // that of registrations of before there were several
	Now           func() time.Time
	Archiving     Archiving // of sealed contracts
	Pace          *Pace     // of questions to CAs and gateways
	// Retries are the pauses before a parked process tries again by itself; see Parked.
	Retries []time.Duration
}

// MoveInput is one transition to write.
type MoveInput struct {
	RegistrationID string                  `json:"registration_id"`
	Transition     registration.Transition `json:"transition"`
}

// RecordRegistrationMove writes one transition. Key: registration and seq. Error: Conflict for one whose facts the store does
// not hold.
func (a *Registration) RecordRegistrationMove(ctx context.Context, in MoveInput) error {
	return fail(a.recordMove(ctx, in))
}

func (a *Registration) recordMoves(ctx context.Context, id string, moves []registration.Transition) error {
	for _, t := range moves {
		if err := a.recordMove(ctx, MoveInput{id, t}); err != nil {
			return fmt.Errorf("recording transition %d: %w", t.Seq, err)
		}
	}
	return nil
}

func (a *Registration) recordMove(ctx context.Context, in MoveInput) error {
	r, err := a.moves(ctx, in)
	if err != nil {
		return err
	}
	t := in.Transition
	if !t.Watched || t.Status != registration.StatusActivating {
		return a.Records.Move(ctx, r.ID, t)
	}
	w := registration.PINWait(r.ID, a.issuerCode(r), t.At, t.Deadline)
	t.Wait = &w
	if err := a.Records.Move(ctx, r.ID, t); err != nil || t.Seq > r.Seq {
		return err
	}
	w.Answered = r.Activation != nil && !r.Activation.PINSetAt.IsZero()
	return a.Waits.Watch(ctx, w) // for a run that was set back to before it waits
}

// RecordRegistrationIncident writes an incident, opened or closed. Key: the incident id. Error: Denied for an end that its actor
// did not decide, and for a refund of another registration.
func (a *Registration) RecordRegistrationIncident(ctx context.Context, in process.Incident) (Parked, error) {
	about := aboutRegistration(in.ProcessID)
	if ref, ok := refundOf(ctx); ok {
		p, err := a.Records.Payment(ctx, ref)
		if err == nil && p.RegistrationID != in.ProcessID {
			err = problem.New(problem.Denied, "the attempt to pay is of another registration")
		}
		if err != nil {
			return Parked{}, fail(err)
		}
		about.ID = ref
	}
	if in.ClosedAt.IsZero() {
		return parked(a.Retries), fail(a.Records.OpenRegistrationIncident(ctx, in))
	}
	if err := repaired(ctx, a.Decisions, about, in.Action, in.Actor); err != nil {
		return Parked{}, fail(err)
	}
	return Parked{}, fail(a.Records.CloseRegistrationIncident(ctx, in))
}

// refundOf returns the attempt to pay whose refund asks.
func refundOf(ctx context.Context) (ref string, ok bool) {
	if !activity.IsActivity(ctx) {
		return "", false
	}
	return process.RefundedBy(activity.GetInfo(ctx).WorkflowExecution.ID)
}

// SendCode sends a one-time code by SMS. Effect: one text. Key: the code's id, which the gateway takes for its own.
// A code that was sent, replaced or used in the meantime, or whose time is over, needs no text.
func (a *Registration) SendCode(ctx context.Context, codeID string) error {
	return fail(a.sendCode(ctx, codeID))
}

func (a *Registration) sendCode(ctx context.Context, codeID string) error {
	code, err := a.Records.Code(ctx, codeID)
	if err != nil {
		return err
	}
	if a.Now().After(code.ExpiresAt) {
		return nil
	}
	phone, digits, err := a.Records.CodeToSend(ctx, codeID)
	if problem.CodeOf(err) == problem.Conflict {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.SMS.Send(ctx, codeID, phone, a.CodeText(code.Purpose, digits)); err != nil {
		return err
	}
	return a.Records.MarkCodeSent(ctx, codeID, a.Now())
}

// Reminders are how long before a deadline the citizen is told, by number.
var Reminders = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, 2 * time.Hour}

// RemindInput names a reminder.
type RemindInput struct {
	RegistrationID string    `json:"registration_id"`
	Step           string    `json:"step"`
	Number         int       `json:"number"` // of this step's reminders
	Deadline       time.Time `json:"deadline"`
}

// Remind tells the citizen by SMS that a wait is about to end. Effect: one text. Key: registration, step and number.
func (a *Registration) Remind(ctx context.Context, in RemindInput) error {
	r, err := a.Records.Registration(ctx, in.RegistrationID)
	if err == nil && (!slices.Contains(remindedAt[r.Status], in.Step) || in.Number < 1 || in.Number > len(Reminders)) {
		err = problem.New(problem.Conflict, "the registration is %s: there is nothing to remind of", r.Status)
	}
	if until := a.waitsUntil(r); err == nil && a.Now().Add(slack).Before(until.Add(-Reminders[in.Number-1])) {
		err = problem.New(problem.Conflict, "the wait goes on until %s: it is too early to remind of it", until.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return fail(err)
	}
	if !r.Deadline.IsZero() {
		in.Deadline = r.Deadline
	}
	phone, err := a.phone(ctx, in.RegistrationID)
	if err != nil {
		return fail(err)
	}
	text := fmt.Sprintf("Yeu cau cap chung thu chu ky so cua quy khach dang cho thuc hien, han den %s.",
		in.Deadline.In(vn.Zone).Format("15:04 02/01/2006"))
	key := process.ReminderKey(in.RegistrationID, in.Step, in.Number)
	return fail(a.SMS.Send(ctx, key, phone, text))
}

// remindedAt are the steps at which a citizen is waited for, by status.
var remindedAt = map[registration.Status][]string{
	registration.StatusRequested: {"hand-off"}, registration.StatusHandedOff: {"account"}, registration.StatusAccountReady: {"package"},
	registration.StatusAwaitingPayment: {"payment"}, registration.StatusAwaitingConsent: {"contract"}, registration.StatusNeedsMore: {"correction"},
	registration.StatusActivating: {"set-pin", "activation-code"}, registration.StatusAccepting: {"sign-acceptance"},
}

// phone is the number of the account, or before there is one the number that VNeID knows.
func (a *Registration) phone(ctx context.Context, id string) (string, error) {
	r, err := a.Records.Registration(ctx, id)
	if err != nil {
		return "", err
	}
	if r.AccountID != "" {
		account, err := a.Records.Account(ctx, r.AccountID)
		return account.Phone, err
	}
	person, err := a.Records.Person(ctx, id)
	return person.Phone, err
}

// Holder says whether the citizen has an active certificate.
type Holder struct {
	Active bool `json:"active"`
}

// CheckHolder asks the CA whether the citizen has an active certificate, and notes what it says. Effect: records. Key: the
// registration.
func (a *Registration) CheckHolder(ctx context.Context, id string) (Holder, error) {
	r, err := a.Records.Registration(ctx, id)
	if err != nil {
		return Holder{}, fail(err)
	}
	active, err := a.holds(ctx, r)
	if err == nil && active != r.Holds {
		err = a.Records.Change(ctx, id, func(r *registration.Registration) error {
			r.Holds = active
			return nil
		})
	}
	return Holder{Active: active}, fail(err)
}

func (a *Registration) holds(ctx context.Context, r registration.Registration) (bool, error) {
	if r.Issued != nil && r.Issued.Serial != "" {
		return false, nil // the process was reset: the active certificate is its own
	}
	person, err := a.Records.Person(ctx, r.ID)
	if err != nil {
		return false, err
	}
	issuer, err := a.issuer(r)
	if err != nil {
		return false, err
	}
	return issuer.CA.HasActive(ctx, person.IDNumber)
}

func (a *Registration) plan(code string) (registration.Package, error) {
	for _, p := range a.Packages {
		if p.Code == code {
			return p, nil
		}
	}
	return registration.Package{}, problem.New(problem.Invalid, "no such package")
}

// KeepMoney notes that the price is kept by policy. Key: the registration. Error: Conflict for one that did not expire with an
// issued certificate. Where the policy is not in force any more nothing is noted, and the price goes back.
func (a *Registration) KeepMoney(ctx context.Context, id string) error {
	r, err := a.Records.Registration(ctx, id)
	if err != nil {
		return fail(err)
	}
	reason, err := a.reason(ctx, r)
	expired := r.Status == registration.StatusClosing && reason == string(problem.DeadlinePassed)
	if err == nil && (!expired || r.Issued == nil || r.Issued.Serial == "") {
		err = problem.New(problem.Conflict, "the registration is %s: its price is not to be kept", r.Status)
	}
	if err != nil || !a.Limits.KeepMoney {
		return fail(err)
	}
	return fail(a.Records.Change(ctx, id, func(r *registration.Registration) error {
		r.KeptMoney = true
		return nil
	}))
}

// ReportInput names a registration that ended. Status is how; histories of earlier releases hold VNeID's own word for it.
type ReportInput struct {
	RegistrationID string              `json:"registration_id"`
	Status         registration.Status `json:"status"`
}

// ReportStatus tells VNeID how the registration ended, as its record says. Effect: one report. Key: VNeID's request id and the
// status.
func (a *Registration) ReportStatus(ctx context.Context, in ReportInput) error {
	r, err := a.Records.Registration(ctx, in.RegistrationID)
	if err != nil {
		return fail(err)
	}
	if r.Reported != "" {
		return nil
	}
	if !r.Status.Final() || in.Status.Known() && in.Status != r.Status {
		return fail(problem.New(problem.Conflict, "the registration is %s: VNeID is not told %s", r.Status, in.Status))
	}
	report := registration.Report{RequestID: r.RequestID, Status: r.Status, Issuer: r.Issuer}
	if r.Issued != nil {
		report.Serial, report.NotBefore, report.NotAfter = r.Issued.Serial, r.Issued.NotBefore, r.Issued.NotAfter
	}
	if err := a.VNeID.Report(ctx, report); err != nil {
		return fail(err)
	}
	return fail(a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		r.Reported = r.Status
		return nil
	}))
}
