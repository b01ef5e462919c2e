package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"kyso/internal/limit"
	"kyso/internal/problem"
)

func TestNetworksAndSites(t *testing.T) {
	for address, want := range map[string][2]string{
		"203.0.113.7":            {"203.0.113.7", "203.0.113.7"},
		"::ffff:203.0.113.7":     {"203.0.113.7", "203.0.113.7"},
		"2001:db8:1:2:3:4:5:6":   {"2001:db8:1:2::/64", "2001:db8:1::/48"},
		"fe80::1%eth0":           {"fe80::/64", "fe80::/48"},
		"2001:db8:1:2::ffff:1:1": {"2001:db8:1:2::/64", "2001:db8:1::/48"},
	} {
		a := netip.MustParseAddr(address)
		if limit.Network(a) != want[0] || limit.Site(a) != want[1] {
			t.Errorf("%s: network %s, site %s", address, limit.Network(a), limit.Site(a))
		}
	}
}

func TestWhoIsRefusedLearnsWhenAPlaceIsFree(t *testing.T) {
	start := time.UnixMilli(0).Add(1000 * time.Hour)
	for _, c := range []struct {
		slides        bool
		used, earlier int64
		at, want      time.Duration
	}{
		{false, 4, 0, 20 * time.Minute, 40*time.Minute + time.Second},
		{true, 4, 0, 20 * time.Minute, 55*time.Minute + time.Second}, // 4 × 3/4 + 1 = 4, a quarter into the next hour
		{true, 1, 4, 0, 30*time.Minute + time.Second},                // 4 × 1/2 + 1 + 1 = 4
		{true, 3, 4, 30 * time.Minute, 30*time.Minute + time.Second}, // 4 × 0 + 3 + 1 = 4
		{true, 0, 4, 15 * time.Minute, time.Second},                  // it is free now
	} {
		l := limit.Limit{Name: "x", Most: 4, Per: time.Hour, Slides: c.slides}
		err := l.Refused(start.Add(c.at), c.used, c.earlier)
		if problem.CodeOf(err) != problem.RateLimited || problem.RetryAfterOf(err) != c.want {
			t.Errorf("%+v: %v after %s", c, err, problem.RetryAfterOf(err))
		}
	}
}
