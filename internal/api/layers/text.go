package layers

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kyso/internal/api/kernel"
)

// legible refuses, before anything looks at them, what no database and no log can keep as text: NUL, broken UTF-8 and
// control characters in a path or a query. What is in a body is held to the same in strict, once the caller is known. Names
// of files are cleaned instead. A payment party writes its queries as it likes, and signs them.
func (s *Layers) legible(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var fields kernel.FieldErrors
		info := kernel.InfoOf(r.Context())
		checkPath(info.Pattern, r.URL.Path, &fields)
		if info.Route == nil || !info.Route.Foreign {
			checkQueryText(r.URL.RawQuery, &fields)
		}
		if err := fields.Err(); err != nil {
			kernel.WriteProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkPath names the part of the path that is no text.
func checkPath(pattern, path string, fields *kernel.FieldErrors) {
	if clean(path) == "" {
		return
	}
	_, pattern, _ = strings.Cut(pattern, " ")
	for part := range strings.SplitSeq(pattern, "/") {
		if name := strings.Trim(part, "{}"); name != part {
			if message := clean(kernel.PathPart(" "+pattern, path, part)); message != "" {
				fields.Add("path."+name, message)
			}
		}
	}
	if len(*fields) == 0 {
		fields.Add("path", clean(path))
	}
}

func checkQueryText(raw string, fields *kernel.FieldErrors) {
	values, err := url.ParseQuery(raw)
	if err != nil { // of which the standard library would drop a part in silence
		fields.Add("query", "must be percent-encoded")
	}
	for name, list := range values {
		if message := clean(name); message != "" {
			fields.Add("query", "names must be text: "+message)
			continue
		}
		if slices.ContainsFunc(list, func(value string) bool { return clean(value) != "" }) && name != "name" {
			fields.Add("query."+name, "must be text without control characters")
		}
	}
	slices.SortFunc(*fields, func(a, b kernel.FieldError) int { return strings.Compare(a.Location, b.Location) })
}

// clean says what is wrong with text; empty when nothing is. Lines may be broken.
func clean(text string) string {
	switch {
	case !utf8.ValidString(text):
		return "must be text in UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }):
		return "must be text without control characters"
	}
	return ""
}

// wrongText is a string of a JSON body that is no text.
type wrongText struct{ location, message string }

// Error implements error.
func (w *wrongText) Error() string { return w.location + " " + w.message }

// illegible says what is wrong with a string of a JSON body, which the decoder replaces silently: raw is how it is
// spelled, with what stands before it.
func illegible(raw []byte, text string) string {
	if !utf8.Valid(raw) {
		return "must be text in UTF-8"
	}
	if loneSurrogate(string(raw)) {
		return "must be text: half of a surrogate pair is no character"
	}
	return clean(text)
}

// loneSurrogate reports an escape of half a character without the other half (RFC 8259, 8.2).
func loneSurrogate(raw string) bool {
	for {
		i := strings.IndexByte(raw, '\\')
		if i < 0 || i+1 >= len(raw) {
			return false
		}
		unit := escaped(raw[i:])
		switch {
		case unit < 0: // another escape: two characters
			raw = raw[i+2:]
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case unit >= 0xD800 && unit <= 0xDBFF:
			if low := escaped(raw[i+6:]); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			raw = raw[i+12:]
		default:
			raw = raw[i+6:]
		}
	}
}

// escaped returns the code unit that text begins with as an escape; -1 when it does not.
func escaped(text string) int64 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(text[2:6], 16, 32)
	if err != nil {
		return -1
	}
	return unit
}

// locationOf is where a string of a body stands. What the caller wrote is shown as text.
func locationOf(open []level, text string) string {
	if len(open) > 0 && open[len(open)-1].isName() {
		open = slices.Clone(open)
		open[len(open)-1].name = text
	}
	path := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(pathOf(open), "\uFFFD"))
	return strings.TrimSuffix("body."+path, ".")
}
