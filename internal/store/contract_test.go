package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// day0 has microseconds that end in zeros, and a zone that is not UTC: both must come back equal.
var day0 = time.Date(2026, 3, 1, 9, 30, 0, 120_000_000, time.FixedZone("ICT", 7*3600))

func minute(n int) time.Time { return day0.Add(time.Duration(n) * time.Minute) }

func sum(data string) string {
	digest := sha256.Sum256([]byte(data))
	return hex.EncodeToString(digest[:])
}

// created stores a signing of two documents and returns what is then read.
func created(t *testing.T, s *store.Store, id string) signing.Signing {
	t.Helper()
	in := newSigning(id)
	for _, d := range in.Documents {
		must(t, s.SaveUpload(t.Context(), newUpload(d.UploadID)))
	}
	must(t, s.CreateSigning(t.Context(), in))
	return in
}

func newSigning(id string) signing.Signing {
	return signing.Signing{
		ID: id, Provider: "intrust", UserID: "ICA.079095012345", Level: signing.LevelLT, Reason: "Ký hợp đồng lao động",
		Location: "Đà Nẵng", Status: signing.StatusCreated, CreatedAt: day0, UpdatedAt: day0,
		Documents: []signing.Document{
			{Index: 0, UploadID: id + "-a", Name: "Hợp đồng Nguyễn Thị Ánh.pdf", Size: 7, SHA256: "ab12"},
			{Index: 1, UploadID: id + "-b", Name: "Phụ lục.pdf", Size: 7, SHA256: "ab12",
				Placement: &signing.Placement{Page: 2, X: 10.5, Y: 20, Width: 180, Height: 60}},
		},
	}
}

// utc is what a signing looks like after it was stored.
func utc(in signing.Signing) signing.Signing {
	for _, when := range []*time.Time{&in.CreatedAt, &in.UpdatedAt, &in.FinishedAt, &in.Attention.Since,
		&in.Approval.AcceptedAt, &in.Approval.ExpiresAt} {
		*when = when.UTC()
	}
	return in
}

func wantEqual[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func wantSigning(t *testing.T, s *store.Store, want signing.Signing) {
	t.Helper()
	got, err := s.Signing(t.Context(), want.ID)
	must(t, err)
	wantEqual(t, "signing", got, utc(want))
}

// twice does an act two times: every write is idempotent.
func twice(t *testing.T, act func() error) {
	t.Helper()
	must(t, act())
	must(t, act())
}

func TestUploadRoundTrip(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		in := newUpload("u")
		in.Segments = append(in.Segments, signing.Segment{Key: "uploads/u/1", Length: 3, SHA256: "cd"})
		twice(t, func() error { return s.SaveUpload(t.Context(), in) })
		got, err := s.Upload(t.Context(), "u")
		must(t, err)
		wantEqual(t, "upload", got, in)

		other := in
		other.SHA256 = "ef"
		wantCode(t, s.SaveUpload(t.Context(), other), problem.Conflict)
		wantCode(t, s.SaveUpload(t.Context(), signing.Upload{ID: "empty"}), problem.Invalid)
		_, err = s.Upload(t.Context(), "none")
		wantCode(t, err, problem.NotFound)
	})
}

func TestCreateSigning(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		in := created(t, s, "s")
		wantSigning(t, s, in)
		again := in
		again.CreatedAt = minute(5) // a retry of the caller draws a new time
		must(t, s.CreateSigning(t.Context(), again))
		wantSigning(t, s, in)

		changes := map[string]func(*signing.Signing){
			"user":      func(x *signing.Signing) { x.UserID = "ICA.1" },
			"reason":    func(x *signing.Signing) { x.Reason = "" },
			"level":     func(x *signing.Signing) { x.Level = signing.LevelB },
			"documents": func(x *signing.Signing) { x.Documents = x.Documents[:1] },
			"file":      func(x *signing.Signing) { x.Documents = newSigning("t").Documents },
		}
		for name, change := range changes {
			other := newSigning("s")
			change(&other)
			if err := s.CreateSigning(t.Context(), other); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("with another %s: %v", name, err)
			}
		}
		wantCode(t, s.CreateSigning(t.Context(), newSigning("no-upload")), problem.NotFound)
		_, err := s.Signing(t.Context(), "no-upload")
		wantCode(t, err, problem.NotFound) // and nothing of it stayed
		wantCode(t, s.CreateSigning(t.Context(), signing.Signing{ID: "empty"}), problem.Invalid)
	})
}

