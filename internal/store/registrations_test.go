package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

const citizen = "001302004567"

func request(n int) registration.Request {
	consent := func(purpose string) registration.Consent {
		return registration.Consent{Purpose: purpose, TextVersion: purpose + "/1", TextSHA256: sum(purpose), ShownAt: minute(0).UTC(), AcceptedAt: minute(1).UTC(), Channel: "vneid"}
	}
	return registration.Request{RequestID: fmt.Sprintf("V-%d", n), Issuer: "VNPT-CA", HandoffToken: fmt.Sprintf("token-%d", n), ExpiresAt: minute(1000),
		ReceivedAt: minute(2), Digest: sum(fmt.Sprint("request", n)), Consents: []registration.Consent{consent("terms"), consent("personal-data")},
		Person: registration.Person{IDNumber: citizen, FullName: "Trần Thị Ngọc Ánh", BirthDate: "2002-05-17", Sex: "female", Province: "Hà Nội",
			Address: "Số 18", Phone: "+84901234567"}}
}

func registered(t *testing.T, s *store.Store, n int) (store.Registrations, registration.Registration) {
	t.Helper()
	r := s.Registrations()
	one, err := r.CreateRegistration(t.Context(), fmt.Sprintf("r-%d", n), request(n))
	must(t, err)
	return r, one
}

func TestRegistrationIsCreatedOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, first := registered(t, s, 1)
		again, err := r.CreateRegistration(ctx, "another-id", request(1))
		must(t, err)
		if again.ID != first.ID {
			t.Errorf("a replayed request made %s beside %s", again.ID, first.ID)
		}
		changed := request(1)
		changed.Digest = sum("other")
		_, err = r.CreateRegistration(ctx, "x", changed)
		wantCode(t, err, problem.Conflict)

		_, second := registered(t, s, 2)
		if second.SubjectID != first.SubjectID {
			t.Error("one person is two subjects")
		}
		person, err := r.Person(ctx, "r-1")
		must(t, err)
		wantEqual(t, "person", person, request(1).Person)
		consents, err := r.Consents(ctx, "r-1")
		must(t, err)
		wantEqual(t, "consents", consents, request(1).Consents)
		list, err := r.Registrations(ctx, registration.Filter{IDNumber: citizen})
		must(t, err)
		if len(list) != 2 {
			t.Errorf("%d registrations of the citizen", len(list))
		}
		_, err = r.Registration(ctx, "none")
		wantCode(t, err, problem.NotFound)
	})
}

func TestHandoffTokenWorksOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, _ := registered(t, s, 1)
		_, err := r.ResolveHandoff(ctx, "stranger", minute(3))
		wantCode(t, err, problem.NotFound)
		id, err := r.ResolveHandoff(ctx, "token-1", minute(3))
		if err != nil || id != "r-1" {
			t.Fatalf("%q, %v", id, err)
		}
		_, err = r.ResolveHandoff(ctx, "token-1", minute(4))
		wantCode(t, err, problem.HandoffUsed)
		registered(t, s, 2)
		_, err = r.ResolveHandoff(ctx, "token-2", minute(1000))
		wantCode(t, err, problem.DeadlinePassed)
	})
}

func TestRegistrationMoves(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, _ := registered(t, s, 1)
		move := func(seq int, to registration.Status) error {
			return r.Move(ctx, "r-1", registration.Transition{Seq: seq, Status: to, At: minute(seq), Detail: "why"})
		}
		twice(t, func() error { return move(1, registration.StatusHandedOff) })
		wantCode(t, move(1, registration.StatusClosing), problem.Conflict)
		wantCode(t, move(3, registration.StatusClosing), problem.Conflict)
		wantCode(t, move(2, registration.StatusActive), problem.Conflict)
		must(t, move(2, registration.StatusClosing))
		must(t, move(3, registration.StatusExpired))
		one, err := r.Registration(ctx, "r-1")
		must(t, err)
		if one.Status != registration.StatusExpired || one.Seq != 3 || one.Reason != "why" {
			t.Errorf("%+v", one)
		}
		list, err := r.Transitions(ctx, "r-1", 1)
		if err != nil || len(list) != 2 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestFactsChangeTogether(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r, _ := registered(t, s, 1)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if err := r.Change(t.Context(), "r-1", func(one *registration.Registration) error { one.Reviews++; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		must(t, r.Change(t.Context(), "r-1", func(one *registration.Registration) error {
			one.Issued = &registration.Issued{KeyID: "k", Certificate: []byte("certificate of Ánh")}
			return nil
		}))
		one, err := r.Registration(t.Context(), "r-1")
		must(t, err)
		if one.Reviews != 20 || string(one.Issued.Certificate) != "certificate of Ánh" {
			t.Errorf("%d changes kept, certificate %q", one.Reviews, one.Issued.Certificate)
		}
	})
}

func saveCode(t *testing.T, r store.Registrations, id string) {
	t.Helper()
	must(t, r.SaveCode(t.Context(), registration.Code{ID: id, RegistrationID: "r-1", Purpose: registration.PurposeContract, Phone: "+84901234567",
		Binding: "digest", CreatedAt: minute(10), ExpiresAt: minute(15)}, "012345"))
}

// Of a hundred who know the code at once, one is taken; of a hundred wrong tries, five are counted.
func TestCodeIsAcceptedOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r, _ := registered(t, s, 1)
		try := func(digits string) map[problem.Code]int {
			var mu sync.Mutex
			var group sync.WaitGroup
			answers := map[problem.Code]int{}
			for range 100 {
				group.Go(func() {
					_, err := r.UseCode(t.Context(), "r-1", registration.PurposeContract, "digest", digits, minute(11))
					mu.Lock()
					answers[problem.CodeOf(err)]++
					mu.Unlock()
				})
			}
			group.Wait()
			return answers
		}
		saveCode(t, r, "c-1")
		wantEqual(t, "right tries", try("012345"), map[problem.Code]int{"": 1, problem.OTPExpired: 99})
		saveCode(t, r, "c-2")
		wantEqual(t, "wrong tries", try("999999"), map[problem.Code]int{problem.OTPWrong: 4, problem.OTPLocked: 96})
		code, err := r.Code(t.Context(), "c-2")
		if err != nil || code.Attempts != 5 {
			t.Errorf("%d tries counted, %v", code.Attempts, err)
		}
	})
}

