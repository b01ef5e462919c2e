package workflows_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/pades"
	"kyso/internal/party/ca"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/workflows"
)

func TestRegisteredForFree(t *testing.T) {
	e := newEnrolment(t, "PS0")
	r := e.enrol(registration.StatusActive)
	if r.PaidRef != "" || e.world.CountEffects(sandbox.EffectCharge, "") != 0 {
		t.Error("a free package was paid")
	}
	e.checkActive(r)
}

func TestRegisteredAndPaid(t *testing.T) {
	for _, ipn := range []string{"", "lost", "late", "double", "forged"} {
		t.Run("ipn-"+ipn, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = ipn }))
			e.checkActive(e.enrol(registration.StatusActive))
		})
	}
}

func TestRegisteredOnPostgreSQL(t *testing.T) {
	e := newEnrolmentOn(newJourneyOn(t, storetest.Postgres(t)), "PS1")
	e.checkActive(e.enrol(registration.StatusActive))
}

// checkActive looks at what a citizen has in the end.
func (e *enrolment) checkActive(r registration.Registration) {
	e.Helper()
	if r.Contract == nil || r.Contract.SealedID == "" || r.Consent == nil || r.Acceptance == nil || r.Acceptance.SignedID == "" {
		e.Fatalf("papers are missing: %+v", r.Facts)
	}
	s, err := e.store.Signing(context.Background(), r.Acceptance.SigningID)
	e.must(err)
	if s.Status != signing.StatusSigned {
		e.Errorf("the acceptance record is %s", s.Status)
	}
	result := e.verify(s)[0]
	if len(result.Signatures) != 2 || result.Signatures[0].Verdict != pades.TotalPassed || result.Signatures[0].Level != "B-LTA" {
		e.Errorf("the acceptance record: %+v", result.Signatures)
	}
	sealed, err := pades.Verify(bytes.NewReader(e.paper(r.Contract.SealedID)), pades.VerifyOptions{Roots: trustNow(e, e.journey.acts).Roots, Now: e.env.Now()})
	e.must(err)
	if len(sealed.Signatures) != 2 || sealed.Signatures[0].Verdict != pades.TotalPassed || sealed.Signatures[0].Level != "B-LTA" || r.Contract.Level != "B-LTA" {
		e.Errorf("the contract: %s, %+v", r.Contract.Level, sealed.Signatures)
	}
	if r.Reported != registration.StatusActive || e.world.CountEffects(sandbox.EffectReport, r.RequestID) == 0 {
		e.Errorf("VNeID was told %q", r.Reported)
	}
}

// A phone that has an account logs in to it; a wrong password does not.
func TestExistingAccountLogsIn(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.acts[registration.StatusHandedOff] = func() {
		digits := e.digits(registration.PurposeAccount, "")
		if digits == "" {
			return
		}
		e.once("account", func() {
			ctx := context.Background()
			_, err := e.accounts.UseCode(ctx, e.id, registration.PurposeAccount, "", digits)
			e.must(err)
			first, created, err := e.accounts.Open(ctx, e.id, "anh@example.vn", password)
			if err != nil || !created {
				t.Errorf("opening: %v, %v", created, err)
			}
			if _, _, err := e.accounts.Open(ctx, e.id, "anh@example.vn", "something else entirely"); problem.CodeOf(err) != problem.Denied {
				t.Errorf("a wrong password: %v", err)
			}
			again, created, err := e.accounts.Open(ctx, e.id, "anh@example.vn", password)
			if err != nil || created || again.ID != first.ID {
				t.Errorf("logging in: %v, %v", created, err)
			}
			e.update(workflows.UpdateAccount, workflows.AccountReady{AccountID: again.ID}, nil)()
		})
	}
	e.enrol(registration.StatusActive)
}

