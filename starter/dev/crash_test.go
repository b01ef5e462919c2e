package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/activities"
	"kyso/internal/pades/cms"
	"kyso/internal/process"
	"kyso/internal/sandbox"
)

// stampedImprint returns what a time-stamp authority was asked to stamp: the hex SHA-256 of the signature value.
func stampedImprint(pdf []byte) (string, error) {
	der, _, err := splitSignature(pdf)
	if err != nil {
		return "", err
	}
	data, _, err := cms.Parse(der)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data.Signer.Signature)
	return hex.EncodeToString(sum[:]), nil
}

// notOnThePath are activities that a signing with one certificate and a placement does not run. The journeys in
// workflows reach them; the last are asked for by processes of earlier releases only.
var notOnThePath = []string{"PollApproval", "RequestApproval", "CancelDecided", "RecordChoice", "RecordPlacements", "RecordIncident", "CollectLate", "ArchiveDue", "RenewArchive",
	"InspectDocuments", "FindCertificates", "EmbedSignatures", "TimestampSignatures", "ExtendSignatures", "ArchiveDocuments", "DeliverDocuments"}

// stagesOf are the stages of an activity that has several.
var stagesOf = map[string][]string{
	"InspectAndFind":   {activities.StageInspect, activities.StageFindCertificates},
	"PrepareDocuments": {activities.StageRequest},
	"CompleteSigning":  {activities.StageEmbed, activities.StageTimestamp, activities.StageExtend, activities.StageArchive, activities.StageDeliver},

	"ObtainCertificate": {activities.StageKey, activities.StageIssue, activities.StageInstall},
	"HandOver":          {activities.StageActivate, activities.StagePapers, activities.StageAcceptance},
}

// onThePath returns every other activity of a signing, so that a new one is killed too, and each stage of one that has several.
func onThePath(t *testing.T) []string {
	var names []string
	for method := range reflect.TypeFor[*activities.Signing]().Methods() {
		if slices.Contains(notOnThePath, method.Name) {
			continue
		}
		names = append(names, method.Name)
		for _, stage := range stagesOf[method.Name] {
			names = append(names, method.Name+"."+stage)
		}
	}
	if len(names) < 8 {
		t.Fatalf("only %v are activities of a signing; this test does not look at the right type", names)
	}
	return names
}

// TestWorkerKilledAtEachActivity kills worker processes with SIGKILL right before and right after each activity and each stage of
// one, and wants every signing to end as if nothing had happened: one prompt on the phone, one use of the key, one time-stamp,
// one valid signature. "After" is the harder half: the effect is there and its result is lost.
//
// A killed activity is tried again when its time-out ends, up to two minutes later. So the signings run together: each
// gets a worker that dies on it, and one more worker finishes them all. A worker may die with an activity of an earlier signing
// in hand: that one may have been stamped, and is stamped once more for each such death.
func TestWorkerKilledAtEachActivity(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	w, c := ownWorld(t, Options{Data: data, NoWorker: true})
	var all []crashed
	for i, name := range onThePath(t) {
		for j, moment := range []string{"before", "after"} {
			plan := moment + ":" + name
			// Everybody approves two seconds after the push, also while no worker lives.
			user := fmt.Sprintf("ICA.00109507%02d%d0", i, j)
			if err := c.knobs(t.Context(), user, map[string]any{"decision": "approve", "decision_after_s": 2}); err != nil {
				t.Fatal(err)
			}
			all = append(all, crashed{plan, crashOnce(t, c, data, user, plan)})
		}
	}
	last, err := startWorkerProcess(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer last.kill()
	begin, archived := time.Now(), 0
	died := interruptions(t, data, all)
	for _, signing := range all {
		s := awaitStatus(t, c, signing.id, "signed")
		checkSigned(t, w, c, s, 1+died[signing.id])
		if strings.HasSuffix(signing.plan, ".archive") {
			archived++
		}
		t.Logf("%-28s signed %5.1f s after the last worker started", signing.plan, time.Since(begin).Seconds())
	}
	want, more := len(all)+archived, 0
	for _, n := range died {
		more += n
	}
	if n := w.Sandbox.CountEffects(sandbox.EffectTimestamp, ""); n < want || n > want+more {
		t.Errorf("%d time-stamps, want %d and at most one for each of %d activities that died with another's worker", n, want, more)
	}
}

// interruptions counts how often each signing had an activity in a worker that died on another signing. That is not always the one that
// was begun for the plan: one whose worker died before may come to the same point sooner.
func interruptions(t *testing.T, data string, all []crashed) map[string]int {
	t.Helper()
	died := map[string]int{}
	for _, on := range all {
		list, err := os.ReadFile(crashMarker(data, on.plan))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range strings.Fields(string(list))[1:] {
			died[strings.TrimPrefix(id, process.SigningWorkflowID(""))]++
		}
	}
	return died
}

// crashed is a signing, and the plan that a worker died by on it.
type crashed struct{ plan, id string }

// crashOnce starts a signing with a worker that dies on it, and returns when the worker is dead.
func crashOnce(t *testing.T, c *client, data, user, plan string) string {
	t.Helper()
	worker, err := startWorkerProcess(t.Context(), data, crashVariable+"="+plan)
	if err != nil {
		t.Fatal(err)
	}
	level := "B-LT"
	if strings.HasSuffix(plan, ".archive") {
		level = "B-LTA"
	}
	id := startSigningAt(t, c, user, level)
	select {
	case <-worker.done:
	case <-time.After(patience):
		worker.kill()
		t.Fatalf("%s: the worker did not reach the point where it dies", plan)
	}
	if _, err := os.Stat(crashMarker(data, plan)); err != nil {
		t.Fatalf("%s: the worker died of something else: %v", plan, err)
	}
	return id
}
