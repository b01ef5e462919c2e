package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"kyso/internal/api/kernel"
)

// strict refuses what a reader could take in two ways: parameters of the query that a route does not know or that come
// twice, and names that come twice in an object. Routes of outside parties are read as those parties write.
func (s *Layers) strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := kernel.InfoOf(r.Context()).Route
		if at == nil || at.Foreign {
			next.ServeHTTP(w, r)
			return
		}
		fields := checkQuery(r, at.Queries)
		if r.Body != nil && r.Method != http.MethodGet && isJSON(r.Header.Get("Content-Type")) && at.Body == kernel.BodyJSON {
			body, err := s.bufferedBody(w, r)
			if err != nil {
				kernel.WriteProblem(w, r, err)
				return
			}
			var wrong *wrongText
			switch name, err := repeatedName(body); {
			case errors.Is(err, errNesting):
				fields.Add("body", "is nested too deep")
			case errors.As(err, &wrong):
				fields.Add(wrong.location, wrong.message)
			case err == nil && name != "":
				fields.Add("body."+name, "is given more than once")
			}
		}
		if err := fields.Err(); err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkQuery(r *http.Request, known []string) kernel.FieldErrors {
	var fields kernel.FieldErrors
	for name, values := range r.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			fields.Add("query."+name, "is not a parameter of this route")
		case len(values) > 1:
			fields.Add("query."+name, "is given more than once")
		}
	}
	slices.SortFunc(fields, func(a, b kernel.FieldError) int { return strings.Compare(a.Location, b.Location) })
	return fields
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(strings.ToLower(kind))
	return kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// maxNesting is how many objects and lists of a body may lie in one another. Ours need six; a reader that follows any
// number of them can be made to hold gigabytes by one small request.
const maxNesting = 32

var errNesting = errors.New("nested too deep")

// level is an object or a list that is being read.
type level struct {
	object bool
	names  map[string]bool // of an object, so far
	name   string          // of the value that is being read
	index  int             // of the item that is being read
	value  bool            // in an object: the next token is a value
}

// repeatedName returns the path of the first name that comes twice in an object, errNesting for a body that is
// nested too deep, and a wrongText for a string or name that is no text. Decoders take the first one or the last one, and so disagree about what was asked. It holds the names of
// the open objects and no more.
func repeatedName(body []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var open []level
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if text, ok := token.(string); ok {
			if message := illegible(body[before:decoder.InputOffset()], text); message != "" {
				return "", &wrongText{locationOf(open, text), message}
			}
		}
		delimiter, _ := token.(json.Delim)
		switch {
		case delimiter == '{' || delimiter == '[':
			if len(open) == maxNesting {
				return "", errNesting
			}
			open = append(open, level{object: delimiter == '{'})
			continue
		case delimiter != 0:
			open = open[:len(open)-1]
		case len(open) > 0 && open[len(open)-1].isName():
			name, _ := token.(string)
			if open[len(open)-1].repeats(name) {
				return pathOf(open), nil
			}
			continue
		}
		if len(open) > 0 { // a value ended
			open[len(open)-1].index++
			open[len(open)-1].value = false
		}
	}
}

func (l *level) isName() bool { return l.object && !l.value }

// repeats notes a name and reports whether the object has it already.
func (l *level) repeats(name string) bool {
	if l.names == nil {
		l.names = map[string]bool{}
	}
	again := l.names[name]
	l.names[name], l.name, l.value = true, name, true
	return again
}

func pathOf(open []level) string {
	var path strings.Builder
	for i, l := range open {
		switch {
		case !l.object:
			fmt.Fprintf(&path, "[%d]", l.index)
		case i > 0:
			path.WriteString("." + l.name)
		default:
			path.WriteString(l.name)
		}
	}
	return path.String()
}
