package relay_test

import (
	"context"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// beginner is Temporal where nothing may begin again.
type beginner struct{ *runs }

func (beginner) SigningAgain(context.Context, workflows.SigningInput) error {
	return problem.New(problem.Internal, "a signing begins again")
}

func (beginner) RegistrationAgain(context.Context, workflows.RegistrationInput) error {
	return problem.New(problem.Internal, "a registration begins again")
}

func (beginner) ArchiveAgain(context.Context, workflows.ArchiveInput) error {
	return problem.New(problem.Internal, "an archive begins again")
}

// A process that was broken off because its record was lost is listed until an operator closes it: once for each process,
// and neither while its record is there nor when its newest run is open or has completed.
func TestBrokenRunsWithoutARecordAreListed(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		_, err := f.Store.Registrations().CreateRegistration(t.Context(), "there", storetest.Request("there", storetest.Start))
		must(t, err)
		f.Exec(`UPDATE registrations SET status = 'withdrawn'`)
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{}}
		for id, state := range map[string]workflows.RunState{"there": workflows.RunBroken, "lost": workflows.RunBroken, "again": workflows.RunRunning, "done": workflows.RunCompleted} {
			e.states[workflows.RegistrationWorkflowID(id)], e.states[workflows.SigningWorkflowID("s-"+id)] = state, state
			e.broken = append(e.broken, workflows.Run{Kind: "Registration", RecordID: id, StartedAt: storetest.Start})
			if id != "there" {
				e.broken = append(e.broken, workflows.Run{Kind: "Signing", RecordID: "s-" + id, StartedAt: storetest.Start})
			}
		}
		e.knows = map[string]workflows.RegistrationStatus{"lost": {Status: registration.StatusAccountReady}}
		r := reconciler(f, e)
		for range 2 {
			report := everything(t, r)
			if len(report.Findings) != 2 || len(report.Failed) != 0 {
				t.Fatalf("%+v", report)
			}
			for _, found := range report.Findings {
				if found.ProcessID != "lost" && found.ProcessID != "s-lost" || found.Code != incident.RecordMissing {
					t.Errorf("%+v", found)
				}
			}
		}
		m := &relay.Mender{Reconciler: r, Incidents: f.Store.Parked(), Processes: beginner{e}}
		for _, i := range parked(t, f, 2) {
			if err := m.Act(t.Context(), i.ID, incident.BeginAgain, "op", ""); problem.CodeOf(err) != problem.Invalid {
				t.Errorf("begin-again: %v", err)
			}
			must(t, m.Act(t.Context(), i.ID, incident.Close, "op", "seen"))
		}
		if report := everything(t, r); len(report.Findings) != 0 {
			t.Errorf("after close: %+v", report)
		}
	})
}

// Closing a registration that has no record gives back what VNPay captured, once. It is refused, and changes nothing
// at VNPay, while it is not known what was begun or what became of it.
func TestClosingALostRegistrationGivesMoneyBack(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		workflowID := workflows.RegistrationWorkflowID("lost")
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{workflowID: workflows.RunBroken},
			broken: []workflows.Run{{Kind: "Registration", RecordID: "lost", StartedAt: storetest.Start}}}
		r := reconciler(f, e)
		vnpay := gateway{}
		r.VNPay = vnpay
		everything(t, r)
		m := &relay.Mender{Reconciler: r, Incidents: f.Store.Parked(), Processes: beginner{e}}
		id := parked(t, f, 1)[0].ID
		attempts := []activities.PaymentOpened{opened("KS01"), opened("KS02"), opened("KS03")}
		at := func(status registration.Status, list ...activities.PaymentOpened) workflows.RegistrationStatus {
			return workflows.RegistrationStatus{Status: status, Attempts: list}
		}
		late := opened("KS03")
		late.ExpiresAt = later().Add(time.Minute)
		for name, c := range map[string]struct {
			knows workflows.RegistrationStatus
			third string // what VNPay says of the third attempt
			mute  bool
		}{
			"no worker":           {knows: at(registration.StatusAwaitingPayment, attempts...), mute: true},
			"a key at the CA":     {knows: at(registration.StatusActivating, attempts...)},
			"an earlier attempt":  {knows: at(registration.StatusAwaitingPayment, attempts[1:]...)},
			"all of them earlier": {knows: at(registration.StatusInReview)},
			"not decided":         {knows: at(registration.StatusAwaitingPayment, attempts...), third: "07"},
			"still open":          {knows: at(registration.StatusAwaitingPayment, attempts[0], attempts[1], late)},
		} {
			clear(vnpay)
			vnpay["KS01"], vnpay["KS02"], vnpay["KS03"] = "00", "05", c.third
			e.knows, e.mute = map[string]workflows.RegistrationStatus{"lost": c.knows}, c.mute
			if err := m.Act(t.Context(), id, incident.Close, "op", ""); err == nil || vnpay["KS01"] != "00" {
				t.Errorf("%s: %v, VNPay says %s", name, err, vnpay["KS01"])
			}
		}
		parked(t, f, 1)
		e.knows, e.mute = map[string]workflows.RegistrationStatus{"lost": at(registration.StatusAwaitingPayment, attempts...)}, false
		vnpay["KS01"], vnpay["KS02"], vnpay["KS03"] = "00", "05", "00"
		must(t, m.Act(t.Context(), id, incident.Close, "op", "seen"))
		for _, ref := range []string{"KS01", "KS02", "KS03"} {
			if vnpay[ref] != "05" {
				t.Errorf("%s is %s at VNPay", ref, vnpay[ref])
			}
		}
		if report := everything(t, r); len(report.Findings) != 0 {
			t.Errorf("after close: %+v", report)
		}
	})
}

// parked returns the open incidents.
func parked(t *testing.T, f *storetest.Filled, want int) []incident.Incident {
	t.Helper()
	list, err := f.Store.Parked().List(t.Context(), incident.Filter{})
	must(t, err)
	if len(list) != want {
		t.Fatalf("%d open incidents: %+v", len(list), list)
	}
	return list
}
