package relay_test

import (
	"context"
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/storetest"
	"kyso/workflows"
)

// standings are registrations whose record, money and certificate do not agree, or do.
var standings = map[string]struct {
	status  registration.Status
	paid    registration.PaymentStatus // of the attempt that pays; empty for none
	vnpay   string                     // what VNPay says of it now
	at      registration.CertificateStatus
	want    string
	close   string // what is found after close
	revoked int
}{
	"active":                {status: registration.StatusActive, paid: registration.PaymentCaptured, vnpay: "00", at: registration.CertificateActive},
	"given-back":            {status: registration.StatusActive, paid: registration.PaymentRefunded, vnpay: "05", at: registration.CertificateActive, want: incident.CertificateUnpaid, revoked: 1},
	"given-back-elsewhere":  {status: registration.StatusActive, paid: registration.PaymentCaptured, vnpay: "05", at: registration.CertificateActive, want: incident.CertificateUnpaid, revoked: 1},
	"never-paid":            {status: registration.StatusActive, at: registration.CertificateActive, want: incident.CertificateUnpaid, revoked: 1},
	"revoked-elsewhere":     {status: registration.StatusActive, paid: registration.PaymentCaptured, vnpay: "00", at: registration.CertificateRevoked, want: incident.CertificateLost},
	"expired-by-date":       {status: registration.StatusActive, paid: registration.PaymentCaptured, vnpay: "00", at: registration.CertificateExpired},
	"withdrawn":             {status: registration.StatusWithdrawn, paid: registration.PaymentRefunded, vnpay: "05", at: registration.CertificateRevoked},
	"withdrawn-in-force":    {status: registration.StatusWithdrawn, paid: registration.PaymentRefunded, vnpay: "05", at: registration.CertificateInactive, want: incident.CertificateLeft, revoked: 1},
	"refused-owed":          {status: registration.StatusRefused, paid: registration.PaymentCaptured, vnpay: "00"},
	"issuing-without-price": {status: registration.StatusAccepting, paid: registration.PaymentRefunded, vnpay: "05", at: registration.CertificateInactive, want: incident.CertificateUnpaid},
}

// What does not agree is found, on demand and by the loop, is not found again once it is accepted, closes itself when it agrees
// again, and close undoes the certificate.
func TestMoneyAndCertificatesAreCompared(t *testing.T) {
	for name, c := range standings {
		t.Run(name, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				stand(t, f, name, c.status, c.paid)
				ca := &authority{key: registration.MadeKey{ID: name, State: registration.KeyActive, Serial: "0a", Certificate: c.at}}
				if c.at == registration.CertificateNone {
					ca.key = registration.MadeKey{}
				}
				e := &runs{engine: &engine{knows: map[string]workflows.RegistrationStatus{name: {Status: c.status, Seq: 9}}},
					states: map[string]workflows.RunState{process.RegistrationWorkflowID(name): workflows.RunRunning}}
				now := later()
				r := reconciler(f, e)
				r.Gateways, r.CAs, r.Now = gateway{"KS01": c.vnpay}, map[string]registration.Keys{"VNPT-CA": ca}, func() time.Time { return now }
				finds := func(when, want string) {
					t.Helper()
					for _, found := range everything(t, r).Findings {
						if found.Code != want {
							t.Errorf("%s: found %s %s", when, found.Code, found.Message)
						}
						want = ""
					}
					if want != "" {
						t.Errorf("%s: %s is not found", when, want)
					}
				}
				for range 3 {
					must(t, r.Once(t.Context()))
				}
				open := 0
				if c.want != "" {
					open = 1
				}
				parked(t, f, open)
				finds("on demand", c.want)
				if c.want == "" {
					return
				}
				id := name + "-" + c.want + "-1"
				m := &relay.Mender{Reconciler: r, Incidents: f.Parked(), Processes: beginner{e}}
				if err := m.Act(t.Context(), id, incident.BeginAgain, "op", ""); problem.CodeOf(err) != problem.Invalid {
					t.Errorf("begin-again: %v", err)
				}
				if c.revoked > 0 {
					must(t, m.Act(t.Context(), id, incident.Close, "op", "seen"))
					if len(ca.revoked) != c.revoked {
						t.Errorf("revoked %v", ca.revoked)
					}
					finds("after close", "")
					return
				}
				must(t, m.Act(t.Context(), id, incident.Accept, "op", "settled by hand"))
				finds("after accept", "")
				parked(t, f, 0)
			})
		})
	}
}