func TestSigningsAreListedNewestFirst(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		// Fractions of different length: as text, the order must still be that of time.
		offsets := []time.Duration{0, time.Microsecond, 100 * time.Millisecond, 120 * time.Millisecond, time.Second}
		for i, offset := range offsets {
			in := newSigning(string(rune('a' + i)))
			if i == 2 {
				in.UserID = "ICA.1"
			}
			in.CreatedAt = day0.Truncate(time.Second).Add(offset)
			for _, d := range in.Documents {
				must(t, s.SaveUpload(ctx, newUpload(d.UploadID)))
			}
			must(t, s.CreateSigning(ctx, in))
		}
		must(t, s.Move(ctx, "b", signing.Transition{Seq: 1, Status: signing.StatusCancelled, At: minute(1)}))
		must(t, s.OpenIncident(ctx, newIncident("i", "d", 1)))
		list := func(f signing.Filter) string {
			t.Helper()
			found, err := s.Signings(ctx, f)
			must(t, err)
			ids := ""
			for _, one := range found {
				ids += one.ID
				if len(one.Documents) != 2 || one.Documents[1].UploadID != one.ID+"-b" {
					t.Errorf("documents of %s: %+v", one.ID, one.Documents)
				}
			}
			return ids
		}
		wantEqual(t, "all", list(signing.Filter{}), "edcba")
		wantEqual(t, "limit", list(signing.Filter{Limit: 2}), "ed")
		wantEqual(t, "before", list(signing.Filter{Before: day0.Truncate(time.Second).Add(offsets[3])}), "cba")
		wantEqual(t, "status", list(signing.Filter{Status: signing.StatusCreated, Limit: 3}), "edc")
		wantEqual(t, "attention", list(signing.Filter{AttentionOnly: true}), "d")
		wantEqual(t, "one user", list(signing.Filter{UserID: "ICA.1"}), "c")
		wantEqual(t, "other user, cancelled", list(signing.Filter{UserID: "ICA.079095012345", Status: signing.StatusCancelled}), "b")
		wantEqual(t, "none", list(signing.Filter{Status: signing.StatusSigned}), "")
	})
}

func TestMove(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		first := signing.Transition{Seq: 1, Status: signing.StatusPreparing, At: minute(1), Detail: "certificate known"}
		last := signing.Transition{Seq: 2, Status: signing.StatusCancelled, At: minute(2)}
		twice(t, func() error { return s.Move(ctx, "s", first) })
		wantCode(t, s.Move(ctx, "s", signing.Transition{Seq: 1, Status: signing.StatusRefused}), problem.Conflict)
		wantCode(t, s.Move(ctx, "s", signing.Transition{Seq: 3, Status: signing.StatusRequested}), problem.Conflict)
		wantCode(t, s.Move(ctx, "s", signing.Transition{Seq: 2, Status: signing.StatusSigned}), problem.Conflict)
		in.Status, in.UpdatedAt = signing.StatusPreparing, minute(1)
		wantSigning(t, s, in)

		must(t, s.Move(ctx, "s", last))
		must(t, s.Move(ctx, "s", first)) // a late retry does not turn the status back
		in.Status, in.UpdatedAt, in.FinishedAt = signing.StatusCancelled, minute(2), minute(2)
		wantSigning(t, s, in)
		wantCode(t, s.Move(ctx, "s", signing.Transition{Seq: 3, Status: signing.StatusPreparing}), problem.Conflict)
		wantCode(t, s.Move(ctx, "none", first), problem.NotFound)

		first.At, last.At = first.At.UTC(), last.At.UTC()
		all, err := s.Transitions(ctx, "s", 0)
		must(t, err)
		wantEqual(t, "transitions", all, []signing.Transition{first, last})
		tail, err := s.Transitions(ctx, "s", 1)
		must(t, err)
		wantEqual(t, "transitions after 1", tail, []signing.Transition{last})
		_, err = s.Transitions(ctx, "none", 0)
		wantCode(t, err, problem.NotFound)
	})
}

