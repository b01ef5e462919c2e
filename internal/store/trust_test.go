package store_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

func rootOf(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

// The changes of the trusted certificates follow each other, an answer that was lost makes no second one, and the last root stays
// however many remove at once.
func TestTrustChanges(t *testing.T) {
	files := []*x509.Certificate{rootOf(t, "one"), rootOf(t, "two")}
	third := rootOf(t, "three")
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		desk := &signing.TrustDesk{Files: func() []*x509.Certificate { return files }, Records: s.Trusted()}
		now := time.Now()
		ask := func(key string) signing.TrustRequest {
			return signing.TrustRequest{Actor: "op-1", Reason: "thử", At: now, Key: key}
		}
		version := func(want int) {
			t.Helper()
			if got, err := s.Trusted().TrustVersion(ctx); err != nil || got != want {
				t.Errorf("version %d, %v; want %d", got, err, want)
			}
		}
		version(0)
		text := base64.StdEncoding.EncodeToString(third.Raw)
		for range 2 { // the answer to the first was lost
			e, err := desk.Add(ctx, text, ask("a"))
			must(t, err)
			if !e.Trusted() || !e.Root() || e.File || e.Change.Actor != "op-1" {
				t.Errorf("%+v", e)
			}
		}
		version(1)
		_, err := desk.Add(ctx, text, ask(""))
		wantCode(t, err, problem.Conflict)
		answers := inParallel(6, func(i int) error {
			_, err := desk.Remove(ctx, signing.Fingerprint(append(files, third)[i%3].Raw), ask(fmt.Sprint("r", i)))
			return err
		})
		if answers[""] != 2 || answers[problem.Conflict] != 4 {
			t.Errorf("%v, want two removed and the last root kept", answers)
		}
		version(3)
		list, err := desk.List(ctx)
		must(t, err)
		if trust := signing.TrustOf(list); len(trust.Roots) != 1 || len(trust.Removed) != 2 {
			t.Errorf("%d roots, %d removed", len(trust.Roots), len(trust.Removed))
		}
	})
}

// Whoever can only write the database adds no authority, and takes no change away unseen.
func TestTrustChangesAreSealed(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		files := []*x509.Certificate{rootOf(t, "one")}
		desk := &signing.TrustDesk{Files: func() []*x509.Certificate { return files }, Records: s.Trusted()}
		ca := rootOf(t, "CA của kẻ xấu")
		for _, c := range []*x509.Certificate{ca, rootOf(t, "another")} {
			_, err := desk.Add(t.Context(), base64.StdEncoding.EncodeToString(c.Raw), signing.TrustRequest{Actor: "op", Reason: "x", At: time.Now()})
			must(t, err)
		}
		var content []byte
		must(t, s.DB().QueryRowContext(t.Context(), `SELECT content FROM trust_changes WHERE seq = 1`).Scan(&content))
		if bytes.Contains(content, ca.Raw[:40]) {
			t.Error("the certificate lies in clear")
		}
		for _, spoil := range []string{`UPDATE trust_changes SET content = (SELECT content FROM trust_changes WHERE seq = 2) WHERE seq = 1`, `DELETE FROM trust_changes WHERE seq = 1`} {
			_, err := s.DB().ExecContext(t.Context(), spoil)
			must(t, err)
			if list, err := desk.List(t.Context()); err == nil {
				t.Errorf("%s: %d certificates", spoil, len(list))
			}
		}
	})
}
