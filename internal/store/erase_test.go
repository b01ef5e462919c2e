package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kyso/internal/pgtest"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// eraseEnded erases a person as if all of theirs had ended, and lets it run on.
func eraseEnded(t *testing.T, r store.Registrations, subjectID string, when time.Time) registration.Erasure {
	t.Helper()
	type row struct{ id, status string }
	var all []row
	rows, err := r.DB().QueryContext(t.Context(), `SELECT id, status FROM registrations WHERE subject_id = $1`, subjectID)
	must(t, err)
	for rows.Next() {
		var one row
		must(t, rows.Scan(&one.id, &one.status))
		all = append(all, one)
	}
	must(t, rows.Err())
	must(t, rows.Close())
	set := func(id, status string) {
		_, err := r.DB().ExecContext(t.Context(), `UPDATE registrations SET status = $1 WHERE id = $2`, status, id)
		must(t, err)
	}
	for _, one := range all {
		set(one.id, "withdrawn")
	}
	out, err := r.EraseSubject(t.Context(), subjectID, "dpo-1", when, 5)
	must(t, err)
	for _, one := range all {
		set(one.id, one.status)
	}
	return out
}

// life is a person with a registration whose certificate was issued, one that was withdrawn, and a signing of their own.
type life struct {
	subjectID string
	papers    map[string]string // by kind
	until     time.Time
}

func (l life) paper(t *testing.T, s *store.Store, id string) string {
	t.Helper()
	u := sealedUpload(id)
	u.SubjectID = l.subjectID
	must(t, s.SaveUpload(t.Context(), u))
	return id
}

func lived(t *testing.T, s *store.Store) life {
	t.Helper()
	ctx, r := t.Context(), s.Registrations()
	one := enrolled(t, r, "issued")
	l := life{subjectID: one.SubjectID, papers: map[string]string{}, until: minute(0).AddDate(6, 0, 0).UTC()}
	for _, kind := range []string{"q-request", "d-draft", "c-contract", "a-acceptance", "w-withdrawn", "v-withdrawn-draft", "u-signed-by-me"} {
		l.papers[kind] = l.paper(t, s, kind)
	}
	must(t, r.SaveAccount(ctx, newAccount("acct", one.SubjectID, holder.Phone)))
	must(t, r.SaveReview(ctx, "issued", registration.Round{}, newReview("review"), "Xin ghi rõ số nhà", "không có trên bản đồ"))
	must(t, s.CreateSigning(ctx, signingOf("issued-acceptance-1", "ICA."+holder.IDNumber, "a-acceptance")))
	must(t, s.CreateSigning(ctx, signingOf("mine", "ICA."+holder.IDNumber, "u-signed-by-me")))
	for _, id := range []string{"issued-acceptance-1", "mine"} {
		must(t, s.SaveCertificates(ctx, id, []signing.Certificate{{Fingerprint: "f", Subject: holder.FullName, DER: []byte("DER")}}))
		must(t, s.SaveValue(ctx, id, signing.SignatureValue{RequestID: id + "/1", Value: []byte("value of " + id), ReceivedAt: day0, Use: signing.UseEmbedded}))
		must(t, s.SaveEvidence(ctx, id, signing.Evidence{Kind: "ocsp", Index: -1, Digest: sum("evidence"), Data: []byte("evidence"), At: day0}))
		signed := sealedUpload(id + "-0-b-t")
		base := sealedUpload(map[string]string{"mine": "u-signed-by-me"}[id] + map[string]string{"issued-acceptance-1": "a-acceptance"}[id])
		signed.KeyID, signed.Key = base.KeyID, base.Key
		must(t, s.SaveUpload(ctx, signed))
		must(t, s.SaveSigned(ctx, id, 0, signed.ID, signing.LevelT))
	}
	must(t, r.Change(ctx, "issued", func(one *registration.Registration) error {
		one.AccountID = "acct"
		one.Request = &registration.Paper{UploadID: "q-request"}
		one.Contract = &registration.Paper{UploadID: "d-draft", SealedID: "c-contract"}
		one.Issued = &registration.Issued{Serial: "01", NotAfter: minute(0).AddDate(1, 0, 0).UTC(), Certificate: []byte("DER of " + holder.FullName)}
		one.Acceptance = &registration.Acceptance{Paper: registration.Paper{UploadID: "a-acceptance"}, SigningID: "issued-acceptance-1", SignedID: "issued-acceptance-1-0-b-t"}
		return nil
	}))
	enrolled(t, r, "withdrawn")
	must(t, r.Change(ctx, "withdrawn", func(one *registration.Registration) error {
		one.Request, one.Contract = &registration.Paper{UploadID: "w-withdrawn"}, &registration.Paper{UploadID: "v-withdrawn-draft"}
		return nil
	}))
	for _, table := range []string{`UPDATE registrations SET status = 'active' WHERE id = 'issued'`, `UPDATE registrations SET status = 'withdrawn' WHERE id = 'withdrawn'`,
		`UPDATE signings SET status = 'signed'`} {
		_, err := s.DB().ExecContext(ctx, table)
		must(t, err)
	}
	return l
}

