package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

// registrationCanaries are the personal data and secrets of one registration's life.
var registrationCanaries = map[string]string{
	"citizen's number":      holder.IDNumber,
	"citizen's name":        holder.FullName,
	"citizen's name, bare":  "Quỳnh Như",
	"birth date":            holder.BirthDate,
	"phone":                 "987650001",
	"e-mail":                "quynhnhu@example.vn",
	"corrected e-mail":      "nhu.moi@example.vn",
	"password hash":         "aGFzaGhhc2g",
	"digits":                "4815162342108", // longer than real ones, so that no hash holds them by chance
	"digits that were used": "2316421080412",
	"wrong digits":          "9999999999999",
	"address":               "219 Trung Kính",
	"corrected address":     "Trần Thái Tông",
	"public note":           "Xin ghi rõ số nhà",
	"internal note":         "không có trên bản đồ",
	"DER certificate":       "DER with CCCD and name",
	"hand-off token":        "token-canary",
	"operator's words":      "đã gọi cho khách",
	"hash of the number":    sum(holder.IDNumber),
	"hash of the phone":     sum(holder.Phone),
	"hash of the token":     sum("token-canary"),
	"hash of the digits":    sum("2316421080412"),
}

// liveRegistration takes a registration through everything that writes.
func liveRegistration(t *testing.T, r store.Registrations) registration.Registration {
	t.Helper()
	ctx := t.Context()
	one := enrolled(t, r, "canary")
	_, err := r.ResolveHandoff(ctx, "token-canary", minute(1))
	must(t, err)
	must(t, r.Move(ctx, one.ID, registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: minute(1)}))
	for i, digits := range []string{"4815162342108", "2316421080412"} {
		must(t, r.SaveCode(ctx, newCode([]string{"code-1", "code-2"}[i], one.ID, i), digits))
	}
	must(t, r.MarkCodeSent(ctx, "code-2", minute(2)))
	_, err = r.UseCode(ctx, one.ID, registration.PurposeContract, sum("contract"), "9999999999999", minute(3))
	wantCode(t, err, problem.OTPWrong)
	_, err = r.UseCode(ctx, one.ID, registration.PurposeContract, sum("contract"), "2316421080412", minute(3))
	must(t, err)
	must(t, r.SaveCode(ctx, newCode("code-3", one.ID, 4), "4815162342108")) // stays unsent
	must(t, r.SaveAccount(ctx, newAccount("acct", one.SubjectID, holder.Phone)))
	must(t, r.Change(ctx, one.ID, func(one *registration.Registration) error {
		one.AccountID = "acct"
		one.Issued = &registration.Issued{KeyID: "k", Certificate: []byte("DER with CCCD and name " + holder.FullName)}
		return nil
	}))
	must(t, r.SaveReview(ctx, one.ID, registration.Round{}, newReview("review"), "Xin ghi rõ số nhà", "không có trên bản đồ"))
	must(t, r.Correct(ctx, one.ID, registration.Round{}, "corr", "citizen-1", map[string]string{"address": "Số 20 đường Trần Thái Tông", "email": "nhu.moi@example.vn"}))
	must(t, r.CreatePayment(ctx, newPayment(one.ID, 1)))
	_, _, err = r.ApplyNotice(ctx, notice(1, registration.PaymentCaptured))
	must(t, err)
	parked := newParked("parked", one.ID, 1)
	must(t, r.OpenRegistrationIncident(ctx, parked))
	parked.ClosedAt, parked.Action, parked.Actor, parked.Note = minute(9), "retry", "ops-1", "đã gọi cho khách"
	must(t, r.CloseRegistrationIncident(ctx, parked))
	return one
}

