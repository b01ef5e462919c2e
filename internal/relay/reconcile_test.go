package relay_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// runs stands for Temporal as the reconciler asks it.
type runs struct {
	*engine
	states map[string]workflows.RunState // by workflow id; others are missing
	stands workflows.SigningStatus       // of every signing
	listed []workflows.Run
	broken []workflows.Run
	again  map[string]int // attempts to pay of earlier runs, of a registration that was begun again
	mark   string         // of every process
	asked  int            // signings that were asked how they stand
	mute   bool           // closed runs do not answer: there is no worker
}

func (r *runs) State(_ context.Context, id string) (workflows.RunState, error) {
	if err := r.note(id, nil); err != nil {
		return "", err
	}
	if state, ok := r.states[id]; ok {
		return state, nil
	}
	return workflows.RunMissing, nil
}

func (r *runs) Stand(ctx context.Context, id string) (workflows.RunState, string, error) {
	state, err := r.State(ctx, id)
	return state, r.mark, err
}

func (r *runs) Runs(context.Context, string, int) ([]workflows.Run, string, error) {
	return r.listed, "", nil
}

func (r *runs) BrokenRuns(context.Context, string, int) ([]workflows.Run, string, error) {
	return r.broken, "", nil
}

func (r *runs) RegistrationStatus(ctx context.Context, id string) (workflows.RegistrationStatus, error) {
	if r.mute {
		return workflows.RegistrationStatus{}, problem.New(problem.ProviderUnavailable, "no worker")
	}
	return r.engine.RegistrationStatus(ctx, id)
}

func (r *runs) RegistrationRuns(ctx context.Context, id string) ([]workflows.PastRun, error) {
	status, err := r.RegistrationStatus(ctx, id)
	run := workflows.PastRun{Status: status}
	if n := r.again[id]; n > 0 {
		run.Input.Again = &workflows.Again{Attempts: n}
	}
	return []workflows.PastRun{run}, err
}

// Stop implements relay.Beginner.
func (r *runs) Stop(_ context.Context, workflowID, _ string) error {
	r.states[workflowID] = workflows.RunBroken
	return nil
}

func (r *runs) Status(context.Context, string) (workflows.SigningStatus, error) {
	r.asked++
	return r.stands, nil
}

// everything compares all of both books.
func everything(t *testing.T, r *relay.Reconciler) incident.Report {
	t.Helper()
	total := incident.Report{}
	for place := ""; ; {
		part, err := r.Step(t.Context(), place)
		must(t, err)
		total.Checked += part.Checked
		total.Payments += part.Payments
		total.Findings = append(total.Findings, part.Findings...)
		total.Failed = append(total.Failed, part.Failed...)
		total.Behind = append(total.Behind, part.Behind...)
		if place = part.Next; place == "" {
			return total
		}
	}
}

func reconciler(f *storetest.Filled, e *runs) *relay.Reconciler {
	records := f.Relay()
	return &relay.Reconciler{Books: records, Records: records, Paid: records, Found: records, Told: records, Ended: records, Engine: e, Now: later}
}

// What cannot be compared is said, in each part of the books, and everything else is compared all the same: silence means
// that the books agree.
func TestWhatCannotBeComparedIsSaid(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		f.Registrations(registration.StatusInReview)
		f.Signings(signing.StatusAwaitingApproval)
		f.Exec(`UPDATE registrations SET status = 'withdrawn' WHERE id NOT IN (SELECT id FROM registrations ORDER BY id LIMIT 3)`)
		f.Exec(`UPDATE signings SET status = 'declined' WHERE id NOT IN (SELECT id FROM signings ORDER BY id LIMIT 4)`)
		f.Exec(`UPDATE signings SET status = 'signed', level = 'B-LTA' WHERE id = (SELECT MIN(id) FROM signings)`)
		const open = 3 + 4

		stray := workflows.Run{Kind: "Signing", RecordID: "nobody", StartedAt: storetest.Start}
		for _, chosen := range []int{0, 1, 2} {
			e := &runs{engine: &engine{}, listed: []workflows.Run{stray, stray}}
			asked := 0
			e.chokes = func(string) bool { asked++; return asked%3 == chosen }
			r := reconciler(f, e)
			report := everything(t, r)
			if got := len(report.Findings) + len(report.Failed); len(report.Failed) == 0 || got < open {
				t.Errorf("%d findings and %d failures of %d", len(report.Findings), len(report.Failed), open)
			}
			for _, failed := range report.Failed {
				if failed.ProcessID == "" || failed.Code != string(problem.ProviderUnavailable) {
					t.Errorf("%+v", failed)
				}
			}
			asked = 0
			if err := r.Once(t.Context()); problem.CodeOf(err) != problem.Internal || err == nil {
				t.Errorf("the loop says %v", err)
			}
		}
	})
}

