package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/workflows"
)

// A citizen withdraws while a pay page may be open. The registration ends in seconds; what may still be paid is watched by a Refund.
func TestWithdrawnWithAnOpenPage(t *testing.T) {
	for name, c := range map[string]struct {
		outcome string // on VNPay's page; empty leaves it open
		faults  []sandbox.Fault
		watched bool
		refunds int
	}{
		"nobody pays":            {watched: true},
		"VNPay does not answer":  {watched: true, faults: []sandbox.Fault{{On: "vnpay-query", Do: "500"}}},
		"cancelled on the page":  {outcome: "cancel"},
		"paid, and nobody heard": {outcome: "pay", refunds: 1},
		"VNPay is not sure":      {outcome: "suspicious", watched: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN, s.Faults = "lost", c.faults }))
			var watched []string
			e.env.OnWorkflow(workflows.Refund, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in workflows.RefundInput) error {
				watched = append(watched, in.TxnRef)
				return nil
			})
			began := time.Time{}
			e.acts[registration.StatusAwaitingPayment] = func() {
				e.once("pay", func() {
					e.pay(c.outcome)
					e.at(2*time.Minute, func() {
						began = e.env.Now()
						e.update(workflows.UpdateWithdraw, workflows.Withdraw{Actor: "citizen"}, nil)()
					})
				})
			}
			e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.FaultRate = 0 }))
			r := e.enrol(registration.StatusWithdrawn)
			if took := r.UpdatedAt.Sub(began); took > 30*time.Second {
				t.Errorf("withdrawn after %s", took)
			}
			want := []string{}
			if c.watched {
				want = append(want, process.TxnRef(e.id, 1))
			}
			if !slices.Equal(watched, want) && len(watched)+len(want) > 0 {
				t.Errorf("watched %v, want %v", watched, want)
			}
			if n := e.world.CountEffects(sandbox.EffectRefund, ""); n != c.refunds {
				t.Errorf("%d refunds, want %d", n, c.refunds)
			}
		})
	}
}

// The watcher of an attempt that its registration left behind looks until the window is over, and gives back what comes.
func TestWatcherGivesLateMoneyBack(t *testing.T) {
	for name, c := range map[string]struct {
		outcome string
		ipn     string
		down    time.Duration // of VNPay, from its first question on
		parked  bool
		refunds int
	}{
		"nobody pays":                   {},
		"paid late, IPN lost":           {outcome: "pay", ipn: "lost", refunds: 1},
		"paid late, IPN comes":          {outcome: "pay", refunds: 1},
		"paid late, VNPay turns away":   {outcome: "pay", ipn: "lost", down: 2 * time.Hour, parked: true, refunds: 1},
		"nobody pays, VNPay turns away": {down: time.Hour, parked: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = c.ipn }))
			ref, began := process.TxnRef(e.id, 1), e.env.Now().Truncate(time.Second)
			e.must(e.records.CreatePayment(context.Background(), registration.Payment{TxnRef: ref, RegistrationID: e.id, Attempt: 1, AmountVND: 300_000,
				CreatedAt: began, ExpiresAt: began.Add(activities.PaymentWindow)}))
			if c.down > 0 {
				e.stop(c.down+20*time.Minute, "QueryPayment")
			}
			e.openPage(ref)
			if c.outcome != "" {
				e.at(14*time.Minute, func() {
					e.must(e.world.PayOrder(ref, c.outcome))
					e.settle(ref)
				})
			}
			e.end()
			e.runAs(process.RefundWorkflowID(ref))
			e.env.ExecuteWorkflow(workflows.Refund, workflows.RefundInput{TxnRef: ref, RegistrationID: e.id})
			e.must(e.env.GetWorkflowError())
			if n := e.world.CountEffects(sandbox.EffectRefund, ref); n != c.refunds {
				t.Errorf("%d refunds, want %d", n, c.refunds)
			}
			if c.parked {
				e.recoveredAlone(workflows.StepSettle)
			}
			if open, err := e.store.Parked().List(context.Background(), incident.Filter{}); err != nil || len(open) > 0 {
				t.Errorf("open incidents: %v, %v", open, err)
			}
		})
	}
}

