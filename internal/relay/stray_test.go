package relay_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
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
			e.states[process.RegistrationWorkflowID(id)], e.states[process.SigningWorkflowID("s-"+id)] = state, state
			e.broken = append(e.broken, workflows.Run{Kind: "Registration", RecordID: id, StartedAt: storetest.Start})
			if id != "there" {
				e.broken = append(e.broken, workflows.Run{Kind: "Signing", RecordID: "s-" + id, StartedAt: storetest.Start})
			}
		}
		e.knows = map[string]workflows.RegistrationStatus{"lost": {Status: registration.StatusAccountReady}}
		e.broken = append(e.broken, workflows.Run{Kind: "Refund", RecordID: "there", TxnRef: "KS01", StartedAt: storetest.Start},
			workflows.Run{Kind: "Refund", RecordID: "paid", TxnRef: "KS02", StartedAt: storetest.Start}, workflows.Run{Kind: "Refund", RecordID: "back", TxnRef: "KS03", StartedAt: storetest.Start})
		e.states[process.RefundWorkflowID("KS02")], e.states[process.RefundWorkflowID("KS03")] = workflows.RunBroken, workflows.RunCompleted
		e.states[process.RegistrationWorkflowID("paid")] = workflows.RunCompleted
		r := reconciler(f, e)
		r.CAs = map[string]registration.Keys{"its": &authority{}}
		for range 2 {
			report := everything(t, r)
			if len(report.Findings) != 3 || len(report.Failed) != 0 {
				t.Fatalf("%+v", report)
			}
			for _, found := range report.Findings {
				if found.ProcessID != "lost" && found.ProcessID != "s-lost" && found.ProcessID != "paid" || found.Code != incident.RecordMissing {
					t.Errorf("%+v", found)
				}
			}
		}
		m := &relay.Mender{Reconciler: r, Incidents: f.Parked(), Processes: beginner{e}}
		for _, i := range parked(t, f, 3) {
			if err := m.Act(t.Context(), i.IncidentID, incident.BeginAgain, "op", ""); problem.CodeOf(err) != problem.Invalid {
				t.Errorf("begin-again: %v", err)
			}
			must(t, m.Act(t.Context(), i.IncidentID, incident.Close, "op", "seen"))
		}
		if report := everything(t, r); len(report.Findings) != 0 {
			t.Errorf("after close: %+v", report)
		}
	})
}

// authority is a CA that made one key.
type authority struct {
	key     registration.MadeKey
	away    bool
	revoked []string
}

func (a *authority) FindKey(_ context.Context, requestID string) (registration.MadeKey, error) {
	switch {
	case a.away:
		return registration.MadeKey{}, problem.New(problem.ProviderUnavailable, "no answer")
	case a.key.ID == "" || !strings.HasPrefix(requestID, a.key.ID+"/"):
		return registration.MadeKey{}, problem.New(problem.NotFound, "no key")
	}
	return a.key, nil
}

func (a *authority) Revoke(_ context.Context, requestID, serial string, reason int) error {
	if requestID != process.RevocationID(a.key.ID) || serial != a.key.Serial || reason != activities.CessationOfOperation {
		return problem.New(problem.ProviderRefused, "%s %s %d", requestID, serial, reason)
	}
	a.revoked = append(a.revoked, serial)
	a.key.Certificate, a.key.State = registration.CertificateRevoked, registration.KeyDisabled
	return nil
}

func (a *authority) DestroyKey(_ context.Context, keyID string) error {
	if a.key.ID != keyID || a.key.Certificate.InForce() {
		return problem.New(problem.Conflict, "destroying %s", keyID)
	}
	a.key.State = registration.KeyDisabled
	return nil
}

