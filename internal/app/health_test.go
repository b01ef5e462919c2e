package app

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"kyso/internal/config"
)

func TestProfilesAreForCallersOnThisMachineWhenSwitchedOn(t *testing.T) {
	for _, c := range []struct {
		on   bool
		peer string
		want int
	}{
		{false, "127.0.0.1:4711", http.StatusNotFound},
		{true, "127.0.0.1:4711", http.StatusOK},
		{true, "[::1]:4711", http.StatusOK},
		{true, "[::ffff:127.0.0.1]:4711", http.StatusOK},
		{true, "10.0.0.7:4711", http.StatusForbidden},
		{true, "[2001:db8::1]:4711", http.StatusForbidden},
		{true, "@", http.StatusForbidden}, // a Unix socket
	} {
		handler := (&App{Config: config.Config{Profiling: c.on}}).Health()
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=0.01"} {
			if c.want == http.StatusOK && path == "/debug/pprof/profile?seconds=1" && c.peer != "127.0.0.1:4711" {
				continue // a second each
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.RemoteAddr = c.peer
			r.Header.Set("X-Forwarded-For", "127.0.0.1")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%+v: %s answers %d", c, path, w.Code)
			}
		}
	}
}