func TestCodeIsBoundToWhatItIsFor(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, _ := registered(t, s, 1)
		use := func(purpose registration.Purpose, binding string, now time.Time) error {
			_, err := r.UseCode(ctx, "r-1", purpose, binding, "012345", now)
			return err
		}
		wantCode(t, use(registration.PurposeContract, "digest", minute(11)), problem.OTPExpired)
		saveCode(t, r, "c-1")
		wantCode(t, use(registration.PurposeActivation, "digest", minute(11)), problem.OTPExpired)
		wantCode(t, use(registration.PurposeContract, "another contract", minute(11)), problem.OTPExpired)
		wantCode(t, use(registration.PurposeContract, "digest", minute(15)), problem.OTPExpired)
		phone, digits, err := r.CodeToSend(ctx, "c-1")
		if err != nil || phone != "+84901234567" || digits != "012345" {
			t.Errorf("to send: %q, %q, %v", phone, digits, err)
		}
		twice(t, func() error { return r.MarkCodeSent(ctx, "c-1", minute(10)) })
		_, _, err = r.CodeToSend(ctx, "c-1")
		wantCode(t, err, problem.Conflict)
		must(t, use(registration.PurposeContract, "digest", minute(11)))
		n, err := r.CountCodes(ctx, "+84901234567", registration.PurposeContract, minute(0))
		if err != nil || n != 1 {
			t.Errorf("%d codes counted, %v", n, err)
		}
	})
}

func TestPaymentsAreDecidedOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, _ := registered(t, s, 1)
		for i := 1; i <= 2; i++ {
			p := registration.Payment{TxnRef: fmt.Sprint("T", i), RegistrationID: "r-1", Attempt: i, AmountVND: 300_000, CreatedAt: minute(3), ExpiresAt: minute(18)}
			twice(t, func() error { return r.CreatePayment(ctx, p) })
		}
		const paid, open, failed = registration.PaymentCaptured, registration.PaymentPending, registration.PaymentFailed
		notice := func(ref string, says registration.PaymentStatus, amount int64) (registration.PaymentStatus, bool, error) {
			p, fresh, err := r.ApplyNotice(ctx, registration.PaymentNotice{TxnRef: ref, AmountVND: amount, Transaction: "14", Status: says, At: minute(4)})
			return p.Status, fresh, err
		}
		_, _, err := notice("none", paid, 300_000)
		wantCode(t, err, problem.NotFound)
		_, _, err = notice("T1", paid, 30_000)
		wantCode(t, err, problem.Invalid)
		for i, c := range []struct {
			says, want registration.PaymentStatus
			fresh      bool
		}{
			{open, open, false}, {failed, failed, true}, {failed, failed, false}, {paid, paid, true}, {paid, paid, false}, {failed, paid, false},
		} {
			got, fresh, err := notice("T1", c.says, 300_000)
			if err != nil || got != c.want || fresh != c.fresh {
				t.Errorf("notice %d: %s, fresh %v, %v", i, got, fresh, err)
			}
		}
		twice(t, func() error { return r.MarkRefund(ctx, "T1", "RF1", time.Time{}) })
		must(t, r.MarkRefund(ctx, "T1", "RF2", time.Time{}))
		twice(t, func() error { return r.MarkRefund(ctx, "T1", "RF1", minute(5)) })
		list, err := r.Payments(ctx, "r-1")
		must(t, err)
		if len(list) != 2 || list[0].RefundID != "RF1" || list[0].Status != registration.PaymentRefunded || list[1].Status != registration.PaymentPending {
			t.Errorf("%+v", list)
		}
	})
}

