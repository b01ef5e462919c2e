package api

import (
	"net/http"
	"net/netip"
)

// For the tests of the package from outside.
var (
	NextOfRegistration = nextOfRegistration
	NextOfSigning      = nextOfSigning
)

// ClientAddress is where a request with these lines of X-Forwarded-For comes from.
func ClientAddress(trusted []netip.Prefix, peer string, hops []string) netip.Addr {
	s := &server{Options: Options{TrustedProxies: trusted}}
	return s.clientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": hops}})
}
