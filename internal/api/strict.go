package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// describeKey adds the Idempotency-Key to the description of a write on which it acts.
func describeKey(op *huma.Operation, method, path string) {
	described := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == keyHeader })
	if described || !acts(method, path) {
		return
	}
	longest := maxKeyLength
	op.Parameters = append(op.Parameters, &huma.Param{Name: keyHeader, In: "header", Description: "The same key again acts once",
		Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &longest}})
}

// strict refuses what a reader could take in two ways: parameters of the query that a route does not know or that come
// twice, and names that come twice in an object. Routes of outside parties are read as those parties write.
func (s *server) strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := s.mux.Handler(r)
		known, ours := s.trail.queries[pattern]
		if !ours || strings.HasPrefix(r.URL.Path, "/v1/vnpay/") || strings.HasPrefix(r.URL.Path, webhookPrefix) {
			next.ServeHTTP(w, r)
			return
		}
		fields := checkQuery(r, known)
		if r.Body != nil && r.Method != http.MethodGet && isJSON(r.Header.Get("Content-Type")) && r.URL.Path != uploadPath {
			body, err := s.bufferedBody(w, r)
			if err != nil {
				writeProblem(w, r, err)
				return
			}
			if name, err := repeatedName(body); err == nil && name != "" {
				fields.add("body."+name, "is given more than once")
			}
		}
		if err := fields.err(); err != nil {
			writeProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkQuery(r *http.Request, known []string) fieldErrors {
	var fields fieldErrors
	for name, values := range r.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			fields.add("query."+name, "is not a parameter of this route")
		case len(values) > 1:
			fields.add("query."+name, "is given more than once")
		}
	}
	slices.SortFunc(fields, func(a, b FieldError) int { return strings.Compare(a.Location, b.Location) })
	return fields
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(strings.ToLower(kind))
	return kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// repeatedName returns the path of the first name that comes twice in an object. Decoders take the first one or the last
// one, and so disagree about what was asked.
func repeatedName(body []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	name, err := repeatedIn(decoder, "")
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return name, err
}

func repeatedIn(decoder *json.Decoder, path string) (string, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", err
	}
	delimiter, _ := token.(json.Delim)
	if delimiter != '{' && delimiter != '[' {
		return "", nil
	}
	seen := map[string]bool{}
	for i := 0; decoder.More(); i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		if delimiter == '{' {
			token, err := decoder.Token()
			if err != nil {
				return "", err
			}
			name, _ := token.(string)
			at = strings.TrimPrefix(path+"."+name, ".")
			if seen[name] {
				return at, nil
			}
			seen[name] = true
		}
		if found, err := repeatedIn(decoder, at); found != "" || err != nil {
			return found, err
		}
	}
	_, err = decoder.Token()
	return "", err
}