func TestCertificates(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		in := created(t, s, "s")
		list := []signing.Certificate{
			{Fingerprint: "f2", Serial: "5401", Subject: "Nguyễn Thị Ánh", Issuer: "IntrustCA", NotBefore: day0.UTC(),
				NotAfter: minute(9).UTC(), DER: []byte{0x30, 0}, Chain: [][]byte{{1}, {2, 3}}},
			{Fingerprint: "f1", DER: []byte{0x30, 1}},
		}
		twice(t, func() error { return s.SaveCertificates(ctx, "s", append(list, list[0])) })
		got, err := s.Certificates(ctx, "s")
		must(t, err)
		wantEqual(t, "certificates", got, list)

		wantCode(t, s.ChooseCertificate(ctx, "s", "f3"), problem.CertificateMissing)
		twice(t, func() error { return s.ChooseCertificate(ctx, "s", "f1") })
		twice(t, func() error { return s.ChooseCertificate(ctx, "s", "f2") })
		in.Certificate = "f2"
		wantSigning(t, s, in)
		must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "tx"}))
		must(t, s.ChooseCertificate(ctx, "s", "f2"))
		wantCode(t, s.ChooseCertificate(ctx, "s", "f1"), problem.Conflict)

		must(t, s.SaveCertificates(ctx, "s", list[1:]))
		got, err = s.Certificates(ctx, "s")
		must(t, err)
		wantEqual(t, "certificates after another look", got, list[1:])
		_, err = s.Certificates(ctx, "none")
		wantCode(t, err, problem.NotFound)
		wantCode(t, s.SaveCertificates(ctx, "none", list), problem.NotFound)
	})
}

func TestDocuments(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		place := signing.Placement{Page: 1, X: 0.1, Y: 1e6, Width: 3, Height: 4}
		prepared := signing.Prepared{H1: "1", H2: "2", H3: "3", ByteRange: [4]int64{0, 1, 1 << 40, 3},
			SignedAttrs: []byte{0x31, 0}, Increment: "s/0/prepared", IncrementLen: 5, FieldName: "kyso1", HoleOffset: 6,
			HoleLen: 65536, RevocationNote: "good by OCSP"}
		twice(t, func() error { return s.SavePlacement(ctx, "s", 0, place) })
		twice(t, func() error { return s.SavePrepared(ctx, "s", 0, signing.Prepared{H1: "other"}) })
		twice(t, func() error { return s.SavePrepared(ctx, "s", 0, prepared) })
		in.Documents[0].Placement, in.Documents[0].Prepared = &place, &prepared
		wantSigning(t, s, in)

		must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "tx"}))
		in.Approval.OurID = "tx"
		must(t, s.SavePrepared(ctx, "s", 0, prepared))
		wantCode(t, s.SavePrepared(ctx, "s", 0, signing.Prepared{H1: "swapped"}), problem.Conflict)
		wantCode(t, s.SavePrepared(ctx, "s", 1, prepared), problem.Conflict)
		wantCode(t, s.SavePlacement(ctx, "s", 0, signing.Placement{}), problem.Conflict)
		wantCode(t, s.SavePlacement(ctx, "s", 2, place), problem.NotFound)
		wantCode(t, s.SavePrepared(ctx, "none", 0, prepared), problem.NotFound)
		wantSigning(t, s, in)
	})
}

func TestSaveSigned(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		for _, id := range []string{"signed-t", "signed-lt", "other"} {
			u := newUpload(id)
			u.SHA256 = sum(id)
			must(t, s.SaveUpload(ctx, u))
		}
		wantCode(t, s.SaveSigned(ctx, "s", 0, "none", signing.LevelT), problem.NotFound)
		twice(t, func() error { return s.SaveSigned(ctx, "s", 0, "signed-t", signing.LevelT) })
		wantCode(t, s.SaveSigned(ctx, "s", 0, "other", signing.LevelT), problem.Conflict)
		twice(t, func() error { return s.SaveSigned(ctx, "s", 0, "signed-lt", signing.LevelLT) })
		wantCode(t, s.SaveSigned(ctx, "s", 0, "signed-t", signing.LevelT), problem.Conflict)
		wantCode(t, s.SaveSigned(ctx, "s", 7, "signed-t", signing.LevelT), problem.NotFound)
		wantCode(t, s.RenewSigned(ctx, "s", 0, "signed-t", "other"), problem.Conflict) // continues another file
		wantCode(t, s.RenewSigned(ctx, "s", 0, "signed-lt", "none"), problem.Conflict)
		wantCode(t, s.RenewSigned(ctx, "s", 7, "signed-lt", "other"), problem.Conflict)
		wantCode(t, s.RenewSigned(ctx, "none", 0, "signed-lt", "other"), problem.NotFound)
		twice(t, func() error { return s.RenewSigned(ctx, "s", 0, "signed-lt", "other") })
		d := &in.Documents[0]
		d.SignedID, d.SignedSHA256, d.Level = "other", sum("other"), signing.LevelLT
		wantSigning(t, s, in)
	})
}

