package workflows

import (
	"cmp"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// awaitPayment waits until one attempt is captured. A free package skips it. The citizen begins attempts, the IPN or
// the gateway's answer decides them; the browser's return decides nothing.
func (r *registrationRun) awaitPayment(ctx workflow.Context) error {
	if r.price == 0 {
		return nil
	}
	if err := r.move(ctx, registration.StatusAwaitingPayment, r.in.Deadlines.Order); err != nil {
		return err
	}
	until := r.deadline
	if r.release >= isTold {
		return r.hearPayment(ctx, until)
	}
	var decided []workflow.Future // one for each attempt
	pollCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	for {
		for len(decided) < r.attempts {
			ref := process.TxnRef(r.in.RegistrationID, len(decided)+1)
			decided = append(decided, workflow.ExecuteActivity(poll(pollCtx, "Ask the gateway after the window"), registrationActivities.QueryPayment, ref))
		}
		ready := countReady(decided)
		if err := r.wait(ctx, StepPayment, until, func() bool { return r.news || r.fresh || countReady(decided) > ready }); err != nil {
			return err
		}
		r.news, r.fresh = false, false
		paid, err := r.lookAtPayments(ctx)
		if paid || err != nil {
			return err
		}
		for n, f := range decided {
			if f.IsReady() && stuck(f.Get(ctx, nil)) && workflow.GetVersion(ctx, "ask-again", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
				ref := process.TxnRef(r.in.RegistrationID, n+1)
				if err := r.askAgain(ctx, ref); err != nil {
					return err
				}
				r.news = true
				decided[n] = pollLater(pollCtx, ref)
			}
		}
	}
}

// pollLater polls again after a pause, so that a party that contradicts itself does not make the process spin.
func pollLater(ctx workflow.Context, ref string) workflow.Future {
	decided, set := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if err := workflow.Sleep(ctx, time.Minute); err != nil {
			set.SetError(err)
			return
		}
		set.Chain(workflow.ExecuteActivity(poll(ctx, "Ask the gateway after the window"), registrationActivities.QueryPayment, ref))
	})
	return decided
}

// stuck tells an attempt that the gateway could not be asked about for good, such as for an account that it does not accept. One whose fate
// the gateway leaves open is looked at as such.
func stuck(err error) bool {
	return err != nil && codeOf(err) != problem.PaymentUnclear && codeOf(err) != problem.TransactionClaimed
}

// askAgain parks until the gateway can be asked about an attempt, or until another is paid.
func (r *registrationRun) askAgain(ctx workflow.Context, ref string) error {
	return r.step(ctx, StepPayment, r.gatewayOf(ref), func(ctx workflow.Context) error {
		if paid, err := r.paidMeanwhile(ctx); paid || err != nil {
			return err
		}
		return workflow.ExecuteActivity(call(ctx, "Ask the gateway about an attempt to pay"), registrationActivities.AskPayment, ref).Get(ctx, nil)
	})
}

// paidMeanwhile reports whether the order is paid when a parked look at its payments is tried again.
func (r *registrationRun) paidMeanwhile(ctx workflow.Context) (bool, error) {
	if r.open == nil || !r.listens {
		return false, nil
	}
	view, err := r.payments(ctx)
	return view.PaidRef != "", err
}

// gatewayOf is the payment party at which an attempt was begun.
func (r *registrationRun) gatewayOf(ref string) string {
	return cmp.Or(r.gateways[ref], registration.FirstGateway)
}

func (in RefundInput) gateway() string { return cmp.Or(in.Gateway, registration.FirstGateway) }

func countReady(futures []workflow.Future) int {
	n := 0
	for _, f := range futures {
		if f.IsReady() {
			n++
		}
	}
	return n
}

