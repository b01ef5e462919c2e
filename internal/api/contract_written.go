package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// node is an object of the document, as JSON.
type node = map[string]any

// written is the document that readers get. It differs from what requests are checked against: answers may grow, so their schemas
// allow names that are not described; a public route says that it is; and every body of JSON has an example.
func written(openapi *huma.OpenAPI) ([]byte, error) {
	raw, err := json.Marshal(openapi)
	if err != nil {
		return nil, err
	}
	var document node
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	d := describer{schemas: at(document, "components", "schemas")}
	answers := map[string]bool{}
	for _, op := range operationsIn(document, "paths") {
		if op["security"] == nil {
			op["security"] = []any{}
		}
		d.reach(op["responses"], answers)
		d.exemplify(op)
	}
	used := maps.Clone(answers)
	for _, op := range operationsIn(document, "paths") {
		d.reach(op["requestBody"], used)
	}
	for _, op := range operationsIn(document, "webhooks") {
		op["security"] = []any{}
		d.reach(op["requestBody"], answers)
	}
	d.reach(at(document, "components")["responses"], answers)
	maps.Copy(used, answers)
	d.tidy(document)
	for name, schema := range d.schemas {
		if !used[name] { // made for a type that only describes a part of another
			delete(d.schemas, name)
			continue
		}
		if answers[name] {
			delete(schema.(node), "additionalProperties")
		}
	}
	return json.Marshal(document)
}

func at(n node, path ...string) node {
	for _, name := range path {
		n, _ = n[name].(node)
	}
	return n
}

// operationsIn are the operations of all paths, in a fixed order.
func operationsIn(document node, part string) []node {
	var list []node
	paths := at(document, part)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := at(paths, path)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			list = append(list, at(item, method))
		}
	}
	return list
}

type describer struct{ schemas node }

// reach notes the names of the schemas that a part of the document leads to. A schema that only additional properties allow is one
// of answers with keys of their own, and stays as it is.
func (d describer) reach(part any, names map[string]bool) {
	switch part := part.(type) {
	case node:
		if name, ok := refersTo(part); ok && !names[name] && d.schemas[name] != nil {
			names[name] = true
			d.reach(d.schemas[name], names)
		}
		for _, value := range part {
			d.reach(value, names)
		}
	case []any:
		for _, value := range part {
			d.reach(value, names)
		}
	}
}

func refersTo(schema node) (string, bool) {
	ref, _ := schema["$ref"].(string)
	return strings.CutPrefix(ref, "#/components/schemas/")
}

// exemplify gives each body of JSON of an operation an example.
func (d describer) exemplify(op node) {
	bodies := []node{at(op, "requestBody", "content")}
	for _, response := range at(op, "responses") {
		bodies = append(bodies, at(response.(node), "content"))
	}
	for _, content := range bodies {
		media := at(content, "application/json")
		if media == nil || media["example"] != nil {
			continue
		}
		media["example"] = d.example("", at(media, "schema"), 0)
	}
}

// tidy takes out what huma writes and OpenAPI does not know, and the shared answers that no operation has.
func (d describer) tidy(document node) {
	text, _ := json.Marshal(document["paths"]) //nolint:errchkjson // it was JSON before
	responses := at(document, "components", "responses")
	for name := range responses {
		if !strings.Contains(string(text), `"#/components/responses/`+name+`"`) {
			delete(responses, name)
		}
	}
	dropName(document, "patternDescription")
}

func dropName(part any, name string) {
	switch part := part.(type) {
	case node:
		delete(part, name)
		for _, value := range part {
			dropName(value, name)
		}
	case []any:
		for _, value := range part {
			dropName(value, name)
		}
	}
}

// deepest is how far an example goes down; below it only what is required is shown.
const deepest = 3

// example makes an example of a schema: its own when it has one, else one for the name of the property.
func (d describer) example(name string, schema node, depth int) any {
	if of, ok := refersTo(schema); ok {
		return d.example(name, at(d.schemas, of), depth)
	}
	if list, _ := schema["examples"].([]any); len(list) > 0 {
		return list[0]
	}
	if list, _ := schema["enum"].([]any); len(list) > 0 {
		return list[0]
	}
	if value := schema["default"]; value != nil {
		return value
	}
	if list, _ := schema["allOf"].([]any); len(list) > 0 {
		all := node{}
		for _, part := range list {
			one, _ := d.example(name, part.(node), depth).(node)
			maps.Copy(all, one)
		}
		return all
	}
	if list, _ := schema["anyOf"].([]any); len(list) > 0 {
		return d.example(name, list[0].(node), depth)
	}
	switch typeOf(schema) {
	case "object":
		return d.exampleObject(schema, depth)
	case "array":
		if depth > 2*deepest {
			return []any{}
		}
		least, _ := schema["minItems"].(float64)
		return slices.Repeat([]any{d.example(name, at(schema, "items"), depth+1)}, max(1, int(least)))
	case "boolean":
		return name == "repeatable"
	case "integer", "number":
		return exampleNumber(name, schema)
	}
	return exampleText(name, schema)
}

func (d describer) exampleObject(schema node, depth int) node {
	out := node{}
	required, _ := schema["required"].([]any)
	for name, property := range at(schema, "properties") {
		if slices.Contains(required, any(name)) || depth < deepest {
			out[name] = d.example(name, property.(node), depth+1)
		}
	}
	if more := at(schema, "additionalProperties"); more != nil {
		out["address"] = d.example("address", more, depth+1)
	}
	return out
}

// typeOf is the type of a schema; of those that may be null, the other.
func typeOf(schema node) string {
	if list, ok := schema["type"].([]any); ok && len(list) > 0 {
		name, _ := list[0].(string)
		return name
	}
	name, _ := schema["type"].(string)
	return name
}

func exampleNumber(name string, schema node) any {
	if n, ok := exampleNumbers[name]; ok {
		return n
	}
	if least, ok := schema["minimum"].(float64); ok && least > 1 {
		return least
	}
	return 1
}

func exampleText(name string, schema node) string {
	switch schema["format"] {
	case "date-time":
		return "2026-03-02T09:30:00Z"
	case "date":
		return "2026-03-02"
	}
	longest, bounded := schema["maxLength"].(float64)
	text, ok := exampleTexts[name]
	switch {
	case name == "code" && bounded: // of one time, or of a package
		return "123456"
	case ok && (!bounded || len(text) <= int(longest)):
		return text
	}
	return "text"
}
