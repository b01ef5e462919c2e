package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kyso/internal/api"
)

// holds reports whether a schema is of a kind, alone or among others.
func (s *schema) holds(kind string) bool {
	names, _ := s.Type.([]any)
	return s.Type == kind || slices.Contains(names, any(kind))
}

// place is a field of a body.
type place struct {
	path   []any // names and indexes
	schema *schema
}

func (p place) location() string {
	var b strings.Builder
	b.WriteString("body")
	for _, part := range p.path {
		if index, ok := part.(int); ok {
			fmt.Fprintf(&b, "[%d]", index)
		} else {
			fmt.Fprintf(&b, ".%s", part)
		}
	}
	return b.String()
}

// places are all fields below one, those in the first item of each list included.
func (d *description) places(at place) []place {
	s := d.resolve(at.schema)
	if s == nil {
		return nil
	}
	var out []place
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if name == "$schema" {
			continue
		}
		next := place{append(slices.Clone(at.path), name), d.resolve(s.Properties[name])}
		out = append(append(out, next), d.places(next)...)
	}
	if s.Items != nil {
		next := place{append(slices.Clone(at.path), 0), d.resolve(s.Items)}
		out = append(append(out, next), d.places(next)...)
	}
	return out
}

// with returns a body in which a field has a value.
func with(body any, path []any, value any) any {
	if len(path) == 0 {
		return value
	}
	switch part := path[0].(type) {
	case int:
		list, _ := body.([]any)
		list = slices.Clone(list)
		for len(list) <= part {
			list = append(list, nil)
		}
		list[part] = with(list[part], path[1:], value)
		return list
	default:
		object, _ := body.(map[string]any)
		object = maps.Clone(object)
		if object == nil {
			object = map[string]any{}
		}
		object[part.(string)] = with(object[part.(string)], path[1:], value)
		return object
	}
}

// spoilt are values that a field does not take, by what is wrong with them.
func spoilt(s *schema) map[string]any {
	if s.holds("string") {
		longest := 1 << 12
		if s.MaxLength > 0 {
			longest = s.MaxLength
		}
		return map[string]any{"type": []any{1}, "empty": "", "too long": strings.Repeat("a", longest+1), "letters": "\u202e\u0000"}
	}
	return map[string]any{"type": "\u202e"}
}

// taken are fields that take a spoilt value: the operation, the field, what is wrong, and why it is taken.
var taken = map[string]string{
	"handOff body.token letters":          "a secret is compared and not judged: 404",
	"resume body.token letters":           "as above",
	"openSession body.key letters":        "as above: 401",
	"logIn body.login_id letters":         "as above",
	"resetPassword body.login_id letters": "as above",
	"logIn body.password letters":         "as above: 403",
	"changePassword body.before letters":  "as above: 403",
	"openAccount body.password letters":   "a password may have any",
}

// TestEveryFieldIsNamed sends every body of the description with one field wrong at a time. The answer is 422 and names the
// field, so that pages can mark it.
func TestEveryFieldIsNamed(t *testing.T) {
	s := newSurface(t)
	var d description
	s.get("/openapi.json").into(t, &d)
	fields, unused := 0, maps.Clone(taken)
	for _, op := range s.operations() {
		if !op.writes() || !op.body {
			continue
		}
		method, path, _ := strings.Cut(op.route, " ")
		root := place{schema: d.Paths[path][strings.ToLower(method)].RequestBody.Content["application/json"].Schema}
		c := s.good(op.route)
		var good any
		if err := json.Unmarshal([]byte(c.body), &good); err != nil {
			continue // of an outside party
		}
		for _, at := range d.places(root) {
			for what, value := range spoilt(at.schema) {
				if what == "empty" && at.schema.MinLength == 0 && !required(d.resolve(root.schema), at) {
					continue
				}
				name := op.id + " " + at.location() + " " + what
				if _, ok := taken[name]; ok {
					delete(unused, name)
					continue
				}
				fields++
				text, _ := json.Marshal(with(good, at.path, value))
				other := c
				other.body = string(text)
				got := s.do(other)
				named := got.status == http.StatusUnprocessableEntity && slices.ContainsFunc(c.on.problem(got).Errors, func(f api.FieldError) bool {
					return strings.HasPrefix(f.Location, at.location())
				})
				if !named {
					t.Errorf("%s: %d %.300s", name, got.status, got.body)
				}
			}
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields", fields)
	}
	for name := range unused {
		t.Errorf("the exception %q is no field", name)
	}
}

func required(root *schema, at place) bool {
	name, ok := at.path[0].(string)
	return ok && len(at.path) == 1 && slices.Contains(root.Required, name)
}