func TestHolderOfACertificateIsTurnedAway(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.holdCertificate()
	e.at(time.Second, e.tick)
	e.archivesLater()
	e.env.ExecuteWorkflow(workflows.Registration, workflows.RegistrationInput{RegistrationID: e.id, Issuer: "VNPT-CA"})
	r := e.registration()
	if r.Status != registration.StatusIneligible || r.Reason != string(problem.AlreadyHolder) {
		t.Errorf("ended %s, %s", r.Status, r.Reason)
	}
	if n := e.world.CountEffects(sandbox.EffectIssue, ""); n != 1 {
		t.Errorf("%d certificates", n)
	}
	e.checkAudit()
}

// holdCertificate gives the citizen an active certificate of the CA.
func (e *enrolment) holdCertificate() {
	e.Helper()
	ctx := context.Background()
	authority := &ca.Client{BaseURL: e.parties, Key: sandbox.DefaultCAKey, Clock: e.env.Now}
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.FaultRate = 0 }))
	key, err := authority.CreateKey(ctx, "earlier", citizen)
	e.must(err)
	csr, err := authority.CSR(ctx, key.ID, registration.Subject{CommonName: "TRẦN THỊ NGỌC ÁNH", UID: "CCCD:" + citizen, Province: "HÀ NỘI", Locality: "PHƯỜNG CẦU GIẤY"})
	e.must(err)
	issued, err := authority.Issue(ctx, "earlier", csr, 12)
	e.must(err)
	e.must(authority.Install(ctx, key.ID, issued.Certificate))
	e.must(authority.StartActivation(ctx, key.ID))
	e.must(e.world.SetPIN(citizen, "270519"))
	e.must(authority.Activate(ctx, key.ID))
}

// An attempt that fails is followed by another, with an order number of its own.
func TestPaymentFailsThenSucceeds(t *testing.T) {
	for _, outcome := range []string{"no-money", "cancel"} {
		t.Run(outcome, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.acts[registration.StatusAwaitingPayment] = func() {
				e.once("first", func() { e.pay(outcome) })
				if list, _ := e.records.Payments(context.Background(), e.id); len(list) > 0 && list[0].Status == registration.PaymentFailed {
					e.once("second", func() { e.pay("pay") })
				}
			}
			e.enrol(registration.StatusActive)
			if list, _ := e.records.Payments(context.Background(), e.id); len(list) != 2 || list[0].TxnRef == list[1].TxnRef {
				t.Errorf("attempts: %+v", list)
			}
		})
	}
}

func TestNobodyPays(t *testing.T) {
	for name, act := range map[string]func(*enrolment){
		"never":     func(*enrolment) {},
		"abandoned": func(e *enrolment) { e.once("pay", func() { e.pay("") }) },
		"cancelled": func(e *enrolment) { e.once("pay", func() { e.pay("cancel") }) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.acts[registration.StatusAwaitingPayment] = func() { act(e) }
			if r := e.enrol(registration.StatusExpired); r.Reason != string(problem.DeadlinePassed) {
				t.Errorf("reason %s", r.Reason)
			}
		})
	}
}

// The citizen pays in the last minute, and VNPay's word comes when the order is dropped: the money goes back.
func TestPaidWhileTheOrderIsDropped(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.IPN = "lost" }))
	began := time.Time{}
	e.acts[registration.StatusAwaitingPayment] = func() {
		if began.IsZero() {
			began = e.env.Now()
			e.at(24*time.Hour-3*time.Minute, func() { e.pay("pay") })
		}
	}
	e.enrol(registration.StatusExpired)
	if n := e.world.CountEffects(sandbox.EffectRefund, ""); n != 1 {
		t.Errorf("%d refunds", n)
	}
}

// Two attempts are paid. One pays for the order, the other is given back by a process of its own.
func TestPaidTwice(t *testing.T) {
	e := newEnrolment(t, "PS1")
	var first string
	e.acts[registration.StatusAwaitingPayment] = func() {
		e.once("first", func() { e.pay("") })
		list, _ := e.records.Payments(context.Background(), e.id)
		if len(list) == 1 && e.env.Now().Sub(list[0].CreatedAt) > 2*time.Minute {
			first = list[0].TxnRef
			e.once("second", func() { e.pay("pay") })
		}
	}
	e.acts[registration.StatusAwaitingConsent] = func() {
		e.once("late", func() {
			e.must(e.world.PayOrder(first, "pay"))
			e.settle(first)
		})
		e.useCode(registration.PurposeContract, workflows.UpdateConsent)
	}
	e.enrol(registration.StatusActive)
	if n := e.world.CountEffects(sandbox.EffectRefund, first); n != 1 {
		t.Errorf("the attempt that was not needed: %d refunds", n)
	}
}

