package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/audit"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// What a citizen does with a registration or a signing, no officer, operator or keeper of keys does: whoever decides on a
// dossier would decide on what they wrote themselves. An operator cancels a signing under its own name.
func TestStaffDoNothingThatCitizensDo(t *testing.T) {
	found := 0
	for route, row := range matrix {
		method, path, _ := strings.Cut(route, " ")
		thing := strings.HasPrefix(path, "/v1/registrations/{id}") || strings.HasPrefix(path, "/v1/signings/{id}") || path == "/v1/hand-off"
		if !thing || method == http.MethodGet || row[1] != 'o' {
			continue
		}
		found++
		if want := "xxx"; row[4:] != want && route != "POST /v1/signings/{id}/cancel" {
			t.Errorf("%s: officer, operator and keeper get %s, want %s", route, row[4:], want)
		}
	}
	if found < 14 {
		t.Errorf("only %d routes are the citizens'", found)
	}
}

// A link hands over what its maker may do: nobody makes one to what others reach, with whatever scopes.
func TestLinksToRegistrationsComeFromWhomTheyBelongTo(t *testing.T) {
	s := newSurface(t)
	id, _ := s.registrationFor("POST /v1/registrations/{id}/correction")
	link := "/v1/registrations/" + id + "/resume-link"
	all := bearer(s.key("officer-9", access.Scopes()...))("")
	officer := bearer(s.key("officer-1", access.Officer))("")
	for _, status := range []registration.Status{registration.StatusHandedOff, registration.StatusInReview, registration.StatusNeedsMore} {
		s.records.set(id, func(r *registration.Registration) { r.Status = status })
		s.wantProblem(s.post(link, `{}`, all...), http.StatusNotFound, problem.NotFound)
		s.wantProblem(s.post(link, `{}`, officer...), http.StatusForbidden, problem.Denied)
	}
	for name, c := range map[string]struct {
		actor   string
		headers []string
	}{"its program": {s.owner, s.as}, "the administrator": {"admin", nil}} {
		before := len(s.entries())
		var made api.LinkBody
		got := s.post(link, `{}`, c.headers...)
		wantStatus(t, got, http.StatusOK)
		got.into(t, &made)
		if !slices.ContainsFunc(s.entries()[before:], func(e audit.Entry) bool { return e.Kind == "link" && e.Object == id && e.Actor == c.actor }) {
			t.Errorf("%s makes a link: %+v", name, s.entries()[before:])
		}
		_, token, _ := strings.Cut(made.URL, "#")
		device := []string{"Authorization", "", "Cookie", s.guest()}
		s.wantProblem(s.post(link, `{}`, device...), http.StatusNotFound, problem.NotFound)
		wantStatus(t, s.post("/v1/resume", fmt.Sprintf(`{"token":%q}`, token), device...), http.StatusOK)
		wantStatus(t, s.post(link, `{}`, device...), http.StatusOK) // it goes on from there
	}
}
