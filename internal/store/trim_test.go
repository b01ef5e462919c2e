package store_test

import (
	"slices"
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// ending is a signing of one sealed document with all that its process leaves.
type ending struct {
	level signing.Level
	way   []signing.Status // after it was asked
}

var askedFirst = []signing.Status{signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval}

// ends leaves a signing behind that ended at day0.
func (e ending) ends(t *testing.T, s *store.Store, id string, from issuing) []signing.Evidence {
	t.Helper()
	ctx := t.Context()
	base := sealedUpload(id + "-doc")
	must(t, s.SaveUpload(ctx, base))
	must(t, s.CreateSigning(ctx, signingOf(id, "ICA.079095012345", base.ID)))
	proof := from.proves(t, s, id)
	late := piece("ocsp", []byte("a later answer to "+id), minute(3))
	check := piece(signing.CertificateCheck, []byte("found later "+id), minute(4))
	must(t, s.SaveEvidence(ctx, id, late, check))
	must(t, s.ChooseCertificate(ctx, id, "f"))
	must(t, s.SavePrepared(ctx, id, 0, signing.Prepared{H1: "1", H2: "2", H3: "3", SignedAttrs: []byte("attributes"), Increment: "sealed/" + base.ID + "/prepared-" + id,
		IncrementLen: 9, ByteRange: [4]int64{0, 1, 2, 3}}))
	must(t, s.SaveApproval(ctx, id, signing.Approval{OurID: id + "/1", AcceptedAt: minute(2)}))
	for _, level := range []signing.Level{signing.LevelT, signing.LevelLT} {
		if e.level == "" || !e.level.AtLeast(level) {
			continue
		}
		stage := sealedUpload(stageOf(id, level))
		stage.KeyID, stage.Key = base.KeyID, base.Key
		must(t, s.SaveUpload(ctx, stage))
		must(t, s.SaveSigned(ctx, id, 0, stage.ID, level))
	}
	for i, status := range slices.Concat(askedFirst, e.way) {
		must(t, s.Move(ctx, id, signing.Transition{Seq: i + 1, Status: status, At: day0}))
	}
	return append(proof, late, check)
}

func stageOf(id string, level signing.Level) string {
	return map[signing.Level]string{signing.LevelT: id + "-0-b-t", signing.LevelLT: id + "-0-b-lt"}[level]
}

// TestEndedSigningsAreTrimmed: a day after a signing ended, what only its process needed goes. What proves a signature stays where it is
// not in the signed file itself.
func TestEndedSigningsAreTrimmed(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		from, ctx := newIssuing(t), t.Context()
		signed := []signing.Status{signing.StatusCompleting, signing.StatusSigned}
		proof := map[string][]signing.Evidence{}
		for id, e := range map[string]ending{"carries": {signing.LevelLT, signed}, "stamped": {signing.LevelT, signed},
			"expired": {"", []signing.Status{signing.StatusExpired}}, "waiting": {}} {
			proof[id] = e.ends(t, s, id, from)
		}
		trims := func(at time.Time, want int) {
			t.Helper()
			n, err := s.Leftovers().Trim(ctx, at, 100)
			must(t, err)
			wantEqual(t, "looked at", n, want)
		}
		trims(day0.Add(23*time.Hour), 0)
		from.wantProof(t, s, "carries", inTime(proof["carries"]))
		trims(day0.Add(25*time.Hour), 3)
		trims(day0.Add(25*time.Hour), 0)

		for id, want := range map[string]struct {
			evidence []signing.Evidence
			offered  int
			prepared signing.Prepared
		}{
			"carries": {[]signing.Evidence{proof["carries"][0], proof["carries"][1], proof["carries"][2], proof["carries"][5]}, 0,
				signing.Prepared{H3: "3", ByteRange: [4]int64{0, 1, 2, 3}}},
			"stamped": {proof["stamped"], 0, signing.Prepared{H3: "3", ByteRange: [4]int64{0, 1, 2, 3}}},
			"expired": {proof["expired"], 0, signing.Prepared{H1: "1", H2: "2", H3: "3", SignedAttrs: []byte("attributes"), ByteRange: [4]int64{0, 1, 2, 3}}},
			"waiting": {proof["waiting"], 1, signing.Prepared{H1: "1", H2: "2", H3: "3", SignedAttrs: []byte("attributes"),
				Increment: "sealed/waiting-doc/prepared-waiting", IncrementLen: 9, ByteRange: [4]int64{0, 1, 2, 3}}},
		} {
			got, err := s.Evidence(ctx, id)
			must(t, err)
			wantEqual(t, "evidence of "+id, got, inTime(want.evidence))
			list, err := s.Certificates(ctx, id)
			must(t, err)
			wantEqual(t, "certificates offered to "+id, len(list), want.offered)
			one, err := s.Signing(ctx, id)
			must(t, err)
			wantEqual(t, "prepared of "+id, *one.Documents[0].Prepared, want.prepared)
			wantEqual(t, "chosen by "+id, one.Certificate, "f")
		}
		if _, err := s.Upload(ctx, stageOf("carries", signing.LevelT)); problem.CodeOf(err) != problem.NotFound {
			t.Errorf("the stage before the signed file: %v", err)
		}
		for _, id := range []string{stageOf("carries", signing.LevelLT), stageOf("stamped", signing.LevelT), "carries-doc"} {
			_, err := s.Upload(ctx, id)
			must(t, err)
		}
		blobs, err := s.Leftovers().Blobs(ctx, day0.Add(25*time.Hour), 100)
		must(t, err)
		slices.Sort(blobs)
		wantEqual(t, "blobs to delete", blobs, []string{"sealed/carries-doc/prepared-carries", "sealed/expired-doc/prepared-expired", "sealed/stamped-doc/prepared-stamped"})
	})
}

// inTime sorts evidence as it is listed.
func inTime(list []signing.Evidence) []signing.Evidence {
	return slices.SortedStableFunc(slices.Values(list), func(a, b signing.Evidence) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		if a.Kind+"/"+a.Digest < b.Kind+"/"+b.Digest {
			return -1
		}
		return 1
	})
}
