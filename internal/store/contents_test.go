package store_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

// issuing is an authority whose certificate and revocation list are public, with one customer.
type issuing struct{ authority, person, list []byte }

func newIssuing(t *testing.T) issuing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "KYSO TEST CA"}, NotBefore: day0, NotAfter: day0.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}
	var out issuing
	out.authority, err = x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	must(t, err)
	person := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: canaries["name"]}, NotBefore: day0, NotAfter: day0.AddDate(1, 0, 0)}
	out.person, err = x509.CreateCertificate(rand.Reader, person, ca, key.Public(), key)
	must(t, err)
	out.list, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: day0, NextUpdate: day0.AddDate(0, 0, 1),
		RevokedCertificateEntries: manyRevoked()}, &x509.Certificate{Raw: out.authority, RawSubject: subject(t, out.authority), KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}, key)
	must(t, err)
	return out
}

func subject(t *testing.T, der []byte) []byte {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert.RawSubject
}

func manyRevoked() (list []x509.RevocationListEntry) {
	for i := range 2_000 {
		list = append(list, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(1_000_000 + i)), RevocationTime: day0})
	}
	return list
}

func piece(kind string, data []byte, at time.Time) signing.Evidence {
	return signing.Evidence{Kind: kind, Index: -1, Digest: sum(string(data)), Data: data, At: at.UTC()}
}

// proves saves what a check of the customer's certificate leaves, in two calls, and returns what has to be read again.
func (i issuing) proves(t *testing.T, s *store.Store, id string) []signing.Evidence {
	t.Helper()
	answer := bytes.Join([][]byte{[]byte("answer to " + id), i.authority, i.person}, nil)
	list := []signing.Evidence{piece("certificate-check", []byte("found "+id), minute(1)), piece("crl", i.list, minute(1)), piece("ocsp", answer, minute(1)),
		piece("timestamp", []byte("token of "+id), minute(2))}
	must(t, s.SaveCertificates(t.Context(), id, []signing.Certificate{{Fingerprint: "f", Subject: canaries["name"], DER: i.person, Chain: [][]byte{i.authority}}}))
	for range 2 {
		must(t, s.SaveEvidence(t.Context(), id, list[:3]...))
		must(t, s.SaveEvidence(t.Context(), id, list[3]))
	}
	must(t, s.SaveEvidence(t.Context(), id, list[2], list[0])) // an attempt that got further the first time
	return list
}

func (i issuing) wantProof(t *testing.T, s *store.Store, id string, want []signing.Evidence) {
	t.Helper()
	got, err := s.Evidence(t.Context(), id)
	must(t, err)
	wantEqual(t, "evidence of "+id, got, want)
	list, err := s.Certificates(t.Context(), id)
	must(t, err)
	if len(list) != 1 || !bytes.Equal(list[0].DER, i.person) || !bytes.Equal(list[0].Chain[0], i.authority) {
		t.Errorf("certificates of %s: %+v", id, list)
	}
}

func counted(t *testing.T, s *store.Store, query string) (n int) {
	t.Helper()
	must(t, s.DB().QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// TestWhatSigningsHaveInCommonLiesOnce: the authority's certificate and its list lie there once, however many signings rest on them, and
// nothing of a person lies with them.
func TestWhatSigningsHaveInCommonLiesOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		from := newIssuing(t)
		want := map[string][]signing.Evidence{}
		for n := range 3 {
			id := fmt.Sprint("s-", n)
			created(t, s, id)
			want[id] = from.proves(t, s, id)
		}
		for id, list := range want {
			from.wantProof(t, s, id, list)
		}
		if n := counted(t, s, `SELECT COUNT(*) FROM contents`); n != 2 {
			t.Errorf("%d contents", n)
		}
		var all []byte
		var packed []byte
		rows, err := s.DB().QueryContext(t.Context(), `SELECT data FROM contents`)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			must(t, rows.Scan(&packed))
			all = append(all, packed...)
		}
		must(t, rows.Err())
		if len(all) > len(from.list) || containsCanary(all, canaries["name"]) {
			t.Errorf("%d bytes of contents, or a name in them", len(all))
		}
		if n := counted(t, s, `SELECT MAX(LENGTH(data)) FROM evidence`); n > len(from.person)+200 {
			t.Errorf("a row of evidence has %d bytes", n)
		}
	})
}

