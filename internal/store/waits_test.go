package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/storetest"
)

func waitOf(record string, next time.Time) process.Wait {
	return process.Wait{Kind: process.WaitApproval, Record: record, Party: "signer/p", Workflow: "signing-" + record, BeganAt: day0.UTC(), EndsAt: day0.Add(time.Hour).UTC(),
		NextAt: next.UTC(), Pause: 3 * time.Second}
}

// TestWaitsAreTakenOnce has two workers take what is due: each row goes to one of them, the longest due first.
func TestWaitsAreTakenOnce(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		ctx, waits := t.Context(), f.Waits()
		for i := range 5 {
			twice(t, func() error { return waits.Watch(ctx, waitOf(fmt.Sprint(i), minute(i))) })
		}
		due, err := waits.Due(ctx, "signer/p", minute(3), process.Pauses(), 3)
		must(t, err)
		wantEqual(t, "due", due, []process.Wait{waitOf("0", minute(0)), waitOf("1", minute(1)), waitOf("2", minute(2))})
		other, err := waits.Due(ctx, "signer/q", minute(3), process.Pauses(), 3)
		must(t, err)
		wantEqual(t, "due at another party", other, nil)
		for i := range due {
			due[i].NextAt, due[i].Pause = minute(9).UTC(), 5*time.Second
		}
		taken, err := waits.Take(ctx, "signer/p", due, minute(3))
		must(t, err)
		if len(taken) != 3 {
			t.Errorf("taken: %v", taken)
		}
		again, err := waits.Take(ctx, "signer/p", due, minute(3))
		must(t, err)
		wantEqual(t, "taken by the second worker", len(again), 0)
		at, err := waits.Wait(ctx, process.WaitApproval, "1")
		must(t, err)
		wantEqual(t, "a row that was taken", at, due[1])
		counts, err := waits.Waited(ctx, minute(4))
		must(t, err)
		wantEqual(t, "counts", counts, []process.Waited{{Party: "signer/p", Pause: 3 * time.Second, Count: 2, Overdue: time.Minute}, {Party: "signer/p", Pause: 5 * time.Second, Count: 3}})
	})
}

// TestOneWorkerHoldsAParty has two workers ask for one party: the second gets it when the first gives it up or is silent, and learns
// until when the party wants to be left alone.
func TestOneWorkerHoldsAParty(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		waits := f.Waits()
		holds := func(holder string, now, until int, want bool) time.Time {
			t.Helper()
			held, rest, err := waits.Hold(t.Context(), "signer/p", holder, minute(now), minute(until))
			must(t, err)
			if held != want {
				t.Errorf("%s holds at %d: %v", holder, now, held)
			}
			return rest
		}
		holds("a", 0, 2, true)
		holds("b", 1, 3, false)
		holds("a", 1, 3, true)
		must(t, waits.Rest(t.Context(), "signer/p", minute(7)))
		holds("b", 2, 4, false)
		if rest := holds("b", 3, 5, true); !rest.Equal(minute(7)) {
			t.Errorf("the next holder learns %v", rest)
		}
		holds("a", 4, 6, false)
	})
}

// TestWebhooksHastenAWaitSoOften holds that a webhook has a row looked at at once, that forged ones do so a few times only, and that
// none wakes a row that its process has taken over.
func TestWebhooksHastenAWaitSoOften(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		ctx, waits := t.Context(), f.Waits()
		must(t, waits.Watch(ctx, waitOf("s", minute(60))))
		hastens := func(record string, want bool) {
			t.Helper()
			taken, err := waits.Hasten(ctx, process.WaitApproval, record, minute(1))
			must(t, err)
			if taken != want {
				t.Errorf("hastened %s: %v", record, taken)
			}
		}
		hastens("unknown", false)
		hastens("s", true)
		due, err := waits.Due(ctx, "signer/p", minute(1), process.Pauses(), 3)
		must(t, err)
		if len(due) != 1 || due[0].Pause != process.PauseNudged {
			t.Errorf("after a webhook %v is due", due)
		}
		for range process.MaxNudges - 1 {
			hastens("s", true)
		}
		due[0].NextAt, due[0].Pause = minute(60), 3*time.Second
		_, err = waits.Take(ctx, "signer/p", due, minute(1))
		must(t, err)
		hastens("s", true)
		due, err = waits.Due(ctx, "signer/p", minute(1), process.Pauses(), 3)
		must(t, err)
		wantEqual(t, "due after one webhook too many", len(due), 0)

		still := waitOf("still", minute(2))
		must(t, waits.Watch(ctx, still))
		still.NextAt, still.Fault, still.Message = time.Time{}, "provider-refused", "no"
		must(t, waits.Settle(ctx, still))
		hastens("still", false)
		list, err := waits.Still(ctx, minute(9), page.Cursor{}, 10)
		must(t, err)
		wantEqual(t, "resting", list, []process.Wait{still})
		twice(t, func() error { return waits.EndWait(ctx, process.WaitApproval, "still") })
		if _, err := waits.Wait(ctx, process.WaitApproval, "still"); problem.CodeOf(err) != problem.NotFound {
			t.Errorf("a wait that ended: %v", err)
		}
	})
}