// VNPay turned our account away when it was asked about an attempt whose IPN was lost. That parks, and is not forgotten: the repair,
// or the IPN of another attempt, frees it.
func TestAttemptThatCouldNotBeAskedAbout(t *testing.T) {
	for name, other := range map[string]bool{"repaired": false, "another attempt is paid": true} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.stop(2*time.Hour, "QueryPayment", "AskPayment").code = problem.ProviderCredentials
			e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = "lost" }))
			e.acts[registration.StatusAwaitingPayment] = func() {
				e.once("pay", func() { e.pay(map[bool]string{true: "cancel", false: "pay"}[other]) })
			}
			e.at(time.Hour, func() { e.parkedAt(workflows.StepPayment, problem.ProviderCredentials) })
			if other {
				e.at(70*time.Minute, func() {
					e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = "" }))
					e.pay("pay")
				})
			} else {
				e.at(5*time.Hour, e.update(workflows.UpdateRepair, retry(), nil))
			}
			e.env.OnWorkflow(workflows.Refund, mock.Anything, mock.Anything).Return(nil) // of the attempt that VNPay was not asked about
			r := e.enrol(registration.StatusActive)
			if want := process.TxnRef(e.id, map[bool]int{true: 2, false: 1}[other]); r.PaidRef != want {
				t.Errorf("paid by %s, want %s", r.PaidRef, want)
			}
			if other {
				e.recoveredAlone(workflows.StepPayment)
			}
		})
	}
}

// A transaction that pays another order is an incident and no payment. When VNPay corrects itself, the process goes on.
func TestTransactionOfAnotherOrder(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = "lost" }))
	e.acts[registration.StatusAwaitingPayment] = func() {
		e.once("pay", func() {
			e.pay("pay")
			e.at(time.Second, func() {
				ref := process.TxnRef(e.id, 1)
				p, err := e.world.Payment(ref)
				e.must(err)
				// The number that VNPay will give is another attempt's by now.
				now := e.env.Now().Truncate(time.Second)
				e.must(e.records.CreatePayment(context.Background(), registration.Payment{TxnRef: "OTHER", RegistrationID: e.id, Attempt: 99, AmountVND: 300_000,
					CreatedAt: now, ExpiresAt: now.Add(time.Minute)}))
				_, fresh, err := e.records.ApplyNotice(context.Background(), registration.PaymentNotice{TxnRef: "OTHER", AmountVND: 300_000, Transaction: p.TransactionNo,
					Status: registration.PaymentCaptured, At: now})
				e.must(err)
				e.must(e.records.MarkRefund(context.Background(), "OTHER", "RF-OTHER", now))
				if !fresh {
					t.Error("the other attempt was not captured")
				}
			})
		})
	}
	e.at(time.Hour, func() { e.parkedAt(workflows.StepPayment, problem.TransactionClaimed) })
	e.at(30*time.Hour, func() { // nothing tries by itself what only an operator can clear
		e.parkedAt(workflows.StepPayment, problem.TransactionClaimed)
		e.update(workflows.UpdateWithdraw, workflows.Withdraw{Actor: "citizen", Reason: "too long"}, nil)()
	})
	e.env.OnWorkflow(workflows.Refund, mock.Anything, mock.Anything).Return(nil)
	e.at(time.Second, e.tick)
	e.archivesLater()
	e.env.ExecuteWorkflow(workflows.Registration, workflows.RegistrationInput{RegistrationID: e.id, Issuer: "VNPT-CA"})
	if r := e.registration(); r.Status != registration.StatusWithdrawn || r.PaidRef != "" {
		t.Errorf("ended %s, paid by %q", r.Status, r.PaidRef)
	}
}

// end ends the registration as one that was dropped, without its process.
func (e *enrolment) end() {
	e.Helper()
	for i, status := range []registration.Status{registration.StatusClosing, registration.StatusExpired} {
		e.must(e.records.Move(context.Background(), e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: status, At: e.env.Now().Add(time.Duration(i))}))
	}
}
