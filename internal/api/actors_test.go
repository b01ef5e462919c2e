package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
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
	"kyso/internal/storetest"
	"kyso/workflows"
)

// actorNames are the names of inputs that say who acts. otherNames are all other inputs: a new one fails the test until
// it stands in one of the two lists.
var (
	actorNames = []string{"actor", "officer"}
	otherNames = strings.Fields(`action after all_pages allow_cover allow_new_field assignee before certificate certify checks code days decision documents email empty_fields events failed field field_number fields fingerprint from height id internal_note invisible keep key level
		location lock_all login_id name owner page pages password phone place placement placements process provider public_note purpose reason scopes serial step text to token type url user width x y`)
)

// input is one value that an operation takes.
type input struct {
	operation, method, path string
	name, in                string // in is body or query
	body                    map[string]any
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]*schema
	Items      *schema
	Required   []string
	Enum       []any
	MinLength  int
	MaxLength  int
	MinItems   int
	Pattern    string
	Examples   []any
	Minimum    *float64
}

type description struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []struct{ Name, In string }
		RequestBody struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

func (d *description) resolve(s *schema) *schema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// names are those of every property of a body, however deep.
func (d *description) names(s *schema, into map[string]bool) {
	if s = d.resolve(s); s == nil {
		return
	}
	d.names(s.Items, into)
	for name, property := range s.Properties {
		if !into[name] {
			into[name] = true
			d.names(property, into)
		}
	}
}

// least is a body that the schema takes, with nothing that may be left out.
func (d *description) least(s *schema) any {
	s = d.resolve(s)
	switch {
	case s == nil:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Properties != nil:
		body := map[string]any{}
		for _, name := range s.Required {
			if name != "$schema" {
				body[name] = d.least(s.Properties[name])
			}
		}
		return body
	case s.Items != nil:
		return []any{d.least(s.Items)}
	case s.Type == "string":
		return strings.Repeat("x", max(1, s.MinLength))
	case s.Type == "integer":
		return 1
	}
	return nil
}

// inputs are all of every operation that changes something.
func inputs(t *testing.T, b *testBench) []input {
	t.Helper()
	var spec description
	b.get("/openapi.json").into(t, &spec)
	var all []input
	for path, methods := range spec.Paths {
		for method, op := range methods {
			if method == "get" {
				continue
			}
			one := input{operation: op.OperationID, method: strings.ToUpper(method), path: path}
			for _, p := range op.Parameters {
				if p.In == "query" {
					one.name, one.in = p.Name, p.In
					all = append(all, one)
				}
			}
			content, ok := op.RequestBody.Content["application/json"]
			if !ok {
				continue
			}
			names := map[string]bool{}
			spec.names(content.Schema, names)
			one.in = "body"
			one.body, _ = spec.least(content.Schema).(map[string]any)
			for name := range names {
				one.name = name
				all = append(all, one)
			}
		}
	}
	return all
}

// TestNobodyActsUnderAnotherName finds every input of every operation that names who acts, and shows that no key but the
// administrator's writes another name than its own there.
func TestNobodyActsUnderAnotherName(t *testing.T) {
	d := newDesk(t)
	const owner = "op-solo"
	as := bearer(d.key(owner, access.Officer, access.Operator, access.Signings, access.Registrations))("")
	d.records.set("r", func(r *registration.Registration) { r.Status = registration.StatusInReview })
	must(t, d.store.Access().Grant(t.Context(), owner, time.Now(), access.Object{Kind: access.Registration, ID: "r"}))
	found := 0
	for _, one := range inputs(t, d.testBench) {
		known := slices.Contains(actorNames, one.name)
		if !known && !slices.Contains(otherNames, one.name) {
			t.Errorf("%s takes %q: say in this test whether it names who acts", one.operation, one.name)
		}
		if !known {
			continue
		}
		found++
		for name, refused := range map[string]bool{"op-imaginary": true, "admin": true, "citizen": true, "guest": true, owner: false, "": false} {
			got := d.sendNamed(one, name, as)
			var p api.Problem
			_ = json.Unmarshal(got.body, &p) // not every answer is a problem
			location := one.in + "." + one.name
			named := slices.ContainsFunc(p.Errors, func(f api.FieldError) bool { return f.Location == location })
			if refused && (got.status != http.StatusUnprocessableEntity || !named) || !refused && named {
				t.Errorf("%s with %s %q: %d %s", one.operation, location, name, got.status, got.body)
			}
		}
		if got := d.sendNamed(one, "op-imaginary", nil); got.status == http.StatusUnprocessableEntity && strings.Contains(string(got.body), one.in+"."+one.name) {
			t.Errorf("%s: the administrator may not name another: %s", one.operation, got.body)
		}
	}
	if found < 8 {
		t.Fatalf("only %d inputs name who acts", found)
	}
}