func TestApprovals(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		created(t, s, "s2")
		sent := signing.Approval{OurID: "s/1", ShortCode: "4F7A-09C2"}
		accepted := sent
		accepted.Reference, accepted.Names = "opaque", []string{"resp-1", "tran-1"}
		accepted.AcceptedAt, accepted.ExpiresAt = minute(1), minute(5)
		twice(t, func() error { return s.SaveApproval(ctx, "s", sent) })
		twice(t, func() error { return s.SaveApproval(ctx, "s", accepted) })
		must(t, s.SaveApproval(ctx, "s", sent)) // a late retry does not take the acceptance back
		in.Approval = accepted
		in.Approval.Names = nil
		wantSigning(t, s, in)

		accepted.Outcome = signing.OutcomeApproved
		twice(t, func() error { return s.SaveApproval(ctx, "s", accepted) })
		declined := accepted
		declined.Outcome = signing.OutcomeDeclined
		wantCode(t, s.SaveApproval(ctx, "s", declined), problem.Conflict)
		wantCode(t, s.SaveApproval(ctx, "s2", sent), problem.Conflict)
		wantCode(t, s.SaveApproval(ctx, "none", sent), problem.NotFound)
		wantCode(t, s.SaveApproval(ctx, "s", signing.Approval{}), problem.Invalid)

		next := signing.Approval{OurID: "s/2", Reference: "another", Names: []string{"resp-2"}}
		must(t, s.SaveApproval(ctx, "s", next))
		must(t, s.SaveApproval(ctx, "s", accepted)) // an old request does not hide the newest
		next.Reference, next.Names = "renewed", nil
		must(t, s.SaveApproval(ctx, "s", next))
		in.Approval = next
		wantSigning(t, s, in)
		for _, id := range []string{"s/1", "resp-1", "tran-1", "s/2", "resp-2"} {
			found, err := s.FindApproval(ctx, "intrust", id)
			if err != nil || found != "s" {
				t.Errorf("%s: found %q, %v", id, found, err)
			}
		}
		_, err := s.FindApproval(ctx, "another provider", "resp-1")
		wantCode(t, err, problem.NotFound)
		_, err = s.FindApproval(ctx, "intrust", "")
		wantCode(t, err, problem.NotFound)
	})
}

// TestApprovalsOfTheReleaseBefore: its rows are read, and it reads ours.
func TestApprovalsOfTheReleaseBefore(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		in.Approval = signing.Approval{OurID: "s/1", Reference: "opaque"}
		must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "s/1", Reference: "opaque", Names: []string{"resp-1", "tran-1"}}))
		wantSigning(t, s, in)
		var first, second string
		must(t, s.DB().QueryRowContext(ctx, `SELECT response_id, tran_code FROM approvals WHERE our_id = 's/1'`).Scan(&first, &second))
		if first != "resp-1" || second != "tran-1" {
			t.Errorf("the release before reads %q and %q", first, second)
		}
		for columns, want := range map[string]string{`'r-1', 'c-1'`: "r-1\nc-1", `'r-1', ''`: "r-1", `'', ''`: ""} {
			_, err := s.DB().ExecContext(ctx, `UPDATE approvals SET reference = NULL, (response_id, tran_code) = (`+columns+`)`)
			must(t, err)
			in.Approval.Reference = want
			wantSigning(t, s, in)
		}
	})
}

