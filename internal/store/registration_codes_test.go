package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
)

// newCode is good for five minutes from minute n.
func newCode(id, registrationID string, n int) registration.Code {
	return registration.Code{ID: id, RegistrationID: registrationID, Purpose: registration.PurposeContract, Phone: holder.Phone,
		Binding: sum("contract"), CreatedAt: minute(n).UTC(), ExpiresAt: minute(n + 5).UTC()}
}

func use(ctx context.Context, r store.Registrations, digits string, n int) error {
	_, err := r.UseCode(ctx, "r", registration.PurposeContract, sum("contract"), digits, minute(n))
	return err
}

// inParallel counts the answers of n callers at once.
func inParallel(n int, act func(i int) error) map[problem.Code]int {
	var mutex sync.Mutex
	var group sync.WaitGroup
	answers := map[problem.Code]int{}
	for i := range n {
		group.Go(func() {
			code := problem.CodeOf(act(i))
			mutex.Lock()
			defer mutex.Unlock()
			answers[code]++
		})
	}
	group.Wait()
	return answers
}

func TestLifeOfACode(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		want := newCode("c", "r", 0)
		twice(t, func() error { return r.SaveCode(ctx, want, "481516") })
		wantCode(t, r.SaveCode(ctx, want, "other digits"), problem.Conflict)
		must(t, r.MarkCodeSent(ctx, "c", minute(1)))
		must(t, r.MarkCodeSent(ctx, "c", minute(2)))
		want.SentAt = minute(1).UTC()
		got, err := r.Code(ctx, "c")
		must(t, err)
		wantEqual(t, "sent", got, want)

		wantCode(t, use(ctx, r, "000000", 3), problem.OTPWrong)
		want.UsedAt, want.Attempts = minute(4).UTC(), 1
		got, err = r.UseCode(ctx, "r", registration.PurposeContract, sum("contract"), "481516", minute(4))
		must(t, err)
		wantEqual(t, "used", got, want)
		wantCode(t, use(ctx, r, "481516", 4), problem.OTPExpired)
		got, err = r.LastCode(ctx, "r", registration.PurposeContract)
		must(t, err)
		wantEqual(t, "last", got, want)
		_, err = r.LastCode(ctx, "r", registration.PurposeAccount)
		wantCode(t, err, problem.NotFound)
		entries := auditOf(t, r, "code-accepted")
		if len(entries) != 1 || entries[0].Object != "r" {
			t.Errorf("entries: %+v", entries)
		}
	})
}

func TestCodesAreSuperseded(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		must(t, r.SaveCode(ctx, newCode("z", "r", 0), "111111"))
		must(t, r.SaveCode(ctx, newCode("b", "r", 0), "222222")) // at the same moment, with a smaller id
		wantCode(t, use(ctx, r, "111111", 1), problem.OTPWrong)
		must(t, r.SaveCode(ctx, newCode("z", "r", 0), "111111")) // a late retry of the older one
		_, _, err := r.CodeToSend(ctx, "z")
		wantCode(t, err, problem.Conflict)
		must(t, use(ctx, r, "222222", 1))

		other := newCode("other purpose", "r", 6)
		other.Purpose = registration.PurposeAccount
		must(t, r.SaveCode(ctx, other, "333333"))
		last, err := r.LastCode(ctx, "r", registration.PurposeContract)
		must(t, err)
		wantEqual(t, "newest contract code", last.ID, "b")
		for since, want := range map[int]int{-1: 3, 0: 1, 5: 1, 6: 0} {
			n, err := r.CountCodes(ctx, holder.Phone, "", minute(since))
			must(t, err)
			wantEqual(t, fmt.Sprint("codes since ", since), n, want)
		}
	})
}

func TestOnlyANewCodeEndsALock(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		ctx := t.Context()
		enrolled(t, r, "r")
		must(t, r.SaveCode(ctx, newCode("c", "r", 0), "481516"))
		answers := inParallel(3, func(int) error { return use(ctx, r, "000000", 1) })
		wantEqual(t, "answers of three", answers, map[problem.Code]int{problem.OTPWrong: 3})
		got, err := r.Code(ctx, "c")
		must(t, err)
		wantEqual(t, "attempts", got.Attempts, 3)
		wantCode(t, use(ctx, r, "000000", 1), problem.OTPWrong)
		for _, digits := range []string{"000000", "481516", "000000"} {
			wantCode(t, use(ctx, r, digits, 1), problem.OTPLocked)
		}
		wantCode(t, use(ctx, r, "481516", 60), problem.OTPLocked)
		got, err = r.Code(ctx, "c")
		must(t, err)
		wantEqual(t, "attempts in the end", got.Attempts, 5)
		must(t, r.SaveCode(ctx, newCode("c2", "r", 2), "231642"))
		must(t, use(ctx, r, "231642", 3))
	})
}

// TestRightAmongWrongTries mixes both: at most one is accepted, and every wrong answer was counted.
func TestRightAmongWrongTries(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		enrolled(t, r, "r")
		must(t, r.SaveCode(t.Context(), newCode("c", "r", 0), "481516"))
		answers := inParallel(40, func(i int) error { return use(t.Context(), r, []string{"481516", "000000"}[i%2], 1) })
		got, err := r.Code(t.Context(), "c")
		must(t, err)
		accepted, counted := 0, answers[problem.OTPWrong]
		if !got.UsedAt.IsZero() {
			accepted = 1
		} else {
			counted = 5
		}
		if answers[""] != accepted || got.Attempts != counted {
			t.Errorf("%v, %d attempts, used at %v", answers, got.Attempts, got.UsedAt)
		}
	})
}
