package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/problem"
)

// reader reads variables and collects mistakes. Values never stand in errors: they may be secrets in the wrong
// place.
type reader struct {
	environ []string
	values  map[string]string
	known   []string
	errs    []error
}

func newReader(environ []string) *reader {
	r := &reader{environ: environ, values: map[string]string{}}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		r.values[name] = value
	}
	return r
}

// LookupEnv implements envconfig.EnvLookup.
func (r *reader) LookupEnv(name string) (string, bool) {
	value, ok := r.values[name]
	return value, ok
}

// Environ implements envconfig.EnvLookup.
func (r *reader) Environ() []string { return r.environ }

func (r *reader) fail(name, what string) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", name, what))
}

func (r *reader) check(name string, err error) {
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: %w", name, err))
	}
}

// err returns all mistakes as one problem.Invalid.
func (r *reader) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	return problem.Wrap(problem.Invalid, errors.Join(r.errs...), "the configuration has %d mistake(s)", len(r.errs))
}

// text reads a variable; one that is set but empty counts as not set.
func (r *reader) text(name, fallback string) string {
	r.known = append(r.known, name)
	if value := r.values[name]; value != "" {
		return value
	}
	return fallback
}

// secret reads NAME, or the file that NAME_FILE names.
func (r *reader) secret(name, fallback string) string {
	value, path := r.text(name, ""), r.text(name+"_FILE", "")
	switch {
	case value != "" && path != "":
		r.fail(name, "is given twice, also as "+name+"_FILE")
	case path != "":
		data, err := os.ReadFile(path)
		r.check(name+"_FILE", err)
		if err == nil && strings.TrimSpace(string(data)) == "" {
			r.fail(name+"_FILE", "the file is empty")
		}
		return strings.TrimSpace(string(data))
	case value == "":
		return fallback
	}
	return value
}

// given reports whether a secret was set in either way.
func (r *reader) given(name string) bool { return r.values[name] != "" || r.values[name+"_FILE"] != "" }

func (r *reader) list(name, fallback string) []string {
	var list []string
	for part := range strings.SplitSeq(r.text(name, fallback), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func (r *reader) pairs(name string) map[string]string {
	pairs := map[string]string{}
	for _, part := range r.list(name, "") {
		from, to, ok := strings.Cut(part, "=")
		if !ok || from == "" || to == "" {
			r.fail(name, "has to be from=to pairs, separated by commas")
			continue
		}
		pairs[from] = to
	}
	return pairs
}

func (r *reader) number(name string, fallback, least, most int) int {
	n, err := strconv.Atoi(r.text(name, strconv.Itoa(fallback)))
	if err != nil || n < least || n > most {
		r.fail(name, fmt.Sprintf("has to be a number from %d to %d", least, most))
	}
	return n
}

func (r *reader) yes(name string) bool {
	yes, err := strconv.ParseBool(r.text(name, "false"))
	if err != nil {
		r.fail(name, "has to be true or false")
	}
	return yes
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(r.text(name, fallback.String()))
	if err != nil || d < 0 {
		r.fail(name, "has to be a duration such as 30s")
	}
	return d
}

// foreign are variables of this name space that other programs of kyso read.
var foreign = []string{"KYSO_URL", "KYSO_DATA", "KYSO_PDF_CHILD"}

// strangers names variables that begin with KYSO_ and mean nothing: a misspelt name would be ignored silently.
func (r *reader) strangers() {
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		ours := strings.HasPrefix(name, "KYSO_") && !strings.HasPrefix(name, "KYSO_TEST_")
		if ours && !slices.Contains(r.known, name) && !slices.Contains(foreign, name) {
			r.fail(name, "is not a variable of kyso")
		}
	}
}

// absolute makes a default path absolute; without a working directory it stays as it is, and opening it tells.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
