package process_test

import (
	"slices"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

func TestEveryStatusIsReachedAndEnds(t *testing.T) {
	checkTable(t, signing.Table, signing.StatusSigned, signing.StatusDeclined, signing.StatusExpired, signing.StatusCancelled, signing.StatusRefused)
	checkTable(t, registration.Table, registration.StatusActive, registration.StatusRefused, registration.StatusIneligible,
		registration.StatusWithdrawn, registration.StatusExpired, registration.StatusCancelled)
}

// checkTable walks a table from its first row. A status that has no row of its own would be final and missing in Statuses.
func checkTable[S ~string](t *testing.T, table process.Table[S], final ...S) {
	t.Helper()
	all := table.Statuses()
	reached := []S{all[0]}
	for _, row := range table.Rows {
		for _, to := range row.To {
			if !slices.Contains(all, to) {
				t.Errorf("%s: %s has no row", table.Kind, to)
			}
			if !slices.Contains(reached, row.From) {
				t.Errorf("%s: %s comes before it is reached", table.Kind, row.From)
			}
			reached = append(reached, to)
		}
		if table.Final(row.From) != slices.Contains(final, row.From) {
			t.Errorf("%s: %s is final: %v", table.Kind, row.From, table.Final(row.From))
		}
	}
	for n, status := range all {
		if !slices.Contains(reached, status) {
			t.Errorf("%s: %s cannot be reached", table.Kind, status)
		}
		if slices.Index(all, status) != n {
			t.Errorf("%s: %s has two rows", table.Kind, status)
		}
	}
}

func TestNothingFollowsAFinalStatus(t *testing.T) {
	for _, from := range signing.Statuses() {
		for _, to := range signing.Statuses() {
			err := from.Check(to)
			if from.Final() && err == nil {
				t.Errorf("%s may become %s", from, to)
			}
			if err != nil && problem.CodeOf(err) != problem.Conflict {
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
	}
	err := registration.StatusActive.Check(registration.StatusClosing)
	if want := "conflict: a registration that is active cannot become closing"; err == nil || problem.CodeOf(err) != problem.Conflict || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// An attention keeps its reason after its incident was closed.
func TestAnIncidentIsOpenUntilItIsClosed(t *testing.T) {
	i := process.Incident{Attention: process.Attention{Reason: string(problem.ProviderUnavailable)}}
	if !i.Open() {
		t.Error("it is closed from the start")
	}
	i.ClosedAt = time.Unix(1, 0)
	if i.Open() || !i.Attention.Open() {
		t.Errorf("open: %v, attention: %v", i.Open(), i.Attention.Open())
	}
}
