package party

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrGuarded keeps the resolved address out of error texts: it would tell a stranger about our network.
var ErrGuarded = errors.New("the address leads into a private network")

// private lists what the methods of netip.Addr leave out of "private".
var private = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT; cloud metadata at 100.100.100.200
	netip.MustParsePrefix("192.0.0.0/24"),  // protocol assignments; cloud metadata at 192.0.0.192
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),   // reserved, broadcast
	netip.MustParsePrefix("64:ff9b::/96"),  // NAT64: any IPv4 address in disguise
	netip.MustParsePrefix("2002::/16"),     // 6to4, the same
}

// GuardedTransport connects to public addresses only. The check is made on the address that is really dialled,
// so that a name which resolves differently the second time gains nothing. There is no proxy: it would resolve
// the name itself. Link-local addresses, where clouds keep their metadata, stay closed even with allowPrivate.
func GuardedTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil || !reachable(target.Addr().Unmap(), allowPrivate) {
				return ErrGuarded
			}
			return nil
		},
	}
	t := plainTransport()
	t.Proxy = nil
	t.DialContext = dialer.DialContext
	return t
}

func reachable(a netip.Addr, allowPrivate bool) bool {
	switch {
	case !a.IsValid(), a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified():
		return false
	case allowPrivate:
		return true
	case a.IsLoopback(), a.IsPrivate():
		return false
	}
	for _, p := range private {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
