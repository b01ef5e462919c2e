package workflows_test

import (
	"context"
	"go/ast"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// inventedStarts are what somebody who reaches Temporal may start, for every process. The two that only carry a stored message have
// nothing to decide: what they do is done once for each message.
var inventedStarts = map[string]func(e *enrolment, ref string) (id string, process, in any){
	"Registration": func(e *enrolment, _ string) (string, any, any) {
		return process.RegistrationWorkflowID(e.id), workflows.Registration, workflows.RegistrationInput{RegistrationID: e.id, Issuer: "VNPT-CA",
			Again: &workflows.Again{Status: string(registration.StatusIssuing), Seq: e.registration().Seq, AccountID: "acct-x", Ordered: true, Issuing: true}}
	},
	"Refund": func(e *enrolment, ref string) (string, any, any) {
		return process.RefundWorkflowID(ref), workflows.Refund, workflows.RefundInput{TxnRef: ref, RegistrationID: e.id}
	},
	"Signing": func(e *enrolment, _ string) (string, any, any) {
		return process.SigningWorkflowID(e.journey.id), workflows.Signing, e.in
	},
	"Archive": func(e *enrolment, _ string) (string, any, any) {
		return process.ArchiveWorkflowID(e.journey.id), workflows.Archive, workflows.ArchiveInput{SigningID: e.journey.id}
	},
	"Delivery": nil, "Text": nil,
}

// paidInReview makes a registration that waits for an officer and whose order is paid.
func paidInReview(t *testing.T) (e *enrolment, ref string) {
	t.Helper()
	e = newEnrolment(t, "PS1")
	ctx, now := context.Background(), e.env.Now().Truncate(time.Second)
	ref = process.TxnRef(e.id, 1)
	e.must(e.records.CreatePayment(ctx, registration.Payment{TxnRef: ref, RegistrationID: e.id, Attempt: 1, AmountVND: 300_000,
		CreatedAt: now, ExpiresAt: now.Add(activities.PaymentWindow)}))
	_, _, err := e.records.ApplyNotice(ctx, registration.PaymentNotice{TxnRef: ref, AmountVND: 300_000, Transaction: "14422574",
		Status: registration.PaymentCaptured, At: now})
	e.must(err)
	e.must(e.records.Change(ctx, e.id, func(r *registration.Registration) error {
		r.Package, r.PriceVND, r.Months, r.PaidRef = "PS1", 300_000, 12, ref
		r.Consent = &registration.Consented{CodeID: "code", SHA256: strings.Repeat("a", 64), At: now}
		return nil
	}))
	for _, status := range []registration.Status{registration.StatusHandedOff, registration.StatusAccountReady, registration.StatusAwaitingPayment,
		registration.StatusAwaitingConsent, registration.StatusInReview} {
		e.must(e.records.Move(ctx, e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: status, At: now}))
	}
	return e, ref
}

// approved moves the record on as an officer's approval does.
func (e *enrolment) approved() {
	e.Helper()
	e.standsAt(registration.StatusIssuing)
	e.must(e.records.Change(context.Background(), e.id, func(r *registration.Registration) error {
		r.Review = &registration.Review{ID: "rev", Officer: "officer-1", Decision: registration.DecisionApprove, At: e.env.Now()}
		return nil
	}))
}

// standsAt moves the record to a status.
func (e *enrolment) standsAt(status registration.Status) {
	e.Helper()
	e.must(e.records.Move(context.Background(), e.id, registration.Transition{Seq: e.registration().Seq + 1, Status: status, At: e.env.Now()}))
}

// effects counts what the outside parties did.
func (e *enrolment) effects() map[sandbox.EffectKind]int {
	n := map[sandbox.EffectKind]int{}
	for _, kind := range []sandbox.EffectKind{sandbox.EffectPush, sandbox.EffectSign, sandbox.EffectKey, sandbox.EffectKeyState, sandbox.EffectIssue,
		sandbox.EffectRevoke, sandbox.EffectSMS, sandbox.EffectCharge, sandbox.EffectRefund, sandbox.EffectReport} {
		n[kind] = e.world.CountEffects(kind, "")
	}
	return n
}