// bystander is somebody else, of whom everything has to stay, with a document that both sign.
func bystander(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	other := newRequest("other")
	other.Person.IDNumber = "079095012345"
	_, err := s.Registrations().CreateRegistration(ctx, "other", other)
	must(t, err)
	must(t, s.SaveUpload(ctx, sealedUpload("t-shared")))
	must(t, s.CreateSigning(ctx, signingOf("theirs", "ICA.079095012345", "t-shared")))
	must(t, s.CreateSigning(ctx, signingOf("also-mine", "ICA."+holder.IDNumber, "t-shared")))
	must(t, s.SaveEvidence(ctx, "theirs", signing.Evidence{Kind: "ocsp", Index: -1, Digest: sum("evidence"), Data: []byte("evidence"), At: day0}))
	_, err = s.DB().ExecContext(ctx, `UPDATE signings SET status = 'signed'`)
	must(t, err)
}

func wantBystander(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.Registrations().Person(t.Context(), "other")
	must(t, err)
	wantUpload(t, s, sealedUpload("t-shared"))
	one, err := s.Signing(t.Context(), "theirs")
	must(t, err)
	wantEqual(t, "the other signer", one.UserID+one.Documents[0].Name, "ICA.079095012345x.pdf")
	list, err := s.Evidence(t.Context(), "theirs")
	must(t, err)
	wantEqual(t, "the other's evidence", len(list), 1)
}

// wantErasedSigning reads everything of a signing.
func wantErasedSigning(t *testing.T, s *store.Store, id string) {
	t.Helper()
	one, err := s.Signing(t.Context(), id)
	must(t, err)
	if one.ErasedAt.IsZero() || one.UserID+one.Reason+one.Location+one.Documents[0].Name != "" || one.Status != signing.StatusSigned {
		t.Errorf("%s: %+v", id, one)
	}
	for what, read := range map[string]func() error{
		"certificates": func() error { _, err := s.Certificates(t.Context(), id); return err },
		"values":       func() error { _, err := s.Values(t.Context(), id); return err },
		"evidence":     func() error { _, err := s.Evidence(t.Context(), id); return err },
		"write": func() error {
			return s.SaveEvidence(t.Context(), id, signing.Evidence{Kind: "ocsp", Digest: sum("x"), Data: []byte("x"), At: day0})
		},
	} {
		if err := read(); problem.CodeOf(err) != problem.Erased {
			t.Errorf("%s of %s: %v", what, id, err)
		}
	}
	list, err := s.Signings(t.Context(), signing.Filter{})
	must(t, err)
	if !slices.ContainsFunc(list, func(one signing.Signing) bool { return one.ID == id }) {
		t.Errorf("%s is in no list", id)
	}
}

