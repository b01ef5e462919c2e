package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
)

func newPayment(registrationID string, attempt int) registration.Payment {
	return registration.Payment{TxnRef: fmt.Sprintf("KS%02d", attempt), RegistrationID: registrationID, Attempt: attempt, AmountVND: 300_000,
		Gateway: registration.FirstGateway, Status: registration.PaymentPending, CreatedAt: minute(attempt).UTC(), ExpiresAt: minute(attempt + 15).UTC()}
}

func notice(attempt int, status registration.PaymentStatus) registration.PaymentNotice {
	number := fmt.Sprintf("144225%02d", attempt)
	return registration.PaymentNotice{TxnRef: fmt.Sprintf("KS%02d", attempt), AmountVND: 300_000, Transaction: number, Reference: registration.Reference(number),
		Status: status, Said: "said " + string(status), At: minute(20)}
}

func TestPaymentsKeepTheirFirstRecord(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		one, two := newPayment("r", 1), newPayment("r", 2)
		twice(t, func() error { return r.CreatePayment(ctx, one) })
		retry := one
		retry.CreatedAt, retry.ExpiresAt = minute(7), minute(22) // draws new times
		must(t, r.CreatePayment(ctx, retry))
		must(t, r.CreatePayment(ctx, two))
		list, err := r.Payments(ctx, "r")
		must(t, err)
		wantEqual(t, "payments", list, []registration.Payment{one, two})

		other := one
		other.AmountVND = 1
		wantCode(t, r.CreatePayment(ctx, other), problem.Conflict)
		other = one
		other.TxnRef = "KSX"
		wantCode(t, r.CreatePayment(ctx, other), problem.Conflict)
		other.AmountVND = 0
		wantCode(t, r.CreatePayment(ctx, other), problem.Invalid)
		captured := newPayment("r", 9)
		captured.Status = registration.PaymentCaptured
		wantCode(t, r.CreatePayment(ctx, captured), problem.Invalid)
		wantEqual(t, "audited", len(auditOf(t, r, "payment")), 2)
	})
}

// TestNotices tells stories of payments that begin as pending.
func TestNotices(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		const paid, open, checking, failed = registration.PaymentCaptured, registration.PaymentPending, registration.PaymentReview, registration.PaymentFailed
		type step struct {
			says  registration.PaymentStatus
			fresh bool
			want  registration.PaymentStatus
		}
		stories := [][]step{
			{{open, false, "pending"}, {paid, true, "captured"}, {paid, false, "captured"}, {failed, false, "captured"}, {checking, false, "captured"}},
			{{failed, true, "failed"}, {failed, false, "failed"}, {checking, false, "failed"}, {open, false, "failed"}, {paid, true, "captured"}},
			{{checking, true, "review"}, {checking, false, "review"}, {open, false, "review"}, {paid, true, "captured"}},
			{{checking, true, "review"}, {failed, true, "failed"}, {paid, true, "captured"}, {failed, false, "captured"}},
		}
		fresh := 0
		for i, story := range stories {
			must(t, r.CreatePayment(ctx, newPayment("r", i+1)))
			for j, s := range story {
				got, isFresh, err := r.ApplyNotice(ctx, notice(i+1, s.says))
				must(t, err)
				if isFresh != s.fresh || got.Status != s.want || got.DecidedAt.IsZero() == got.Status.Decided() {
					t.Errorf("story %d, step %d: %s, fresh %v, decided at %v", i, j, got.Status, isFresh, got.DecidedAt)
				}
				if isFresh {
					fresh++
				}
				stored, err := r.Payment(ctx, got.TxnRef)
				must(t, err)
				wantEqual(t, "stored", stored, got)
			}
		}
		wantEqual(t, "audited", len(auditOf(t, r, "payment")), len(stories)+fresh)

		p, err := r.Payment(ctx, "KS01")
		must(t, err)
		want := newPayment("r", 1)
		want.Status, want.Reference, want.DecidedAt = registration.PaymentCaptured, "14422501", minute(20).UTC()
		wantEqual(t, "captured", p, want)
		cheap := notice(1, registration.PaymentCaptured)
		cheap.AmountVND = 3_000
		_, _, err = r.ApplyNotice(ctx, cheap)
		wantCode(t, err, problem.Invalid)
		_, _, err = r.ApplyNotice(ctx, notice(77, registration.PaymentCaptured))
		wantCode(t, err, problem.NotFound)
	})
}

