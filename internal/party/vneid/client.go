// Package vneid is the client of VNeID, where citizens ask for a certificate, and opens what VNeID sends.
package vneid

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

const (
	who     = "VNeID"
	maxSkew = 300 * time.Second // between the sender's clock and ours
	maxBody = 64 << 10          // a request has some 2 KB
	maxText = 512               // of a token or an id
)

// Client speaks the wire of docs/wires.md: it tells VNeID how a registration stands, and opens what VNeID sends. It
// implements registration.VNeID.
type Client struct {
	BaseURL string           // in front of /partner/v1
	Secret  string           // shared, signs both directions; without one nothing is believed
	HTTP    *http.Client     // nil means a plain one
	Timeout time.Duration    // 0 means 15 s
	Clock   func() time.Time // nil means time.Now
}

var _ registration.VNeID = (*Client)(nil)

type statusReport struct {
	Status    string    `json:"status"`
	Serial    string    `json:"serial,omitempty"`
	ValidFrom time.Time `json:"valid_from,omitzero"`
	ValidTo   time.Time `json:"valid_to,omitzero"`
	EventID   string    `json:"event_id"`
	Issuer    string    `json:"issuer,omitempty"`
}

// wordOf is VNeID's word for the end of a registration. Its words for what comes before are not in use.
func wordOf(end registration.Status) string {
	switch end {
	case registration.StatusActive:
		return "ACTIVE"
	case registration.StatusRefused, registration.StatusIneligible:
		return "REJECTED"
	}
	return "CANCELLED"
}

// Report implements registration.VNeID. The event id is made from request and status, so that VNeID knows a repeated
// report.
func (v *Client) Report(ctx context.Context, r registration.Report) error {
	word := wordOf(r.Status)
	event := sha256.Sum256([]byte(r.RequestID + word))
	body, err := json.Marshal(statusReport{
		Status: word, Issuer: r.Issuer, Serial: r.Serial, ValidFrom: r.NotBefore.UTC(), ValidTo: r.NotAfter.UTC(),
		EventID: hex.EncodeToString(event[:])[:32],
	})
	if err != nil {
		return problem.New(problem.Invalid, "a report to %s cannot be written", who)
	}
	timestamp := strconv.FormatInt(party.Now(v.Clock).Unix(), 10)
	answer, err := party.Call{
		Party: who, HTTP: v.HTTP, Timeout: v.Timeout, Clock: v.Clock, ContentType: "application/json",
		Accept: "application/json", Body: body,
		URL:    strings.TrimRight(v.BaseURL, "/") + "/partner/v1/requests/" + url.PathEscape(r.RequestID) + "/status",
		Header: http.Header{"X-Timestamp": {timestamp}, "X-Signature": {v.signature(timestamp, body)}},
	}.Do(ctx)
	if err == nil {
		err = answer.Failure(who)
	}
	var said struct {
		Accepted bool `json:"accepted"`
	}
	if err == nil {
		err = answer.Read(who, &said)
	}
	if err == nil && !said.Accepted {
		err = answer.Unavailable("%s did not accept the report", who)
	}
	if err != nil {
		return fmt.Errorf("reporting a status: %w", err)
	}
	return nil
}