func TestErasedPersonCannotBeRead(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		one := liveRegistration(t, r)
		other := newRequest("other")
		other.Person.IDNumber = "079095012345"
		_, err := r.CreateRegistration(ctx, "other", other)
		must(t, err)
		before := auditOf(t, r, "")
		for range 2 {
			eraseEnded(t, r, one.SubjectID, minute(50))
		}

		acts := map[string]func() error{
			"Person":         func() error { _, err := r.Person(ctx, one.ID); return err },
			"Account":        func() error { _, err := r.Account(ctx, "acct"); return err },
			"AccountByPhone": func() error { _, err := r.AccountByPhone(ctx, holder.Phone); return err },
			"Code":           func() error { _, err := r.Code(ctx, "code-2"); return err },
			"LastCode":       func() error { _, err := r.LastCode(ctx, one.ID, registration.PurposeContract); return err },
			"CodeToSend":     func() error { _, _, err := r.CodeToSend(ctx, "code-3"); return err },
			"ReviewNotes":    func() error { _, _, err := r.ReviewNotes(ctx, "review"); return err },
			"SaveAccount":    func() error { return r.SaveAccount(ctx, newAccount("acct", one.SubjectID, holder.Phone)) },
			"SaveCode":       func() error { return r.SaveCode(ctx, newCode("code-4", one.ID, 9), "123456") },
			"SaveReview":     func() error { return r.SaveReview(ctx, one.ID, registration.Round{}, newReview("v"), "a", "b") },
			"Correct": func() error {
				return r.Correct(ctx, one.ID, registration.Round{}, "c9", "a", map[string]string{"address": "x"})
			},
		}
		for name, act := range acts {
			if err := act(); problem.CodeOf(err).Kind() != problem.KindNotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = r.UseCode(ctx, one.ID, registration.PurposeContract, sum("contract"), "4815162342108", minute(5))
		wantCode(t, err, problem.OTPExpired)
		n, err := r.CountCodes(ctx, holder.Phone, "", minute(-5))
		must(t, err)
		found, err := r.Registrations(ctx, registration.Filter{IDNumber: holder.IDNumber})
		must(t, err)
		wantEqual(t, "codes and registrations found", [2]int{n, len(found)}, [2]int{})
		wantKept(t, r, one, before)

		_, err = r.Person(ctx, "other")
		must(t, err)
		fresh := enrolled(t, r, "again")
		if fresh.SubjectID == one.SubjectID {
			t.Error("who comes back is the erased subject")
		}
		must(t, r.SaveAccount(ctx, newAccount("acct-2", fresh.SubjectID, holder.Phone)))
	})
}

// wantKept checks what an erasure leaves.
func wantKept(t *testing.T, r store.Registrations, one registration.Registration, before []registration.AuditEntry) {
	t.Helper()
	ctx := t.Context()
	left, err := r.Registration(ctx, one.ID)
	must(t, err)
	if left.Status != registration.StatusHandedOff || left.Issued == nil || left.Issued.KeyID != "k" || left.Issued.Certificate != nil {
		t.Errorf("the registration became %+v, %+v", left, left.Issued)
	}
	must(t, r.Change(ctx, one.ID, func(one *registration.Registration) error { one.Reported = "REVOKED"; return nil }))
	wantCode(t, r.Change(ctx, one.ID, func(one *registration.Registration) error {
		one.Issued.Certificate = []byte("new")
		return nil
	}), problem.Erased)
	must(t, r.Move(ctx, one.ID, registration.Transition{Seq: 2, Status: registration.StatusClosing, At: minute(51)}))
	list, err := r.Payments(ctx, one.ID)
	must(t, err)
	consents, err := r.Consents(ctx, one.ID)
	must(t, err)
	wantEqual(t, "payments and consents", [2]int{len(list), len(consents)}, [2]int{1, 2})
	after := auditOf(t, r, "")
	wantEqual(t, "the log until then", after[:len(before)], before)
	if e := after[len(before)]; e.Kind != "erasure" || e.Object != one.SubjectID || e.Actor != "dpo-1" {
		t.Errorf("the erasure was noted as %+v", e)
	}
	wantEqual(t, "erasures", len(auditOf(t, r, "erasure")), 1)
}