// sendNamed sends an operation with a name in the input that says who acts; empty leaves it out.
func (d *desk) sendNamed(one input, name string, headers []string) answer {
	d.t.Helper()
	body, query := maps.Clone(one.body), ""
	switch {
	case name != "" && one.in == "query":
		query = "?" + one.name + "=" + name
	case name != "":
		body[one.name] = name
	}
	text, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.do(one.method, strings.ReplaceAll(one.path, "{id}", "r")+query, string(text), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// What the administrator does in another's name is in the audit log with both.
func TestTheAdministratorNamesAnother(t *testing.T) {
	d := newDesk(t)
	d.records.set("r", func(r *registration.Registration) {
		r.Status, r.Attention = registration.StatusIssuing, process.Attention{Step: workflows.StepPapers, Reason: "invalid", Since: time.Now()}
	})
	wantStatus(t, d.post("/v1/registrations/r/repair", `{"action":"retry","reason":"the CA is back","actor":"op-7"}`), http.StatusOK)
	if acts := d.flows.acts; len(acts) != 1 || acts[0] != any(process.Repair{Action: "retry", Actor: "op-7", Reason: "the CA is back"}) {
		t.Errorf("told %+v", acts)
	}
	log, err := storetest.Chained(t.Context(), d.store.AuditLog(), 0, 100)
	must(t, err)
	if !slices.ContainsFunc(log, func(e registration.AuditEntry) bool {
		return e.Kind == "decision" && e.Object == "r" && e.Actor == "op-7" && strings.HasSuffix(e.Detail, "authenticated: admin")
	}) {
		t.Errorf("the audit log says %+v", log)
	}
}

// A maker of keys hands out no more than it has: neither a scope nor the name of another.
func TestKeysHandOutWhatTheirMakerHas(t *testing.T) {
	b := newBench(t)
	keeper := bearer(b.key("keeper", access.Keys, access.Operator))("")
	b.key("op-other", access.Operator)
	create := func(owner, scope string, as []string) answer {
		return b.post("/v1/keys", fmt.Sprintf(`{"owner":%q,"scopes":[%q],"days":1}`, owner, scope), as...)
	}
	for _, scope := range access.Scopes() {
		got := create("helper", string(scope), keeper)
		if scope == access.Keys || scope == access.Operator {
			wantStatus(t, got, http.StatusCreated)
		} else if b.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid); !strings.Contains(string(got.body), "body.scopes[0]") {
			t.Errorf("%s: %s", scope, got.body)
		}
	}
	wantStatus(t, create("keeper", "operator", keeper), http.StatusCreated)
	got := create("op-other", "operator", keeper)
	b.wantProblem(got, http.StatusUnprocessableEntity, problem.Invalid)
	if !strings.Contains(string(got.body), "body.owner") {
		t.Errorf("a key for another's owner: %s", got.body)
	}
	wantStatus(t, create("op-other", "operator", nil), http.StatusCreated)
	var list api.KeyList
	b.get("/v1/keys").into(t, &list)
	makers := map[string]bool{}
	for _, k := range list.Items {
		makers[k.Owner+" by "+k.MadeBy] = true
	}
	if want := map[string]bool{"keeper by admin": true, "keeper by keeper": true, "op-other by admin": true, "helper by keeper": true}; !maps.Equal(makers, want) {
		t.Errorf("makers %v", makers)
	}
}

// Four eyes do not fall through a key that one of the two made, for a colleague or for nobody.
func TestFourEyesThroughMadeKeys(t *testing.T) {
	d := newDesk(t)
	lead := bearer(d.key("lead", access.Keys, access.Officer, access.Operator))("")
	independent := bearer(d.key("officer-2", access.Officer, access.Operator))("")
	var made api.KeyBody
	d.post("/v1/keys", `{"owner":"invented","scopes":["officer","operator"],"days":1}`, lead...).into(t, &made)
	invented := bearer(made.Secret)("")
	const approve = `{"decision":"approve","checks":["identity","document","address","consent","contract","payment"]}`
	reset := func(status registration.Status) {
		d.records.set("r", func(r *registration.Registration) {
			r.Status, r.Review = status, nil
			r.Attention = process.Attention{Step: workflows.StepPapers, Reason: "invalid", Since: time.Now()}
		})
		d.records.claims = nil
	}
	for editor, others := range map[string]map[string]bool{"lead": {"invented": false, "officer-2": true}, "invented": {"lead": false, "officer-2": true}} {
		d.records.editors = map[string][]string{"r": {editor}}
		for name, allowed := range others {
			reset(registration.StatusInReview)
			got := d.post("/v1/registrations/r/review", approve, map[string][]string{"lead": lead, "invented": invented, "officer-2": independent}[name]...)
			if allowed != (got.status == http.StatusOK) {
				t.Errorf("%s corrected, %s approves: %d %s", editor, name, got.status, got.body)
			}
		}
	}
	d.records.approved = []registration.Review{{ID: "rev-1", Decision: registration.DecisionApprove, Officer: "lead"}}
	reset(registration.StatusIssuing)
	const fix = `{"action":"fix","reason":"letter seen","fields":{"address":"Số 1"}}`
	for name, as := range map[string][]string{"lead": lead, "invented": invented} {
		if got := d.post("/v1/registrations/r/repair", fix, as...); got.status != http.StatusForbidden {
			t.Errorf("lead approved, %s corrects: %d %s", name, got.status, got.body)
		}
	}
	wantStatus(t, d.post("/v1/registrations/r/repair", fix, independent...), http.StatusOK)
}
