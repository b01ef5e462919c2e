package workflows

import (
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// awaitPayment waits until one attempt is captured. A free package skips it. The citizen begins attempts, the IPN or
// VNPay's answer decides them; the browser's return decides nothing.
func (r *registrationRun) awaitPayment(ctx workflow.Context) error {
	if r.price == 0 {
		return nil
	}
	if err := r.move(ctx, registration.StatusAwaitingPayment, r.in.Deadlines.Order); err != nil {
		return err
	}
	until := r.status.Deadline
	var decided []workflow.Future // one for each attempt
	pollCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	for {
		for len(decided) < r.attempts {
			ref := activities.TxnRef(r.in.RegistrationID, len(decided)+1)
			decided = append(decided, workflow.ExecuteActivity(poll(pollCtx, "Ask VNPay after the window"), registrationActivities.QueryPayment, ref))
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
	}
}

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
		err := r.step(ctx, StepPayment, "vnpay", func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(call(ctx, "Ask VNPay about an unclear payment"), registrationActivities.QueryPayment, view.Unclear).Get(ctx, nil)
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
	r.status.TxnRef = view.PaidRef
	return true, r.refundOthers(ctx, view.Others)
}

func (r *registrationRun) payments(ctx workflow.Context) (activities.PaymentView, error) {
	var view activities.PaymentView
	err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.LookAtPayments, r.in.RegistrationID).Get(ctx, &view)
	return view, err
}

// refundOthers leaves attempts that nobody needs to a process of their own.
func (r *registrationRun) refundOthers(ctx workflow.Context, refs []string) error {
	for _, ref := range refs {
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: RefundWorkflowID(ref), WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			StaticSummary:         "Watch and refund a payment that nobody needs",
			TypedSearchAttributes: refundAttributes(),
		})
		future := workflow.ExecuteChildWorkflow(child, Refund, RefundInput{TxnRef: ref, RegistrationID: r.in.RegistrationID})
		if err := future.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !alreadyStarted(err) {
			return err
		}
	}
	return nil
}

// settle ends one attempt of a registration that is over: it waits for VNPay's word and gives captured money back.
func (r *registrationRun) settle(ctx workflow.Context, attempt int) error {
	var lost func(problem.Code) bool
	if r.in.Again != nil { // an attempt that was begun after the store's backup, and that VNPay never saw
		lost = func(code problem.Code) bool { return code == problem.NotFound }
	}
	err := settle(ctx, &r.incidents, activities.TxnRef(r.in.RegistrationID, attempt), lost)
	if err != nil && lost != nil && lost(codeOf(err)) {
		return nil
	}
	return err
}

// settle takes lost codes as an end instead of parking for them.
func settle(ctx workflow.Context, i *incidents, ref string, lost func(problem.Code) bool) error {
	var decided activities.PaymentDecided
	err := i.run(ctx, parkable{step: StepSettle, provider: "vnpay", actions: RegistrationRepairs(StepSettle), final: lost}, func(ctx workflow.Context) error {
		if err := i.look(ctx, "Ask VNPay once", registrationActivities.QueryPayment, ref); err != nil {
			return err
		}
		return workflow.ExecuteActivity(poll(ctx, "Wait for VNPay's word"), registrationActivities.QueryPayment, ref).Get(ctx, &decided)
	})
	if err != nil || decided.Status != registration.PaymentCaptured {
		return err
	}
	return i.run(ctx, parkable{step: StepRefund, provider: "vnpay", actions: RegistrationRepairs(StepRefund)}, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(call(ctx, "Refund"), registrationActivities.RefundPayment, ref).Get(ctx, nil)
	})
}

// Refund watches one attempt to pay that no registration needs, and gives its money back if there is any: an order
// that was dropped, or paid twice. It parks like every process when VNPay does not answer.
func Refund(ctx workflow.Context, in RefundInput) error {
	i := &incidents{processID: in.TxnRef, command: "registration", nudges: nudgesOf(ctx)}
	i.keep = func(ctx workflow.Context, open Attention, end incidentEnd) (activities.Parked, error) {
		return keepRegistrationIncident(ctx, in.RegistrationID, open, end)
	}
	i.receiveSignals(ctx)
	err := setUpdate(ctx, i, UpdateRepair, i.checkRepair, func(ctx workflow.Context, repair Repair) (RegistrationRepairResult, error) {
		outcome, err := i.accept(ctx, repair)
		return RegistrationRepairResult{Outcome: outcome, Status: RegistrationStatus{RegistrationID: in.RegistrationID, Attention: i.open}}, err
	})
	if err != nil {
		return err
	}
	if err := settle(ctx, i, in.TxnRef, nil); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// checkPay lets a citizen begin an attempt while the order is open.
func (r *registrationRun) checkPay(Pay) error {
	if r.status.Status != registration.StatusAwaitingPayment {
		return refuse(problem.Conflict, "there is nothing to pay")
	}
	return nil
}

// samePay is how long a second press of the pay button means the same attempt.
const samePay = time.Minute

func (r *registrationRun) onPay(ctx workflow.Context, _ Pay) (RegistrationStatus, error) {
	if r.attempts > 0 {
		view, err := r.payments(ctx)
		switch {
		case err != nil:
			return r.snapshot(), err
		case view.PaidRef != "": // the process has not read it yet; another attempt would be paid twice
			return r.snapshot(), refuse(problem.Conflict, "a payment has arrived already")
		case workflow.Now(ctx).Sub(r.payBegan) < samePay && slices.Contains(view.Others, r.status.TxnRef): // still open
			return r.snapshot(), nil
		}
	}
	attempt := r.attempts + 1
	var opened activities.PaymentOpened
	err := workflow.ExecuteLocalActivity(record(ctx), registrationActivities.OpenPayment,
		activities.OpenPaymentInput{RegistrationID: r.in.RegistrationID, Attempt: attempt}).Get(ctx, &opened)
	if err != nil {
		return r.snapshot(), refuse(codeOf(err), "%s", messageOf(err))
	}
	r.attempts, r.fresh, r.status.TxnRef, r.payBegan = max(r.attempts, attempt), true, opened.TxnRef, workflow.Now(ctx)
	r.status.Attempts = append(r.status.Attempts, opened)
	return r.snapshot(), nil
}
