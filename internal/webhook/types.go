package webhook

import (
	"path"
	"slices"
	"strings"
	"time"
)

// TestEvent is the type of a message that an owner sends to try an endpoint.
const TestEvent = "kyso.test"

// Names of what happens besides transitions.
const (
	Attention = "attention" // the process is parked, or goes on again: see Event.Open
	PINSet    = "pin-set"   // the citizen has set the PIN on the phone
)

// types is the closed list, in the order of the alphabet: a transition to each status of a process, and what happens besides
// transitions; each with what it says.
var types = []struct{ name, text string }{
	{TestEvent, "A test that its owner asked for."},
	{"registration.accepting", "The acceptance record waits for the signature of the citizen on the phone."},
	{"registration.account-ready", "The citizen has an account and may order a package."},
	{"registration.activating", "The certificate is issued; the citizen sets the PIN on the phone and enters a one-time code."},
	{"registration.active", "The certificate is active. Final."},
	{"registration.attention", "The registration is parked, or goes on again: see data.open."},
	{"registration.awaiting-contract", "The contract waits for the citizen's consent by one-time code."},
	{"registration.awaiting-payment", "The registration waits for a payment."},
	{"registration.cancelled", "The registration was cancelled. Final."},
	{"registration.closing", "The registration is being closed: what was paid is refunded, what was issued is revoked."},
	{"registration.expired", "A deadline passed. Final."},
	{"registration.handed-off", "The citizen came from VNeID with the one-time token."},
	{"registration.in-review", "An officer compares the dossier."},
	{"registration.ineligible", "The person cannot register. Final."},
	{"registration.issuing", "The key is made and the certification authority issues the certificate."},
	{"registration.needs-more", "The officer asked for corrections of named fields."},
	{"registration.pin-set", "The citizen has set the PIN on the phone."},
	{"registration.refused", "An officer refused the registration. Final."},
	{"registration.requested", "VNeID sent the request."},
	{"registration.withdrawn", "The citizen withdrew the request. Final."},
	{"signing.attention", "The signing is parked, or goes on again: see data.open."},
	{"signing.awaiting-approval", "The phone of the key's owner shows the request, and the countdown runs."},
	{"signing.awaiting-certificate", "The signing waits for the choice of a certificate."},
	{"signing.awaiting-placement", "The signing waits for the signature boxes."},
	{"signing.cancelled", "The signing was cancelled. Final."},
	{"signing.completing", "The owner approved; the signature is embedded, time-stamped and verified."},
	{"signing.created", "The signing was accepted."},
	{"signing.declined", "The owner declined on the phone. Final."},
	{"signing.expired", "A deadline passed before the owner approved. Final."},
	{"signing.preparing", "The documents are being prepared."},
	{"signing.refused", "The signing was refused: data.detail says why. Final."},
	{"signing.requested", "The request is on its way to the signing provider."},
	{"signing.signed", "Every document is signed and verified. Final."},
}

// Types are all types of messages, in the order of the alphabet.
func Types() []string {
	names := make([]string, 0, len(types))
	for _, t := range types {
		names = append(names, t.name)
	}
	return names
}

// Text says in a sentence what a type tells; empty for one that does not exist.
func Text(kind string) string {
	for _, t := range types {
		if t.name == kind {
			return t.text
		}
	}
	return ""
}

// Example is a message of a type, as its receiver gets it.
func Example(kind string) (Message, error) {
	process, status, _ := strings.Cut(kind, ".")
	e := Event{Kind: process, ID: "0198f1c4-7a3e-7d21-9c51-3f6a5b8d2e10", Status: status, Seq: 4, Final: strings.HasSuffix(Text(kind), "Final."),
		At: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)}
	e.Self = "/v1/" + process + "s/" + e.ID
	switch {
	case kind == TestEvent:
		e.ID, e.Seq, e.Self = "ep-5c2d41aa", 1, "/v1/webhook-endpoints"
	case status == Attention:
		open := true
		e.Name, e.Status, e.Open, e.Detail, e.Mark = status, "completing", &open, "provider-unavailable", "1"
		if process == "registration" {
			e.Status = "issuing"
		}
	case status == PINSet:
		e.Name, e.Status = status, "activating"
	case status == "refused":
		e.Detail = "refused-by-officer"
		if process == "signing" {
			e.Detail = "certificate-revoked"
		}
	}
	return NewMessage(e.MessageID(), e)
}

// ValidPattern reports whether a pattern matches a type. A star stands for anything; other signs have no meaning.
func ValidPattern(pattern string) bool {
	if pattern == "" || len(pattern) > 64 || strings.Trim(pattern, "abcdefghijklmnopqrstuvwxyz.*-") != "" {
		return false
	}
	return slices.ContainsFunc(Types(), func(t string) bool {
		ok, err := path.Match(pattern, t)
		return err == nil && ok
	})
}
