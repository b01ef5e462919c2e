// Package limit says how often something may happen. A limit counts for a key that its caller cannot draw anew: a
// person, a phone, a network; never a session alone. It does no I/O and imports internal/problem only.
package limit

import (
	"context"
	"net/netip"
	"time"

	"kyso/internal/problem"
)

// Limit bounds how often something may happen for one key.
type Limit struct {
	Name   string        // of the limit; an error names it
	Key    string        // whom it counts; kept as a keyed digest
	Most   int           // at least 1
	Per    time.Duration // whole milliseconds
	Slides bool          // the window slides; without it windows follow each other, and two may be used up in one moment
}

// Counter counts for all processes together.
type Counter interface {
	// Take counts one act against every limit, or against none when one of them is used up. Of acts at the same moment
	// exactly as many pass as there are places. Errors: problem.RateLimited with RetryAfter.
	Take(ctx context.Context, now time.Time, limits ...Limit) error
	// TakeMany takes n places of one limit, or none, and returns how many are left. Errors: problem.RateLimited.
	TakeMany(ctx context.Context, now time.Time, l Limit, n int) (left int, err error)
	// Used returns how often a sliding limit was taken in its window and the one before.
	Used(ctx context.Context, now time.Time, l Limit) (int, error)
	// Forget deletes what counts for nothing any more.
	Forget(ctx context.Context, now time.Time) error
}

// Window is where a moment lies in the windows of a limit.
type Window struct {
	Span    int64         // number of the window
	Rest    int64         // thousandths of the window before that still count
	Elapsed time.Duration // since the window began
	Ends    time.Time     // when a count made now stops to matter
}

// At returns the window that a moment lies in.
func (l Limit) At(now time.Time) Window {
	per, ms := l.Per.Milliseconds(), now.UnixMilli()
	w := Window{Span: ms / per, Elapsed: time.Duration(ms%per) * time.Millisecond}
	spans := int64(1)
	if l.Slides {
		w.Rest, spans = (per-ms%per)*1000/per, 2
	}
	w.Ends = time.UnixMilli((w.Span + spans) * per).UTC()
	return w
}

// Refused is the answer to an act that found no place: used places of this window and earlier ones of the window
// before. RetryAfter is when one act fits again, in whole seconds.
func (l Limit) Refused(now time.Time, used, earlier int64) error {
	w, most, per := l.At(now), int64(l.Most), float64(l.Per)
	free := per // since the beginning of this window
	switch {
	case !l.Slides:
	case used < most: // what the window before still counts for has to shrink
		free = per * (1 - float64(most-used-1)/float64(max(1, earlier)))
	default: // this window has to shrink, when it is the one before
		free += per * (1 - float64(most-1)/float64(used))
	}
	wait := time.Duration(free) - w.Elapsed + time.Second
	return &problem.Error{Code: problem.RateLimited, Message: "the limit " + l.Name + " is used up", RetryAfter: max(time.Second, wait.Truncate(time.Second))}
}

type addressKey struct{}

// WithAddress returns a context that knows where its request comes from.
func WithAddress(ctx context.Context, address netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// AddressOf is where the request of ctx comes from; the zero address outside of one.
func AddressOf(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(addressKey{}).(netip.Addr)
	return address
}

// Network is what one subscriber of a network has: an IPv4 address, or the /64 of an IPv6 address.
func Network(address netip.Addr) string { return prefix(address, 64) }

// Site is what a customer of a data centre may have: an IPv4 address, or the /48 of an IPv6 address.
func Site(address netip.Addr) string { return prefix(address, 48) }

func prefix(address netip.Addr, bits int) string {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return address.String()
	}
	p, err := address.Prefix(bits)
	if err != nil { // never: the bits are right
		return address.String()
	}
	return p.String()
}