func (v *Client) signature(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(v.Secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

type wireRequest struct {
	RequestID    string                 `json:"request_id"`
	Issuer       string                 `json:"issuer"`
	Person       registration.Person    `json:"person"`
	Consents     []registration.Consent `json:"consents"`
	HandoffToken string                 `json:"handoff_token"`
	ExpiresAt    time.Time              `json:"expires_at"`
}

// Open reads a request that VNeID posted. It returns problem.SignatureInvalid when the request is not VNeID's or not of
// now (the sender gets 401), problem.TooLarge, and problem.Invalid when it does not have the form of the wire. Whether
// person and consents will do is not judged here.
func (v *Client) Open(header http.Header, body []byte) (registration.Request, error) {
	if len(body) > maxBody {
		return registration.Request{}, problem.New(problem.TooLarge, "a request has at most %d bytes", maxBody)
	}
	now := party.Now(v.Clock)
	if err := v.verify(header, body, now); err != nil {
		return registration.Request{}, err
	}
	var r wireRequest
	if err := party.StrictJSON(body, &r); err != nil {
		return registration.Request{}, notAsAgreed(err, "the request is not JSON of the agreed form")
	}
	for _, f := range []struct{ name, value string }{
		{"request_id", r.RequestID}, {"issuer", r.Issuer}, {"handoff_token", r.HandoffToken},
	} {
		if !oneWord(f.value, 1) {
			return registration.Request{}, party.WrongField(f.name, "is missing, too long, or holds more than printable ASCII characters")
		}
	}
	if r.ExpiresAt.IsZero() || r.ExpiresAt.After(now.Add(maxRequestLife)) {
		return registration.Request{}, party.WrongField("expires_at", fmt.Sprintf("has to lie within %s", maxRequestLife))
	}
	for i, c := range r.Consents {
		at := func(field string) string { return fmt.Sprintf("consents[%d].%s", i, field) }
		switch {
		case !oneWord(c.TextVersion, 1):
			return registration.Request{}, party.WrongField(at("text_version"), "is missing, too long, or holds more than printable ASCII characters")
		case !oneWord(c.Channel, 0):
			return registration.Request{}, party.WrongField(at("channel"), "is too long, or holds more than printable ASCII characters")
		case c.ShownAt.Before(now.Add(-maxConsentAge)):
			return registration.Request{}, party.WrongField(at("shown_at"), fmt.Sprintf("is older than %s", maxConsentAge))
		}
	}
	digest := sha256.Sum256(body)
	return registration.Request{
		RequestID: r.RequestID, Issuer: r.Issuer, Person: r.Person, Consents: r.Consents, HandoffToken: r.HandoffToken,
		ExpiresAt: r.ExpiresAt.UTC(), ReceivedAt: now.UTC(), Digest: hex.EncodeToString(digest[:]),
	}, nil
}

type wireToken struct {
	RequestID    string    `json:"request_id"`
	HandoffToken string    `json:"handoff_token"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// The bounds of a fresh token: at least 128 bits as base64 or hex, and used right away.
const (
	minToken     = 16
	maxTokenLife = 24 * time.Hour
	// A citizen opens kyso within a week (hand-off); a request that stays open for longer than a month is a mistake of its sender.
	maxRequestLife = 31 * 24 * time.Hour
	// The citizen was shown both texts when asking, not a season ago.
	maxConsentAge = 31 * 24 * time.Hour
)

// oneWord reports whether an id, a token or a version is one word: it goes into logs, addresses and papers.
func oneWord(s string, least int) bool {
	return len(s) >= least && len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// OpenToken reads a fresh one-time token that VNeID posted for a request of its own. Errors: as Open.
func (v *Client) OpenToken(header http.Header, body []byte) (registration.Handoff, error) {
	if len(body) > maxBody {
		return registration.Handoff{}, problem.New(problem.TooLarge, "a token has at most %d bytes", maxBody)
	}
	now := party.Now(v.Clock)
	if err := v.verify(header, body, now); err != nil {
		return registration.Handoff{}, err
	}
	var t wireToken
	if err := party.StrictJSON(body, &t); err != nil {
		return registration.Handoff{}, notAsAgreed(err, "the token is not JSON of the agreed form")
	}
	switch {
	case !oneWord(t.RequestID, 1):
		return registration.Handoff{}, party.WrongField("request_id", "is missing, too long, or holds more than printable ASCII characters")
	case !oneWord(t.HandoffToken, minToken):
		return registration.Handoff{}, party.WrongField("handoff_token", "is too short, too long, or holds more than printable ASCII characters")
	case !t.ExpiresAt.After(now) || t.ExpiresAt.After(now.Add(maxTokenLife)):
		return registration.Handoff{}, party.WrongField("expires_at", fmt.Sprintf("has to lie within %s", maxTokenLife))
	}
	return registration.Handoff{RequestID: t.RequestID, Token: t.HandoffToken, ExpiresAt: t.ExpiresAt.UTC(), At: now.UTC()}, nil
}

// notAsAgreed keeps the field that party.StrictJSON named.
func notAsAgreed(err error, text string) error {
	if field := problem.FieldOf(err); field != "" {
		return err
	}
	return problem.Wrap(problem.Invalid, err, "%s", text)
}

// verify tells a stranger nothing of what was wrong with the signature.
func (v *Client) verify(header http.Header, body []byte, now time.Time) error {
	timestamp := header.Get("X-Timestamp")
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return problem.New(problem.SignatureInvalid, "X-Timestamp is missing or no number")
	}
	if v.Secret == "" || !hmac.Equal([]byte(v.signature(timestamp, body)), []byte(header.Get("X-Signature"))) {
		return problem.New(problem.SignatureInvalid, "X-Signature does not fit")
	}
	if now.Sub(time.Unix(at, 0)).Abs() > maxSkew {
		return problem.New(problem.SignatureInvalid, "X-Timestamp is more than %s from our clock", maxSkew)
	}
	return nil
}