// Closing a registration that has no record works from every status: it gives back what VNPay captured, once, and ends what the CA
// made. One that is active keeps both. It is refused, and changes nothing outside, while it is not known what was begun or what
// became of it.
func TestClosingALostRegistrationGivesMoneyBack(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		attempts := []activities.PaymentOpened{opened("KS01"), opened("KS02"), opened("KS03")}
		at := func(status registration.Status, list ...activities.PaymentOpened) workflows.RegistrationStatus {
			return workflows.RegistrationStatus{Status: status, Attempts: list}
		}
		late := opened("KS03")
		late.ExpiresAt = later().Add(time.Minute)
		for name, c := range map[string]struct {
			knows workflows.RegistrationStatus
			again int    // attempts that runs before began
			third string // what VNPay says of the third attempt
			mute  bool
			away  bool // the CA
		}{
			"no worker":           {knows: at(registration.StatusAwaitingPayment, attempts...), mute: true},
			"the CA is away":      {knows: at(registration.StatusActivating, attempts...), third: "00", away: true},
			"an earlier attempt":  {knows: at(registration.StatusAwaitingPayment, attempts[1:]...)},
			"all of them earlier": {knows: at(registration.StatusInReview), again: 3},
			"not decided":         {knows: at(registration.StatusAwaitingPayment, attempts...), third: "07"},
			"still open":          {knows: at(registration.StatusAwaitingPayment, attempts[0], attempts[1], late)},
		} {
			l := loseIt(t, f, name, c.knows)
			l.e.again[l.id], l.e.mute, l.ca.away, l.vnpay["KS03"] = c.again, c.mute, c.away, c.third
			if err := l.close(); err == nil || l.vnpay["KS01"] != "00" || len(l.ca.revoked) > 0 {
				t.Errorf("%s: %v, VNPay says %s, revoked %v", name, err, l.vnpay["KS01"], l.ca.revoked)
			}
		}
		for _, status := range registration.Statuses() {
			l := loseIt(t, f, string(status), at(status, attempts...))
			open := beforeKey(status)
			if !open {
				l.ca.key = registration.MadeKey{ID: l.id, State: registration.KeyAwaitingPIN, Serial: "0a", Certificate: registration.CertificateInactive}
			}
			must(t, l.close())
			want, revoked := "05", 0
			if !open {
				revoked = 1
			}
			if status == registration.StatusActive {
				want, revoked = "00", 0
			}
			if l.vnpay["KS01"] != want || l.vnpay["KS02"] != "05" || l.vnpay["KS03"] != want || len(l.ca.revoked) != revoked {
				t.Errorf("%s: VNPay says %v, revoked %v", status, l.vnpay, l.ca.revoked)
			}
			for _, found := range everything(t, l.m.Reconciler).Findings {
				if found.ProcessID == l.id {
					t.Errorf("%s after close: %+v", status, found)
				}
			}
		}
	})
}

// beforeKey reports whether no key can have been made at a status.
func beforeKey(s registration.Status) bool {
	return slices.Index(registration.Statuses(), s) < slices.Index(registration.Statuses(), registration.StatusIssuing)
}

// loss is a registration without a record, whose process was broken off.
type loss struct {
	t     *testing.T
	id    string
	e     *runs
	vnpay gateway
	ca    *authority
	m     *relay.Mender
}

func loseIt(t *testing.T, f *storetest.Filled, name string, knows workflows.RegistrationStatus) *loss {
	t.Helper()
	id := "lost-" + strings.ReplaceAll(name, " ", "-")
	e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{id: knows}}, again: map[string]int{},
		states: map[string]workflows.RunState{process.RegistrationWorkflowID(id): workflows.RunBroken},
		broken: []workflows.Run{{Kind: "Registration", RecordID: id, StartedAt: storetest.Start}}}
	r := reconciler(f, e)
	l := &loss{t, id, e, gateway{"KS01": "00", "KS02": "05", "KS03": "00"}, &authority{}, &relay.Mender{Reconciler: r, Incidents: f.Parked(), Processes: beginner{e}}}
	r.Gateways, l.m.CAs = l.vnpay, map[string]registration.Keys{"other": &authority{}, "its": l.ca}
	everything(t, r)
	return l
}

func (l *loss) close() error {
	return l.m.Act(l.t.Context(), l.id+"-record-missing-1", incident.Close, "op", "seen")
}

// parked returns the open incidents.
func parked(t *testing.T, f *storetest.Filled, want int) []process.Incident {
	t.Helper()
	list, err := f.Store.Parked().List(t.Context(), incident.Filter{})
	must(t, err)
	if len(list) != want {
		t.Fatalf("%d open incidents: %+v", len(list), list)
	}
	return list
}
