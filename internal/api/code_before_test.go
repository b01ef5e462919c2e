package api_test

import (
	"net/http"
	"testing"

	"kyso/internal/registration"
	"kyso/workflows"
)

// Workers of the release before know no process that sends one code: they get the update that they know, with its decision.
func TestARegistrationOfTheReleaseBeforeSendsItsCodesItself(t *testing.T) {
	for _, before := range []bool{false, true} {
		d := newDesk(t)
		d.flows.before = before
		d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusHandedOff })
		wantStatus(t, d.post("/v1/registrations/r/code", `{"purpose":"account","phone":"0901234567"}`), http.StatusAccepted)
		if len(d.flows.acts) != 1 {
			t.Fatalf("told %+v", d.flows.acts)
		}
		if send, within := d.flows.acts[0].(workflows.SendCode); within != before || within && send.CodeID == "" {
			t.Errorf("begun before: %t; told %+v", before, d.flows.acts[0])
		}
	}
}
