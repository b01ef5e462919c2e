package store_test

import (
	"fmt"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/store"
)

func verification(id string, people ...string) signing.Verification {
	return signing.Verification{ID: id, Owner: "team-a", Name: canaries["verified file"], Size: 9, SHA256: sum(id), CreatedAt: day0, Trust: []string{"aa"}, People: people,
		Report: []byte(`{"signer":"` + canaries["verified signer"] + `"}`), Material: signing.Material{Certificates: [][]byte{[]byte(canaries["verified certificate"])}}}
}

func init() {
	canaries["verified file"], canaries["verified signer"], canaries["verified certificate"] = "Biên bản của Lê Thị Hoa.pdf", "LÊ THỊ HOA", "certificate of Lê Thị Hoa"
}

func keptOnly(t *testing.T, s *store.Store, want ...string) {
	t.Helper()
	for _, table := range []string{"verifications", "verification_keys"} {
		var n int
		must(t, s.DB().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n))
		if n != len(want) {
			t.Errorf("%s has %d rows, want %v", table, n, want)
		}
	}
	list, err := s.Verifications().List(t.Context(), "team-a", page.Cursor{}, 100)
	must(t, err)
	for i, v := range list {
		if i >= len(want) || v.ID != want[i] {
			t.Errorf("%s is listed, want %v", v.ID, want)
		}
	}
}

func TestVerificationsAreKeptAndDeleted(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, v := t.Context(), s.Verifications()
		first, second := verification("v-1"), verification("v-2")
		second.CreatedAt = first.CreatedAt.Add(time.Second)
		for _, one := range []signing.Verification{first, second, first} {
			got, err := v.Keep(ctx, one, signing.Uploader{})
			must(t, err)
			if got.ID != one.ID || got.Name != one.Name || string(got.Report) != string(one.Report) {
				t.Errorf("%+v", got)
			}
		}
		keptOnly(t, s, "v-2", "v-1")
		other := first
		other.SHA256 = sum("other")
		_, err := v.Keep(ctx, other, signing.Uploader{})
		wantCode(t, err, problem.IdempotencyMismatch)
		material, err := v.Material(ctx, "v-1")
		must(t, err)
		if len(material.Certificates) != 1 || string(material.Certificates[0]) != canaries["verified certificate"] {
			t.Errorf("%+v", material)
		}
		if list, err := v.List(ctx, "team-b", page.Cursor{}, 10); err != nil || len(list) != 0 {
			t.Errorf("another owner sees %d, %v", len(list), err)
		}
		if granted, err := s.Access().Granted(ctx, "team-a", access.Object{Kind: access.Verification, ID: "v-1"}); err != nil || !granted {
			t.Errorf("granted %v, %v", granted, err)
		}
		must(t, v.Delete(ctx, "v-1", minute(1)))
		must(t, v.Delete(ctx, "v-1", minute(2)))
		_, err = v.Verification(ctx, "v-1")
		wantCode(t, err, problem.NotFound)
		_, err = v.Material(ctx, "v-1")
		wantCode(t, err, problem.NotFound)
		keptOnly(t, s, "v-2")
	})
}

// TestVerificationsEndWithTheirTime: the sweep takes the oldest first, and no more than are due.
func TestVerificationsEndWithTheirTime(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		for i := range 5 {
			one := verification(fmt.Sprint("v-", i))
			one.CreatedAt = minute(i)
			_, err := s.Verifications().Keep(t.Context(), one, signing.Uploader{})
			must(t, err)
		}
		for _, want := range []int{2, 1, 0} {
			n, err := s.Leftovers().PurgeVerifications(t.Context(), minute(3), 2)
			must(t, err)
			if n != want {
				t.Errorf("%d went, want %d", n, want)
			}
		}
		keptOnly(t, s, "v-4", "v-3")
	})
}

// TestErasingAPersonTakesVerificationsOfTheirSignatures: whoever had them kept, and with whomever else they signed.
func TestErasingAPersonTakesVerificationsOfTheirSignatures(t *testing.T) {
	onBothRecords(t, func(t *testing.T, r store.Registrations) {
		s := r.Store()
		one := enrolled(t, r, "r")
		must(t, r.Move(t.Context(), "r", registration.Transition{Seq: 1, Status: registration.StatusHandedOff, At: minute(0)}))
		for i, people := range [][]string{{holder.IDNumber}, {"001095000099", holder.IDNumber}, {"001095000099"}, nil} {
			_, err := s.Verifications().Keep(t.Context(), verification(fmt.Sprint("v-", i), people...), signing.Uploader{})
			must(t, err)
		}
		eraseEnded(t, r, one.SubjectID, minute(9))
		keptOnly(t, s, "v-3", "v-2")
	})
}
