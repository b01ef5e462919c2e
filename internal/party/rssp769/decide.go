package rssp769

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
)

// verdict is what a status answer means.
type verdict int

const (
	none      verdict = iota // no verdict: an error
	done                     // values are there
	pending                  // the provider says that it waits
	declined                 // by the owner
	expired                  // the provider's window ended
	retry                    // an error that may pass
	denied                   // our account was turned away
	unknown                  // the provider does not know the transaction
	undecided                // anything else: pending until our own deadline, and the words are kept for learning
)

// sighting is what the decision table looks at.
type sighting struct {
	signed bool
	words  string // of message, folded; empty when a gateway and not the provider speaks
	code   int    // status_code when it names an error, else the HTTP status
}

// decisions is the table for status answers; the first row that matches holds.
var decisions = []struct {
	verdict verdict
	match   func(sighting) bool
}{
	{done, func(s sighting) bool { return s.signed }},
	// The codes of the systems behind some gateways (MySign, VNPT's CSC): they say more than any words.
	{pending, func(s sighting) bool { return s.code == 4000 }},
	{expired, func(s sighting) bool { return s.code == 4001 }},
	{declined, func(s sighting) bool { return s.code == 4002 }},
	{declined, means(declined)},
	{expired, means(expired)},
	{pending, means(pending)},
	{retry, func(s sighting) bool {
		return s.code >= 500 && s.code < 600 || s.code >= 300 && s.code < 400 ||
			s.code == http.StatusTooManyRequests || s.code == http.StatusRequestTimeout
	}},
	{denied, func(s sighting) bool { return s.code == http.StatusUnauthorized || s.code == http.StatusForbidden }},
	{unknown, func(s sighting) bool { return s.code >= 400 && s.code < 500 }},
	{unknown, says("not found", "not exist", "không tìm thấy", "không tồn tại")},
	{undecided, func(sighting) bool { return true }},
}

func says(words ...string) func(sighting) bool {
	return func(s sighting) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(s.words, word) })
	}
}

func means(v verdict) func(sighting) bool {
	return func(s sighting) bool { return meaning(s.words) == v }
}

// decide reads a status answer. Its errors are those of failure.
func (p *Client) decide(a answer) (verdict, error) {
	if !a.readable && (a.reply.OK() || len(a.reply.Body) > 0) {
		return none, p.failure(a)
	}
	seen := sighting{signed: a.signed(), code: p.code(a)}
	// A 504 of a proxy says "timeout" too. Only what carries the provider's own status_code is the provider's answer.
	if a.statusCode != "" || a.reply.Status < 500 {
		seen.words = fold(a.message)
	}
	for _, row := range decisions {
		if !row.match(seen) {
			continue
		}
		if row.verdict == retry || row.verdict == denied {
			return none, p.failure(a)
		}
		return row.verdict, nil
	}
	return undecided, nil
}

// code joins the two codes of an answer: status_code when it names an error, else the HTTP status.
func (p *Client) code(a answer) int {
	switch code := a.statusCode.Int(); {
	case a.statusCode == "", code >= 200 && code < 300, slices.Contains(p.Profile.ExtraOK, code):
	case slices.Contains(p.Profile.ExtraCredentials, code):
		return http.StatusUnauthorized
	default:
		return code
	}
	if a.reply.OK() {
		return http.StatusOK
	}
	return a.reply.Status
}

// failures maps codes to problems; the first row that holds the code decides.
var failures = []struct {
	from, to int
	code     problem.Code
}{
	{401, 401, problem.ProviderCredentials},
	{408, 408, problem.ProviderUnavailable},
	{429, 429, problem.ProviderUnavailable},
	{400, 499, problem.ProviderRefused},
	{0, 1 << 30, problem.ProviderUnavailable}, // 5xx, redirects, and undocumented codes
}

// failure returns nil for a success, and otherwise the problem that the answer names. An answer that cannot be
// read is the fault of something on the way, except that a bare 401 or 403 means that we are locked out (by
// account or by address).
func (p *Client) failure(a answer) error {
	code := p.code(a)
	lockedOut := a.reply.Status == http.StatusUnauthorized || a.reply.Status == http.StatusForbidden
	switch {
	case a.statusCode == "" && lockedOut:
		return problem.New(problem.ProviderCredentials, "%s turned our account away (%s)", p.Name, a.codes())
	case !a.readable:
		return a.reply.Unavailable("%s sent an answer that is not JSON (%s)", p.Name, a.codes())
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnauthorized && namesUser(a.message):
		return problem.New(problem.SignerUnknown, "%s does not know the user (%s)", p.Name, a.codes())
	case code == http.StatusForbidden && says("credential status invalid")(sighting{words: fold(a.message)}):
		return problem.New(problem.CertificateInactive, "the certificate is not active at %s (%s)", p.Name, a.codes())
	}
	for _, row := range failures {
		if code < row.from || code > row.to {
			continue
		}
		e := problem.New(row.code, "%s answered %s: %s", p.Name, a.codes(), p.redact(a.message))
		e.RetryAfter = a.reply.RetryAfter
		return e
	}
	return a.reply.Unavailable("%s answered %s", p.Name, a.codes())
}

// namesUser tells the two meanings of 401 apart: SP_CREDENTIAL_INVALID is said of our account and of a user.
func namesUser(message string) bool {
	words := fold(message)
	return strings.Contains(words, "user") || strings.Contains(words, "người dùng") || strings.Contains(words, "thuê bao")
}

// saysDuplicate reports the answer to a transaction id that was used before. It is not documented.
func (p *Client) saysDuplicate(a answer) bool {
	code := p.code(a)
	if code < 400 || code >= 500 {
		return false
	}
	return code == http.StatusConflict ||
		says("duplicate", "already exist", "already used", "đã tồn tại", "trùng")(sighting{words: fold(a.message)})
}

// saysNoCertificate reports an error that means an empty list. The document leaves open how that is said.
func (p *Client) saysNoCertificate(a answer) bool {
	if !a.readable {
		return false
	}
	code := p.code(a)
	if code == http.StatusUnauthorized {
		return says("no certificate")(sighting{words: fold(a.message)})
	}
	return code == http.StatusNotFound || code >= 400 && code < 500 &&
		says("not found", "not exist", "no certificate", "không tìm thấy", "không tồn tại")(sighting{words: fold(a.message)})
}

// fold makes messages comparable: NFC, lower case, blanks for underscores.
func fold(message string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(norm.NFC.String(message)), "_", " ")), " ")
}

var digits = regexp.MustCompile(`\d`)

// maxWords is how much of a provider's message is kept.
const maxWords = 160

// redact makes a provider's words fit for histories and logs: our account and every digit are masked, since
// messages may quote user ids and phone numbers.
func (p *Client) redact(message string) string {
	for _, secret := range []string{p.SPPassword, p.SPID} {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "***")
		}
	}
	message = digits.ReplaceAllString(strings.ToValidUTF8(message, "?"), "#")
	message = strings.Join(strings.Fields(message), " ")
	if runes := []rune(message); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return message
}
