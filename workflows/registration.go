package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// Registration takes a citizen's request in VNeID to an active certificate.
//
//	request → hand-off → account → package → [payment] → contract → review ⇄ correction (→ contract)
//	        → key, certificate → PIN, code → acceptance record → active → report to VNeID
//
//	refused     by an officer            ineligible  there is an active certificate already
//	withdrawn   by the citizen           expired     nobody acted in time
//	cancelled   an operator gave it up
//
// Two acts cannot be taken back, only made good: captured money is refunded, an issued certificate is revoked. Until
// the certificate is active, whatever ends the process makes both good before it is over. An attempt to pay that
// nobody needs any more is watched by a Refund of its own.
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
	news       bool              // a nudge came
	nudged     bool              // as news, for a parked process
	consented  bool
	review     *registration.Review
	corrected  bool
	pinSet     bool
	activated  bool // the code was accepted
	signAgain  bool
	withdrawn  *Withdraw
	codes      []string // one-time codes to send

	issuing  bool // a key may exist at the CA
	archives bool // the contract is sealed by a release that keeps it archived
}

func newRegistrationRun(ctx workflow.Context, in RegistrationInput) (*registrationRun, error) {
	setDefaults(&in.Deadlines)
	r := &registrationRun{in: in}
	r.runner = runner[registration.Status]{incidents: incidents{kind: process.Registration, processID: in.RegistrationID, begun: &began{}},
		table: registration.Table, status: registration.StatusRequested, atStep: StepHandOff, kept: r.keepTransition, repairs: RegistrationRepairs,
		headline: r.describeRegistration}
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
		value *time.Duration
		stock time.Duration
	}{
		{&l.HandOff, 7 * day}, {&l.Account, 7 * day}, {&l.Order, day}, {&l.Contract, 7 * day}, {&l.Correction, 14 * day},
		{&l.ReviewSLA, DefaultReviewSLA}, {&l.Activation, 30 * day}, {&l.Acceptance, 30 * day},
	} {
		if *limit.value <= 0 {
			*limit.value = limit.stock
		}
	}
}

// business is what a registration does.
func (r *registrationRun) business(ctx workflow.Context) error {
	steps := []func(workflow.Context) error{
		r.awaitHandOff, r.awaitAccount, r.checkHolder, r.awaitPackage, r.awaitPayment, r.writePapers, r.awaitConsent,
		r.sealContract, r.awaitReview, r.createKey, r.issue, r.install, r.awaitPIN, r.awaitActivation, r.activate,
		r.writeAcceptance, r.signAcceptance,
	}
	if err := r.over(); err != nil {
		return err
	}
	for _, step := range steps[registrationSteps[r.resumed]:] {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *registrationRun) awaitHandOff(ctx workflow.Context) error {
	return r.await(ctx, StepHandOff, r.in.Deadlines.HandOff, func() bool { return r.handedOff })
}

func (r *registrationRun) awaitAccount(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusHandedOff, r.in.Deadlines.Account); err != nil {
		return err
	}
	return r.await(ctx, StepAccount, r.in.Deadlines.Account, func() bool { return r.account != "" })
}

func (r *registrationRun) checkHolder(ctx workflow.Context) error {
	return r.step(ctx, StepCheckHolder, "ca", func(ctx workflow.Context) error {
		var holder activities.Holder
		err := workflow.ExecuteActivity(call(ctx, "Ask whether there is a certificate already"), registrationActivities.CheckHolder, r.in.RegistrationID).Get(ctx, &holder)
		if err == nil && holder.Active {
			return ended[registration.Status]{registration.StatusIneligible, problem.AlreadyHolder}
		}
		return err
	})
}

func (r *registrationRun) awaitPackage(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAccountReady, r.in.Deadlines.Order); err != nil {
		return err
	}
	return r.await(ctx, StepPackage, r.in.Deadlines.Order, func() bool { return r.packageSet })
}