// TestErasedKeyLeavesTheSQLiteFile looks for the wrapped data key in the file, where somebody who has the master key
// could take it from. Subjects share pages, and the space of one need not be taken by the next.
func TestErasedKeyLeavesTheSQLiteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kyso.db")
	s := open(t, "sqlite:"+path, masterKey(t))
	must(t, s.Migrate(t.Context()))
	var one registration.Registration
	for i := range 9 {
		in := newRequest(fmt.Sprint("r", i))
		in.Person.IDNumber = fmt.Sprintf("07909501234%d", i)
		made, err := s.Registrations().CreateRegistration(t.Context(), in.RequestID, in)
		must(t, err)
		if i == 4 {
			one = made
		}
	}
	var wrapped []byte
	must(t, s.DB().QueryRowContext(t.Context(), `SELECT wrapped FROM subjects WHERE id = $1`, one.SubjectID).Scan(&wrapped))
	stands := func() bool {
		_, err := s.DB().ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
		must(t, err)
		data, err := os.ReadFile(path)
		must(t, err)
		return bytes.Contains(data, wrapped[:16]) || bytes.Contains(data, wrapped[len(wrapped)-16:])
	}
	if !stands() {
		t.Fatal("the search does not find the key while it is there")
	}
	eraseEnded(t, s.Registrations(), one.SubjectID, minute(1))
	if stands() {
		t.Error("the key of an erased person is still in the file")
	}
}

func TestAuditNoticesWhatWasChanged(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, r := t.Context(), s.Registrations()
		liveRegistration(t, r)
		all := auditOf(t, r, "")
		page, err := storetest.Chained(ctx, r.Store().AuditLog(), 3, 2)
		must(t, err)
		wantEqual(t, "page", page, all[3:5])
		must(t, registration.VerifyAudit(all[2].Hash, 3, page))
		head, err := s.AuditLog().Head(ctx)
		must(t, err)
		if last := all[len(all)-1]; head.Seq != last.Seq || head.Hash != last.Hash {
			t.Errorf("the head is %+v, the last entry %+v", head, last)
		}
		for _, tampering := range []string{
			`UPDATE audit SET detail = 'x' WHERE seq = 4`,
			`UPDATE audit SET actor = 'x' WHERE seq = 1`,
			`UPDATE audit SET at = (SELECT o.at FROM audit o WHERE o.seq = 8) WHERE seq = 3`,
			`UPDATE audit SET hash = prev WHERE seq = 2`,
			`DELETE FROM audit WHERE seq = 1`,
			`DELETE FROM audit WHERE seq = 5`,
		} {
			_, err = s.DB().ExecContext(ctx, tampering)
			must(t, err)
			read, err := storetest.Chained(ctx, r.Store().AuditLog(), 0, 0)
			must(t, err)
			if problem.CodeOf(registration.VerifyAudit(registration.FirstPrev, 0, read)) != problem.VerificationFailed {
				t.Errorf("not noticed: %s", tampering)
			}
			restoreAudit(t, s, all)
		}
		auditOf(t, r, "") // verifies that the log is whole again

		// That the end was cut off shows against the head, and in the chain once the next entry is written.
		_, err = s.DB().ExecContext(ctx, `DELETE FROM audit WHERE seq = $1`, head.Seq)
		must(t, err)
		must(t, r.Correct(ctx, "canary", registration.Round{}, "corr-2", "citizen-1", map[string]string{"address": "x"}))
		entries, err := storetest.Chained(ctx, r.Store().AuditLog(), 0, 0)
		must(t, err)
		wantCode(t, registration.VerifyAudit(registration.FirstPrev, 0, entries), problem.VerificationFailed)
	})
}

// restoreAudit undoes a tampering.
func restoreAudit(t *testing.T, s *store.Store, entries []registration.AuditEntry) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), `DELETE FROM audit`)
	must(t, err)
	for _, e := range entries {
		_, err := s.DB().ExecContext(t.Context(), `INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			e.Seq, e.At, e.Kind, e.Object, e.Actor, e.Detail, e.Prev, e.Hash)
		must(t, err)
	}
}
