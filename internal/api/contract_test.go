package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/webhook"
)

// contract is docs/openapi.json, which every answer of every test is held against.
type contract struct {
	document map[string]any
	mux      *http.ServeMux
}

var theContract = sync.OnceValue(func() *contract {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "openapi.json"))
	if err != nil {
		panic(err)
	}
	c := &contract{mux: http.NewServeMux()}
	if err := json.Unmarshal(text, &c.document); err != nil {
		panic(err)
	}
	for path, item := range c.in("paths") {
		for method := range item.(map[string]any) {
			c.mux.Handle(strings.ToUpper(method)+" "+path, http.NotFoundHandler())
		}
	}
	return c
})

func (c *contract) in(path ...string) map[string]any {
	n := c.document
	for _, name := range path {
		n, _ = n[name].(map[string]any)
	}
	return n
}

// resolved follows a reference.
func (c *contract) resolved(n map[string]any) map[string]any {
	if ref, ok := n["$ref"].(string); ok {
		return c.in(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return n
}

// hold says what of an answer the document does not say: a status, a header, a media type, or anything in its JSON. Routes that the
// document does not name, and pages, are none of it.
func (c *contract) hold(r *http.Request, got answer) []string {
	_, pattern := c.mux.Handler(&http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}, Host: r.Host})
	method, path, found := strings.Cut(pattern, " ")
	if !found || got.status == http.StatusTemporaryRedirect || got.status == http.StatusNotFound && strings.Contains(string(got.body), "no such path or method") {
		return nil
	}
	responses := c.in("paths", path, strings.ToLower(method), "responses")
	response, ok := responses[strconv.Itoa(got.status)].(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s answers %d, which is not described", pattern, got.status)}
	}
	response = c.resolved(response)
	var wrong []string
	headers, _ := response["headers"].(map[string]any)
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy", "ETag", "Idempotency-Replayed", "Location", "Set-Cookie", "WWW-Authenticate", "X-Request-Id", "Accept-Ranges", "Content-Range", "Content-Disposition"} {
		if got.header.Get(name) != "" && headers[name] == nil {
			wrong = append(wrong, fmt.Sprintf("%s answers %d with %s, which is not described", pattern, got.status, name))
		}
	}
	content, _ := response["content"].(map[string]any)
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	media, ok := content[kind].(map[string]any)
	if len(got.body) > 0 && !ok && r.Method != http.MethodHead && got.status != http.StatusRequestedRangeNotSatisfiable && got.status != http.StatusPreconditionFailed {
		return append(wrong, fmt.Sprintf("%s answers %d with %q, which is not described", pattern, got.status, kind))
	}
	if schema, _ := media["schema"].(map[string]any); !standIn(path) && strings.HasSuffix(kind, "json") && len(got.body) > 0 {
		var value any
		if err := json.Unmarshal(got.body, &value); err != nil {
			return append(wrong, err.Error())
		}
		for _, what := range c.judge(schema, value, "") {
			wrong = append(wrong, fmt.Sprintf("%s answers %d: %s", pattern, got.status, what))
		}
	}
	return wrong
}

// standIn reports whether what a path answers comes from what reads files, for which these tests have a stand-in. Its schema is made
// of the type that the true one answers with.
func standIn(path string) bool {
	return strings.HasSuffix(path, "/inspection") || strings.HasSuffix(path, "/verification") ||
		slices.Contains([]string{"/v1/verifications", "/v1/verifications/{id}", "/v1/verifications/{id}/report"}, path)
}