// lookAtPayments reports whether the order is paid. Money whose fate is not clear parks the process: neither paid nor
// failed, a person has to look.
func (r *registrationRun) lookAtPayments(ctx workflow.Context) (bool, error) {
	view, err := r.payments(ctx)
	if err != nil {
		return false, err
	}
	if view.PaidRef == "" && view.Unclear != "" {
		err := r.step(ctx, StepPayment, r.gatewayOf(view.Unclear), func(ctx workflow.Context) error {
			if paid, err := r.paidMeanwhile(ctx); paid || err != nil {
				return err
			}
			return workflow.ExecuteActivity(call(ctx, "Ask the gateway about an unclear payment"), registrationActivities.QueryPayment, view.Unclear).Get(ctx, nil)
		})
		if err != nil {
			return false, err
		}
		if view, err = r.payments(ctx); err != nil {
			return false, err
		}
	}
	if view.PaidRef == "" {
		return false, nil
	}
	r.txnRef = view.PaidRef
	// A process that stands where its record was does not know the attempt, and still has to give its money back.
	if n := process.AttemptOf(view.PaidRef); n > r.attempts && workflow.GetVersion(ctx, "attempts-of-the-record", workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		r.attempts = n
	}
	return true, r.refundOthers(ctx, view.Others)
}

func (r *registrationRun) payments(ctx workflow.Context) (activities.PaymentView, error) {
	var view activities.PaymentView
	look := registrationActivities.LookAtPayments
	if r.release >= isTold {
		look = registrationActivities.ReadPayments
	}
	err := workflow.ExecuteLocalActivity(record(ctx), look, r.in.RegistrationID).Get(ctx, &view)
	r.stuck = append(r.stuck, view.Stuck...)
	return view, err
}

// refundOthers leaves attempts that are not needed to a process of their own.
func (r *registrationRun) refundOthers(ctx workflow.Context, refs []string) error {
	for _, ref := range refs {
		in := RefundInput{TxnRef: ref, RegistrationID: r.in.RegistrationID, Gateway: r.gateways[ref]}
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: process.RefundWorkflowID(ref), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         "Watch and refund a payment that is not needed",
			TypedSearchAttributes: refundAttributes(in),
		})
		future := workflow.ExecuteChildWorkflow(child, Refund, in)
		if err := future.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !alreadyStarted(err) {
			return err
		}
	}
	return nil
}

// settleNow ends the attempts of a registration that is over without keeping its citizen waiting: the gateway is asked about each now. Money
// that is there goes back; an attempt that may still be paid, or about which the gateway gives no answer, is left to a Refund.
func (r *registrationRun) settleNow(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return r.paying == 0 && !r.acts.busy }); err != nil {
		return err
	}
	var paid, open []string
	for attempt := 1; attempt <= r.attempts; attempt++ {
		ref := process.TxnRef(r.in.RegistrationID, attempt)
		var now activities.PaymentDecided
		err := workflow.ExecuteActivity(ask(ctx, "Ask the gateway about an attempt to pay"), registrationActivities.AskPayment, ref).Get(ctx, &now)
		switch {
		case err != nil && r.in.Again != nil && codeOf(err) == problem.NotFound: // begun after the store's backup, see settle
		case err != nil || !now.Status.Decided():
			open = append(open, ref)
		case now.Status == registration.PaymentCaptured:
			paid = append(paid, ref)
		}
	}
	if err := r.refundOthers(ctx, open); err != nil {
		return err
	}
	for _, ref := range paid {
		if err := refund(ctx, &r.incidents, r.gatewayOf(ref), ref); err != nil {
			return err
		}
	}
	return nil
}

// settle ends one attempt of a registration that is over: it waits for the gateway's word and gives captured money back.
func (r *registrationRun) settle(ctx workflow.Context, attempt int) error {
	var lost func(problem.Code) bool
	if r.in.Again != nil { // an attempt that was begun after the store's backup, and that the gateway never saw
		lost = func(code problem.Code) bool { return code == problem.NotFound }
	}
	ref := process.TxnRef(r.in.RegistrationID, attempt)
	err := settle(ctx, &r.incidents, r.gatewayOf(ref), ref, lost)
	if err != nil && lost != nil && lost(codeOf(err)) {
		return nil
	}
	return err
}

// settle takes lost codes as an end instead of parking for them.
func settle(ctx workflow.Context, i *incidents, gateway, ref string, lost func(problem.Code) bool) error {
	var decided activities.PaymentDecided
	err := i.run(ctx, parkable{step: StepSettle, provider: gateway, actions: RegistrationRepairs(StepSettle), final: lost}, func(ctx workflow.Context) error {
		if err := i.look(ctx, "Ask the gateway once", registrationActivities.QueryPayment, ref); err != nil {
			return err
		}
		return workflow.ExecuteActivity(poll(ctx, "Wait for the gateway's word"), registrationActivities.QueryPayment, ref).Get(ctx, &decided)
	})
	if err != nil || decided.Status != registration.PaymentCaptured {
		return err
	}
	return refund(ctx, i, gateway, ref)
}