func TestOneOfManyNoticesIsFresh(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r")
		made := inParallel(8, func(int) error { return r.CreatePayment(t.Context(), newPayment("r", 1)) })
		wantEqual(t, "creations", made, map[problem.Code]int{"": 8})
		var fresh atomic.Int32
		answers := inParallel(16, func(int) error {
			_, first, err := r.ApplyNotice(t.Context(), notice(1, registration.PaymentCaptured))
			if first {
				fresh.Add(1)
			}
			return err
		})
		wantEqual(t, "answers", answers, map[problem.Code]int{"": 16})
		wantEqual(t, "fresh notices", fresh.Load(), int32(1))
		wantEqual(t, "audited", len(auditOf(t, r, "payment")), 2)
	})
}

func TestRefundKeepsItsFirstID(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		must(t, r.CreatePayment(ctx, newPayment("r", 1)))
		wantCode(t, r.MarkRefund(ctx, "KS01", "RF1", time.Time{}), problem.Conflict) // nothing is paid
		wantRefund := func(status registration.PaymentStatus, at time.Time) {
			t.Helper()
			p, err := r.Payment(ctx, "KS01")
			must(t, err)
			if p.RefundID != "RF1" || p.Status != status || !p.RefundedAt.Equal(at) {
				t.Errorf("refund: %+v", p)
			}
		}
		_, _, err := r.ApplyNotice(ctx, notice(1, registration.PaymentCaptured))
		must(t, err)
		twice(t, func() error { return r.MarkRefund(ctx, "KS01", "RF1", time.Time{}) })
		must(t, r.MarkRefund(ctx, "KS01", "RF2", time.Time{}))
		wantRefund(registration.PaymentCaptured, time.Time{})
		twice(t, func() error { return r.MarkRefund(ctx, "KS01", "RF1", minute(40)) })
		must(t, r.MarkRefund(ctx, "KS01", "RF2", minute(41)))
		must(t, r.MarkRefund(ctx, "KS01", "RF2", time.Time{}))
		wantRefund(registration.PaymentRefunded, minute(40))
		p, fresh, err := r.ApplyNotice(ctx, notice(1, registration.PaymentCaptured))
		if err != nil || fresh || p.Status != registration.PaymentRefunded {
			t.Errorf("a notice after the refund: %+v, %v, %v", p, fresh, err)
		}
		wantEqual(t, "audited", len(auditOf(t, r, "refund")), 2)
	})
}

