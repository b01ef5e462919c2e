package kernel

import (
	"net/http"
	"strings"
	"time"
)

// CookieName has the prefix that binds a cookie to this host and to https, where there is https.
func (s *Kernel) CookieName() string {
	if s.secure() {
		return "__Host-kyso"
	}
	return "kyso"
}

func (s *Kernel) secure() bool { return strings.HasPrefix(s.PublicURL, "https://") }

// Cookie is the line of Set-Cookie that gives a browser the secret of its session; an empty secret takes it away.
func (s *Kernel) Cookie(secret string, life time.Duration) string {
	//nolint:gosec // Secure follows the public address: without https, in development, a browser would not keep it
	c := http.Cookie{Name: s.CookieName(), Value: secret, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteStrictMode}
	if secret == "" {
		c.MaxAge = -1
	}
	return c.String()
}
