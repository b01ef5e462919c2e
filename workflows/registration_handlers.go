package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// receiveNudges notes that the store holds news.
func (r *registrationRun) receiveNudges(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		signals := workflow.GetSignalChannel(ctx, SignalNudge)
		for signals.Receive(ctx, nil) {
			r.news, r.nudged = true, true
		}
	})
	r.nudges = nudges{waiting: func() bool { return r.nudged }, read: func() { r.nudged = false }}
}

func (r *registrationRun) setHandlers(ctx workflow.Context) error {
	return errors.Join(
		workflow.SetQueryHandler(ctx, QueryStatus, func() (RegistrationStatus, error) { return r.snapshot(), nil }),
		setUpdate(ctx, &r.incidents, UpdateHandOff, r.checkHandOff, r.onHandOff),
		setUpdate(ctx, &r.incidents, UpdateSendCode, r.checkSendCode, r.onSendCode),
		setUpdate(ctx, &r.incidents, UpdateAccount, r.checkAccount, r.onAccount),
		setUpdate(ctx, &r.incidents, UpdatePackage, r.checkPackage, r.onPackage),
		setUpdate(ctx, &r.incidents, UpdatePay, r.checkPay, r.onPay),
		setUpdate(ctx, &r.incidents, UpdateConsent, r.checkConsent, r.onConsent),
		setUpdate(ctx, &r.incidents, UpdateReview, r.checkReview, r.onReview),
		setUpdate(ctx, &r.incidents, UpdateCorrect, r.checkCorrect, r.onCorrect),
		setUpdate(ctx, &r.incidents, UpdateActivate, r.checkActivate, r.onActivate),
		setUpdate(ctx, &r.incidents, UpdateSignAcceptance, r.checkSignAgain, r.onSignAgain),
		setUpdate(ctx, &r.incidents, UpdateWithdraw, r.checkWithdraw, r.onWithdraw),
		setUpdate(ctx, &r.incidents, UpdateRepair, r.checkRepair, r.onRepairRegistration),
	)
}

func (r *registrationRun) snapshot() RegistrationStatus {
	return RegistrationStatus{RegistrationID: r.in.RegistrationID, Status: r.status, Step: r.atStep, Seq: r.seq, Owed: len(r.owed), Attention: r.open, Deadline: r.deadline,
		TxnRef: r.txnRef, Attempts: r.began, Issuing: r.issuing, SigningID: r.signingID,
		Told: r.release >= isTold}
}

// at refuses an act unless the registration stands at one of these statuses.
func (r *registrationRun) at(statuses ...registration.Status) error {
	if !slices.Contains(statuses, r.status) {
		return refuse(problem.Conflict, "the registration is %s", r.status)
	}
	return nil
}

// recordedActs says which acts are recorded with their decision. One to pay is, unless earlier attempts have to be looked at first.
func (r *registrationRun) recordedActs(kind string) (attempt int, ok bool) {
	switch kind {
	case UpdateHandOff, UpdateAccount, UpdatePackage, UpdateConsent, UpdateReview, UpdateActivate:
		return 0, true
	case UpdatePay:
		return 1, r.attempts == 0
	}
	return 0, false
}

// local runs a store write for a handler and turns its failure into the update's answer. It has been made since ridesAlong, with the decision.
func (r *registrationRun) local(ctx workflow.Context, activity, in any) error {
	if r.release >= ridesAlong {
		return nil
	}
	if err := workflow.ExecuteLocalActivity(record(ctx), activity, in).Get(ctx, nil); err != nil {
		return refuse(codeOf(err), "%s", messageOf(err))
	}
	return nil
}

func (r *registrationRun) checkHandOff(HandOff) error {
	if r.handedOff {
		return refuse(problem.Conflict, "the citizen is here already")
	}
	return r.at(registration.StatusRequested)
}

func (r *registrationRun) onHandOff(ctx workflow.Context, _ HandOff) (RegistrationStatus, error) {
	if err := r.local(ctx, registrationActivities.RecordHandOff, r.in.RegistrationID); err != nil {
		return r.snapshot(), err
	}
	r.handedOff = true
	return r.moved(ctx, registration.StatusRequested)
}

// moved waits until the registration has left a status or is parked, so that the answer tells what follows. Who asked waits no
// longer than process.RepairWait (Client.act); a release before held that time itself, by a timer.
func (r *registrationRun) moved(ctx workflow.Context, from registration.Status) (RegistrationStatus, error) {
	follows := func() bool { return r.stands(r.status != from) || r.open != nil }
	if r.release >= ridesAlong {
		err := workflow.Await(ctx, follows)
		return r.snapshot(), err
	}
	_, err := workflow.AwaitWithTimeout(ctx, process.RepairWait, follows)
	return r.snapshot(), err
}

func (r *registrationRun) checkSendCode(in SendCode) error {
	switch {
	case in.CodeID == "":
		return refuse(problem.Invalid, "a code has an id")
	case len(r.codes) >= 3:
		return refuse(problem.Conflict, "codes are waiting to be sent")
	}
	return r.at(registration.StatusHandedOff, registration.StatusAwaitingConsent, registration.StatusActivating)
}

func (r *registrationRun) onSendCode(_ workflow.Context, in SendCode) (RegistrationStatus, error) {
	r.codes = append(r.codes, in.CodeID)
	return r.snapshot(), nil
}

func (r *registrationRun) checkAccount(in AccountReady) error {
	if in.AccountID == "" || r.account != "" {
		return refuse(problem.Conflict, "there is an account already, or none is named")
	}
	return r.at(registration.StatusHandedOff)
}