func TestOneValueOneUse(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		created(t, s, "s")
		v := signing.SignatureValue{RequestID: "s/1", Index: 1, Value: []byte("raw"), ReceivedAt: minute(1).UTC(),
			Use: signing.UsePending}
		save := func(use signing.Use) func() error {
			return func() error { v := v; v.Use = use; return s.SaveValue(ctx, "s", v) }
		}
		twice(t, save(signing.UsePending))
		twice(t, save(signing.UseEmbedded))
		must(t, save(signing.UsePending)())
		must(t, save(signing.UseLate)()) // a doubled webhook after the end
		other := v
		other.Value = []byte("another")
		wantCode(t, s.SaveValue(ctx, "s", other), problem.Conflict)
		other.RequestID = "s/2"
		other.Use = signing.UseLate
		must(t, s.SaveValue(ctx, "s", other))
		wantCode(t, s.SaveValue(ctx, "none", v), problem.NotFound)
		v.Use = signing.UseEmbedded
		got, err := s.Values(ctx, "s")
		must(t, err)
		wantEqual(t, "values", got, []signing.SignatureValue{v, other})
		_, err = s.Values(ctx, "none")
		wantCode(t, err, problem.NotFound)
	})
}

func TestEvidence(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		created(t, s, "s")
		ocsp := signing.Evidence{Kind: "ocsp", Index: -1, Digest: sum("answer"), Data: []byte("answer"), At: minute(1).UTC()}
		stamp := signing.Evidence{Kind: "timestamp", Index: 0, Digest: sum("token"), Data: []byte("token"), At: minute(2).UTC()}
		twice(t, func() error { return s.SaveEvidence(ctx, "s", stamp) })
		twice(t, func() error { return s.SaveEvidence(ctx, "s", ocsp) })
		got, err := s.Evidence(ctx, "s")
		must(t, err)
		wantEqual(t, "evidence", got, []signing.Evidence{ocsp, stamp})
		stamp.Digest = sum("something else")
		wantCode(t, s.SaveEvidence(ctx, "s", stamp), problem.Invalid)
		wantCode(t, s.SaveEvidence(ctx, "none", ocsp), problem.NotFound)
		_, err = s.Evidence(ctx, "none")
		wantCode(t, err, problem.NotFound)
	})
}

func newIncident(id, signingID string, n int) process.Incident {
	return process.Incident{ProcessID: signingID, Attention: process.Attention{IncidentID: id, Step: "request",
		Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "intrust",
		Since: minute(n).UTC(), Attempts: n}}
}

func TestIncidents(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, in := t.Context(), created(t, s, "s")
		one, two := newIncident("i1", "s", 1), newIncident("i2", "s", 2)
		twice(t, func() error { return s.OpenIncident(ctx, one) })
		in.Attention = one.Attention
		in.Attention.IncidentID = "i1"
		wantSigning(t, s, in)
		must(t, s.OpenIncident(ctx, two))

		closed := one
		closed.ClosedAt, closed.Action, closed.Actor, closed.Note = minute(3).UTC(), "retry", "ops:lan", "NCC đã chạy lại"
		twice(t, func() error { return s.CloseIncident(ctx, closed) })
		later := closed
		later.Actor = "ops:minh"
		must(t, s.CloseIncident(ctx, later)) // the first stays on record
		must(t, s.OpenIncident(ctx, one))    // and closed stays closed
		in.Attention = two.Attention
		in.Attention.IncidentID = "i2"
		wantSigning(t, s, in)

		wantIncidents(ctx, t, s, false, two)
		wantIncidents(ctx, t, s, true, closed, two)
		two.ClosedAt, two.Action = minute(4).UTC(), "cancel"
		must(t, s.CloseIncident(ctx, two))
		in.Attention = process.Attention{}
		wantSigning(t, s, in)
		wantIncidents(ctx, t, s, false)

		two.IncidentID = "none"
		wantCode(t, s.CloseIncident(ctx, two), problem.NotFound)
		wantCode(t, s.OpenIncident(ctx, newIncident("i3", "none", 1)), problem.NotFound)
		wantCode(t, s.OpenIncident(ctx, process.Incident{ProcessID: "s", Attention: process.Attention{IncidentID: "i4"}}), problem.Invalid)
	})
}

func wantIncidents(ctx context.Context, t *testing.T, s *store.Store, all bool, want ...process.Incident) {
	t.Helper()
	got, err := s.Parked().List(ctx, incident.Filter{All: all})
	must(t, err)
	var listed []process.Incident
	for _, w := range want {
		w.Process = process.Signing
		listed = append(listed, w)
	}
	wantEqual(t, "incidents", got, listed)
}
