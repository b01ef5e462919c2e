package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"kyso/internal/problem"
	"kyso/internal/store"
)

// TestASerialNumberIsTakenOnce: of two that race for a number of one issuer one has it, again and again.
func TestASerialNumberIsTakenOnce(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		var won atomic.Int32
		var racing sync.WaitGroup
		for i := range 8 {
			racing.Go(func() {
				id := fmt.Sprintf("registration-%d", i)
				err := r.TakeSerial(t.Context(), "issuer", "5401", id)
				if err == nil {
					won.Add(1)
					err = r.TakeSerial(t.Context(), "issuer", "5401", id)
				} else if problem.CodeOf(err) == problem.Conflict {
					err = nil
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		racing.Wait()
		if won.Load() != 1 {
			t.Errorf("%d registrations have the number", won.Load())
		}
		must(t, r.TakeSerial(t.Context(), "another issuer", "5401", "registration-9"))
		must(t, r.TakeSerial(t.Context(), "issuer", "5402", "registration-9"))
	})
}
