package truststore

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"kyso/internal/keytest"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
)

// rootPEM makes a root certificate.
func rootPEM(t *testing.T, name string) []byte {
	t.Helper()
	root, _ := keytest.Certificate(t, name, nil, nil)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
}

// TestTrustIsReadNow: a CA that is put into one of the files, or taken out, counts at the next use. A file that holds nothing of use
// changes nothing.
func TestTrustIsReadNow(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.pem"), filepath.Join(dir, "two.pem")
	first, second, third := rootPEM(t, "first"), rootPEM(t, "second"), rootPEM(t, "third")
	put := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path+".new", data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", time.Unix(1, 0), time.Unix(1, 0)); err != nil { // as a tool does that keeps times
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	put(one, first)
	put(two, second)
	b, err := Open(one+", "+two, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	changes := 0
	b.Note(func(signing.Trust) { changes++ })
	want := func(what string, noted int, names ...string) {
		t.Helper()
		for range 2 {
			var got []string
			trust, err := b.Now(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range trust.Roots {
				got = append(got, c.Subject.CommonName)
			}
			if len(got) != len(names) || got[0] != names[0] || got[len(got)-1] != names[len(names)-1] || changes != noted {
				t.Errorf("%s: %v are trusted, want %v; %d changes noted", what, got, names, changes)
			}
		}
	}
	want("at first", 0, "first", "second")
	put(two, third)
	want("one replaced", 1, "first", "third")
	put(two, append(second, third...))
	want("one added", 2, "first", "second", "third")
	put(two, []byte("-----BEGIN"))
	put(one, []byte("nothing"))
	want("spoilt", 2, "first", "second", "third")
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	want("one gone", 2, "first", "second", "third")
	put(one, first)
	want("back again", 3, "first")
}

// TestChangesOfTrustAreReadNow: a CA that is added or removed in the store counts at the next use of every program, and a store that
// cannot be asked is an error, not what it said before.
func TestChangesOfTrustAreReadNow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "trust.pem")
	if err := os.WriteFile(path, rootPEM(t, "of the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := vault.ReadOrCreateMasterKey(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "kyso.db"), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var programs []*Bundle // an API and a worker
	for range 2 {
		b, err := Open(path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		b.Records = s.Trusted()
		programs = append(programs, b)
	}
	desk := &signing.TrustDesk{Files: programs[0].Files, Records: s.Trusted()}
	want := func(what, names string) {
		t.Helper()
		for i, b := range programs {
			trust, err := b.Now(t.Context())
			var got []string
			for _, c := range trust.Roots {
				got = append(got, c.Subject.CommonName)
			}
			if err != nil || strings.Join(got, ", ") != names {
				t.Errorf("%s: program %d trusts %v, %v; want %s", what, i, got, err, names)
			}
		}
	}
	want("at first", "of the file")
	added, err := desk.Add(t.Context(), string(rootPEM(t, "added")), signing.TrustRequest{Reason: "x", At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	want("added", "of the file, added")
	if err := os.WriteFile(path, append(rootPEM(t, "another"), rootPEM(t, "a third")...), 0o600); err != nil {
		t.Fatal(err)
	}
	want("another file", "another, a third, added")
	if _, err := desk.Remove(t.Context(), added.Fingerprint, signing.TrustRequest{Reason: "x", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	want("removed", "another, a third")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if trust, err := programs[1].Now(t.Context()); err == nil {
		t.Errorf("a store that cannot be asked trusts %d roots", len(trust.Roots))
	}
}

func TestTrustTellsRootsFromIssuers(t *testing.T) {
	root, rootKey := keytest.Certificate(t, "root", nil, nil)
	issuer, _ := keytest.Certificate(t, "issuer", root, rootKey)
	file := filepath.Join(t.TempDir(), "trust.pem")
	write := func(certs ...*x509.Certificate) {
		var b bytes.Buffer
		for _, c := range certs {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(issuer, root)
	trust, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(trust.Roots) != 1 || !trust.Roots[0].Equal(root) || len(trust.Intermediates) != 1 || !trust.Intermediates[0].Equal(issuer) {
		t.Errorf("%d roots and %d intermediates", len(trust.Roots), len(trust.Intermediates))
	}
	other, _ := keytest.Certificate(t, "National Root", nil, nil)
	second := filepath.Join(t.TempDir(), "national.pem")
	if err := os.WriteFile(second, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if trust, err := Read(file + ", " + second); err != nil || len(trust.Roots) != 2 || len(trust.Intermediates) != 1 {
		t.Errorf("two bundles: %d roots and %d intermediates, %v", len(trust.Roots), len(trust.Intermediates), err)
	}
	if _, err := Read(file + "," + second + ".none"); err == nil {
		t.Error("a bundle that is not there was passed over")
	}
	write(issuer)
	if _, err := Read(file); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("a bundle without a root: %v, want %s", err, problem.Invalid)
	}
}
