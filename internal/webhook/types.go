package webhook

import (
	"path"
	"slices"
	"strings"
)

// TestEvent is the type of a message that somebody asked for to try an endpoint.
const TestEvent = "kyso.test"

// Names of what happens beside transitions.
const (
	Attention = "attention" // the process is parked, or goes on again: see Event.Open
	PINSet    = "pin-set"   // the citizen has set the PIN on the phone
)

// types is the closed list: a transition to each status of a process, and what happens beside transitions.
var types = []string{
	TestEvent,
	"registration.accepting",
	"registration.account-ready",
	"registration.activating",
	"registration.active",
	"registration.attention",
	"registration.awaiting-contract",
	"registration.awaiting-payment",
	"registration.cancelled",
	"registration.closing",
	"registration.expired",
	"registration.handed-off",
	"registration.in-review",
	"registration.ineligible",
	"registration.issuing",
	"registration.needs-more",
	"registration.pin-set",
	"registration.refused",
	"registration.requested",
	"registration.withdrawn",
	"signing.attention",
	"signing.awaiting-approval",
	"signing.awaiting-certificate",
	"signing.awaiting-placement",
	"signing.cancelled",
	"signing.completing",
	"signing.created",
	"signing.declined",
	"signing.expired",
	"signing.preparing",
	"signing.refused",
	"signing.requested",
	"signing.signed",
}

// Types are all types of messages, in the order of the alphabet.
func Types() []string { return slices.Clone(types) }

// ValidPattern reports whether a pattern matches a type. A star stands for anything; other signs have no meaning.
func ValidPattern(pattern string) bool {
	if pattern == "" || len(pattern) > 64 || strings.Trim(pattern, "abcdefghijklmnopqrstuvwxyz.*-") != "" {
		return false
	}
	return slices.ContainsFunc(types, func(t string) bool {
		ok, err := path.Match(pattern, t)
		return err == nil && ok
	})
}
