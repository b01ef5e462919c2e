package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"kyso/internal/decision"
)

// For the tests of the package from outside.
var (
	NextOfRegistration = nextOfRegistration
	NextOfSigning      = nextOfSigning
	SignedName         = signedName
)

// ActorNames are the names that the audit log has for whoever acts without a key.
func ActorNames() []string {
	names := []string{adminOwner, guestName, citizen, decision.Kyso, guestPrefix + "1", accountPrefix + "1"}
	for _, party := range parties {
		names = append(names, party)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "{") })
}

// ClientAddress is where a request with these lines of X-Forwarded-For comes from.
func ClientAddress(trusted []netip.Prefix, peer string, hops []string) netip.Addr {
	s := &server{Options: Options{TrustedProxies: trusted}}
	return s.clientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": hops}})
}

// Personal is what judges words that go into histories.
var Personal = personal
