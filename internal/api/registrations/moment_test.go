package registrations

import (
	"testing"

	"kyso/internal/registration"
)

// TestOneMoment: status and transitions are read one after the other; what came between does not show.
func TestOneMoment(t *testing.T) {
	path := []registration.Transition{{Seq: 1, Status: registration.StatusInReview}, {Seq: 2, Status: registration.StatusNeedsMore},
		{Seq: 3, Status: registration.StatusInReview}, {Seq: 4, Status: registration.StatusIssuing}, {Seq: 5, Status: registration.StatusActivating}}
	for status, want := range map[registration.Status]int{
		registration.StatusActivating: 5, registration.StatusIssuing: 4, registration.StatusInReview: 3, registration.StatusNeedsMore: 2, registration.StatusActive: 5,
	} {
		if got := len(asOf(status, path)); got != want {
			t.Errorf("%s: %d transitions, want %d", status, got, want)
		}
	}
}
