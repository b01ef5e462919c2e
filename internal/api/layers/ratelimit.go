package layers

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/limit"
	"kyso/internal/problem"
)

const (
	limitWindow = time.Minute
	// networkShare is how many times the rate of one caller all guests and strangers of one network have together.
	// Every browser may draw new sessions, so a session alone bounds nothing; a network may be a whole ward's.
	networkShare = 10
	// siteShare is how many networks' entries all networks of an IPv6 /48 have together.
	siteShare = 8
	// handfuls is how many times a window a process asks the store for places of one limit: it takes a handful at
	// once, so that a small request does not cost a commit. What it holds at the end of the window is lost: with
	// several processes a caller may get less than the limit by as many handfuls as there are others, and never more.
	handfuls = 50
)

// limiter counts the requests of each caller in fixed windows of a minute, in the store, for all processes together.
type limiter struct {
	rate    int // reads in a window; none means no limit
	counter limit.Counter

	mu     sync.Mutex
	window int64
	held   map[limit.Limit]*held
}

// held is what this process took of a limit and did not use yet. Requests of one caller queue for it: else each of many
// at once would take a handful of its own.
type held struct {
	mu           sync.Mutex
	places, left int
	spent        bool // nothing is left in this window; asking again would cost a write
}

// bounds are the limits that a request counts for, the tightest first. A program, an officer and the administrator have
// a key that they cannot make themselves; a guest is whoever sits behind the address.
func (l *limiter) bounds(c kernel.Class, who *kernel.Caller, from netip.Addr) []limit.Limit {
	quota := max(1, l.rate/c.Share)
	of := func(kind, key string, most int) limit.Limit {
		return limit.Limit{Name: c.Name, Key: kind + key, Most: most, Per: limitWindow}
	}
	switch {
	case c == kernel.ClassEnter && !byKey(who):
		return []limit.Limit{of("network ", limit.Network(from), quota), of("site ", limit.Site(from), siteShare*quota)}
	case who == nil:
		return []limit.Limit{of("network ", limit.Network(from), networkShare*quota)}
	case who.KeyID == "":
		return []limit.Limit{of("", who.Owner, quota), of("network ", limit.Network(from), networkShare*quota)}
	}
	return []limit.Limit{of("", who.Owner, quota)}
}

// byKey reports whether a caller showed an API key with this very request.
func byKey(who *kernel.Caller) bool { return who != nil && who.KeyID != "" && who.SessionID == "" }

// admit counts a request and tells the caller what is left, as the IETF's draft on RateLimit header fields says.
func (l *limiter) admit(ctx context.Context, h http.Header, c kernel.Class, who *kernel.Caller, from netip.Addr, now time.Time) error {
	if l.rate <= 0 || who != nil && who.Owner == kernel.AdminOwner {
		return nil
	}
	for i, bound := range l.bounds(c, who, from) {
		left, err := l.take(ctx, bound, now)
		if err != nil && problem.CodeOf(err) != problem.RateLimited {
			return err
		}
		if i == 0 || err != nil {
			h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", c.Name, bound.Most, int(limitWindow.Seconds())))
			h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", c.Name, max(0, left), int(pause(now).Seconds())))
		}
		if err != nil {
			return &problem.Error{Code: problem.RateLimited, Message: "too many requests", RetryAfter: pause(now)}
		}
	}
	return nil
}

// take takes one place, out of the hand when there is one.
func (l *limiter) take(ctx context.Context, bound limit.Limit, now time.Time) (left int, err error) {
	h := l.hand(bound, now)
	h.mu.Lock()
	defer h.mu.Unlock()
	handful := max(1, bound.Most/handfuls)
	for _, n := range []int{handful, 1} {
		if h.places > 0 || h.spent {
			break
		}
		left, err := l.counter.TakeMany(ctx, now, bound, n)
		switch {
		case err == nil:
			h.places, h.left = n, left
		case problem.CodeOf(err) != problem.RateLimited:
			return 0, err
		case n == 1:
			h.spent = true
		}
	}
	if h.places == 0 {
		return 0, problem.New(problem.RateLimited, "the window is used up")
	}
	h.places--
	return h.left + h.places, nil
}

// hand returns what is held in the window of now; every window begins with empty hands.
func (l *limiter) hand(bound limit.Limit, now time.Time) *held {
	l.mu.Lock()
	defer l.mu.Unlock()
	if span := bound.At(now).Span; span != l.window || l.held == nil {
		l.window, l.held = span, map[limit.Limit]*held{}
	}
	h := l.held[bound]
	if h == nil {
		h = &held{}
		l.held[bound] = h
	}
	return h
}

// pause is how long the window still lasts, in whole seconds.
func pause(now time.Time) time.Duration {
	return (now.Truncate(limitWindow).Add(limitWindow).Sub(now) + time.Second - 1).Truncate(time.Second)
}