// One transaction of VNPay pays one attempt, in whatever order and however often its word comes.
func TestOneTransactionPaysOneAttempt(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		enrolled(t, r, "s")
		paid := func(attempt int, number string) registration.PaymentNotice {
			n := notice(attempt, registration.PaymentCaptured)
			n.Transaction = number
			return n
		}
		apply := func(n registration.PaymentNotice, want registration.PaymentStatus, wantFresh bool) {
			t.Helper()
			p, fresh, err := r.ApplyNotice(ctx, n)
			must(t, err)
			if p.Status != want || fresh != wantFresh || n.Claimed(p) != (want == registration.PaymentReview && n.Transaction != "") {
				t.Errorf("%s with %s: %s, fresh %v, claimed %v", n.TxnRef, n.Transaction, p.Status, fresh, n.Claimed(p))
			}
		}
		must(t, r.CreatePayment(ctx, newPayment("r", 1)))
		for attempt := 2; attempt <= 8; attempt++ {
			p := newPayment("s", attempt)
			must(t, r.CreatePayment(ctx, p))
		}
		apply(paid(1, "900001"), registration.PaymentCaptured, true)
		apply(paid(1, "900001"), registration.PaymentCaptured, false)
		apply(paid(2, "900001"), registration.PaymentReview, true) // another order
		apply(paid(2, "900001"), registration.PaymentReview, false)
		apply(paid(2, "900002"), registration.PaymentCaptured, true) // VNPay corrected itself

		_, _, err := r.ApplyNotice(ctx, notice(3, registration.PaymentFailed))
		must(t, err)
		apply(paid(3, "900001"), registration.PaymentReview, true) // also when it had failed

		must(t, r.MarkRefund(ctx, "KS01", "RF1", minute(30)))
		apply(paid(4, "900001"), registration.PaymentReview, true) // what was given back pays nothing else

		// What has no name pays nothing, until the gateway names it.
		apply(paid(5, ""), registration.PaymentReview, true)
		apply(paid(6, ""), registration.PaymentReview, true)
		apply(paid(6, ""), registration.PaymentReview, false)
		apply(paid(6, "900003"), registration.PaymentCaptured, true)
		apply(paid(7, "900003"), registration.PaymentReview, true)

		// A gateway's word counts for its own payments, and its transactions are not another's.
		other := newPayment("s", 9)
		other.Gateway = "other"
		must(t, r.CreatePayment(ctx, other))
		_, _, err = r.ApplyNotice(ctx, paid(9, "900001"))
		wantCode(t, err, problem.NotFound)
		foreign := paid(8, "900004")
		foreign.Gateway = "other"
		_, _, err = r.ApplyNotice(ctx, foreign)
		wantCode(t, err, problem.NotFound)
		own := paid(9, "900001")
		own.Gateway = "other"
		apply(own, registration.PaymentCaptured, true)
	})
}

// Of many that claim one transaction at once, one has it.
func TestOneTransactionInARace(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		for attempt := 1; attempt <= 8; attempt++ {
			must(t, r.CreatePayment(ctx, newPayment("r", attempt)))
		}
		var all sync.WaitGroup
		for attempt := 1; attempt <= 8; attempt++ {
			all.Go(func() {
				n := notice(attempt, registration.PaymentCaptured)
				n.Transaction = "900009"
				if _, _, err := r.ApplyNotice(ctx, n); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		list, err := r.Payments(ctx, "r")
		must(t, err)
		got := map[registration.PaymentStatus]int{}
		for _, p := range list {
			got[p.Status]++
		}
		if got[registration.PaymentCaptured] != 1 || got[registration.PaymentReview] != 7 {
			t.Errorf("the attempts are %v", got)
		}
	})
}

// TestNumbersOfEarlierReleasesAreRewritten: a release that kept VNPay's numbers as they came left 0900001 for 900001. It is the same
// transaction afterwards, and a number that is none owns nothing.
func TestNumbersOfEarlierReleasesAreRewritten(t *testing.T) {
	onBothEngines(t, func(t *testing.T, dsn string) {
		ctx, s := t.Context(), open(t, dsn, masterKey(t))
		must(t, s.Migrate(ctx))
		s.SetNow(func() time.Time { return minute(30) })
		r := s.Registrations()
		enrolled(t, r, "r")
		must(t, s.MigrateTo(ctx, 22))
		for attempt, number := range []string{"0900001", "000", "900003", "00900003", ""} {
			p := newPayment("r", attempt+1)
			paidAsBefore(t, s, p, number)
			var err error
			if number != "" {
				_, err = s.DB().ExecContext(ctx, `INSERT INTO payment_transactions (transaction_no, txn_ref) VALUES ($1, $2)`, number, p.TxnRef)
				must(t, err)
			}
		}
		must(t, s.Migrate(ctx))
		var kept string
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) || ' ' || MIN(transaction_no) || ' ' || MAX(transaction_no) FROM payment_transactions`).Scan(&kept))
		wantEqual(t, "transactions", kept, "2 900001 900003")
		var odd int
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM payments WHERE transaction_no LIKE '0%'`).Scan(&odd))
		wantEqual(t, "payments with a leading zero", odd, 0)

		first, err := r.Payment(ctx, newPayment("r", 1).TxnRef)
		must(t, err)
		wantEqual(t, "the reference of an earlier release", first.Reference, "900001")

		later := newPayment("r", 9)
		must(t, r.CreatePayment(ctx, later))
		n := notice(9, registration.PaymentCaptured)
		n.Transaction = "900001"
		p, _, err := r.ApplyNotice(ctx, n)
		must(t, err)
		wantEqual(t, "the second order of one transaction", p.Status, registration.PaymentReview)
	})
}