func TestAuditChainAndIncidents(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, _ := registered(t, s, 1)
		in := process.Incident{ProcessID: "r-1", Attention: process.Attention{IncidentID: "i-1", Step: "issue", Reason: "provider-refused", Since: minute(3), Attempts: 1}}
		twice(t, func() error { return r.OpenRegistrationIncident(ctx, in) })
		one, err := r.Registration(ctx, "r-1")
		if err != nil || one.Attention.Step != "issue" {
			t.Errorf("attention %+v, %v", one.Attention, err)
		}
		in.ClosedAt, in.Action, in.Actor = minute(4).UTC(), "retry", "ops-1"
		twice(t, func() error { return r.CloseRegistrationIncident(ctx, in) })
		open, err := r.Parked().List(ctx, incident.Filter{})
		if err != nil || len(open) != 0 {
			t.Errorf("%v, %v", open, err)
		}
		review := registration.Review{ID: "v-1", Decision: registration.DecisionAsk, Fields: []string{"address"}, Officer: "o-1", At: minute(5)}
		twice(t, func() error {
			return r.SaveReview(ctx, "r-1", registration.Round{}, review, "Xin bổ sung", "nội bộ")
		})
		public, internal, err := r.ReviewNotes(ctx, "v-1")
		if err != nil || public != "Xin bổ sung" || internal != "nội bộ" {
			t.Errorf("%q, %q, %v", public, internal, err)
		}
		twice(t, func() error {
			return r.Correct(ctx, "r-1", registration.Round{}, "k-1", "citizen", map[string]string{"address": "Số 20"})
		})
		wantCode(t, r.Correct(ctx, "r-1", registration.Round{}, "k-2", "citizen", map[string]string{"full_name": "X"}), problem.Invalid)

		entries, err := storetest.Chained(ctx, r.Store().AuditLog(), 0, 100)
		must(t, err)
		must(t, registration.VerifyAudit(registration.FirstPrev, 0, entries))
		if entries[0].Kind != "consent" || entries[1].Kind != "consent" || len(entries) < 6 {
			t.Errorf("%+v", entries)
		}
		_, err = s.DB().ExecContext(ctx, `UPDATE audit SET actor = 'somebody else' WHERE seq = 2`)
		must(t, err)
		entries, err = storetest.Chained(ctx, r.Store().AuditLog(), 0, 100)
		must(t, err)
		wantCode(t, registration.VerifyAudit(registration.FirstPrev, 0, entries), problem.VerificationFailed)
	})
}

func TestErasingASubject(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, one := registered(t, s, 1)
		acc := registration.Account{ID: "a-1", SubjectID: one.SubjectID, Phone: "+84901234567", Email: "anh@example.vn", PasswordHash: "$argon2id$x", CreatedAt: minute(3).UTC()}
		twice(t, func() error { return r.SaveAccount(ctx, acc) })
		got, err := r.AccountByPhone(ctx, acc.Phone)
		must(t, err)
		wantEqual(t, "account", got, acc)
		other := acc
		other.ID = "a-2"
		wantCode(t, r.SaveAccount(ctx, other), problem.Conflict)

		_, err = r.EraseSubject(ctx, one.SubjectID, "ops-1", minute(6), 5)
		wantCode(t, err, problem.Conflict) // it runs
		for range 2 {
			eraseEnded(t, r, one.SubjectID, minute(6))
		}
		_, err = r.Person(ctx, "r-1")
		wantCode(t, err, problem.Erased)
		_, err = r.AccountByPhone(ctx, acc.Phone)
		wantCode(t, err, problem.NotFound)
		if _, err := r.Registration(ctx, "r-1"); err != nil {
			t.Errorf("the registration itself: %v", err)
		}
		_, again := registered(t, s, 2)
		if again.SubjectID == one.SubjectID {
			t.Error("an erased subject came back")
		}
	})
}

// No personal data stands in any column in clear.
func TestNoPersonInTheRegistrationTables(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		r, one := registered(t, s, 1)
		must(t, r.SaveAccount(ctx, registration.Account{ID: "a-1", SubjectID: one.SubjectID, Phone: "+84901234567", Email: "anh@example.vn", PasswordHash: "$argon2id$x", CreatedAt: minute(3)}))
		saveCode(t, r, "c-1")
		for _, table := range []string{"subjects", "registrations", "consents", "codes", "accounts", "audit"} {
			rows, err := s.DB().QueryContext(ctx, `SELECT * FROM `+table) //nolint:unqueryvet // all that there is
			must(t, err)
			columns, err := rows.Columns()
			must(t, err)
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				must(t, rows.Scan(values...))
				for i, v := range values {
					text := fmt.Sprintf("%s", *v.(*any))
					for _, canary := range []string{citizen, "Ngọc", "901234567", "anh@example", "012345", "token-1", "argon2id"} {
						if strings.Contains(text, canary) {
							t.Errorf("%s.%s holds %q", table, columns[i], canary)
						}
					}
				}
			}
			must(t, errors.Join(rows.Err(), rows.Close()))
		}
	})
}
