package api_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
)

// atOnce does n requests at the same moment and counts the answers by status. Nothing but want and 429 may come.
func atOnce(t *testing.T, n, want int, ask func(i int) answer) (passed int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			got := ask(i)
			mu.Lock()
			defer mu.Unlock()
			switch got.status {
			case want:
				passed++
			case http.StatusTooManyRequests:
				if got.header.Get("Retry-After") == "" {
					t.Errorf("refused without a time: %s", got.body)
				}
			default:
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	close(begin)
	wg.Wait()
	return passed
}

// fixed is a moment at which windows do not end while a test runs.
func fixed(o *api.Options) {
	at := time.Date(2026, 11, 2, 8, 0, 20, 0, time.UTC)
	o.Now = func() time.Time { return at }
}

// Two processes of the API on one database admit together what one would.
func TestRatesAreOneForAllProcesses(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, dsn string) {
		on := openStore(t, dsn)
		rate := func(o *api.Options) { o.Rate = 100 }
		both := []*testBench{newBenchOn(t, on, fixed, rate, pdfStub), newBenchOn(t, on, fixed, rate, pdfStub)}
		reader, writer, entrant := bearer(both[0].key("reader", access.Signings))(""), bearer(both[0].key("writer", access.Signings))(""), []string{"Authorization", ""}
		for _, c := range []struct {
			class      string
			least, max int
			status     int
			ask        func(b *testBench) answer
		}{
			// A process may lose one handful (2 of 100) less one.
			{"read", 99, 100, http.StatusOK, func(b *testBench) answer { return b.get("/v1/session", reader...) }},
			{"write", 20, 20, http.StatusNotFound, func(b *testBench) answer { return b.post("/v1/signings/none/cancel", `{}`, writer...) }},
			{"heavy", 10, 10, http.StatusOK, func(b *testBench) answer {
				return b.do(http.MethodPost, "/v1/verifications", pdf, append([]string{"Content-Type", "application/pdf"}, writer...)...)
			}},
			{"enter", 5, 5, http.StatusOK, func(b *testBench) answer { return b.post("/v1/session", `{}`, entrant...) }},
		} {
			if n := atOnce(t, 2*c.max+20, c.status, func(i int) answer { return c.ask(both[i%2]) }); n < c.least || n > c.max {
				t.Errorf("%s: %d passed, want %d to %d", c.class, n, c.least, c.max)
			}
		}
	})
}

// Whoever opens one session with the cookie of another counts as the network that they come from, and so does what all
// those sessions ask for.
func TestSessionsCannotBeMinted(t *testing.T) {
	b := newBench(t, fixed, func(o *api.Options) {
		o.Rate = 40
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	from := func(address string, as ...string) []string {
		return append([]string{"Authorization", "", "X-Forwarded-For", address}, as...)
	}
	var cookies []string
	cookie := ""
	for range 20 {
		got := b.post("/v1/session", `{}`, from("203.0.113.7", "Cookie", cookie)...)
		if got.status == http.StatusOK {
			cookie, _, _ = strings.Cut(got.header.Get("Set-Cookie"), ";")
			cookies = append(cookies, cookie)
		}
	}
	if len(cookies) != 2 {
		t.Errorf("%d sessions of one address, want 2", len(cookies))
	}
	// The /64 networks of one site have eight times as many.
	passed := atOnce(t, 60, http.StatusOK, func(i int) answer {
		return b.post("/v1/session", `{}`, from(fmt.Sprintf("2001:db8:7:%x::1", i))...)
	})
	if passed != 16 {
		t.Errorf("%d sessions of one /48, want 16", passed)
	}
	// Another address does not pay for it.
	wantStatus(t, b.post("/v1/session", `{}`, from("203.0.113.8")...), http.StatusOK)
	// Two guests have 8 writes each in a minute, and their network 80.
	for _, c := range cookies {
		if n := atOnce(t, 20, http.StatusNotFound, func(int) answer {
			return b.post("/v1/signings/none/cancel", `{}`, from("203.0.113.7", "Cookie", c)...)
		}); n != 8 {
			t.Errorf("%d writes of a guest, want 8", n)
		}
	}
	// A drawer full of sessions from elsewhere has no more than the network that uses them.
	for i := range 12 {
		got := b.post("/v1/session", `{}`, from(fmt.Sprint("198.51.100.", i))...)
		cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
		cookies = append(cookies, cookie)
	}
	if n := atOnce(t, 14*10, http.StatusNotFound, func(i int) answer {
		return b.post("/v1/signings/none/cancel", `{}`, from("203.0.113.7", "Cookie", cookies[i%14])...)
	}); n != 64 { // 80, and 16 are used
		t.Errorf("%d more writes of one network, want 64", n)
	}
}

// Open routes ask nobody, so their callers are counted by their address.
func TestOpenRoutesAreCountedByAddress(t *testing.T) {
	d := newDesk(t, fixed, func(o *api.Options) {
		o.Rate = 2
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for route, unsigned := range map[string]int{"POST /v1/vneid/requests": http.StatusUnauthorized, "GET /v1/vnpay/ipn": http.StatusOK,
		"GET /v1/vnpay/return": http.StatusUnauthorized, "GET /v1/packages": http.StatusOK, "POST /v1/webhooks/intrustca/wrong": http.StatusNotFound} {
		method, path, _ := strings.Cut(route, " ")
		address := fmt.Sprintf("203.0.113.%d", len(path))
		ask := func(int) answer {
			return d.do(method, path, `{}`, "Content-Type", "application/json", "Authorization", "", "X-Forwarded-For", address)
		}
		if n := atOnce(t, 50, unsigned, ask); n != 20 {
			t.Errorf("%s: %d of 50 passed, want 20", route, n)
		}
	}
}

func TestWhereARequestComesFrom(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aaaa::/48")}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		hops    []string // lines of X-Forwarded-For
		want    string
	}{
		{"no proxy is named", nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{"no header", proxies, nil, "127.0.0.1"},
		{"one proxy", proxies, []string{"203.0.113.9"}, "203.0.113.9"},
		{"the client wrote one itself", proxies, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"in a line of its own", proxies, []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies", proxies, []string{"198.51.100.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"the client calls itself a proxy", proxies, []string{"10.9.9.9, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"nothing but proxies", proxies, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{"with a port", proxies, []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6", proxies, []string{"2001:db8::7, 2001:db8:aaaa::1"}, "2001:db8::7"},
		{"IPv6 with a port", proxies, []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv4 written as IPv6", proxies, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"what no proxy writes", proxies, []string{"203.0.113.9, unknown"}, "127.0.0.1"},
		{"what no proxy writes, further left", proxies, []string{"<script>, 203.0.113.9"}, "203.0.113.9"},
		{"an empty entry", proxies, []string{"203.0.113.9, "}, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := api.ClientAddress(c.trusted, "127.0.0.1:5000", c.hops); got.String() != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if got := api.ClientAddress(proxies, "198.51.100.7:5000", []string{"203.0.113.9"}); got.String() != "198.51.100.7" {
		t.Errorf("a stranger's header is believed: %s", got)
	}
}