// judge says where a value differs from its schema. A name that is not described counts: the document is to be complete.
func (c *contract) judge(schema map[string]any, value any, at string) []string {
	schema = c.resolved(schema)
	if all, _ := schema["allOf"].([]any); all != nil {
		schema = c.together(all)
	}
	if len(schema) == 0 {
		return []string{at + " has no schema"}
	}
	kinds, _ := schema["type"].([]any)
	if kind, ok := schema["type"].(string); ok {
		kinds = []any{kind}
	}
	if !slices.ContainsFunc(kinds, func(kind any) bool { return hasType(value, kind) }) {
		return []string{fmt.Sprintf("%s is %v, want %v", at, value, kinds)}
	}
	if list, _ := schema["enum"].([]any); list != nil && value != nil && !slices.Contains(list, value) {
		return []string{fmt.Sprintf("%s is %v, want one of %v", at, value, list)}
	}
	switch value := value.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any)
		var wrong []string
		for i, item := range value {
			wrong = append(wrong, c.judge(items, item, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return wrong
	case map[string]any:
		return c.judgeObject(schema, value, at)
	case string:
		if _, err := time.Parse(time.RFC3339Nano, value); schema["format"] == "date-time" && err != nil {
			return []string{at + " is no time: " + value}
		}
	}
	return nil
}

// together is one schema of an object for several.
func (c *contract) together(all []any) map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, part := range all {
		one := c.resolved(part.(map[string]any))
		more, _ := one["properties"].(map[string]any)
		maps.Copy(properties, more)
		names, _ := one["required"].([]any)
		required = append(required, names...)
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

func (c *contract) judgeObject(schema, value map[string]any, at string) []string {
	var wrong []string
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := value[name.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s is missing", at, name))
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	more, _ := schema["additionalProperties"].(map[string]any)
	for name, item := range value {
		property, ok := properties[name].(map[string]any)
		if !ok {
			property, ok = more, more != nil
		}
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s.%s is not described", at, name))
			continue
		}
		wrong = append(wrong, c.judge(property, item, at+"."+name)...)
	}
	return wrong
}

func hasType(value, kind any) bool {
	switch v := value.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	}
	return kind == "object"
}

// TestTheContractJudges: the document is held against answers that break it in each way.
func TestTheContractJudges(t *testing.T) {
	c := theContract()
	request := func(method, path string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
		must(t, err)
		return r
	}
	header := http.Header{"Content-Type": {"application/json"}}
	good := `{"items":[],"next":"/v1/keys"}`
	for name, a := range map[string]answer{
		"an unknown status": {http.StatusTeapot, header, []byte(good)},
		"an unknown name":   {http.StatusOK, header, []byte(`{"items":[],"more":1}`)},
		"null for a list":   {http.StatusOK, header, []byte(`{"items":null}`)},
		"a missing name":    {http.StatusOK, header, []byte(`{}`)},
		"another type":      {http.StatusOK, header, []byte(`{"items":[1]}`)},
		"another media":     {http.StatusOK, http.Header{"Content-Type": {"text/html"}}, []byte(good)},
		"a header":          {http.StatusOK, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}, []byte(`{"items":[]}`)},
	} {
		if len(c.hold(request(http.MethodGet, "/v1/keys"), a)) == 0 {
			t.Errorf("%s is taken", name)
		}
	}
	if wrong := c.hold(request(http.MethodGet, "/v1/keys"), answer{http.StatusOK, header, []byte(`{"items":[]}`)}); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// TestTheContractIsComplete: every operation says what it does beyond its summary and whom it lets in, every answer of JSON has a schema
// and an example, and every type of webhook that is sent is listed with a message of that type.
func TestTheContractIsComplete(t *testing.T) {
	c := theContract()
	for _, part := range []string{"paths", "webhooks"} {
		for path, item := range c.in(part) {
			for method, op := range item.(map[string]any) {
				for _, what := range c.lacks(op.(map[string]any)) {
					t.Errorf("%s %s %s", method, path, what)
				}
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(c.in("webhooks"))), webhook.Types(); !slices.Equal(got, want) {
		t.Errorf("webhooks %v, want %v", got, want)
	}
	for _, kind := range webhook.Types() {
		media := c.in("webhooks", kind, "post", "requestBody", "content", "application/json")
		example := media["example"].(map[string]any)
		if wrong := c.judge(media["schema"].(map[string]any), example, kind); len(wrong) > 0 || example["type"] != kind || webhook.Text(kind) == "" {
			t.Errorf("%s: %v %v", kind, wrong, example)
		}
	}
}

// lacks says what an operation of the document does not say.
func (c *contract) lacks(op map[string]any) []string {
	var missing []string
	if text, _ := op["description"].(string); text == "" || text == op["summary"] {
		missing = append(missing, "has no description")
	}
	if op["security"] == nil {
		missing = append(missing, "does not say who may use it")
	}
	for status, response := range op["responses"].(map[string]any) {
		content, _ := c.resolved(response.(map[string]any))["content"].(map[string]any)
		for kind, media := range content {
			of := media.(map[string]any)
			if schema, _ := of["schema"].(map[string]any); len(schema) == 0 || strings.HasSuffix(kind, "json") && of["example"] == nil {
				missing = append(missing, status+" has no schema or no example of "+kind)
			}
		}
	}
	return missing
}
