package store_test

import (
	"testing"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store"
)

// Each press of VNeID's button has a token of its own, each is good once, and one that was used says for what.
func TestFreshHandoffTokens(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		r := s.Registrations()
		one := enrolled(t, r, "r-1")
		other := newRequest("r-2")
		other.HandoffToken = "another-token"
		_, err := r.CreateRegistration(t.Context(), "r-2", other)
		must(t, err)
		fresh := func(request, token string) registration.Handoff {
			return registration.Handoff{RequestID: request, Token: token, At: minute(1).UTC(), ExpiresAt: minute(10).UTC()}
		}
		for range 2 {
			got, err := r.AddHandoff(t.Context(), fresh(one.RequestID, "token-2"))
			must(t, err)
			wantEqual(t, "registration", got.ID, one.ID)
		}
		_, err = r.AddHandoff(t.Context(), fresh(other.RequestID, "token-2"))
		wantCode(t, err, problem.Conflict)
		_, err = r.AddHandoff(t.Context(), fresh(other.RequestID, "token-r-1")) // the first of the other request
		wantCode(t, err, problem.Conflict)
		_, err = r.AddHandoff(t.Context(), fresh("nobody's", "token-3"))
		wantCode(t, err, problem.NotFound)
		must2 := func(id string, err error) {
			t.Helper()
			must(t, err)
			wantEqual(t, "registration", id, one.ID)
		}
		for _, token := range []string{"token-r-1", "token-2"} {
			must2(r.ResolveHandoff(t.Context(), token, minute(2)))
			id, err := r.ResolveHandoff(t.Context(), token, minute(3))
			wantCode(t, err, problem.HandoffUsed)
			wantEqual(t, "registration", id, one.ID)
		}
		_, err = r.AddHandoff(t.Context(), fresh(one.RequestID, "token-4"))
		must(t, err)
		_, err = r.ResolveHandoff(t.Context(), "token-4", minute(11))
		wantCode(t, err, problem.DeadlinePassed)
	})
}