// A record that has ended while its process stands where it was is a mismatch, and one that only reports or watches is none.
func TestProcessOlderThanItsEnd(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		for i, c := range []struct {
			at   registration.Status
			want int
		}{{registration.StatusInReview, 1}, {registration.StatusActive, 0}} {
			id := fmt.Sprintf("r-%d", i)
			_, err := f.Store.Registrations().CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
			must(t, err)
			must(t, f.Store.Registrations().Change(t.Context(), id, func(r *registration.Registration) error {
				r.Issued = &registration.Issued{KeyID: "k", Serial: "0a"}
				return nil
			}))
			f.Exec(`UPDATE registrations SET status = 'active', seq = 9 WHERE id = $1`, id)
			e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: {Status: c.at, Seq: 3}}},
				states: map[string]workflows.RunState{process.RegistrationWorkflowID(id): workflows.RunRunning},
				listed: []workflows.Run{{Kind: "Registration", RecordID: id, StartedAt: storetest.Start}}}
			report := everything(t, reconciler(f, e))
			if len(report.Findings) != c.want || len(report.Failed) != 0 {
				t.Errorf("%s: %+v", c.at, report)
			}
		}
	})
}

// A process that stands where its record was is reported, and told again although it was known to know.
func TestProcessBehindItsRecordIsToldAgain(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		id := "r-1"
		_, err := f.Store.Registrations().CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
		must(t, err)
		f.Exec(`UPDATE registrations SET status = 'awaiting-contract', seq = 4, told = 4`)
		e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: {Status: registration.StatusAccountReady, Seq: 2}}},
			states: map[string]workflows.RunState{process.RegistrationWorkflowID(id): workflows.RunRunning}}
		report := everything(t, reconciler(f, e))
		if len(report.Behind) != 1 || report.Behind[0].ProcessID != id || len(report.Findings) != 0 {
			t.Errorf("%+v", report)
		}
		behind, err := f.Relay().Behind(t.Context(), later(), page.Cursor{}, 10)
		must(t, err)
		if len(behind) != 1 {
			t.Error("it is not told again")
		}
	})
}

// gateway stands for VNPay's answers.
type gateway map[string]string // transaction status by reference; others are not known

func (g gateway) Query(_ context.Context, _ string, p registration.Payment) (registration.PaymentNotice, error) {
	number := "1" + p.TxnRef[2:]
	n := registration.PaymentNotice{TxnRef: p.TxnRef, AmountVND: 200_000, Transaction: number, Reference: registration.Reference(number), At: later(),
		Status:    map[string]registration.PaymentStatus{"00": registration.PaymentCaptured, "01": registration.PaymentPending, "05": registration.PaymentReview, "07": registration.PaymentReview}[g[p.TxnRef]],
		GivenBack: g[p.TxnRef] == "05", Said: g[p.TxnRef]}
	if n.Status == "" {
		n.Status = registration.PaymentFailed
	}
	return n, nil
}