func (r *registrationRun) writePapers(ctx workflow.Context) error {
	return r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write request form and contract"), registrationActivities.WritePapers, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) awaitConsent(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAwaitingConsent, r.in.Deadlines.Contract); err != nil {
		return err
	}
	return r.await(ctx, StepContract, r.in.Deadlines.Contract, func() bool { return r.consented })
}

func (r *registrationRun) sealContract(ctx workflow.Context) error {
	return r.step(ctx, StepSeal, "tsa", func(ctx workflow.Context) error {
		var sealed activities.ContractSealed
		err := workflow.ExecuteActivity(paper(ctx, "Seal the contract"), registrationActivities.SealContract, r.in.RegistrationID).Get(ctx, &sealed)
		r.archives = sealed.Archive
		return err
	})
}

// awaitReview waits for an officer, who may send the dossier back to the citizen for named fields. The contract then says what
// the corrected dossier says, and the citizen agrees to it anew.
func (r *registrationRun) awaitReview(ctx workflow.Context) error {
	if r.resumed == registration.StatusNeedsMore {
		if err := r.awaitCorrection(ctx); err != nil {
			return err
		}
		if err := r.agreeAnew(ctx); err != nil {
			return err
		}
	}
	for {
		if err := r.move(ctx, registration.StatusInReview, 0); err != nil {
			return err
		}
		r.review = nil
		if err := r.awaitOfficer(ctx); err != nil {
			return err
		}
		switch r.review.Decision {
		case registration.DecisionApprove:
			return r.move(ctx, registration.StatusIssuing, 0)
		case registration.DecisionRefuse:
			return ended[registration.Status]{registration.StatusRefused, problem.RefusedByOfficer}
		}
		if err := r.awaitCorrection(ctx); err != nil {
			return err
		}
		if err := r.agreeAnew(ctx); err != nil {
			return err
		}
	}
}

// agreeAnew has the papers say what the corrected dossier says. The citizen agrees to a contract that is another one.
func (r *registrationRun) agreeAnew(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, "corrected-contract", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	var rewritten activities.Rewritten
	err := r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write the papers of the corrected dossier"), registrationActivities.RewritePapers, r.in.RegistrationID).Get(ctx, &rewritten)
	})
	if err != nil || rewritten.Agreed {
		return err
	}
	r.consented = false
	if err := r.awaitConsent(ctx); err != nil {
		return err
	}
	return r.sealContract(ctx)
}

func (r *registrationRun) awaitCorrection(ctx workflow.Context) error {
	r.corrected = false
	if err := r.move(ctx, registration.StatusNeedsMore, r.in.Deadlines.Correction); err != nil {
		return err
	}
	return r.await(ctx, StepCorrection, r.in.Deadlines.Correction, func() bool { return r.corrected })
}

func (r *registrationRun) createKey(ctx workflow.Context) error {
	r.issuing = true
	return r.step(ctx, StepKey, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Make the key pair"), registrationActivities.CreateKey, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) issue(ctx workflow.Context) error {
	return r.step(ctx, StepIssue, "ca", func(ctx workflow.Context) error {
		if err := r.look(workflow.WithWaitForCancellation(ctx, true), "Ask the CA once", registrationActivities.IssueCertificate, r.in.RegistrationID); err != nil {
			return err
		}
		return r.pollIssue(ctx)
	})
}

func (r *registrationRun) install(ctx workflow.Context) error {
	err := r.step(ctx, StepInstall, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Install the certificate, inactive"), registrationActivities.InstallCertificate, r.in.RegistrationID).Get(ctx, nil)
	})
	if err != nil {
		return err
	}
	return r.move(ctx, registration.StatusActivating, r.in.Deadlines.Activation)
}

