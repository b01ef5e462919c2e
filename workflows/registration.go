package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// Registration takes a citizen's request in VNeID to an active certificate.
//
//	request → hand-off → account → package → [payment] → contract → review ⇄ correction (→ contract)
//	        → key, certificate → PIN, code → acceptance record → active → report to VNeID
//
//	refused     by an officer            ineligible  there is an active certificate already
//	withdrawn   by the citizen           expired     a deadline passed
//	cancelled   an operator gave it up
//
// Two acts cannot be taken back, only compensated: captured money is refunded, an issued certificate is revoked. Until
// the certificate is active, whatever ends the process makes both good before it is over. An attempt to pay that
// is not needed any more is watched by a Refund of its own.
func Registration(ctx workflow.Context, in RegistrationInput) (RegistrationResult, error) {
	if err := ownRun(ctx, process.RegistrationWorkflowID(in.RegistrationID)); err != nil {
		return RegistrationResult{}, err
	}
	r, err := newRegistrationRun(ctx, in)
	if err == nil {
		err = r.begun.end(ctx, r.begin(ctx))
	}
	if err != nil {
		return RegistrationResult{}, err
	}
	if r.status.Final() { // a run that was reset, or begun again, after its end
		return RegistrationResult{Status: r.status, Reason: r.in.Again.Reason}, r.done(ctx)
	}
	return r.finish(ctx, r.business(r.ctx))
}

// registrationRun is one execution. It holds nothing that can do I/O.
type registrationRun struct {
	runner[registration.Status]
	in        RegistrationInput
	txnRef    string                     // the attempt to pay that is open now
	began     []activities.PaymentOpened // attempts to pay
	signingID string                     // the signing of the acceptance record that runs now
	stored    activities.SigningStart    // of the signing that is stored and not begun
	// What people have done; the handlers set it after the store agreed.
	handedOff  bool
	account    string
	packageSet bool
	price      int64
	attempts   int               // to pay
	gateways   map[string]string // of attempts at another than registration.FirstGateway
	payBegan   time.Time         // the last of them
	paying     int               // attempts that are being recorded
	fresh      bool              // there is a new attempt
	stuck      []string          // attempts that the gateway could not be asked about
	strays     int               // nudges in a row without an answer
	news       bool              // a nudge came
	nudged     bool              // as news, for a parked process
	consented  bool
	review     *registration.Review
	corrected  bool
	pinSet     bool
	activated  bool // the code was accepted
	signAgain  bool
	withdrawn  *Withdraw
	wakes      time.Time // when the timer of the waits ends; zero when none runs
	rung       int       // how often it did
	codes      []string  // one-time codes to send

	issuing  bool // a key may exist at the CA
	archives bool // the contract is sealed by a release that keeps it archived
}

func newRegistrationRun(ctx workflow.Context, in RegistrationInput) (*registrationRun, error) {
	setDefaults(&in.Deadlines)
	r := &registrationRun{in: in}
	r.runner = runner[registration.Status]{incidents: incidents{kind: process.Registration, processID: in.RegistrationID, begun: &began{}},
		table: registration.Table, status: registration.StatusRequested, atStep: StepHandOff, kept: r.keepTransition, repairs: RegistrationRepairs,
		headline: r.describeRegistration, stamp: r.stampTransition}
	r.before = r.settleOwed
	r.ctx, r.stop = workflow.WithCancel(ctx)
	r.receiveSignals(ctx)
	r.receiveNudges(ctx)
	return r, r.setHandlers(ctx)
}

const day = 24 * time.Hour

// DefaultReviewSLA is how long a review may take where nothing else is configured.
const DefaultReviewSLA = 3 * day

func setDefaults(l *RegistrationLimits) {
	for _, limit := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&l.HandOff, 7 * day}, {&l.Account, 7 * day}, {&l.Order, day}, {&l.Contract, 7 * day}, {&l.Correction, 14 * day},
		{&l.ReviewSLA, DefaultReviewSLA}, {&l.Activation, 30 * day}, {&l.Acceptance, 30 * day},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.fallback
		}
	}
}

// business is what a registration does.
func (r *registrationRun) business(ctx workflow.Context) error {
	steps := []func(workflow.Context) error{
		r.awaitHandOff, r.awaitAccount, r.checkHolder, r.awaitPackage, r.awaitPayment, r.writePapers, r.awaitConsent,
		r.sealContract, r.awaitReview, r.obtain, r.awaitPIN, r.awaitActivation, r.handOver, r.signAcceptance,
	}[registrationSteps[r.resumed]:]
	if r.release < ridesAlong {
		steps = r.stepsBefore(r.resumed)
	}
	if err := r.over(); err != nil {
		return err
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// otherRepairs are what a repair may do at a step besides process.RepairRetry; process.RepairCancel where a step is not named. Data may
// be wrong where papers and certificates are made of it; nothing depends on one code or on the report; and what makes
// good money and certificates must happen.
var otherRepairs = map[string][]string{
	StepPapers: {process.RepairFix, process.RepairCancel}, StepKey: {process.RepairFix, process.RepairCancel}, StepIssue: {process.RepairFix, process.RepairCancel},
	StepSendCode: {process.RepairSkip, process.RepairCancel}, StepReport: {process.RepairSkip},
	StepRevoke: nil, StepSettle: nil, StepRefund: nil,
}

// RegistrationRepairs returns what a repair may do at a step of a registration.
func RegistrationRepairs(step string) []string {
	other, named := otherRepairs[step]
	if !named {
		other = []string{process.RepairCancel}
	}
	return append([]string{process.RepairRetry}, other...)
}

// FixFields returns what a fix may correct at a step: the data of the person that the step works with, and nothing else. The key
// is made for the citizen number alone, which VNeID corrects; a certificate names province and commune.
func FixFields(step string) []string {
	switch step {
	case StepPapers:
		return registration.CorrectableFields
	case StepIssue:
		return []string{"province", "commune"}
	}
	return nil
}

// step runs one step. What nudges come from now on is news.
func (r *registrationRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	return r.runner.step(ctx, step, provider, func(ctx workflow.Context) error {
		r.nudged = false
		return do(ctx)
	})
}

func (r *registrationRun) stampTransition(t *registration.Transition) {
	t.Deadline = r.deadline
	t.Watched = r.release >= isTold && t.Status == registration.StatusActivating
	if r.withdrawn != nil && t.Status == registration.StatusClosing {
		t.Actor = r.withdrawn.Actor
	}
}

func (r *registrationRun) keepTransition(ctx workflow.Context, moves ...registration.Transition) error {
	for _, t := range moves {
		err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.RecordRegistrationMove,
			activities.MoveInput{RegistrationID: r.in.RegistrationID, Transition: t}).Get(ctx, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *registrationRun) describeRegistration() string {
	text := fmt.Sprintf("**%s** · step `%s`", r.status, r.atStep)
	if r.in.Issuer != "" {
		text += " · with " + r.in.Issuer
	}
	return text
}

// registrationActivities names the activities of a registration for method references; it is never called.
var registrationActivities *activities.Registration
