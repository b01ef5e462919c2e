package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// TestOwnersSeeThatSomethingIsParked: on every answer an owner sees the state and what it may do, and nothing of what failed;
// an operator sees all of it.
func TestOwnersSeeThatSomethingIsParked(t *testing.T) {
	s := newSurface(t)
	owner := bearer(s.key("team-owner", access.Signings, access.Registrations))("")
	s.as = append(slices.Clone(owner), "X-Owner", "team-owner")
	signingID, _ := s.signingFor("")
	must(t, s.store.OpenIncident(t.Context(), process.Incident{ProcessID: signingID, Attention: process.Attention{IncidentID: "secret-incident", Step: "timestamp",
		Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "tsa", Since: time.Now(), Attempts: 7}}))
	registrationID, _ := s.registrationFor("POST /v1/registrations/{id}/withdraw")
	s.records.set(registrationID, func(r *registration.Registration) {
		r.Status = registration.StatusIssuing
		r.Attention = process.Attention{IncidentID: "secret-incident", Step: "timestamp", Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "tsa", Since: time.Now(), Attempts: 7}
	})
	operator := bearer(s.key("op-1", access.Operator))("")
	for path, act := range map[string]string{"/v1/signings/" + signingID: "cancel", "/v1/signings": "cancel", "/v1/registrations/" + registrationID: "withdraw", "/v1/registrations": "withdraw"} {
		got := s.get(path, owner...)
		wantStatus(t, got, http.StatusOK)
		var one struct {
			Attention *api.AttentionBody
			Items     []struct{ Attention *api.AttentionBody }
		}
		must(t, json.Unmarshal(got.body, &one))
		if len(one.Items) > 0 {
			one.Attention = one.Items[0].Attention
		}
		if one.Attention == nil || !slices.Equal(one.Attention.Actions, []string{act}) || one.Attention.Title == "" || one.Attention.Since.IsZero() {
			t.Errorf("%s: the owner sees %s", path, got.body)
		}
		for _, inside := range []string{"secret-incident", "timestamp", "answered 503", "tsa", "provider-unavailable", `"attempts"`} {
			if strings.Contains(string(got.body), inside) {
				t.Errorf("%s tells the owner %q: %s", path, inside, got.body)
			}
			if seen := s.get(path, operator...); !strings.Contains(string(seen.body), inside) {
				t.Errorf("%s does not tell the operator %q: %s", path, inside, seen.body)
			}
		}
	}
	wantStatus(t, s.post("/v1/signings/"+signingID+"/cancel", `{}`, owner...), http.StatusOK)
	wantStatus(t, s.post("/v1/registrations/"+registrationID+"/withdraw", `{}`, owner...), http.StatusOK)
}