// VNPay has the money and is not sure. Neither paid nor failed: the process is parked, hears the IPN and goes on.
func TestSuspiciousPayment(t *testing.T) {
	for name, paid := range map[string]bool{"good": true, "bad": false} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.acts[registration.StatusAwaitingPayment] = func() {
				e.once("pay", func() {
					e.pay("suspicious")
					e.at(10*time.Minute, func() { e.parkedAt(workflows.StepPayment, problem.PaymentUnclear) })
					e.at(11*time.Minute, func() {
						list, _ := e.records.Payments(context.Background(), e.id)
						e.must(e.world.SettlePayment(list[0].TxnRef, paid))
						e.settle(list[0].TxnRef)
					})
				})
				if list, _ := e.records.Payments(context.Background(), e.id); len(list) == 1 && list[0].Status == registration.PaymentFailed {
					e.once("again", func() { e.pay("pay") })
				}
			}
			e.enrol(registration.StatusActive)
			e.recoveredAlone(workflows.StepPayment)
		})
	}
}

// What a citizen leaves undone expires, and what was paid and issued until then is made good.
func TestDeadlines(t *testing.T) {
	for _, status := range []registration.Status{registration.StatusRequested, registration.StatusHandedOff, registration.StatusAccountReady,
		registration.StatusAwaitingConsent, registration.StatusNeedsMore, registration.StatusActivating, registration.StatusAccepting} {
		t.Run(string(status), func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.reg.Limits.Activation = 5 * 24 * time.Hour // a month of looks at the CA tells no more
			e.acts[status] = func() {}
			if status == registration.StatusNeedsMore {
				e.acts[registration.StatusInReview] = func() { e.once("ask", func() { e.decide(registration.DecisionAsk, "address") }) }
			}
			e.enrol(registration.StatusExpired)
			reminded := 0
			for _, m := range e.world.Messages(e.phone) {
				if strings.Contains(m.Text, "han den") {
					reminded++
				}
			}
			if reminded == 0 {
				t.Error("nobody was reminded")
			}
		})
	}
}

// By configuration the price of an issued certificate that nobody accepts is kept.
func TestMoneyIsKeptByPolicy(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.acts[registration.StatusAccepting] = func() {}
	e.reg.Limits.KeepMoney = true
	e.at(time.Second, e.tick)
	e.archivesLater()
	e.env.ExecuteWorkflow(workflows.Registration, workflows.RegistrationInput{RegistrationID: e.id})
	if r := e.registration(); r.Status != registration.StatusExpired || r.RevokedAt.IsZero() {
		t.Errorf("ended %s, revoked %s", r.Status, r.RevokedAt)
	}
	if n := e.world.CountEffects(sandbox.EffectRefund, ""); n != 0 {
		t.Errorf("%d refunds", n)
	}
}

func TestOfficerAsksForMore(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.acts[registration.StatusInReview] = func() {
		if e.registration().Reviews == 0 {
			e.once("ask", func() { e.decide(registration.DecisionAsk, "address") })
			return
		}
		e.once("approve", func() { e.decide(registration.DecisionApprove) })
	}
	r := e.enrol(registration.StatusActive)
	person, err := e.records.Person(context.Background(), e.id)
	e.must(err)
	if r.Reviews != 2 || person.Address != "Số 20 đường Trần Thái Tông" {
		t.Errorf("%d reviews, corrected: %v", r.Reviews, person.Address != "")
	}
}

