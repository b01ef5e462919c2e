package store_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
)

// sealedUpload is an upload whose one segment is sealed under a key of its own.
func sealedUpload(id string) signing.Upload {
	u := newUpload(id)
	u.KeyID, u.Key = id, bytes.Repeat([]byte(id[:1]), vault.KeySize)
	u.Segments = []signing.Segment{{Key: "sealed/" + id + "/" + id, Length: 7, SHA256: "ab12"}}
	return u
}

// signingOf is a signing of these uploads by a user.
func signingOf(id, user string, uploads ...string) signing.Signing {
	in := newSigning(id)
	in.UserID, in.Documents = user, nil
	for i, u := range uploads {
		in.Documents = append(in.Documents, signing.Document{Index: i, UploadID: u, Name: "x.pdf", Size: 7, SHA256: "ab12"})
	}
	return in
}

func count(t *testing.T, s *store.Store, query string, args ...any) int {
	t.Helper()
	var n int
	must(t, s.DB().QueryRowContext(t.Context(), query, args...).Scan(&n))
	return n
}

func wantUpload(t *testing.T, s *store.Store, want signing.Upload) {
	t.Helper()
	got, err := s.Upload(t.Context(), want.ID)
	must(t, err)
	want.SubjectID = ""
	wantEqual(t, "upload", got, want)
}

// TestDocumentsLieUnderTheirSigners takes a document from nobody's to that of two signers.
func TestDocumentsLieUnderTheirSigners(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, u := t.Context(), sealedUpload("u")
		twice(t, func() error { return s.SaveUpload(ctx, u) })
		wantUpload(t, s, u)
		owners := func(want ...int) {
			t.Helper()
			const keys = `SELECT COUNT(*) FROM document_keys WHERE subject_id`
			wantEqual(t, "nobody's and people's keys", []int{count(t, s, keys+` = ''`), count(t, s, keys+` <> ''`)}, want)
		}
		owners(1, 0)
		twice(t, func() error { return s.CreateSigning(ctx, signingOf("s", "ICA.079095012345", "u")) })
		owners(0, 1)
		wantUpload(t, s, u)
		must(t, s.CreateSigning(ctx, signingOf("s2", "ICA.079095099999", "u")))
		owners(0, 2)
		wantUpload(t, s, u)

		signed := sealedUpload("s-0-b-t")
		signed.KeyID, signed.Key = u.KeyID, u.Key
		twice(t, func() error { return s.SaveUpload(ctx, signed) })
		wantUpload(t, s, signed)
		owners(0, 2)

		orphan := sealedUpload("x")
		orphan.KeyID = "none"
		wantCode(t, s.SaveUpload(ctx, orphan), problem.Erased)
		orphan.KeyID = ""
		wantCode(t, s.SaveUpload(ctx, orphan), problem.Invalid)
	})
}

// TestOnePersonHasOneKey: a citizen who registers and signs, with whatever prefix, is one person; other user ids are
// people of their provider.
func TestOnePersonHasOneKey(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		must(t, s.SaveUpload(ctx, sealedUpload("u")))
		subject := func(id, provider, user string) string {
			in := signingOf(id, user, "u")
			in.Provider = provider
			must(t, s.CreateSigning(ctx, in))
			var subject string
			must(t, s.DB().QueryRowContext(ctx, `SELECT subject_id FROM signings WHERE id = $1`, id).Scan(&subject))
			return subject
		}
		first := subject("a", "intrust", "ICA."+holder.IDNumber)
		_, err := s.Registrations().CreateRegistration(ctx, "r", newRequest("r"))
		must(t, err)
		one, err := s.Registrations().Registration(ctx, "r")
		must(t, err)
		wantEqual(t, "people", []string{subject("b", "vnpt", holder.IDNumber), one.SubjectID}, []string{first, first})
		others := map[string]bool{first: true}
		for id, who := range map[string][2]string{"c": {"intrust", "anh"}, "d": {"vnpt", "anh"}, "e": {"vnpt", "1" + holder.IDNumber}} {
			others[subject(id, who[0], who[1])] = true
		}
		wantEqual(t, "people in all", len(others), 4)
	})
}

// TestAsBeforeIsReadEitherWay: while the release before may come back, signings and uploads are written so that it can open
// them; what is written today it refuses to read, instead of taking sealed bytes for a document.
func TestAsBeforeIsReadEitherWay(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		s.AsBefore = true
		before := created(t, s, "before")
		wantEqual(t, "signings of a person", count(t, s, `SELECT COUNT(*) FROM signings WHERE subject_id IS NOT NULL`), 0)
		s.AsBefore = false
		must(t, s.SaveUpload(ctx, sealedUpload("u")))
		today := signingOf("today", "ICA.079095012345", "u", "before-a")
		must(t, s.CreateSigning(ctx, today))
		wantSigning(t, s, before)
		wantSigning(t, s, today)
		list, err := s.Signings(ctx, signing.Filter{})
		must(t, err)
		wantEqual(t, "listed", len(list), 2)
		for id, plain := range map[string]bool{"before-a": true, "u": false} {
			var segments string
			must(t, s.DB().QueryRowContext(ctx, `SELECT segments FROM uploads WHERE id = $1`, id).Scan(&segments))
			var read []signing.Segment
			if err := json.Unmarshal([]byte(segments), &read); (err == nil) != plain {
				t.Errorf("the release before reads %s of %s: %v", segments, id, err)
			}
		}
	})
}

// TestAnUploadUnderAnotherKeyIsNoticed: a record that was made to name another document's key is digest-mismatch.
func TestAnUploadUnderAnotherKeyIsNoticed(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		must(t, s.SaveUpload(t.Context(), sealedUpload("a")))
		must(t, s.SaveUpload(t.Context(), sealedUpload("b")))
		_, err := s.DB().ExecContext(t.Context(), `UPDATE uploads SET key_id = 'b' WHERE id = 'a'`)
		must(t, err)
		_, err = s.Upload(t.Context(), "a")
		wantCode(t, err, problem.DigestMismatch)
	})
}
