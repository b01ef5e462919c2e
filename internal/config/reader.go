package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/party"
	"kyso/internal/problem"
)

// reader reads variables and collects mistakes. Values never stand in errors: they may be secrets in the wrong
// place.
type reader struct {
	parties Parties
	environ []string
	values  map[string]string
	known   []string
	sandbox string // where the stand-ins answer
	shown   []Setting
	errs    []error
}

func newReader(environ []string, parties Parties) *reader {
	r := &reader{parties: parties, environ: environ, values: map[string]string{}}
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
		r.shown = append(r.shown, Setting{name, value, FromEnvironment})
		return value
	}
	r.shown = append(r.shown, Setting{name, fallback, FromDefault})
	return fallback
}

// Setting is one variable as it was read.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // never that of a secret
	Source string `json:"source"`
}

// The sources of settings; a file is named by its path.
const (
	FromDefault     = "default"
	FromEnvironment = "environment"
	hidden          = "(secret)"
)

// Explain reads the configuration as Read does and returns every variable, its value and where it came from, by
// name. Secrets are not shown; that they are given is.
func Explain(environ []string, parties Parties) ([]Setting, error) {
	r := newReader(environ, parties)
	_, err := r.config()
	for i := range r.shown {
		r.shown[i].Value = secretURL.ReplaceAllString(r.shown[i].Value, "$1"+hidden+"@")
	}
	slices.SortFunc(r.shown, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return r.shown, err
}

// secretURL matches a password in an address.
var secretURL = regexp.MustCompile(`(://[^/:@]*:).*@`)

// secret reads NAME, or the file that NAME_FILE names.
func (r *reader) secret(name, fallback string) string {
	value, path := r.values[name], r.values[name+"_FILE"]
	r.known = append(r.known, name, name+"_FILE")
	switch {
	case path != "":
		r.shown = append(r.shown, Setting{name, hidden, path})
	case value != "":
		r.shown = append(r.shown, Setting{name, hidden, FromEnvironment})
	case fallback != "":
		r.shown = append(r.shown, Setting{name, hidden, FromDefault})
	default:
		r.shown = append(r.shown, Setting{name, "", FromDefault})
	}
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

// dates reads names with dates, such as SHA-256=2040-01-01.
func (r *reader) dates(name string) map[string]time.Time {
	out := map[string]time.Time{}
	for key, text := range r.pairs(name) {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			r.fail(name, "must be names with dates, such as SHA-256=2040-01-01")
			continue
		}
		out[key] = at
	}
	return out
}

func (r *reader) number(name string, fallback, least, most int) int {
	n, err := strconv.Atoi(r.text(name, strconv.Itoa(fallback)))
	if err != nil || n < least || n > most {
		r.fail(name, fmt.Sprintf("has to be a number from %d to %d", least, most))
	}
	return n
}

// oneOf reads one of some words; the first is the default.
func (r *reader) oneOf(name string, words ...string) string {
	word := r.text(name, words[0])
	if !slices.Contains(words, word) {
		r.fail(name, "has to be one of "+strings.Join(words, ", "))
	}
	return word
}

func (r *reader) yes(name string) bool { return r.yesOr(name, "false") }

func (r *reader) yesOr(name, fallback string) bool {
	yes, err := strconv.ParseBool(r.text(name, fallback))
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

// minRetryPause keeps the history of a parked process from filling.
const minRetryPause = 10 * time.Second

// durations reads a list, none of which is below least.
func (r *reader) durations(name string, fallback []time.Duration, least time.Duration) []time.Duration {
	words := make([]string, len(fallback))
	for i, d := range fallback {
		words[i] = d.String()
	}
	var list []time.Duration
	for _, word := range r.list(name, strings.Join(words, ",")) {
		d, err := time.ParseDuration(word)
		if err != nil || d < least {
			r.fail(name, "has to be durations such as 1m,5m,1h, none below "+least.String())
			return nil
		}
		list = append(list, d)
	}
	return list
}

// foreign are variables of this name space that other programs of kyso read.
var foreign = []string{"KYSO_URL", "KYSO_DATA", "KYSO_API_KEY", "KYSO_API_KEY_FILE", "KYSO_LANG"}

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

// networks reads addresses and networks.
func (r *reader) networks(name string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range r.list(name, "") {
		if address, err := netip.ParseAddr(text); err == nil {
			address = address.Unmap().WithZone("")
			list = append(list, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Addr().Is4In6() {
			r.fail(name, "has to hold addresses and networks such as 10.0.0.0/8, separated by commas")
			return nil
		}
		list = append(list, network.Masked())
	}
	return list
}

var _ party.Settings = (*reader)(nil)

// Sandbox implements party.Settings.
func (r *reader) Sandbox() string { return r.sandbox }

// Text implements party.Settings.
func (r *reader) Text(name, fallback string) string { return r.text(name, fallback) }

// List implements party.Settings.
func (r *reader) List(name, fallback string) []string { return r.list(name, fallback) }

// Fail implements party.Settings.
func (r *reader) Fail(name, what string) { r.fail(name, what) }

// Key implements party.Settings.
func (r *reader) Key(name, fallback string, sandbox bool) string {
	value := r.secret(name, fallback)
	if !sandbox && !r.given(name) {
		r.fail(name, "has to be given for a party that is not the sandbox")
	}
	return value
}

// Address implements party.Settings.
func (r *reader) Address(name, value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		r.fail(name, "has to be an http or https address")
	}
	return value
}