// TestAWaitFollowsItsRequest takes signings through their requests: the wait begins and ends with transitions.
// One that is given up is watched for a value that comes late.
func TestAWaitFollowsItsRequest(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		ctx, s, waits := t.Context(), f.Store, f.Waits()
		wait := func(kind process.WaitKind, id string) process.Wait {
			t.Helper()
			w, err := waits.Wait(ctx, kind, id)
			if problem.CodeOf(err) != problem.NotFound {
				must(t, err)
			}
			return w
		}
		asks := []signing.Status{signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval}
		goes := func(id string, watched bool, end ...signing.Status) {
			t.Helper()
			created(t, s, id)
			must(t, s.SaveApproval(ctx, id, signing.Approval{OurID: id + "/1", AcceptedAt: minute(2), ExpiresAt: minute(7)}))
			for i, status := range append(slices.Clone(asks), end...) {
				twice(t, func() error {
					return s.Move(ctx, id, signing.Transition{Seq: i + 1, Status: status, At: minute(i + 1), Watched: watched && (i == 2 || status.Final())})
				})
			}
		}
		goes("waits", true)
		want := process.Wait{Kind: process.WaitApproval, Record: "waits", Party: "signer/intrust", Workflow: "signing-waits", BeganAt: minute(2).UTC(), EndsAt: minute(7).UTC(),
			NextAt: minute(2).UTC(), Pause: 3 * time.Second}
		wantEqual(t, "a request that waits", wait(process.WaitApproval, "waits"), want)
		if got, err := s.Signing(ctx, "waits"); err != nil || !got.Approval.Watched {
			t.Errorf("a signing that is watched: %+v, %v", got.Approval, err)
		}
		goes("signed", true, signing.StatusCompleting, signing.StatusSigned)
		goes("cancelled", true, signing.StatusCancelled)
		wantEqual(t, "a cancelled request", wait(process.WaitLate, "cancelled"), process.Wait{Kind: process.WaitLate, Record: "cancelled", Party: "signer/intrust", BeganAt: minute(4).UTC(),
			EndsAt: minute(9).UTC(), NextAt: minute(4).UTC(), Pause: process.PauseLate})
		goes("before", false, signing.StatusCancelled)
		for _, id := range []string{"signed", "cancelled", "before"} {
			if w := wait(process.WaitApproval, id); w.Kind != "" {
				t.Errorf("%s still waits: %+v", id, w)
			}
		}
		if w := wait(process.WaitLate, "before"); w.Kind != "" {
			t.Errorf("a process of the release before watches by itself, and has %+v", w)
		}
	})
}

// TestWaitsFollowARegistration takes a registration through what it waits for: an attempt to pay while its order is open, and the PIN. The
// word of the gateway is the answer, whoever brings it.
func TestWaitsFollowARegistration(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		ctx, waits := t.Context(), f.Waits()
		r, one := registered(t, f.Store, 1)
		wants := func(what string, kind process.WaitKind, record string, want process.Wait) {
			t.Helper()
			got, err := waits.Wait(ctx, kind, record)
			if problem.CodeOf(err) != problem.NotFound {
				must(t, err)
			}
			wantEqual(t, what, got, want)
		}
		seq := 0
		goes := func(w *process.Wait, to ...registration.Status) {
			t.Helper()
			for _, status := range to {
				seq++
				must(t, r.Move(ctx, one.ID, registration.Transition{Seq: seq, Status: status, At: minute(seq), Wait: w}))
			}
		}
		pays := func(attempt int) process.Wait {
			p := newPayment(one.ID, attempt)
			w := registration.PaymentWait(p)
			twice(t, func() error { return r.CreatePayment(ctx, p, w) })
			return w
		}
		goes(nil, registration.StatusHandedOff, registration.StatusAccountReady)
		first := pays(1)
		goes(nil, registration.StatusAwaitingPayment)
		second := pays(2)
		wants("the first attempt", process.WaitPayment, "KS01", first)
		wants("the second attempt", process.WaitPayment, "KS02", second)
		_, _, err := r.ApplyNotice(ctx, notice(2, registration.PaymentCaptured))
		must(t, err)
		paid, err := waits.Wait(ctx, process.WaitPayment, "KS02")
		must(t, err)
		if !paid.Answered || paid.Pause != process.PauseAnswered {
			t.Errorf("a wait for an attempt that is paid: %+v", paid)
		}
		goes(nil, registration.StatusAwaitingConsent)
		pays(3)
		for _, ref := range []string{"KS01", "KS02", "KS03"} {
			wants("an attempt that is not waited for", process.WaitPayment, ref, process.Wait{})
		}
		goes(nil, registration.StatusInReview, registration.StatusIssuing)
		pin := registration.PINWait(one.ID, "VNPT-CA", minute(20).UTC(), minute(90).UTC())
		goes(&pin, registration.StatusActivating)
		wants("the PIN", process.WaitPIN, one.ID, pin)
		goes(nil, registration.StatusAccepting)
		wants("the PIN that is set", process.WaitPIN, one.ID, process.Wait{})
	})
}

// TestTheEndOfAnAcceptanceIsTold ends the signing of an acceptance record that a registration waits for.
func TestTheEndOfAnAcceptanceIsTold(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		id := process.AcceptanceSigningID("r", 1)
		created(t, f.Store, id)
		must(t, f.Waits().Watch(t.Context(), registration.AcceptanceWait("r", id, minute(1))))
		must(t, f.Move(t.Context(), id, signing.Transition{Seq: 1, Status: signing.StatusCancelled, At: minute(2)}))
		due, err := f.Waits().Due(t.Context(), process.OwnParty, minute(2), []time.Duration{process.PauseAnswered}, 5)
		must(t, err)
		if len(due) != 1 || !due[0].Answered || due[0].Workflow != process.RegistrationWorkflowID("r") {
			t.Errorf("due to be told: %+v", due)
		}
	})
}
