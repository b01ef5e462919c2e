package workflows

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"kyso/activities"
	"kyso/internal/process"
)

// TestEveryActivityIsGuarded holds what may be asked for against what a worker runs: a new activity is refused to everybody until
// it says whose it is.
func TestEveryActivityIsGuarded(t *testing.T) {
	var names []string
	for _, room := range []any{&activities.Signing{}, &activities.Registration{}, &activities.Webhook{}, &activities.Decisions{}} {
		for method := range reflect.TypeOf(room).Methods() {
			names = append(names, method.Name)
		}
	}
	slices.Sort(names)
	if known := slices.Sorted(maps.Keys(mayAsk)); !slices.Equal(names, known) {
		t.Errorf("a worker runs %v, guarded are %v", names, known)
	}
}

// TestAStrangerMayAskForNothing: no activity runs for a workflow of another kind, for one of another record, or for one whose id is
// right and whose kind is not.
func TestAStrangerMayAskForNothing(t *testing.T) {
	strangers := []asker{{}, {"Stranger", "stranger-1"}, {"Stranger", process.SigningWorkflowID("")}, {"Stranger", process.RegistrationWorkflowID("")},
		{"Signing", process.SigningWorkflowID("another")}, {"Archive", process.ArchiveWorkflowID("another")}, {"Refund", "another"}, {"Text", "another"}, {"Delivery", "another"}}
	for _, room := range []any{&activities.Signing{}, &activities.Registration{}, &activities.Webhook{}, &activities.Decisions{}} {
		for method := range reflect.TypeOf(room).Methods() {
			arg := reflect.Zero(method.Type.In(2)).Interface()
			if mayAsk[method.Name] == nil {
				continue // see above
			}
			for _, by := range strangers {
				if mayAsk[method.Name](by, arg) && (method.Name != "RecordRegistrationIncident" || by.kind != "Refund") {
					t.Errorf("%s runs for %+v", method.Name, by)
				}
				if by.kind != "Stranger" && by.kind != "" && mayAsk[method.Name](by, "a wrong argument") && method.Name != "SendCode" {
					t.Errorf("%s runs with a wrong argument", method.Name)
				}
			}
		}
	}
}
