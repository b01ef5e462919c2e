package main

import (
	"crypto/x509"
	"net/http"
	"testing"

	"kyso/internal/signing"
	"kyso/internal/store"
)

// newTrust is the list of trusted authorities of the scripts, over files that hold one root.
func newTrust(t *testing.T, desk *store.Store) *signing.TrustDesk {
	t.Helper()
	a := newAuthority(func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}, func(http.Handler) string { return "" })
	files := []*x509.Certificate{a.cert}
	return &signing.TrustDesk{Files: func() []*x509.Certificate { return files }, Records: desk.Trusted()}
}