// TestEveryProcessHasAnInventedStart holds the list above against what a worker runs.
func TestEveryProcessHasAnInventedStart(t *testing.T) {
	var names []string
	each(t, func(_ string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "RegisterWorkflow") {
					names = append(names, call.Args[0].(*ast.Ident).Name)
				}
			}
			return true
		})
	})
	slices.Sort(names)
	if known := slices.Sorted(maps.Keys(inventedStarts)); !slices.Equal(names, known) {
		t.Errorf("a worker runs %v, started below are %v", names, known)
	}
}

// TestInventedStartsUnderAnotherID: a second run of a record is refused before it does anything.
func TestInventedStartsUnderAnotherID(t *testing.T) {
	for name, start := range inventedStarts {
		if start == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			e, ref := paidInReview(t)
			e.journey.request(signing.Signing{}, page("x"))
			before, record := e.effects(), e.registration()
			_, process, in := start(e, ref)
			e.runAs("attack-1")
			e.env.ExecuteWorkflow(process, in)
			if err := e.env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "workflow id") {
				t.Errorf("ended with %v", err)
			}
			after := e.registration()
			if got := e.effects(); !maps.Equal(got, before) || after.Seq != record.Seq || after.Attention.Open() {
				t.Errorf("effects %v, before %v; the record is %s %d %+v", got, before, after.Status, after.Seq, after.Attention)
			}
		})
	}
}

// TestInventedStartsUnderTheOwnID: a run in the place of the record's own gives no money back and makes no key, whatever it says of
// the record.
func TestInventedStartsUnderTheOwnID(t *testing.T) {
	for _, name := range []string{"Registration", "Refund"} {
		t.Run(name, func(t *testing.T) {
			e, ref := paidInReview(t)
			before := e.effects()
			id, process, in := inventedStarts[name](e, ref)
			e.runAs(id)
			e.env.SetWorkflowRunTimeout(time.Hour)
			e.env.ExecuteWorkflow(process, in)
			after := e.registration()
			if got := e.effects(); !maps.Equal(got, before) || after.Issued != nil || after.Status != registration.StatusInReview {
				t.Errorf("effects %v, before %v; the record is %s with %+v", got, before, after.Status, after.Issued)
			}
			if p, err := e.records.Payment(context.Background(), ref); err != nil || p.Status != registration.PaymentCaptured || p.RefundID != "" {
				t.Errorf("the payment is %+v, %v", p, err)
			}
		})
	}
}

// TestNothingIsIssuedThatWasNotDecided takes one fact after the other away from a record that may be issued for.
func TestNothingIsIssuedThatWasNotDecided(t *testing.T) {
	for name, take := range map[string]func(*registration.Registration){
		"nothing":          func(*registration.Registration) {},
		"consent":          func(r *registration.Registration) { r.Consent = nil },
		"approval":         func(r *registration.Registration) { r.Review = nil },
		"refusal":          func(r *registration.Registration) { r.Review.Decision = registration.DecisionRefuse },
		"payment":          func(r *registration.Registration) { r.PaidRef = "" },
		"money given back": nil,
	} {
		t.Run(name, func(t *testing.T) {
			e, ref := paidInReview(t)
			ctx := context.Background()
			e.approved()
			e.must(e.records.Change(ctx, e.id, func(r *registration.Registration) error {
				if take != nil {
					take(r)
				}
				return nil
			}))
			if take == nil {
				e.must(e.records.MarkRefund(ctx, ref, process.RefundID(ref), e.env.Now()))
			}
			for try := 0; try < 20 && e.registration().Issued == nil; try++ { // the sandbox is away now and then
				err := e.reg.CreateKey(ctx, e.id)
				if err != nil && name != "nothing" {
					break
				}
			}
			if made := e.registration().Issued != nil; made != (name == "nothing") || e.world.CountEffects(sandbox.EffectKey, "") > 0 != made {
				t.Errorf("a key was made: %v", made)
			}
		})
	}
}
