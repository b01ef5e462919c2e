package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

// onBothRecords is onBothStores for registrations.
func onBothRecords(t *testing.T, run func(t *testing.T, r store.Registrations)) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		s.SetNow(func() time.Time { return minute(30) })
		run(t, s.Registrations())
	})
}

// holder is who registers in these tests.
var holder = registration.Person{IDNumber: "001302004567", FullName: "Phạm Thị Quỳnh Như", BirthDate: "2002-08-17", Sex: "female",
	Nationality: "VN", Province: "Thành phố Hà Nội", Commune: "Phường Yên Hòa", Address: "Số 7 ngõ 219 Trung Kính",
	IDIssuedOn: "2021-05-10", IDIssuedBy: "Cục Cảnh sát QLHC về TTXH", Phone: "+84987650001"}

func newRequest(id string) registration.Request {
	return registration.Request{RequestID: "vneid-" + id, Issuer: "VNPT-CA", Person: holder, HandoffToken: "token-" + id,
		Consents: []registration.Consent{
			{Purpose: registration.PurposeTerms, TextVersion: "terms-3", TextSHA256: sum("terms"), ShownAt: minute(-3).UTC(), AcceptedAt: minute(-2).UTC(), Channel: "vneid"},
			{Purpose: registration.PurposePersonalData, TextVersion: "data-2", TextSHA256: sum("data"), ShownAt: minute(-2).UTC(), AcceptedAt: minute(-1).UTC(), Channel: "vneid"},
		},
		ExpiresAt: minute(60), ReceivedAt: day0, Digest: sum(id)}
}

// enrolled stores a registration.
func enrolled(t *testing.T, r store.Registrations, id string) registration.Registration {
	t.Helper()
	out, err := r.CreateRegistration(t.Context(), id, newRequest(id))
	must(t, err)
	return out
}

func wantRegistration(t *testing.T, r store.Registrations, want registration.Registration) {
	t.Helper()
	got, err := r.Registration(t.Context(), want.ID)
	must(t, err)
	wantEqual(t, "registration", got, want)
}

// auditOf verifies the whole chain and returns the entries of one kind.
func auditOf(t *testing.T, r store.Registrations, kind string) []registration.AuditEntry {
	t.Helper()
	all, err := storetest.Chained(t.Context(), r.Store().AuditLog(), 0, 10_000)
	must(t, err)
	must(t, registration.VerifyAudit(registration.FirstPrev, 0, all))
	var some []registration.AuditEntry
	for _, e := range all {
		if kind == "" || e.Kind == kind {
			some = append(some, e)
		}
	}
	return some
}

func TestCreateRegistration(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		first := enrolled(t, r, "r")
		want := registration.Registration{ID: "r", RequestID: "vneid-r", SubjectID: first.SubjectID, Issuer: "VNPT-CA",
			Status: registration.StatusRequested, CreatedAt: day0.UTC(), UpdatedAt: day0.UTC()}
		wantEqual(t, "created", first, want)
		again, err := r.CreateRegistration(ctx, "another-id", newRequest("r"))
		must(t, err)
		wantEqual(t, "again", again, want)
		entries := auditOf(t, r, "")
		for i, e := range entries {
			if (i < 2) != (e.Kind == "consent") || e.Object != "r" {
				t.Errorf("entry %d: %+v", i, e)
			}
		}

		changes := map[string]func(*registration.Request, *string){
			"digest": func(x *registration.Request, _ *string) { x.Digest = sum("other") },
			"id": func(x *registration.Request, id *string) {
				x.RequestID, x.HandoffToken, *id = "vneid-x", "token-x", "r"
			},
			"token": func(x *registration.Request, id *string) { x.RequestID, *id = "vneid-x", "x" },
		}
		for name, change := range changes {
			id, other := "r", newRequest("r")
			change(&other, &id)
			if _, err := r.CreateRegistration(ctx, id, other); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("another %s: %v", name, err)
			}
		}
		twofold := newRequest("z")
		twofold.Consents = append(twofold.Consents, twofold.Consents[0])
		for _, bad := range []registration.Request{{RequestID: "y"}, twofold} {
			_, err = r.CreateRegistration(ctx, "y", bad)
			wantCode(t, err, problem.Invalid)
		}
		wantEqual(t, "entries after what was refused", auditOf(t, r, ""), entries)
	})
}