// TestContentsGoWhenNoRecordNamesThem erases one of two signers: what the other's signing rests on stays.
func TestContentsGoWhenNoRecordNamesThem(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		now := minute(10)
		s.SetNow(func() time.Time { return now })
		mine, other := newIssuing(t), newIssuing(t)
		created(t, s, "s")
		stays := newSigning("t")
		stays.UserID = "ICA.1"
		for _, d := range stays.Documents {
			must(t, s.SaveUpload(t.Context(), newUpload(d.UploadID)))
		}
		must(t, s.CreateSigning(t.Context(), stays))
		mine.proves(t, s, "s")
		want := other.proves(t, s, "t")
		sweep := func(looked, left int) {
			t.Helper()
			n, err := s.Leftovers().PurgeContents(t.Context(), 10)
			must(t, err)
			wantEqual(t, "looked at and left", []int{n, counted(t, s, `SELECT COUNT(*) FROM contents`)}, []int{looked, left})
		}
		must(t, s.Move(t.Context(), "s", signing.Transition{Seq: 1, Status: signing.StatusCancelled, At: minute(3)}))
		erase(t, s.Registrations(), subjectOf(t, s.Registrations(), "s"))
		sweep(0, 4) // used just now
		now = now.Add(49 * time.Hour)
		sweep(4, 2)
		sweep(0, 2) // those that are still named are not looked at again
		other.wantProof(t, s, "t", want)
	})
}

// TestASweepDeletesNothingThatIsBeingUsed sweeps at the moment at which a transaction has found a content and not yet named it.
func TestASweepDeletesNothingThatIsBeingUsed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, dsn string) {
		key := masterKey(t)
		ctx, statements := storetest.Counted(t.Context())
		s, err := store.Open(ctx, dsn, key)
		must(t, err)
		defer s.Close()
		must(t, s.Migrate(t.Context()))
		from, sweeper := newIssuing(t), open(t, dsn, key)
		created(t, s, "s")
		from.proves(t, s, "s")
		var swept sync.WaitGroup
		sweep := func(text string) {
			if !strings.Contains(text, "INSERT INTO evidence") && !strings.Contains(text, "INSERT INTO certificates") {
				return
			}
			done := make(chan struct{})
			swept.Go(func() {
				defer close(done)
				if _, err := sweeper.Leftovers().PurgeContents(t.Context(), 10); err != nil {
					t.Error(err)
				}
			})
			select {
			case <-done:
			case <-time.After(100 * time.Millisecond): // it waits for this transaction
			}
		}
		proof := piece("ocsp", from.authority, minute(1))
		for what, save := range map[string]func() error{
			"evidence": func() error { return s.SaveEvidence(t.Context(), "s", proof) },
			"certificates": func() error {
				return s.SaveCertificates(t.Context(), "s", []signing.Certificate{{Fingerprint: "f", Chain: [][]byte{from.authority}}})
			},
		} {
			statements.Before = nil
			for _, statement := range []string{`DELETE FROM evidence`, `DELETE FROM certificates`, `UPDATE contents SET used_at = '2026-01-01 00:00:00+00:00'`} {
				must(t, only(s.DB().ExecContext(t.Context(), statement)))
			}
			statements.Before = sweep
			must(t, save())
			swept.Wait()
			_, err := s.Evidence(t.Context(), "s")
			if err == nil {
				_, err = s.Certificates(t.Context(), "s")
			}
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestAContentThatWasChangedIsNoticed changes what lies in clear, as anyone with access to the database could.
func TestAContentThatWasChangedIsNoticed(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		created(t, s, "s")
		created(t, s, "t")
		newIssuing(t).proves(t, s, "s")
		newIssuing(t).proves(t, s, "t")
		exec := func(statement string) {
			t.Helper()
			must(t, only(s.DB().ExecContext(t.Context(), statement)))
		}
		exec(`UPDATE certificates SET shared = (SELECT o.shared FROM certificates o WHERE o.signing_id = 't') WHERE signing_id = 's'`)
		_, err := s.Certificates(t.Context(), "s")
		wantCode(t, err, problem.DigestMismatch)
		exec(`UPDATE contents SET data = (SELECT o.data FROM contents o WHERE o.id <> contents.id ORDER BY o.id LIMIT 1)`)
		_, err = s.Evidence(t.Context(), "s")
		wantCode(t, err, problem.DigestMismatch)
	})
}

// TestEvidenceOfTheReleaseBefore: rows that are not packed are read, and while that release may come back all rows are written so.
func TestEvidenceOfTheReleaseBefore(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		from := newIssuing(t)
		created(t, s, "s")
		s.AsBefore = true
		want := from.proves(t, s, "s")
		if n := counted(t, s, `SELECT COUNT(*) FROM contents`); n != 0 || counted(t, s, `SELECT COUNT(*) FROM evidence WHERE shared IS NULL`) != 4 {
			t.Errorf("%d contents, or rows that the release before cannot read", n)
		}
		s.AsBefore = false
		more := piece("timestamp", []byte("another "+hex.EncodeToString(from.authority)), minute(3))
		must(t, s.SaveEvidence(t.Context(), "s", more))
		from.wantProof(t, s, "s", append(want, more))
	})
}