// TestErasureKeepsWhatTheLawKeeps erases a person with both outcomes, and then what was kept, when its time has come.
func TestErasureKeepsWhatTheLawKeeps(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, r := t.Context(), s.Registrations()
		l := lived(t, s)
		bystander(t, s)
		abouts := map[string]bool{"issued": true, "mine": true, "u-signed-by-me": true, "other": false, "": false}
		for about := range abouts {
			_, err := s.Remember(ctx, "key of "+about, "request")
			must(t, err)
			must(t, s.Answered(ctx, "key of "+about, signing.Answer{Status: 201, Body: []byte("hop dong Nhu.pdf"), About: about}))
		}
		var first registration.Erasure
		for i := range 2 {
			out, err := r.EraseSubject(ctx, l.subjectID, "dpo-1", minute(50+i), 5)
			must(t, err)
			if i == 0 {
				first = out
			}
			wantEqual(t, "answer", out, first)
		}
		var kept []string
		for _, k := range first.Kept {
			kept = append(kept, k.RegistrationID+" "+string(k.Kind))
			if !k.ForGood && !k.Until.Equal(l.until) {
				t.Errorf("%s is kept until %s, want %s", k.Kind, k.Until, l.until)
			}
		}
		wantEqual(t, "kept", kept, []string{"issued person", "issued request", "issued certificate", "issued contract", "issued acceptance", "issued records", "withdrawn records"})
		for about, gone := range abouts {
			a, err := s.Remember(ctx, "key of "+about, "request")
			must(t, err)
			if a.Erased != gone || (len(a.Body) == 0) != gone {
				t.Errorf("the answer about %q: erased %v, %q", about, a.Erased, a.Body)
			}
		}
		wantKeptReadable(t, s)
		for _, id := range []string{"d-draft", "w-withdrawn", "v-withdrawn-draft", "u-signed-by-me", "mine-0-b-t"} {
			_, err := s.Upload(ctx, id)
			wantCode(t, err, problem.Erased)
		}
		for _, id := range []string{"mine", "also-mine"} {
			wantErasedSigning(t, s, id)
		}
		wantBystander(t, s)

		ended, err := s.Leftovers().Ended(ctx, l.until.Add(-time.Second), 10)
		must(t, err)
		wantEqual(t, "ended too early", len(ended), 0)
		ended, err = s.Leftovers().Ended(ctx, l.until, 10)
		must(t, err)
		wantEqual(t, "ended", ended, []string{l.subjectID})
		_, err = r.EraseSubject(ctx, l.subjectID, "", l.until, 5)
		must(t, err)
		for _, id := range []string{"q-request", "c-contract", "a-acceptance", "issued-acceptance-1-0-b-t"} {
			_, err := s.Upload(ctx, id)
			wantCode(t, err, problem.Erased)
		}
		_, err = r.Person(ctx, "issued")
		wantCode(t, err, problem.Erased)
		wantErasedSigning(t, s, "issued-acceptance-1")
		wantBystander(t, s)
		wantLeftovers(t, s, l)
		wantEqual(t, "noted", len(auditOf(t, r, "erasure")), 1)
	})
}