func TestOneRequestOfManyIsOneRegistration(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		var group sync.WaitGroup
		ids := make([]string, 12)
		for i := range ids {
			group.Go(func() {
				out, err := r.CreateRegistration(t.Context(), fmt.Sprintf("r%d", i), newRequest("r"))
				if err != nil {
					t.Error(err)
				}
				ids[i] = out.ID
			})
		}
		group.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("one request became %v", ids)
			}
		}
		wantEqual(t, "consents", len(auditOf(t, r, "consent")), 2)
	})
}

func TestUnknownRegistration(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, id := t.Context(), "none"
		closed := newParked("i", id, 1)
		closed.ClosedAt = day0
		step := registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: day0}
		acts := map[string]func() error{
			"Registration": func() error { _, err := r.Registration(ctx, id); return err },
			"Consents":     func() error { _, err := r.Consents(ctx, id); return err },
			"Change":       func() error { return r.Change(ctx, id, func(*registration.Registration) error { return nil }) },
			"Move":         func() error { return r.Move(ctx, id, step) },
			"Transitions":  func() error { _, err := r.Transitions(ctx, id, 0); return err },
			"Person":       func() error { _, err := r.Person(ctx, id); return err },
			"Correct": func() error {
				return r.Correct(ctx, id, registration.Round{}, "c", "a", map[string]string{"address": "x"})
			},
			"CreatePayment":  func() error { return r.CreatePayment(ctx, newPayment(id, 1)) },
			"Payment":        func() error { _, err := r.Payment(ctx, id); return err },
			"Payments":       func() error { _, err := r.Payments(ctx, id); return err },
			"MarkRefund":     func() error { return r.MarkRefund(ctx, id, "RF", day0) },
			"SaveCode":       func() error { return r.SaveCode(ctx, newCode("c", id, 0), "123456") },
			"Code":           func() error { _, err := r.Code(ctx, id); return err },
			"CodeToSend":     func() error { _, _, err := r.CodeToSend(ctx, id); return err },
			"MarkCodeSent":   func() error { return r.MarkCodeSent(ctx, id, day0) },
			"LastCode":       func() error { _, err := r.LastCode(ctx, id, registration.PurposeAccount); return err },
			"Account":        func() error { _, err := r.Account(ctx, id); return err },
			"AccountByPhone": func() error { _, err := r.AccountByPhone(ctx, "+84900000000"); return err },
			"SaveAccount":    func() error { return r.SaveAccount(ctx, newAccount("a", id, "+84900000000")) },
			"SaveReview":     func() error { return r.SaveReview(ctx, id, registration.Round{}, newReview("v"), "", "") },
			"ReviewNotes":    func() error { _, _, err := r.ReviewNotes(ctx, id); return err },
			"open incident":  func() error { return r.OpenRegistrationIncident(ctx, newParked("i", id, 1)) },
			"close incident": func() error { return r.CloseRegistrationIncident(ctx, closed) },
			"EraseSubject":   func() error { _, err := r.EraseSubject(ctx, id, "a", day0, 5); return err },
		}
		for name, act := range acts {
			if err := act(); problem.CodeOf(err) != problem.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		wantEqual(t, "audit entries", len(auditOf(t, r, "")), 0)
	})
}