// paidAsBefore is what a program of a release before gateways writes: one that did not know the new columns.
func paidAsBefore(t *testing.T, s *store.Store, p registration.Payment, number string) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), `INSERT INTO payments (txn_ref, registration_id, attempt, amount_vnd, status, created_at, expires_at, transaction_no,
		response_code, bank_status, refund_id) VALUES ($1, $2, $3, $4, 'captured', $5, $6, $7, '00', '00', '')`,
		p.TxnRef, p.RegistrationID, p.Attempt, p.AmountVND, p.CreatedAt, p.ExpiresAt, number)
	must(t, err)
}

// A program of an earlier release and this one work on the same payments: each finds the other's transaction and what a refund is
// asked for with. What this one writes for the gateway is sealed.
func TestPaymentsBesideAnEarlierRelease(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		s.SetNow(func() time.Time { return minute(30) })
		ctx, db, r := t.Context(), s.DB(), s.Registrations()
		enrolled(t, r, "r")
		before := newPayment("r", 1)
		paidAsBefore(t, s, before, "900001")
		got, err := r.Payment(ctx, before.TxnRef)
		must(t, err)
		before.Status, before.Reference = registration.PaymentCaptured, "900001"
		got.DecidedAt = before.DecidedAt
		wantEqual(t, "written before", got, before)

		must(t, r.CreatePayment(ctx, newPayment("r", 2)))
		n := notice(2, registration.PaymentCaptured)
		n.Transaction = "900001"
		p, _, err := r.ApplyNotice(ctx, n)
		must(t, err)
		wantEqual(t, "the transaction of an earlier release", p.Status, registration.PaymentReview)

		n.Transaction, n.Reference = "900002", "secret-of-the-gateway"
		_, _, err = r.ApplyNotice(ctx, n)
		must(t, err)
		var number string
		var sealed []byte
		must(t, db.QueryRowContext(ctx, `SELECT transaction_no, reference FROM payments WHERE txn_ref = 'KS02'`).Scan(&number, &sealed))
		if number != "900002" || len(sealed) == 0 || strings.Contains(string(sealed), "secret") {
			t.Errorf("transaction %q, reference %q", number, sealed)
		}
		p, err = r.Payment(ctx, "KS02")
		must(t, err)
		wantEqual(t, "reference", p.Reference, "secret-of-the-gateway")
	})
}

// What a gateway gives when a payment is begun is kept until it decides.
func TestReferencesAreKept(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		p := newPayment("r", 1)
		p.Gateway = "other"
		must(t, r.CreatePayment(ctx, p))
		twice(t, func() error { return r.KeepReference(ctx, p.TxnRef, "session-1") })
		wantReference := func(want registration.Reference) {
			t.Helper()
			got, err := r.Payment(ctx, p.TxnRef)
			must(t, err)
			wantEqual(t, "reference", got.Reference, want)
		}
		wantReference("session-1")
		n := notice(1, registration.PaymentCaptured)
		n.Gateway, n.Reference = "other", ""
		_, _, err := r.ApplyNotice(ctx, n)
		must(t, err)
		wantReference("session-1")
		must(t, r.KeepReference(ctx, p.TxnRef, "session-2"))
		wantReference("session-1")
		wantCode(t, r.KeepReference(ctx, "KS77", "x"), problem.NotFound)
	})
}