// Refund shows the refund, as VNPay does.
func (g gateway) Refund(_ context.Context, requestID string, p registration.Payment, _ string) error {
	if g[p.TxnRef] != "00" || p.AmountVND != 200_000 || p.Reference != registration.Reference("1"+p.TxnRef[2:]) || requestID != process.RefundID(p.TxnRef) {
		return problem.New(problem.RefundRefused, "%s %+v", requestID, p)
	}
	g[p.TxnRef] = "05"
	return nil
}

// VNPay's word decides what became of every attempt that no process asks about: one that the store lost, one that seemed
// open or failed and was paid, and one that the store thinks is here and that was given back.
func TestPaymentsAreAskedAbout(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		id := "r-1"
		_, err := f.Store.Registrations().CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
		must(t, err)
		must(t, f.Store.Registrations().Change(t.Context(), id, func(r *registration.Registration) error { r.PriceVND = 200_000; return nil }))
		f.Exec(`UPDATE registrations SET status = 'in-review', seq = 5`)
		for i, status := range []string{"pending", "failed", "captured", "captured"} {
			ref := fmt.Sprintf("KS0%d", i+1)
			must(t, f.Store.Registrations().CreatePayment(t.Context(), registration.Payment{TxnRef: ref, RegistrationID: id, Attempt: i + 1, AmountVND: 200_000,
				CreatedAt: storetest.Start, ExpiresAt: storetest.Start.Add(15 * time.Minute)}))
			f.Exec(`UPDATE payments SET status = $1 WHERE txn_ref = $2`, status, ref)
		}
		lost := workflows.RegistrationStatus{Status: registration.StatusInReview, Seq: 5}
		lost.Attempts = append(lost.Attempts, opened("KS05"))
		e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: lost}},
			states: map[string]workflows.RunState{process.RegistrationWorkflowID(id): workflows.RunBroken}}
		r := reconciler(f, e)
		r.Gateways = gateway{"KS01": "00", "KS02": "00", "KS03": "00", "KS04": "05", "KS05": "00"}
		report := everything(t, r)
		var got []string
		list, err := f.Relay().Payments(t.Context(), id)
		must(t, err)
		for _, p := range list {
			got = append(got, p.TxnRef+" "+string(p.Status))
		}
		if want := []string{"KS01 captured", "KS02 captured", "KS03 captured", "KS04 refunded", "KS05 captured"}; !slices.Equal(got, want) || report.Payments != 4 || len(report.Failed) != 0 {
			t.Errorf("%v, want %v; %+v", got, want, report)
		}
	})
}

func opened(ref string) activities.PaymentOpened {
	return activities.PaymentOpened{TxnRef: ref, ExpiresAt: storetest.Start.Add(15 * time.Minute)}
}

// TestAProcessToWhichNothingHappenedIsNotAskedAgain: one that waits is asked how it stands once, and again when something happened to it. Its
// record is read each time: one that went on alone is seen.
func TestAProcessToWhichNothingHappenedIsNotAskedAgain(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{process.SigningWorkflowID("s"): workflows.RunRunning}, mark: "run/9"}
		f.One("s")
		r := reconciler(f, e)
		for pass, want := range []int{1, 1, 1} {
			must(t, r.Once(t.Context()))
			if e.asked != want {
				t.Errorf("pass %d: asked %d times, want %d", pass, e.asked, want)
			}
		}
		must(t, f.Move(t.Context(), "s", signing.Transition{Seq: 1, Status: signing.StatusPreparing, At: storetest.Start}))
		report, err := r.Step(t.Context(), "")
		must(t, err)
		if len(report.Behind) != 1 {
			t.Errorf("a record that went on alone: %+v", report)
		}
		e.mark, e.stands = "run/12", workflows.SigningStatus{Seq: 1}
		must(t, r.Once(t.Context()))
		if e.asked != 2 {
			t.Errorf("asked %d times after something happened, want 2", e.asked)
		}
	})
}