func TestOneOfManyTakesTheHandoff(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		var taken atomic.Int32
		answers := inParallel(16, func(int) error {
			id, err := r.ResolveHandoff(ctx, "token-r", minute(59))
			if err == nil && id == "r" {
				taken.Add(1)
			}
			return err
		})
		wantEqual(t, "answers", answers, map[problem.Code]int{"": 1, problem.HandoffUsed: 15})
		wantEqual(t, "taken", taken.Load(), int32(1))
		_, err := r.ResolveHandoff(ctx, "token-r", minute(500))
		wantCode(t, err, problem.HandoffUsed)
	})
}

func TestMoveRegistration(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, want := t.Context(), enrolled(t, r, "r")
		steps := []registration.Transition{
			{Seq: 1, Status: registration.StatusHandedOff, At: minute(1).UTC(), Deadline: minute(90).UTC()},
			{Seq: 2, Status: registration.StatusClosing, At: minute(2).UTC(), Detail: "withdrawn", Actor: want.SubjectID},
			{Seq: 3, Status: registration.StatusWithdrawn, At: minute(3).UTC(), Detail: "withdrawn"},
		}
		twice(t, func() error { return r.Move(ctx, "r", steps[0]) })
		want.Status, want.Seq, want.UpdatedAt, want.Deadline = registration.StatusHandedOff, 1, minute(1).UTC(), minute(90).UTC()
		wantRegistration(t, r, want)
		for _, bad := range []registration.Transition{{Seq: 1, Status: registration.StatusClosing, At: day0},
			{Seq: 3, Status: registration.StatusAccountReady, At: day0}, {Seq: 2, Status: registration.StatusActive, At: day0}} {
			wantCode(t, r.Move(ctx, "r", bad), problem.Conflict)
		}
		twice(t, func() error { return r.Move(ctx, "r", steps[1]) })
		twice(t, func() error { return r.Move(ctx, "r", steps[2]) })
		must(t, r.Move(ctx, "r", steps[0])) // a late retry turns nothing back
		want.Status, want.Seq, want.UpdatedAt, want.Deadline, want.Reason = registration.StatusWithdrawn, 3, minute(3).UTC(), time.Time{}, "withdrawn"
		wantRegistration(t, r, want)
		wantCode(t, r.Move(ctx, "r", registration.Transition{Seq: 4, Status: registration.StatusHandedOff, At: day0}), problem.Conflict)

		all, err := r.Transitions(ctx, "r", 0)
		must(t, err)
		wantEqual(t, "transitions", all, steps)
		entries := auditOf(t, r, "transition")
		wantEqual(t, "audited", len(entries), 3)
		wantEqual(t, "actor", entries[1].Actor, want.SubjectID)
	})
}

func TestOnlyFactsChange(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx, want := t.Context(), enrolled(t, r, "r")
		wantCode(t, r.Change(ctx, "r", func(one *registration.Registration) error {
			one.Package = "PS1"
			return problem.New(problem.Denied, "no")
		}), problem.Denied)
		must(t, r.Change(ctx, "r", func(one *registration.Registration) error {
			one.Status, one.Issuer, one.SubjectID = registration.StatusActive, "X", "X"
			one.Issued = &registration.Issued{KeyID: "k", SPKI: "ab", NotBefore: day0.UTC(), Certificate: []byte("DER of Quỳnh Như")}
			one.Acceptance = &registration.Acceptance{Paper: registration.Paper{Number: "7", Box: [5]float64{1, 2, 3, 4, 5}}}
			return nil
		}))
		must(t, r.Change(ctx, "r", func(one *registration.Registration) error { one.Issued.Serial = "5401"; return nil }))
		want.Issued = &registration.Issued{KeyID: "k", SPKI: "ab", Serial: "5401", NotBefore: day0.UTC(), Certificate: []byte("DER of Quỳnh Như")}
		want.Acceptance = &registration.Acceptance{Paper: registration.Paper{Number: "7", Box: [5]float64{1, 2, 3, 4, 5}}}
		wantRegistration(t, r, want)
	})
}