// wantKeptReadable reads what the law keeps of the issued certificate, and what it does not.
func wantKeptReadable(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, r := t.Context(), s.Registrations()
	person, err := r.Person(ctx, "issued")
	must(t, err)
	wantEqual(t, "kept person", person, holder)
	one, err := r.Registration(ctx, "issued")
	must(t, err)
	wantEqual(t, "kept certificate", string(one.Issued.Certificate), "DER of "+holder.FullName)
	for _, id := range []string{"q-request", "c-contract", "a-acceptance"} {
		wantUpload(t, s, sealedUpload(id))
	}
	_, err = s.Upload(ctx, "issued-acceptance-1-0-b-t")
	must(t, err)
	acceptance, err := s.Signing(ctx, "issued-acceptance-1")
	must(t, err)
	wantEqual(t, "kept signing", acceptance.UserID+acceptance.Documents[0].Name, "ICA."+holder.IDNumber+"x.pdf")
	evidence, err := s.Evidence(ctx, "issued-acceptance-1")
	must(t, err)
	values, err := s.Values(ctx, "issued-acceptance-1")
	must(t, err)
	certificates, err := s.Certificates(ctx, "issued-acceptance-1")
	must(t, err)
	wantEqual(t, "kept proof", fmt.Sprintf("%s, %s, %s", evidence[0].Data, values[0].Value, certificates[0].Subject), "evidence, value of issued-acceptance-1, "+holder.FullName)
	for what, read := range map[string]func() error{
		"account":                              func() error { _, err := r.Account(ctx, "acct"); return err },
		"notes":                                func() error { _, _, err := r.ReviewNotes(ctx, "review"); return err },
		"person of the withdrawn registration": func() error { _, err := r.Person(ctx, "withdrawn"); return err },
	} {
		if err := read(); problem.CodeOf(err) != problem.Erased {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func wantLeftovers(t *testing.T, s *store.Store, l life) {
	t.Helper()
	names, err := s.Leftovers().Blobs(t.Context(), l.until, 100)
	must(t, err)
	var want []string
	for _, id := range l.papers {
		want = append(want, "sealed/"+id)
	}
	slices.Sort(want)
	slices.Sort(names)
	wantEqual(t, "blobs to delete", names, want)
	for _, name := range names {
		twice(t, func() error { return s.Leftovers().Deleted(t.Context(), name) })
	}
	wantEqual(t, "left", count(t, s, `SELECT COUNT(*) FROM leftovers WHERE kind = 'blobs'`), 0)
	for _, id := range l.papers {
		lives, err := s.Leftovers().Lives(t.Context(), id)
		must(t, err)
		wantEqual(t, id+" lives", lives, false)
	}
}

func TestNobodyIsErasedWhileASigningRuns(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		l := lived(t, s)
		_, err := s.DB().ExecContext(t.Context(), `UPDATE signings SET status = 'awaiting-approval' WHERE id = 'mine'`)
		must(t, err)
		_, err = s.Registrations().EraseSubject(t.Context(), l.subjectID, "dpo-1", minute(50), 5)
		wantCode(t, err, problem.Conflict)
		wantKeptUploads(t, s, l)
	})
}

func wantKeptUploads(t *testing.T, s *store.Store, l life) {
	t.Helper()
	for _, id := range l.papers {
		wantUpload(t, s, sealedUpload(id))
	}
}

// TestASignerWithoutRegistrationIsErased by the id of a signing.
func TestASignerWithoutRegistrationIsErased(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, r := t.Context(), s.Registrations()
		must(t, s.SaveUpload(ctx, sealedUpload("u")))
		must(t, s.CreateSigning(ctx, signingOf("s", "anh.nguyen", "u")))
		_, err := s.DB().ExecContext(ctx, `UPDATE signings SET status = 'signed'`)
		must(t, err)
		subjectID, err := r.SubjectOf(ctx, "s")
		must(t, err)
		out, err := r.EraseSubject(ctx, subjectID, "dpo-1", minute(1), 5)
		must(t, err)
		wantEqual(t, "kept", len(out.Kept), 0)
		wantErasedSigning(t, s, "s")
		_, err = s.Upload(ctx, "u")
		wantCode(t, err, problem.Erased)
		_, err = r.SubjectOf(ctx, "none")
		wantCode(t, err, problem.NotFound)
	})
}

func TestUnusedUploadsAreDeleted(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, u := t.Context(), sealedUpload("u")
		for i := range 7 {
			u := sealedUpload(fmt.Sprintf("%d", i))
			must(t, s.SaveUpload(ctx, u))
		}
		must(t, s.SaveUpload(ctx, u))
		must(t, s.CreateSigning(ctx, signingOf("s", "anh.nguyen", "u")))
		for _, want := range []struct {
			before time.Time
			n      int
		}{{u.CreatedAt, 0}, {u.CreatedAt.Add(time.Second), 5}, {u.CreatedAt.Add(time.Second), 2}, {u.CreatedAt.Add(time.Second), 0}} {
			n, err := s.Leftovers().PurgeUnused(ctx, want.before, 5)
			must(t, err)
			wantEqual(t, "deleted", n, want.n)
		}
		wantUpload(t, s, u)
		_, err := s.Upload(ctx, "3")
		wantCode(t, err, problem.Erased)
	})
}

