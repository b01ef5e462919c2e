package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"kyso/internal/sandbox"
)

// TestOwnersGiveUpWhatIsParked parks a signing whose owner has approved and a registration that is being issued. A program with
// its own key sees that they are parked, without what failed, and gives both up through the command line.
func TestOwnersGiveUpWhatIsParked(t *testing.T) {
	w, c := sharedWorld(t)
	var key struct {
		Secret string `json:"secret"`
	}
	do(t, c.post(t.Context(), c.api+"/v1/keys", map[string]any{"owner": "team-parked", "scopes": []string{"signings", "registrations"}, "days": 1}, &key))
	owner := newClient(w.Addresses)
	owner.key = key.Secret
	starter := program(t, "kyso")
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), starter, args...)
		cmd.Env = append(os.Environ(), "KYSO_URL="+c.api, "KYSO_API_KEY="+key.Secret, "KYSO_LANG=en")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("starter %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	shows := func(kind, id, act string) {
		t.Helper()
		shown := command(kind, "show", id, "-o", "json")
		if !strings.Contains(shown, `"`+act+`"`) || strings.Contains(shown, `"incident_id"`) || strings.Contains(shown, `"message"`) {
			t.Errorf("the owner of a parked %s sees %s", kind, shown)
		}
		if table := command(kind, "show", id); !strings.Contains(table, "We are on it") {
			t.Errorf("the table of a parked %s:\n%s", kind, table)
		}
	}
	id := parkedSigning(t, w, owner, "ICA.079095042001")
	shows("signing", id, "cancel")
	command("signing", "cancel", id, "--reason", "no longer needed")
	if s := awaitFinal(t, owner, id); s.Status != "cancelled" {
		t.Errorf("the signing ended %s", s.Status)
	}
	const citizen = "001302042001"
	e := until(t, w, owner, citizen, "in-review")
	knobs(t, w, citizen, sandbox.Knobs{IssueFails: "refused"})
	do(t, c.post(t.Context(), c.api+"/v1/registrations/"+e.id+"/review", approval(), nil))
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r, err := e.view(t.Context())
		do(t, err)
		if r.Attention != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not parked but %s", r.Status)
		}
	}
	shows("registration", e.id, "withdraw")
	command("registration", "cancel", e.id, "--reason", "no longer needed")
	awaitRegistration(t, e, "withdrawn")
	if err := owner.do(t.Context(), http.MethodGet, c.api+"/v1/incidents", "", nil, nil); err == nil {
		t.Error("an owner reads the desk of operators")
	}
}
