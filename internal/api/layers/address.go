package layers

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress is where a request comes from. Our own proxies say it in X-Forwarded-For, each adding the address that
// it saw at the right end, so the list is read from there: the first address that is no proxy of ours is the client.
// What stands to the left of it is the client's own text. Nothing is believed of a peer that is no proxy of ours.
func (s *Layers) ClientAddress(r *http.Request) netip.Addr {
	peer := peerAddress(r.RemoteAddr)
	if !s.trustedProxy(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := hopAddress(strings.TrimSpace(hop))
		if !ok { // not what a proxy of ours writes
			return peer
		}
		peer = address
		if !s.trustedProxy(peer) {
			break
		}
	}
	return peer
}

func (s *Layers) trustedProxy(address netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// peerAddress is the address of the other end; the zero address when it has none, as on a Unix socket.
func peerAddress(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	address, _ := netip.ParseAddr(host)
	return address.Unmap().WithZone("")
}

// hopAddress reads an entry of X-Forwarded-For, which some proxies write with a port.
func hopAddress(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}
