package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
)

// A maker of keys revokes those that it could have made, and locks out nobody else.
func TestKeysRevokeWhatTheirMakerMadeOrOwns(t *testing.T) {
	b := newBench(t)
	ids := map[string]string{}
	create := func(owner, scope string, as ...string) string {
		var made api.KeyBody
		got := b.post("/v1/keys", fmt.Sprintf(`{"owner":%q,"scopes":[%q],"days":1}`, owner, scope), as...)
		wantStatus(t, got, http.StatusCreated)
		got.into(t, &made)
		ids[owner] = made.ID
		return made.Secret
	}
	revoke := func(id string, as ...string) answer { return b.do(http.MethodDelete, "/v1/keys/"+id, "", as...) }
	keeper := bearer(create("keeper", "keys"))("")
	own := ids["keeper"]
	operator := bearer(create("op-1", "operator"))("")
	create("officer-1", "officer")
	create("made", "keys", keeper...)
	create("shared", "keys", keeper...)
	create("shared", "operator") // the administrator's
	for _, owner := range []string{"op-1", "officer-1", "shared"} {
		b.wantProblem(revoke(ids[owner], keeper...), http.StatusForbidden, problem.Denied)
	}
	wantStatus(t, b.get("/v1/signings", operator...), http.StatusOK)
	b.wantProblem(revoke("key-none", keeper...), http.StatusNotFound, problem.NotFound)
	wantStatus(t, revoke(ids["made"], keeper...), http.StatusNoContent)
	wantStatus(t, revoke(ids["op-1"]), http.StatusNoContent)
	b.wantProblem(b.get("/v1/signings", operator...), http.StatusUnauthorized, problem.Unauthenticated)
	wantStatus(t, revoke(own, keeper...), http.StatusNoContent)
}

// No key's owner has a name by which the audit log says who acts without a key.
func TestKeysHaveNoReservedOwners(t *testing.T) {
	b := newBench(t, func(o *api.Options) { o.Parties = []string{"vnpay"} })
	for _, name := range append(api.ActorNames(), "vnpay") {
		for _, owner := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			got := b.post("/v1/keys", fmt.Sprintf(`{"owner":%q,"scopes":["signings"],"days":1}`, owner))
			var p api.Problem
			_ = json.Unmarshal(got.body, &p) // then it names no field
			if got.status != http.StatusUnprocessableEntity || !slices.ContainsFunc(p.Errors, func(f api.FieldError) bool { return f.Location == "body.owner" }) {
				t.Errorf("owner %q: %d %s", owner, got.status, got.body)
			}
		}
	}
	b.key("kyso-team", access.Signings) // a name that only begins with one
}

// TestADefaultNeedsNotBeGiven: what the description says a field is when it is left out, it is.
func TestADefaultNeedsNotBeGiven(t *testing.T) {
	s := newSurface(t)
	var spec struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]struct{ Default any }
			}
		}
	}
	s.get("/openapi.json").into(t, &spec)
	defaults := 0
	for name, schema := range spec.Components.Schemas {
		for property, p := range schema.Properties {
			if p.Default == nil {
				continue
			}
			defaults++
			if slices.Contains(schema.Required, property) {
				t.Errorf("%s.%s has the default %v, and is required", name, property, p.Default)
			}
		}
	}
	if defaults < 2 {
		t.Errorf("only %d defaults in bodies", defaults)
	}
	var made api.KeyBody
	s.post("/v1/keys", `{"owner":"team","scopes":["signings"]}`).into(t, &made)
	if days := made.ExpiresAt.Sub(made.CreatedAt).Hours() / 24; days < 89 || days > 91 {
		t.Errorf("a key without days is good for %.1f days", days)
	}
}
