package relay_test

import (
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// A mismatch whose cause has gone closes by itself, whatever led out of it, and says who closed it and why. One whose cause is
// there stays.
func TestMismatchesCloseThemselves(t *testing.T) {
	const reg, sig = process.Registration, process.Signing
	for name, c := range map[string]struct {
		process process.Kind
		reason  string
		lost    bool                                          // there is no record when it is opened
		behind  bool                                          // another incident is shown on the record
		then    func(f *storetest.Filled, e *runs, id string) // what happens
		closed  bool
	}{
		"registration restored":               {process: reg, reason: incident.RecordMissing, lost: true, then: restored, closed: true},
		"registration restored, ended":        {process: reg, reason: incident.RecordMissing, lost: true, then: inOrder(restored, ended), closed: true},
		"registration still lost":             {process: reg, reason: incident.RecordMissing, lost: true, then: nothing},
		"lost registration completed":         {process: reg, reason: incident.RecordMissing, lost: true, then: state(workflows.RunCompleted), closed: true},
		"lost signing completed":              {process: sig, reason: incident.RecordMissing, lost: true, then: state(workflows.RunCompleted), closed: true},
		"signing still lost":                  {process: sig, reason: incident.RecordMissing, lost: true, then: nothing},
		"registration's process back":         {process: reg, reason: incident.ProcessMissing, then: state(workflows.RunRunning), closed: true},
		"registration's process back, parked": {process: reg, reason: incident.ProcessMissing, behind: true, then: state(workflows.RunRunning), closed: true},
		"signing's process back":              {process: sig, reason: incident.ProcessMissing, then: state(workflows.RunRunning), closed: true},
		"signing's process back, parked":      {process: sig, reason: incident.ProcessMissing, behind: true, then: state(workflows.RunRunning), closed: true},
		"registration ended meanwhile":        {process: reg, reason: incident.ProcessMissing, then: ended, closed: true},
		"signing ended meanwhile":             {process: sig, reason: incident.ProcessMissing, then: ended, closed: true},
		"registration's process still gone":   {process: reg, reason: incident.ProcessMissing, then: nothing},
		"signing's process still gone":        {process: sig, reason: incident.ProcessMissing, then: nothing},
		"registration caught up":              {process: reg, reason: incident.RecordMissing, behind: true, then: state(workflows.RunRunning), closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				id := "p-1"
				e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: {Status: registration.StatusInReview, Seq: 3}}}, states: map[string]workflows.RunState{}}
				if !c.lost {
					record(f, id)
				}
				r := reconciler(f, e)
				opened := process.Incident{Process: c.process, ProcessID: id, Attention: process.Attention{Reason: c.reason, Message: "x", Since: storetest.Start}}
				if !c.lost {
					opened.Step = "in-review"
				}
				_, err := f.Relay().OpenMismatch(t.Context(), opened)
				must(t, err)
				if c.behind {
					must(t, f.Store.Registrations().OpenRegistrationIncident(t.Context(), process.Incident{ProcessID: id,
						Attention: process.Attention{IncidentID: id + "-1", Step: "seal-contract", Reason: "provider-unavailable", Message: "x", Since: storetest.Start.Add(time.Minute), Attempts: 1}}))
					must(t, f.OpenIncident(t.Context(), process.Incident{ProcessID: id,
						Attention: process.Attention{IncidentID: "s-1", Step: "request", Reason: "provider-unavailable", Message: "x", Since: storetest.Start.Add(time.Minute), Attempts: 1}}))
				}
				c.then(f, e, id)
				everything(t, r)
				got, _, err := f.Parked().Show(t.Context(), id+"-"+c.reason+"-1")
				must(t, err)
				if closed := !got.ClosedAt.IsZero(); closed != c.closed {
					t.Fatalf("closed: %v, want %v", closed, c.closed)
				}
				if c.closed && (got.Actor != "kyso" || got.Action != "auto" || got.Note == "") {
					t.Errorf("closed by %q %q: %q", got.Actor, got.Action, got.Note)
				}
			})
		})
	}
}

// record makes a registration in review and a signing of the same id.
func record(f *storetest.Filled, id string) {
	f.One(id)
	f.Exec(`UPDATE registrations SET status = 'in-review', seq = 3 WHERE id = $1`, id)
	f.Exec(`UPDATE signings SET status = 'awaiting-approval' WHERE id = $1`, id)
}

func nothing(*storetest.Filled, *runs, string) {}

func restored(f *storetest.Filled, _ *runs, id string) { record(f, id) }

func ended(f *storetest.Filled, _ *runs, id string) {
	f.Exec(`UPDATE registrations SET status = 'withdrawn' WHERE id = $1`, id)
	f.Exec(`UPDATE signings SET status = 'declined' WHERE id = $1`, id)
}

func state(of workflows.RunState) func(*storetest.Filled, *runs, string) {
	return func(_ *storetest.Filled, e *runs, id string) {
		e.states[process.RegistrationWorkflowID(id)], e.states[process.SigningWorkflowID(id)] = of, of
	}
}

func inOrder(steps ...func(*storetest.Filled, *runs, string)) func(*storetest.Filled, *runs, string) {
	return func(f *storetest.Filled, e *runs, id string) {
		for _, step := range steps {
			step(f, e, id)
		}
	}
}