// A corrected dossier gets a contract that says the same, and only this one is agreed to and sealed. A correction that changes
// nothing that the contract says leaves the contract and the consent as they are.
func TestACorrectedDossierHasItsContract(t *testing.T) {
	for name, address := range map[string]string{"another address": "Số 20 đường Trần Thái Tông", "as it was": ""} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS0")
			var before registration.Registration
			e.acts[registration.StatusInReview] = func() {
				if e.registration().Reviews == 0 {
					e.once("ask", func() { before = e.registration(); e.decide(registration.DecisionAsk, "address") })
					return
				}
				e.once("approve", func() { e.decide(registration.DecisionApprove) })
			}
			if address == "" {
				e.acts[registration.StatusNeedsMore] = func() {
					e.once("correct", func() {
						person, err := e.records.Person(context.Background(), e.id)
						e.must(err)
						e.must(e.records.Correct(context.Background(), e.id, registration.Round{}, "correction-1", "citizen", map[string]string{"address": person.Address}))
						e.update(workflows.UpdateCorrect, workflows.Corrected{CorrectionID: "correction-1"}, nil)()
					})
				}
			}
			r := e.enrol(registration.StatusActive)
			changed := r.Contract.SHA256 != before.Contract.SHA256
			if changed != (address != "") || r.Consent.SHA256 != r.Contract.SHA256 || r.Contract.SealedID == "" || changed == (r.Contract.SealedID == before.Contract.SealedID) ||
				changed == (r.Request.SHA256 == before.Request.SHA256) {
				t.Errorf("the contract of before %+v, the one now %+v, agreed to %s", before.Contract, r.Contract, r.Consent.SHA256)
			}
		})
	}
}

func TestOfficerRefuses(t *testing.T) {
	for _, plan := range []string{"PS0", "PS1"} {
		t.Run(plan, func(t *testing.T) {
			e := newEnrolment(t, plan)
			e.acts[registration.StatusInReview] = func() { e.once("refuse", func() { e.decide(registration.DecisionRefuse) }) }
			r := e.enrol(registration.StatusRefused)
			if r.Reported != registration.StatusRefused {
				t.Errorf("VNeID was told %q", r.Reported)
			}
			untold := func(r *registration.Registration) error { r.Reported = ""; return nil }
			e.must(e.reg.Records.Change(t.Context(), e.id, untold))
			if err := e.reg.ReportStatus(t.Context(), activities.ReportInput{RegistrationID: e.id, Status: registration.StatusActive}); err == nil {
				t.Error("VNeID got an end that is not the one of the record")
			}
			// The word of VNeID stands in histories of earlier releases.
			e.must(e.reg.ReportStatus(t.Context(), activities.ReportInput{RegistrationID: e.id, Status: "REJECTED"}))
			if again := e.registration(); again.Reported != registration.StatusRefused || e.world.CountEffects(sandbox.EffectReport, r.RequestID) != 1 {
				t.Errorf("told %q in %d reports", again.Reported, e.world.CountEffects(sandbox.EffectReport, r.RequestID))
			}
		})
	}
}

func TestOfficerTakesDays(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.acts[registration.StatusInReview] = func() {
		if e.env.Now().Sub(e.changed) > 12*24*time.Hour {
			e.once("approve", func() { e.decide(registration.DecisionApprove) })
		}
	}
	e.enrol(registration.StatusActive)
}

func TestCATakesDays(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueAfterSeconds = (3 * 24 * time.Hour).Seconds() }))
	e.enrol(registration.StatusActive)
}

// The CA refuses; its mistake is mended and an operator tries again. Or the case is given up: nothing was issued, and
// the money goes back.
func TestCARefuses(t *testing.T) {
	for name, repair := range map[string]process.Repair{"repaired": retry(), "given-up": giveUp()} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "refused" }))
			e.acts[registration.StatusIssuing] = func() {}
			want := registration.StatusActive
			if name == "given-up" {
				want = registration.StatusCancelled
			}
			e.whenParked(workflows.StepIssue, problem.ProviderRefused, repair, func() {
				if name == "repaired" {
					e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "" }))
				}
			})
			e.enrol(want)
		})
	}
}