// TestASigningThatWaitsGetsItsRowBack takes the rows away from signings that wait for their owners: each gets its own back, but for one
// that was begun by an earlier release, which asks itself, and one whose answer is recorded.
func TestASigningThatWaitsGetsItsRowBack(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{}, stands: workflows.SigningStatus{Seq: 3}}
		r := reconciler(f, e)
		r.Waits = f.Waits()
		ids := []string{"lost", "before", "answered"}
		for _, id := range ids {
			f.One(id)
			e.states[process.SigningWorkflowID(id)] = workflows.RunRunning
			must(t, f.SaveApproval(t.Context(), id, signing.Approval{OurID: id + "/1", AcceptedAt: storetest.Start, ExpiresAt: storetest.Start.AddDate(9, 0, 0)}))
			for n, status := range []signing.Status{signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval} {
				must(t, f.Move(t.Context(), id, signing.Transition{Seq: n + 1, Status: status, At: storetest.Start, Watched: id != "before" && status == signing.StatusAwaitingApproval}))
			}
		}
		must(t, f.SaveApproval(t.Context(), "answered", signing.Approval{OurID: "answered/1", Outcome: signing.OutcomeApproved}))
		f.Exec(`DELETE FROM waits`)
		everything(t, r)
		for _, id := range ids {
			w, err := f.Waits().Wait(t.Context(), process.WaitApproval, id)
			if got := problem.CodeOf(err) != problem.NotFound; got != (id == "lost") {
				t.Errorf("%s has its row back: %v (%+v)", id, got, w)
			}
		}
	})
}

// TestARegistrationThatWaitsGetsItsRowsBack has a registration wait for its payment and then for its PIN without rows. One that an earlier
// release began asks itself, and gets none.
func TestARegistrationThatWaitsGetsItsRowsBack(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		records, id := f.Store.Registrations(), "r-1"
		_, err := records.CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
		must(t, err)
		must(t, records.Change(t.Context(), id, func(r *registration.Registration) error {
			r.PriceVND, r.Activation = 200_000, &registration.Activation{StartedAt: storetest.Start}
			return nil
		}))
		s, err := records.Registration(t.Context(), id)
		must(t, err)
		for n, status := range []string{"pending", "failed"} {
			ref := fmt.Sprintf("KS0%d", n+1)
			must(t, records.CreatePayment(t.Context(), registration.Payment{TxnRef: ref, RegistrationID: id, Attempt: n + 1, AmountVND: 200_000,
				CreatedAt: storetest.Start, ExpiresAt: time.Now().Add(time.Hour)}))
			f.Exec(`UPDATE payments SET status = $1 WHERE txn_ref = $2`, status, ref)
		}
		for _, c := range []struct {
			status registration.Status
			step   string
			told   bool
			want   []string
		}{
			{registration.StatusAwaitingPayment, workflows.StepPayment, false, nil},
			{registration.StatusAwaitingPayment, workflows.StepPayment, true, []string{"KS01"}},
			{registration.StatusActivating, workflows.StepPIN, true, []string{id}},
			{registration.StatusActivating, workflows.StepActivation, true, nil},
		} {
			f.Exec(`DELETE FROM waits`)
			f.Exec(`UPDATE registrations SET status = $1, seq = 5`, string(c.status))
			e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: {Status: c.status, Seq: 5, Step: c.step, Told: c.told}}},
				states: map[string]workflows.RunState{process.RegistrationWorkflowID(id): workflows.RunRunning}}
			r := reconciler(f, e)
			r.Waits, r.CAs = f.Waits(), map[string]registration.Keys{s.Issuer: nil}
			everything(t, r)
			var got []string
			for _, at := range []process.Wait{{Kind: process.WaitPayment, Record: "KS01"}, {Kind: process.WaitPayment, Record: "KS02"}, {Kind: process.WaitPIN, Record: id}} {
				if _, err := f.Waits().Wait(t.Context(), at.Kind, at.Record); problem.CodeOf(err) != problem.NotFound {
					must(t, err)
					got = append(got, at.Record)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s at %s, told %v: rows for %v, want %v", c.status, c.step, c.told, got, c.want)
			}
		}
	})
}
