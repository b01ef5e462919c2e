package party

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"kyso/internal/problem"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "99999999999": maxRetryAfter,
		"Fri, 20 Nov 2026 11:00:30 GMT": 30 * time.Second,
		"Fri, 20 Nov 2026 10:00:00 GMT": 0,
		"Fri, 20 Nov 2027 10:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

func TestCallLimits(t *testing.T) {
	followed := false
	mux := http.NewServeMux()
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("A"), MaxAnswer+1)) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/target", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/target", func(http.ResponseWriter, *http.Request) { followed = true })
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, path := range []string{"/big", "/cut"} {
		_, err := Call{Party: "x", URL: server.URL + path}.Do(context.Background())
		if problem.CodeOf(err) != problem.ProviderUnavailable {
			t.Errorf("%s: got %v", path, err)
		}
	}
	r, err := Call{Party: "x", URL: server.URL + "/redirect"}.Do(context.Background())
	if err != nil || r.Status != http.StatusTemporaryRedirect || followed {
		t.Errorf("redirect: %+v, %v, followed %t", r, err, followed)
	}
}

func TestReachable(t *testing.T) {
	for address, want := range map[string][2]bool{ // without and with AllowPrivate
		"8.8.8.8": {true, true}, "2001:4860:4860::8888": {true, true},
		"127.0.0.1": {false, true}, "::1": {false, true}, "10.1.2.3": {false, true}, "192.168.1.1": {false, true},
		"172.16.0.1": {false, true}, "fd00::1": {false, true}, "100.100.100.200": {false, true}, "64:ff9b::7f00:1": {false, true},
		"169.254.169.254": {false, false}, "fe80::1": {false, false}, "0.0.0.0": {false, false}, "224.0.0.1": {false, false},
		"::": {false, false},
	} {
		a := netip.MustParseAddr(address)
		if got := [2]bool{reachable(a, false), reachable(a, true)}; got != want {
			t.Errorf("%s: got %v, want %v", address, got, want)
		}
	}
	mapped := netip.MustParseAddr("::ffff:169.254.169.254")
	if reachable(mapped.Unmap(), true) {
		t.Error("metadata address in IPv6 clothes")
	}
}