// TestErasedKeysCannotBeCarved looks for the keys of many people in the files of the database: before, to see that the
// search finds them, and after half of them were erased.
func TestErasedKeysCannotBeCarved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "kyso.db"), masterKey(t))
	must(t, s.Migrate(t.Context()))
	carve(t, s, func() []byte {
		var all []byte
		for _, name := range []string{"kyso.db", "kyso.db-wal"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			all = append(all, data...)
		}
		return all
	})
}

// TestErasedKeysCannotBeCarvedFromPostgreSQL looks into the files of the two key tables.
func TestErasedKeysCannotBeCarvedFromPostgreSQL(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t), masterKey(t))
	must(t, s.Migrate(t.Context()))
	carve(t, s, func() []byte {
		_, err := s.DB().ExecContext(t.Context(), `CHECKPOINT`)
		must(t, err)
		var all []byte
		for _, table := range []string{"subjects", "document_keys"} {
			var data []byte
			must(t, s.DB().QueryRowContext(t.Context(), `SELECT pg_read_binary_file(pg_relation_filepath($1))`, table).Scan(&data))
			all = append(all, data...)
		}
		return all
	})
}

func carve(t *testing.T, s *store.Store, files func() []byte) {
	t.Helper()
	ctx, r := t.Context(), s.Registrations()
	const people = 60
	var subjects []string
	keys := map[string][][]byte{} // wrapped, by person; "" for those of uploads before their signing
	wrapped := func(query string, arg any) []byte {
		var key []byte
		must(t, s.DB().QueryRowContext(ctx, query, arg).Scan(&key))
		return key
	}
	for i := range people {
		in := newRequest(fmt.Sprint("r-", i))
		in.Person.IDNumber = fmt.Sprintf("0790950%05d", i)
		one, err := r.CreateRegistration(ctx, fmt.Sprint("r-", i), in)
		must(t, err)
		u := sealedUpload(fmt.Sprint("u-", i))
		must(t, s.SaveUpload(ctx, u))
		keys[""] = append(keys[""], wrapped(`SELECT wrapped FROM document_keys WHERE id = $1`, u.ID))
		must(t, s.CreateSigning(ctx, signingOf(fmt.Sprint("s-", i), "ICA."+in.Person.IDNumber, u.ID)))
		keys[one.SubjectID] = append(keys[one.SubjectID], wrapped(`SELECT wrapped FROM subjects WHERE id = $1`, one.SubjectID),
			wrapped(`SELECT wrapped FROM document_keys WHERE id = $1`, u.ID))
		subjects = append(subjects, one.SubjectID)
	}
	_, err := s.DB().ExecContext(ctx, `UPDATE signings SET status = 'signed'`)
	must(t, err)
	if !bytes.Contains(files(), keys[subjects[7]][0]) {
		t.Fatal("the search does not find a key that is there")
	}
	for i, id := range subjects {
		if i%2 == 0 {
			eraseEnded(t, r, id, minute(1))
		}
	}
	must(t, s.Leftovers().Scrub(ctx, minute(1).Add(time.Hour)))
	data := files()
	for i, id := range append(subjects, "") {
		for _, key := range keys[id] {
			if erased := id == "" || i%2 == 0; bytes.Contains(data, key[1:]) == erased {
				t.Errorf("person %d, erased %v: the key is found: %v", i, erased, erased)
			}
		}
	}
	for i := range people {
		_, err := r.Person(ctx, fmt.Sprint("r-", i))
		if erased := problem.CodeOf(err) == problem.Erased; erased != (i%2 == 0) || err != nil && !erased {
			t.Errorf("person %d: %v", i, err)
		}
	}
	wantEqual(t, "scrubs that are due", count(t, s, `SELECT COUNT(*) FROM leftovers WHERE kind = 'pages'`), 0)
}