// whenParked looks every ten minutes; once the registration is parked it does something and repairs.
func (e *enrolment) whenParked(step string, reason problem.Code, repair process.Repair, before func()) {
	var look func()
	look = func() {
		r := e.registration()
		switch {
		case r.Attention.Open():
			e.parkedAt(step, reason)
			before()
			e.update(workflows.UpdateRepair, repair, nil)()
		case !r.Status.Final():
			e.at(10*time.Minute, look)
		}
	}
	e.at(10*time.Minute, look)
}

// Wrong codes are counted, five lock the code, and a new one works.
func TestActivationCodeWrongAndLocked(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.acts[registration.StatusActivating] = func() {
		r := e.registration()
		if r.Activation == nil {
			return
		}
		e.once("pin", func() { e.must(e.world.SetPIN(citizen, "270519")) })
		if r.Activation.PINSetAt.IsZero() {
			return
		}
		digits := e.digits(registration.PurposeActivation, r.Issued.KeyID)
		if digits == "" {
			return
		}
		wrong := "000000"
		if digits == wrong {
			wrong = "000001"
		}
		e.once("wrong", func() {
			want := problem.OTPWrong
			for try := 1; try <= 6; try++ {
				if try >= 5 {
					want = problem.OTPLocked
				}
				_, err := e.accounts.UseCode(context.Background(), e.id, registration.PurposeActivation, r.Issued.KeyID, wrong)
				if problem.CodeOf(err) != want {
					t.Errorf("try %d: %v, want %s", try, err, want)
				}
			}
			if _, err := e.accounts.UseCode(context.Background(), e.id, registration.PurposeActivation, r.Issued.KeyID, digits); problem.CodeOf(err) != problem.OTPLocked {
				t.Errorf("the right code after five wrong ones: %v", err)
			}
			e.at(2*time.Minute, func() { e.asked[registration.PurposeActivation] = false })
			e.sent["locked"] = true
			e.asked[registration.PurposeActivation] = true
		})
		code, err := e.records.LastCode(context.Background(), e.id, registration.PurposeActivation)
		e.must(err)
		if code.Attempts == 0 {
			e.useCode(registration.PurposeActivation, workflows.UpdateActivate)
		}
	}
	e.enrol(registration.StatusActive)
}

// A code that is not used in its time is no longer good; the next one is.
func TestActivationCodeExpires(t *testing.T) {
	e := newEnrolment(t, "PS0")
	var until time.Time
	e.acts[registration.StatusActivating] = func() {
		r := e.registration()
		if r.Activation == nil || r.Activation.PINSetAt.IsZero() {
			e.activateKey()
			return
		}
		digits := e.digits(registration.PurposeActivation, r.Issued.KeyID)
		switch {
		case digits == "":
		case until.IsZero():
			until = e.env.Now().Add(6 * time.Minute)
		case e.env.Now().Before(until):
		default:
			e.once("late", func() {
				if _, err := e.accounts.UseCode(context.Background(), e.id, registration.PurposeActivation, r.Issued.KeyID, digits); problem.CodeOf(err) != problem.OTPExpired {
					t.Errorf("an old code: %v", err)
				}
				e.asked[registration.PurposeActivation] = false
			})
			e.activateKey()
		}
	}
	e.enrol(registration.StatusActive)
}

// The owner declines the acceptance record, lets the next request run out, and signs the third.
func TestAcceptanceDeclinedThenSigned(t *testing.T) {
	e := newEnrolment(t, "PS1")
	var seen []string
	e.acts[registration.StatusAccepting] = func() {
		r := e.registration()
		if r.Acceptance == nil {
			return
		}
		switch r.Acceptance.Attempt {
		case 1:
			if n, _ := e.world.Decline(citizen); n > 0 {
				e.at(5*time.Minute, e.update(workflows.UpdateSignAcceptance, workflows.SignAcceptance{}, nil))
			}
		case 2:
			e.once("expires", func() {
				e.at(20*time.Minute, e.update(workflows.UpdateSignAcceptance, workflows.SignAcceptance{}, nil))
			})
		default:
			_, _ = e.world.Approve(citizen)
		}
	}
	r := e.enrol(registration.StatusActive)
	if r.Acceptance.Attempt != 3 {
		t.Errorf("%d attempts, %v", r.Acceptance.Attempt, seen)
	}
}

