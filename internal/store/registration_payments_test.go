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
)

func newPayment(registrationID string, attempt int) registration.Payment {
	return registration.Payment{TxnRef: fmt.Sprintf("KS%02d", attempt), RegistrationID: registrationID, Attempt: attempt, AmountVND: 300_000,
		Status: registration.PaymentPending, CreatedAt: minute(attempt).UTC(), ExpiresAt: minute(attempt + 15).UTC()}
}

func notice(attempt int, response, status string) registration.PaymentNotice {
	return registration.PaymentNotice{TxnRef: fmt.Sprintf("KS%02d", attempt), AmountVND: 300_000, TransactionNo: fmt.Sprintf("144225%02d", attempt),
		ResponseCode: response, TransactionStatus: status, At: minute(20)}
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
		paid, open, checking, failed := [2]string{"00", "00"}, [2]string{"00", "01"}, [2]string{"07", "00"}, [2]string{"24", "02"}
		type step struct {
			codes [2]string
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
				got, isFresh, err := r.ApplyNotice(ctx, notice(i+1, s.codes[0], s.codes[1]))
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
		want.Status, want.TransactionNo, want.ResponseCode, want.BankStatus, want.DecidedAt = registration.PaymentCaptured, "14422501", "00", "00", minute(20).UTC()
		wantEqual(t, "captured", p, want)
		cheap := notice(1, "00", "00")
		cheap.AmountVND = 3_000
		_, _, err = r.ApplyNotice(ctx, cheap)
		wantCode(t, err, problem.Invalid)
		_, _, err = r.ApplyNotice(ctx, notice(77, "00", "00"))
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
			_, first, err := r.ApplyNotice(t.Context(), notice(1, "00", "00"))
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
		_, _, err := r.ApplyNotice(ctx, notice(1, "00", "00"))
		must(t, err)
		twice(t, func() error { return r.MarkRefund(ctx, "KS01", "RF1", time.Time{}) })
		must(t, r.MarkRefund(ctx, "KS01", "RF2", time.Time{}))
		wantRefund(registration.PaymentCaptured, time.Time{})
		twice(t, func() error { return r.MarkRefund(ctx, "KS01", "RF1", minute(40)) })
		must(t, r.MarkRefund(ctx, "KS01", "RF2", minute(41)))
		must(t, r.MarkRefund(ctx, "KS01", "RF2", time.Time{}))
		wantRefund(registration.PaymentRefunded, minute(40))
		p, fresh, err := r.ApplyNotice(ctx, notice(1, "00", "00"))
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
			n := notice(attempt, "00", "00")
			n.TransactionNo = number
			return n
		}
		apply := func(n registration.PaymentNotice, want registration.PaymentStatus, wantFresh bool) {
			t.Helper()
			p, fresh, err := r.ApplyNotice(ctx, n)
			must(t, err)
			if p.Status != want || fresh != wantFresh || p.Claimed() != (want == registration.PaymentReview && p.TransactionNo != "") {
				t.Errorf("%s with %s: %s, fresh %v, claimed %v", n.TxnRef, n.TransactionNo, p.Status, fresh, p.Claimed())
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

		_, _, err := r.ApplyNotice(ctx, notice(3, "24", "02"))
		must(t, err)
		apply(paid(3, "900001"), registration.PaymentReview, true) // also when it had failed

		must(t, r.MarkRefund(ctx, "KS01", "RF1", minute(30)))
		apply(paid(4, "900001"), registration.PaymentReview, true) // what was given back pays nothing else

		// A number that is none pays nothing, until VNPay names one.
		apply(paid(5, "0"), registration.PaymentReview, true)
		apply(paid(6, ""), registration.PaymentReview, true)
		apply(paid(7, "000"), registration.PaymentReview, true)
		apply(paid(7, "000"), registration.PaymentReview, false)
		apply(paid(7, "0900003"), registration.PaymentCaptured, true)

		// Another spelling of a number is the same number.
		apply(paid(8, "0900001"), registration.PaymentReview, true)
		apply(paid(8, "900003"), registration.PaymentReview, false)
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
				n := notice(attempt, "00", "00")
				n.TransactionNo = "900009"
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
			must(t, r.CreatePayment(ctx, p))
			_, err := s.DB().ExecContext(ctx, `UPDATE payments SET status = 'captured', transaction_no = $1 WHERE txn_ref = $2`, number, p.TxnRef)
			must(t, err)
			if number != "" {
				_, err = s.DB().ExecContext(ctx, `INSERT INTO payment_transactions (transaction_no, txn_ref) VALUES ($1, $2)`, number, p.TxnRef)
				must(t, err)
			}
		}
		first, err := r.Payment(ctx, newPayment("r", 1).TxnRef)
		must(t, err)
		wantEqual(t, "read before the migration", first.TransactionNo, "900001")

		must(t, s.Migrate(ctx))
		var kept string
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) || ' ' || MIN(transaction_no) || ' ' || MAX(transaction_no) FROM payment_transactions`).Scan(&kept))
		wantEqual(t, "transactions", kept, "2 900001 900003")
		var odd int
		must(t, s.DB().QueryRowContext(ctx, `SELECT COUNT(*) FROM payments WHERE transaction_no LIKE '0%'`).Scan(&odd))
		wantEqual(t, "payments with a leading zero", odd, 0)

		later := newPayment("r", 9)
		must(t, r.CreatePayment(ctx, later))
		n := notice(9, "00", "00")
		n.TransactionNo = "900001"
		p, _, err := r.ApplyNotice(ctx, n)
		must(t, err)
		wantEqual(t, "the second order of one transaction", p.Status, registration.PaymentReview)
	})
}