func refund(ctx workflow.Context, i *incidents, gateway, ref string) error {
	return i.run(ctx, parkable{step: StepRefund, provider: gateway, actions: RegistrationRepairs(StepRefund)}, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(call(ctx, "Refund"), registrationActivities.RefundPayment, ref).Get(ctx, nil)
	})
}

// Refund watches one attempt to pay that no registration needs, and gives its money back if there is any: an order
// that was dropped, or paid twice. It parks like every process when the gateway does not answer.
func Refund(ctx workflow.Context, in RefundInput) error {
	if err := ownRun(ctx, process.RefundWorkflowID(in.TxnRef)); err != nil {
		return err
	}
	i := &incidents{kind: process.Registration, processID: in.TxnRef, record: in.RegistrationID, byIncident: true, nudges: nudgesOf(ctx)}
	i.receiveSignals(ctx)
	err := setUpdate(ctx, i, UpdateRepair, i.checkRepair, func(ctx workflow.Context, repair process.Repair) (RegistrationRepairResult, error) {
		outcome, err := i.accept(ctx, repair)
		return RegistrationRepairResult{Outcome: outcome, Status: RegistrationStatus{RegistrationID: in.RegistrationID, Attention: i.open}}, err
	})
	if err != nil {
		return err
	}
	if err := settle(ctx, i, in.gateway(), in.TxnRef, nil); err != nil {
		return err
	}
	return answered(ctx)
}

// checkPay lets a citizen begin an attempt while the order is open.
func (r *registrationRun) checkPay(Pay) error {
	if r.status != registration.StatusAwaitingPayment {
		return refuse(problem.Conflict, "there is nothing to pay")
	}
	return nil
}

// samePay is how long a second press of the pay button means the same attempt.
const samePay = time.Minute

func (r *registrationRun) onPay(ctx workflow.Context, _ Pay) (RegistrationStatus, error) {
	if opened := r.acts.done.Opened; opened != nil {
		r.acts.done = activities.Acted{}
		r.begins(ctx, 1, *opened)
		return r.snapshot(), r.checkPay(Pay{})
	}
	r.paying++
	defer func() { r.paying-- }()
	if r.attempts > 0 {
		view, err := r.payments(ctx)
		switch {
		case err != nil:
			return r.snapshot(), err
		case view.PaidRef != "": // the process has not read it yet; another attempt would be paid twice
			return r.snapshot(), refuse(problem.Conflict, "a payment has arrived already")
		case workflow.Now(ctx).Sub(r.payBegan) < samePay && slices.Contains(view.Others, r.txnRef): // still open
			return r.snapshot(), nil
		}
	}
	attempt := r.attempts + 1
	var opened activities.PaymentOpened
	err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.OpenPayment,
		activities.OpenPaymentInput{RegistrationID: r.in.RegistrationID, Attempt: attempt, Watched: r.release >= isTold}).Get(ctx, &opened)
	if err != nil {
		return r.snapshot(), refuse(codeOf(err), "%s", messageOf(err))
	}
	r.begins(ctx, attempt, opened)
	return r.snapshot(), r.checkPay(Pay{}) // the registration may have ended meanwhile; the attempt is looked after all the same
}

// begins notes an attempt to pay that is recorded.
func (r *registrationRun) begins(ctx workflow.Context, attempt int, opened activities.PaymentOpened) {
	r.attempts, r.fresh, r.txnRef, r.payBegan = max(r.attempts, attempt), true, opened.TxnRef, workflow.Now(ctx)
	r.began = append(r.began, opened)
	r.strays = 0
	if opened.Decided && r.release >= isTold {
		r.nudged = true
	}
	if opened.Gateway != "" && opened.Gateway != registration.FirstGateway {
		if r.gateways == nil {
			r.gateways = map[string]string{}
		}
		r.gateways[opened.TxnRef] = opened.Gateway
	}
}

// refundAttributes are the search attributes of a new Refund.
func refundAttributes(in RefundInput) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(AttributeStep.ValueSet(StepRefund), AttributeAttention.ValueSet(false), AttributeProvider.ValueSet(in.gateway()))
}
