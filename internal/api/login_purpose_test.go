package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"kyso/internal/problem"
)

// A code sent to the other door is not there, and is still good at its own.
func TestACodeServesItsPurposeOnly(t *testing.T) {
	p := newPeople(t)
	p.registered("r-1", citizenNumber, citizenPhone, citizenPhone)
	cookie := p.guest()
	for own, other := range map[string]string{"/v1/login": "/v1/password-reset", "/v1/password-reset": "/v1/login"} {
		p.pass(time.Hour)
		id, digits := p.challenge(cookie, own+"/code", citizenPhone)
		request := fmt.Sprintf(`{"login_id":%q,"code":%q,"password":%q}`, id, digits, rightPassword)
		for range 6 {
			p.wantProblem(p.post(other, request, as(cookie)...), http.StatusNotFound, problem.NotFound)
		}
		if got := p.post(own, request, as(cookie)...); got.status >= http.StatusMultipleChoices {
			t.Errorf("%s after %s: %d %s", own, other, got.status, got.body)
		}
		cookie = p.guest()
	}
}