// awaitPIN waits for the PIN, which the citizen sets on the phone and nowhere else.
func (r *registrationRun) awaitPIN(ctx workflow.Context) error {
	return r.step(ctx, StepPIN, "ca", func(ctx workflow.Context) error {
		if err := r.look(ctx, "Look once whether the PIN is set", registrationActivities.AwaitPIN, r.in.RegistrationID); err != nil {
			return err
		}
		pollCtx, stop := workflow.WithCancel(ctx)
		defer stop()
		set := workflow.ExecuteActivity(poll(pollCtx, "Look whether the PIN is set"), registrationActivities.AwaitPIN, r.in.RegistrationID)
		if err := r.wait(ctx, StepPIN, r.deadline, set.IsReady); err != nil {
			return err
		}
		if err := set.Get(ctx, nil); err != nil {
			return err
		}
		r.pinSet = true
		return nil
	})
}

func (r *registrationRun) awaitActivation(ctx workflow.Context) error {
	return r.wait(ctx, StepActivation, r.deadline, func() bool { return r.activated })
}

func (r *registrationRun) activate(ctx workflow.Context) error {
	return r.step(ctx, StepActivate, "ca", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(effect(ctx, "Activate the key"), registrationActivities.ActivateKey, r.in.RegistrationID).Get(ctx, nil)
	})
}

func (r *registrationRun) writeAcceptance(ctx workflow.Context) error {
	if err := r.move(ctx, registration.StatusAccepting, r.in.Deadlines.Acceptance); err != nil {
		return err
	}
	return r.step(ctx, StepPapers, "", func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(paper(ctx, "Write the acceptance record"), registrationActivities.WriteAcceptance, r.in.RegistrationID).Get(ctx, nil)
	})
}

// finish records the outcome, after making good what cannot be taken back, and tells VNeID. It works on a context of
// its own, since the process may have been cancelled.
func (r *registrationRun) finish(ctx workflow.Context, err error) (RegistrationResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	end, ok := r.outcome(err, registration.StatusActive, registration.StatusCancelled)
	if err != nil && r.withdrawn != nil {
		end, ok = ended[registration.Status]{registration.StatusWithdrawn, problem.Withdrawn}, true
	}
	if !ok {
		return RegistrationResult{}, err
	}
	if end.status != registration.StatusActive {
		if err := r.makeGood(ctx, end); err != nil {
			return RegistrationResult{}, err
		}
	}
	if err := r.moveFor(ctx, end.status, end.reason, 0); err != nil {
		return RegistrationResult{}, err
	}
	if err := r.report(ctx, end.status); err != nil {
		return RegistrationResult{}, err
	}
	if err := r.keepContract(ctx); err != nil {
		return RegistrationResult{}, err
	}
	err = errors.Join(r.done(ctx), answered(ctx))
	return RegistrationResult{Status: end.status, Reason: string(end.reason)}, err
}

// makeGood revokes and refunds. Nothing but success ends these two steps: an operator can only have them tried again.
func (r *registrationRun) makeGood(ctx workflow.Context, end ended[registration.Status]) error {
	if err := r.moveFor(ctx, registration.StatusClosing, end.reason, 0); err != nil {
		return err
	}
	if r.issuing {
		err := r.step(ctx, StepRevoke, "ca", func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(call(ctx, "Revoke the certificate and destroy the key"), registrationActivities.RevokeCertificate, r.in.RegistrationID).Get(ctx, nil)
		})
		if err != nil {
			return err
		}
	}
	if r.keepsMoney(end) {
		return workflow.ExecuteLocalActivity(record(ctx), registrationActivities.KeepMoney, r.in.RegistrationID).Get(ctx, nil)
	}
	if workflow.GetVersion(ctx, "settle-now", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		return r.settleNow(ctx)
	}
	for attempt := 1; attempt <= r.attempts; attempt++ {
		if err := r.settle(ctx, attempt); err != nil {
			return err
		}
	}
	return nil
}

// keepsMoney reports whether the price is kept: by configuration, for an issued certificate that nobody accepted.
func (r *registrationRun) keepsMoney(end ended[registration.Status]) bool {
	return r.in.Deadlines.KeepMoney && r.attempts > 0 && r.issuing && end.status == registration.StatusExpired
}
