package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

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
	s := &server{}
	for _, r := range slices.Concat(s.webhookRoutes(), s.registrationDoors()) {
		if r.party != "" && !strings.HasPrefix(r.party, "{") {
			names = append(names, r.party)
		}
	}
	return names
}

// Route is one route as the tests go over them.
type Route struct {
	ID, At     string // at is METHOD path
	Parameters []*huma.Param
	JSON       bool // it takes a body of JSON
}

// Routes are the routes that these options serve.
func Routes(options Options) []Route {
	var list []Route
	for _, r := range newServer(options).served {
		op := Route{ID: r.id, At: r.at, Parameters: r.described.Parameters}
		if r.described.RequestBody != nil {
			op.JSON = r.described.RequestBody.Content["application/json"] != nil
		}
		list = append(list, op)
	}
	slices.SortFunc(list, func(a, b Route) int { return strings.Compare(a.At, b.At) })
	return list
}

// ClientAddress is where a request with these lines of X-Forwarded-For comes from.
func ClientAddress(trusted []netip.Prefix, peer string, hops []string) netip.Addr {
	s := &server{Options: Options{TrustedProxies: trusted}}
	return s.clientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": hops}})
}

// Personal is what judges words that go into histories.
var Personal = personal