func (r *registrationRun) onAccount(ctx workflow.Context, in AccountReady) (RegistrationStatus, error) {
	err := r.local(ctx, registrationActivities.RecordAccount, activities.AccountInput{RegistrationID: r.in.RegistrationID, AccountID: in.AccountID})
	if err != nil {
		return r.snapshot(), err
	}
	r.account = in.AccountID
	return r.moved(ctx, registration.StatusHandedOff)
}

func (r *registrationRun) checkPackage(in ChoosePackage) error {
	if r.packageSet || in.Code == "" {
		return refuse(problem.Conflict, "a package is chosen already, or none is named")
	}
	return r.at(registration.StatusAccountReady)
}

func (r *registrationRun) onPackage(ctx workflow.Context, in ChoosePackage) (RegistrationStatus, error) {
	ordered := activities.Ordered{PriceVND: r.acts.done.PriceVND}
	if r.release < ridesAlong {
		err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.RecordPackage,
			activities.PackageInput{RegistrationID: r.in.RegistrationID, Code: in.Code}).Get(ctx, &ordered)
		if err != nil {
			return r.snapshot(), refuse(codeOf(err), "%s", messageOf(err))
		}
	}
	r.price, r.packageSet = ordered.PriceVND, true
	return r.moved(ctx, registration.StatusAccountReady)
}

func (r *registrationRun) checkConsent(in CodeUsed) error {
	if in.CodeID == "" || r.consented {
		return refuse(problem.Conflict, "the contract is agreed to already, or no code is named")
	}
	return r.at(registration.StatusAwaitingConsent)
}

func (r *registrationRun) onConsent(ctx workflow.Context, in CodeUsed) (RegistrationStatus, error) {
	err := r.codeUsed(ctx, in, registration.PurposeContract)
	if err != nil {
		return r.snapshot(), err
	}
	r.consented = true
	return r.moved(ctx, registration.StatusAwaitingConsent)
}

func (r *registrationRun) codeUsed(ctx workflow.Context, in CodeUsed, purpose registration.Purpose) error {
	return r.local(ctx, registrationActivities.RecordCodeUse,
		activities.CodeCheck{RegistrationID: r.in.RegistrationID, CodeID: in.CodeID, Purpose: purpose})
}

func (r *registrationRun) checkReview(in ReviewMade) error {
	decisions := []registration.Decision{registration.DecisionApprove, registration.DecisionAsk, registration.DecisionRefuse}
	switch {
	case r.review != nil:
		return refuse(problem.Conflict, "it is decided")
	case in.Review.ID == "" || in.Review.Officer == "" || !slices.Contains(decisions, in.Review.Decision):
		return refuse(problem.Invalid, "a review has an id, an officer and a decision")
	case in.Review.Decision == registration.DecisionAsk && len(in.Review.Fields) == 0:
		return refuse(problem.Invalid, "asking for more names the fields")
	}
	return r.at(registration.StatusInReview)
}

func (r *registrationRun) onReview(ctx workflow.Context, in ReviewMade) (RegistrationStatus, error) {
	err := r.local(ctx, registrationActivities.RecordReview, activities.ReviewInput{RegistrationID: r.in.RegistrationID, Review: in.Review})
	if err != nil {
		return r.snapshot(), err
	}
	if r.review == nil {
		r.review = &in.Review
	}
	return r.moved(ctx, registration.StatusInReview)
}

func (r *registrationRun) checkCorrect(in Corrected) error {
	if in.CorrectionID == "" {
		return refuse(problem.Invalid, "a correction has an id")
	}
	return r.at(registration.StatusNeedsMore)
}

func (r *registrationRun) onCorrect(ctx workflow.Context, _ Corrected) (RegistrationStatus, error) {
	r.corrected = true
	return r.moved(ctx, registration.StatusNeedsMore)
}

func (r *registrationRun) checkActivate(in CodeUsed) error {
	switch {
	case !r.pinSet:
		return refuse(problem.Conflict, "the PIN on the phone comes first")
	case in.CodeID == "" || r.activated:
		return refuse(problem.Conflict, "it is activated already, or no code is named")
	}
	return r.at(registration.StatusActivating)
}

func (r *registrationRun) onActivate(ctx workflow.Context, in CodeUsed) (RegistrationStatus, error) {
	err := r.codeUsed(ctx, in, registration.PurposeActivation)
	if err != nil {
		return r.snapshot(), err
	}
	r.activated = true
	return r.moved(ctx, registration.StatusActivating)
}

func (r *registrationRun) checkSignAgain(SignAcceptance) error {
	if r.signingID != "" {
		return refuse(problem.Conflict, "the phone is being asked")
	}
	return r.at(registration.StatusAccepting)
}

func (r *registrationRun) onSignAgain(workflow.Context, SignAcceptance) (RegistrationStatus, error) {
	r.signAgain = true
	return r.snapshot(), nil
}

func (r *registrationRun) checkWithdraw(in Withdraw) error {
	switch {
	case r.status.Final() || r.status == registration.StatusClosing:
		return refuse(problem.Conflict, "the registration is %s", r.status)
	case in.Actor == "":
		return refuse(problem.Invalid, "a withdrawal names its actor")
	}
	return nil
}

// onWithdraw ends the run. It answers when the withdrawal is recorded; what was paid and issued is then compensated.
func (r *registrationRun) onWithdraw(ctx workflow.Context, in Withdraw) (RegistrationStatus, error) {
	if r.withdrawn == nil {
		r.withdrawn = &in
		r.stop()
	}
	err := workflow.Await(ctx, func() bool {
		return r.stands(r.status == registration.StatusClosing || r.status.Final())
	})
	return r.snapshot(), err
}

func (r *registrationRun) onRepairRegistration(ctx workflow.Context, in process.Repair) (RegistrationRepairResult, error) {
	outcome, err := r.accept(ctx, in)
	return RegistrationRepairResult{Outcome: outcome, Status: r.snapshot()}, err
}
