package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"kyso/internal/api"
)

// hostile is text that is none, as it is spelled in a path or query and in JSON.
var hostile = []struct{ name, escaped, json string }{
	{"NUL", "a%00b", `"a\u0000b"`},
	{"broken UTF-8", "a%ff%feb", "\"a\xff\xfeb\""},
	{"overlong UTF-8", "a%c0%80b", "\"a\xc0\x80b\""},
	{"a surrogate's half", "a%ed%a0%80b", `"a\ud800b"`},
	{"the other half", "a%ed%b0%80b", `"a\udc00b"`},
	{"a control character", "a%07b", `"a\u0007b"`},
	{"a C1 control character", "a%c2%85b", `"a\u0085b"`},
	{"too much", strings.Repeat("a", 12<<10), `"` + strings.Repeat("a", 12<<10) + `"`},
}

// textSchema is as much of JSON Schema as the description uses.
type textSchema struct {
	Ref        string                `json:"$ref"`
	Type       any                   `json:"type"`
	Properties map[string]textSchema `json:"properties"`
	Items      *textSchema           `json:"items"`
	Additional json.RawMessage       `json:"additionalProperties"`
}

func (s textSchema) is(kind string) bool {
	list, _ := s.Type.([]any)
	return s.Type == kind || slices.Contains(list, any(kind))
}

// textDescription is the OpenAPI document, for what is in the bodies.
type textDescription struct {
	Paths map[string]map[string]struct {
		Body *struct {
			Content map[string]struct {
				Schema textSchema `json:"schema"`
			} `json:"content"`
		} `json:"requestBody"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]textSchema `json:"schemas"`
	} `json:"components"`
}

// texts are the places of strings in a body: names, with [] for the first item of a list and {} for a name of the caller's.
func (d textDescription) texts(s textSchema, at []string) [][]string {
	if s.Ref != "" {
		return d.texts(d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], at)
	}
	var all [][]string
	for name, of := range s.Properties {
		all = append(all, d.texts(of, append(slices.Clone(at), name))...)
	}
	var additional textSchema
	switch {
	case s.is("string"):
		return [][]string{at}
	case s.is("array") && s.Items != nil:
		return d.texts(*s.Items, append(slices.Clone(at), "[]"))
	case json.Unmarshal(s.Additional, &additional) == nil && additional.Type != nil:
		all = append(all, d.texts(additional, append(slices.Clone(at), "{}"))...)
	}
	return all
}

func (d textDescription) bodyOf(op operation) [][]string {
	method, path, _ := strings.Cut(op.route, " ")
	body := d.Paths[path][strings.ToLower(method)].Body
	if body == nil {
		return nil
	}
	return d.texts(body.Content["application/json"].Schema, nil)
}

// put is a body with a value at a place; what the body has elsewhere stays.
func put(body any, at []string, value string) any {
	if len(at) == 0 {
		return json.RawMessage(value)
	}
	switch at[0] {
	case "[]":
		return []any{put(nil, at[1:], value)}
	case "{}":
		return map[string]any{"address": put(nil, at[1:], value)}
	}
	object, _ := body.(map[string]any)
	out := map[string]any{}
	maps.Copy(out, object)
	out[at[0]] = put(out[at[0]], at[1:], value)
	return out
}

// spell is json.Marshal, which would replace what is hostile in a RawMessage.
func spell(body any) string {
	switch b := body.(type) {
	case json.RawMessage:
		return string(b)
	case []any:
		return "[" + spell(b[0]) + "]"
	case map[string]any:
		var parts []string
		for name, one := range b {
			parts = append(parts, fmt.Sprintf("%q:%s", name, spell(one)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	text, _ := json.Marshal(body)
	return string(text)
}

// cleaned are parameters of which what is no text is taken away. Of a User-Agent a word of a closed list is kept.
var cleaned = []string{"createDocument name", "createDocument Content-Disposition", "verify name", "verify Content-Disposition"}

// TestNoTextBreaksAnOperation sends what no database can keep as text to every string of every operation: each path part,
// parameter, header and field of a body. Nothing of it is a fault of ours, and each answer names the field.
func TestNoTextBreaksAnOperation(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, dsn string) {
		s := newSurfaceOn(t, openStore(t, dsn))
		var d textDescription
		s.get("/openapi.json").into(t, &d)
		asked := 0
		for _, op := range s.operations() {
			c := s.good(op.route)
			for _, h := range hostile {
				for _, p := range op.parameters {
					if p.In == "header" && strings.Contains(h.name, "control character") { // refused by net/http before anybody is called
						continue
					}
					s.refuse(op, p.Name, p.In+"."+p.Name, withParameter(op, c, p, h.escaped), h.name)
					asked++
				}
				for _, at := range d.bodyOf(op) {
					var body any
					_ = json.Unmarshal([]byte(c.body), &body)
					broken := c
					broken.body = spell(put(body, at, h.json))
					s.refuse(op, strings.Join(at, "."), "body."+at[0], broken, h.name)
					asked++
				}
			}
		}
		t.Logf("%d requests", asked)
		if asked < 1500 {
			t.Errorf("only %d requests: the walk misses most of the surface", asked)
		}
	})
}

func withParameter(op operation, c call, p parameter, escaped string) call {
	_, pattern, _ := strings.Cut(op.route, " ")
	switch p.In {
	case "path":
		parts, names := strings.Split(c.path, "/"), strings.Split(pattern, "/")
		parts[slices.Index(names, "{"+p.Name+"}")] = escaped
		c.path = strings.Join(parts, "/")
	case "query":
		c.path += map[bool]string{true: "&", false: "?"}[strings.Contains(c.path, "?")] + url.QueryEscape(p.Name) + "=" + escaped
	case "header": // net/http refuses NUL and other control characters in one before it calls anybody
		value, _ := url.PathUnescape(strings.ReplaceAll(escaped, "%00", "%ff"))
		c.headers = append(slices.Clone(c.headers), p.Name, value)
	}
	return c
}

// refuse sends a request that has to be refused, with the field named.
func (s *surface) refuse(op operation, what, location string, c call, why string) {
	s.t.Helper()
	got := s.do(c)
	of := op.route + " " + what + " with " + why
	if got.status >= http.StatusInternalServerError {
		s.t.Errorf("%s: %d %s", of, got.status, got.body)
		return
	}
	if got.status < http.StatusBadRequest {
		if !slices.Contains(cleaned, op.id+" "+what) && what != "User-Agent" && !strings.HasPrefix(op.route, "GET /v1/vnpay/") {
			s.t.Errorf("%s: %d %s", of, got.status, got.body)
		}
		return
	}
	p := c.on.problem(got)
	if p.Code == "" {
		s.t.Errorf("%s: no code in %s", of, got.body)
	}
	if got.status == http.StatusUnprocessableEntity && !slices.ContainsFunc(p.Errors, func(e api.FieldError) bool { return strings.HasPrefix(e.Location, location) }) {
		s.t.Errorf("%s: the field is not named in %s", of, got.body)
	}
}