// A mismatch whose cause is gone closes itself, and money that moves has a registration compared before its week is over.
func TestCertificateMismatchesCloseThemselves(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		stand(t, f, "r", registration.StatusActive, registration.PaymentCaptured)
		ca := &authority{key: registration.MadeKey{ID: "r", State: registration.KeyActive, Serial: "0a", Certificate: registration.CertificateActive}}
		now := later()
		r := reconciler(f, &runs{engine: &engine{}})
		r.CAs, r.Now = map[string]registration.Keys{"VNPT-CA": ca}, func() time.Time { return now }
		round := func(want int) {
			t.Helper()
			must(t, r.Once(t.Context()))
			parked(t, f, want)
		}
		round(0)
		ca.key.Certificate = registration.CertificateRevoked
		round(0) // it is looked at once a week
		now = now.AddDate(0, 0, 8)
		round(1)
		ca.key.Certificate = registration.CertificateActive
		now = now.Add(time.Hour)
		for range 2 {
			must(t, r.Once(t.Context()))
		}
		i, _, err := f.Parked().Show(t.Context(), "r-certificate-lost-1")
		must(t, err)
		if i.ClosedAt.IsZero() || i.Actor != "kyso" || i.Note == "" {
			t.Errorf("%+v", i)
		}
		must(t, f.Store.Registrations().MarkRefund(t.Context(), "KS01", process.RefundID("KS01"), now))
		round(1)
	})
}

// stand makes a registration with a price, an attempt that pays, and a certificate that its record knows.
func stand(t *testing.T, f *storetest.Filled, id string, status registration.Status, paid registration.PaymentStatus) {
	t.Helper()
	records := f.Store.Registrations()
	_, err := records.CreateRegistration(t.Context(), id, storetest.Request(id, storetest.Start))
	must(t, err)
	must(t, records.Change(t.Context(), id, func(r *registration.Registration) error {
		r.PriceVND, r.Consent, r.Issued = 200_000, &registration.Consented{CodeID: "c"}, &registration.Issued{KeyID: "k", Serial: "0a"}
		if status == registration.StatusRefused {
			r.Issued = nil
		}
		if paid != "" {
			r.PaidRef = "KS01"
		}
		return nil
	}))
	if paid != "" {
		must(t, records.CreatePayment(t.Context(), registration.Payment{TxnRef: "KS01", RegistrationID: id, Attempt: 1, AmountVND: 200_000,
			CreatedAt: storetest.Start, ExpiresAt: storetest.Start.Add(15 * time.Minute)}))
		f.Exec(`UPDATE payments SET status = $1`, string(paid))
	}
	f.Exec(`UPDATE registrations SET status = $1, seq = 9, told = 9`, string(status))
}

// keeper begins archives again.
type keeper struct {
	beginner
	begun []workflows.ArchiveInput
}

// ArchiveAgain implements relay.Beginner.
func (k *keeper) ArchiveAgain(_ context.Context, in workflows.ArchiveInput) error {
	k.begun = append(k.begun, in)
	return nil
}

// A sealed contract without the process that keeps it archived is listed, and an operator begins one. Contracts of earlier
// releases, and those of registrations that still run, have none.
func TestTheArchiveOfAContractIsMissed(t *testing.T) {
	storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
		stand(t, f, "r", registration.StatusActive, registration.PaymentCaptured)
		e := &runs{engine: &engine{}, states: map[string]workflows.RunState{process.RegistrationWorkflowID("r"): workflows.RunRunning}}
		r := reconciler(f, e)
		r.CAs = map[string]registration.Keys{"VNPT-CA": &authority{key: registration.MadeKey{ID: "r", State: registration.KeyActive, Serial: "0a", Certificate: registration.CertificateActive}}}
		seal := func(level string) {
			must(t, f.Store.Registrations().Change(t.Context(), "r", func(r *registration.Registration) error {
				r.Contract = &registration.Paper{SealedID: "sealed", Level: level}
				return nil
			}))
		}
		everything(t, r)
		seal("B-LTA")
		everything(t, r)
		parked(t, f, 0) // the registration still reports how it ended
		e.states[process.RegistrationWorkflowID("r")] = workflows.RunCompleted
		seal("")
		everything(t, r)
		parked(t, f, 0)
		seal("B-T")
		everything(t, r)
		missed := parked(t, f, 1)[0]
		k := &keeper{}
		m := &relay.Mender{Reconciler: r, Incidents: f.Parked(), Processes: k, Decisions: f.Decisions()}
		must(t, m.Act(t.Context(), missed.IncidentID, incident.BeginAgain, "ops-1", "lost"))
		if len(k.begun) != 1 || k.begun[0] != (workflows.ArchiveInput{RegistrationID: "r", Generation: 1}) || missed.Step != incident.ArchiveStep {
			t.Errorf("begun %+v for %+v", k.begun, missed)
		}
		everything(t, r)
		parked(t, f, 1)
		e.states[process.ContractArchiveWorkflowID("r")] = workflows.RunRunning
		r.Now = func() time.Time { return later().Add(time.Hour) }
		everything(t, r)
		parked(t, f, 0)
	})
}