// VNeID is away: for two days nobody notices, for five an operator is told and skips the report. The citizen's
// certificate is active all the while.
func TestVNeIDIsDown(t *testing.T) {
	for name, days := range map[string]int{"two-days": 2, "five-days": 5} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS0")
			e.acts[registration.StatusAccepting] = func() {
				e.once("down", func() {
					e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.VNeID = "down" }))
					e.at(time.Duration(days)*24*time.Hour, func() {
						if r := e.registration(); r.Status != registration.StatusActive {
							t.Errorf("the registration is %s", r.Status)
						}
						if days > 3 {
							e.parkedAt(workflows.StepReport, problem.ProviderUnavailable)
							e.update(workflows.UpdateRepair, process.Repair{Action: process.RepairSkip, Actor: "ops-1", Reason: "told by letter"}, nil)()
						}
						e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.VNeID = "" }))
					})
				})
				_, _ = e.world.Approve(citizen)
			}
			e.enrol(registration.StatusActive)
		})
	}
}

// The SMS gateway is away when a code is asked for: the process parks and says so, and goes on after a repair.
func TestSMSGatewayIsDown(t *testing.T) {
	e := newEnrolment(t, "PS0")
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.Faults = []sandbox.Fault{{On: "sms", Do: "500"}} }))
	e.whenParked(workflows.StepSendCode, problem.ProviderUnavailable, retry(), func() {
		e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.Faults = nil }))
	})
	e.enrol(registration.StatusActive)
}

// The citizen takes the request back, at any point. What was paid is refunded, what was issued revoked.
func TestWithdrawnAtEveryPoint(t *testing.T) {
	for _, status := range []registration.Status{registration.StatusRequested, registration.StatusHandedOff, registration.StatusAccountReady,
		registration.StatusAwaitingPayment, registration.StatusAwaitingConsent, registration.StatusInReview, registration.StatusNeedsMore,
		registration.StatusIssuing, registration.StatusActivating, registration.StatusAccepting} {
		t.Run(string(status), func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			switch status {
			case registration.StatusNeedsMore:
				e.acts[registration.StatusInReview] = func() { e.once("ask", func() { e.decide(registration.DecisionAsk, "address") }) }
			case registration.StatusIssuing:
				e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueAfterSeconds = 3600 }))
			}
			e.acts[status] = func() {
				e.once("withdraw", e.update(workflows.UpdateWithdraw, workflows.Withdraw{Actor: "citizen", Reason: "changed my mind"}, nil))
			}
			e.enrol(registration.StatusWithdrawn)
		})
	}
}

// The refund is refused for a time: the registration stays in closing, parked, until it is done.
func TestRefundIsDown(t *testing.T) {
	e := newEnrolment(t, "PS1")
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.Faults = []sandbox.Fault{{On: "vnpay-refund", Do: "500"}} }))
	e.acts[registration.StatusInReview] = func() { e.once("refuse", func() { e.decide(registration.DecisionRefuse) }) }
	e.whenParked(workflows.StepRefund, problem.ProviderUnavailable, retry(), func() {
		if r := e.registration(); r.Status != registration.StatusClosing {
			t.Errorf("the registration is %s", r.Status)
		}
		e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.Faults = nil }))
	})
	e.enrol(registration.StatusRefused)
}

// Too many wrong PINs lock the key on the phone. An operator has it unlocked and goes on, or gives the case up: the
// certificate is revoked and the money goes back.
func TestKeyIsLocked(t *testing.T) {
	for name, repair := range map[string]process.Repair{"unlocked": retry(), "given-up": giveUp()} {
		t.Run(name, func(t *testing.T) {
			e := newEnrolment(t, "PS1")
			e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.KeyLocked = true }))
			want := registration.StatusActive
			if name == "given-up" {
				want = registration.StatusCancelled
			}
			e.whenParked(workflows.StepPIN, problem.Conflict, repair, func() {
				e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.KeyLocked = false }))
			})
			e.enrol(want)
		})
	}
}
