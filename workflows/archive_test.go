package workflows_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/pades"
	"kyso/internal/process"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// archived signs and then keeps the documents archived for some generations, one run after the other: the test environment does
// not go on with a child that continues as new.
func archived(generations int) func(workflow.Context, workflows.SigningInput) error {
	return func(ctx workflow.Context, in workflows.SigningInput) error {
		if _, err := workflows.Signing(ctx, in); err != nil {
			return err
		}
		next := workflows.ArchiveInput{SigningID: in.SigningID, Generation: 1}
		for next.Generation <= generations {
			err := workflows.Archive(ctx, next)
			again, ok := errors.AsType[*workflow.ContinueAsNewError](err)
			if !ok {
				return err
			}
			if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &next); err != nil {
				return err
			}
		}
		return nil
	}
}

// keep runs a signing and the renewals that follow.
func (j *journey) keep(generations int) signing.Signing {
	j.Helper()
	run := archived(generations)
	j.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patient.DeadlockDetectionTimeout, Interceptors: j.watching}) // two processes in one run: no guard
	j.env.SetWorkflowRunTimeout(100 * 365 * 24 * time.Hour)                                                                      // the environment ends after ten years by default
	j.env.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{Name: "Archived"})
	j.env.OnWorkflow(workflows.Archive, mock.Anything, mock.Anything).Return(nil)
	j.env.OnGetVersion("own-run", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	j.env.ExecuteWorkflow("Archived", j.in)
	if err := j.env.GetWorkflowError(); err != nil {
		open, _ := j.store.Parked().List(context.Background(), incident.Filter{})
		j.Fatalf("%v; open incidents: %+v", err, open)
	}
	s, err := j.store.Signing(context.Background(), j.id)
	j.must(err)
	return s
}

// TestArchiveForYears: three renewals in about fourteen years, each before the certificate of the last time-stamp ends, the second
// one parked and repaired. In the end the file verifies from itself, long after the signer's certificate and two of the authority's.
func TestArchiveForYears(t *testing.T) {
	j := newJourney(t)
	begin := j.env.Now()
	j.request(signing.Signing{Level: signing.LevelLTA, Reason: "Lưu trữ"}, page("one"), page("two"))
	j.at(10*time.Second, j.approve(user))
	const year = 365 * 24 * time.Hour
	j.at(6*year, func() { j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.TSA = "down" })) })
	var second time.Duration
	watch := func() {}
	watch = func() { // the second renewal falls due between the ninth and the tenth year
		open, err := j.store.Parked().List(context.Background(), incident.Filter{})
		j.must(err)
		if len(open) == 0 {
			j.at(24*time.Hour, watch)
			return
		}
		second = j.env.Now().Sub(begin)
		if open[0].Step != workflows.StepRenewArchive || open[0].ProcessID != j.id || open[0].Reason != "provider-unavailable" {
			t.Errorf("parked as %+v", open[0])
		}
		j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.TSA = "" }))
		j.update(workflows.UpdateRepair, retry(), func(result any, err error) { j.wantRepair(result, err, process.RepairRecovered) })()
	}
	j.at(7*year, watch)
	s := j.keep(3)
	if took := j.env.Now().Sub(begin); took < 13*year || took > 15*year || second < 9*year || second > 10*year {
		t.Errorf("three renewals took %v, the second came after %v", took, second)
	}
	if n := j.world.CountEffects(sandbox.EffectTimestamp, ""); n != 2*(2+3) {
		t.Errorf("%d time-stamps", n)
	}
	for i, doc := range s.Documents {
		file := j.bytes(doc.SignedID)
		if len(file) == 0 || doc.SignedSHA256 == "" {
			t.Fatalf("document %d is gone", i)
		}
		result, err := pades.Verify(bytes.NewReader(file), pades.VerifyOptions{Roots: trustNow(t, j.acts).Roots, Now: j.env.Now().Add(time.Hour)})
		j.must(err)
		if len(result.Signatures) != 5 || result.Signatures[0].Level != "B-LTA" {
			t.Fatalf("document %d: %+v", i, result.Signatures)
		}
		for k, s := range result.Signatures {
			// The last one's authority has to be asked: the next renewal puts its answer into the file.
			unknown := k == 4 && s.Verdict == pades.Indeterminate && s.SubIndication == "TRY_LATER"
			if s.Verdict != pades.TotalPassed && !unknown {
				t.Errorf("document %d: %s %s %s %v", i, s.Field, s.Verdict, s.SubIndication, s.Problems)
			}
		}
		for _, stamp := range result.Signatures[1:] {
			if later := stamp.CertificateEnd; stamp.TimestampTime.After(later) {
				t.Errorf("%s was made after its end", stamp.Field)
			}
		}
	}
	j.renewAgain(s)
	if open, err := j.store.Parked().List(context.Background(), incident.Filter{}); err != nil || len(open) > 0 {
		t.Errorf("open incidents: %v, %v", open, err)
	}
}

// renewAgain repeats each renewal, as a try does that comes late: nothing is stamped again, and the newest file stays.
func (j *journey) renewAgain(s signing.Signing) {
	j.Helper()
	before := j.world.CountEffects(sandbox.EffectTimestamp, "")
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(j.acts)
	for generation := 1; generation <= 3; generation++ {
		_, err := env.ExecuteActivity(j.acts.RenewArchive, activities.RenewInput{SigningID: s.ID, Generation: generation})
		j.must(err)
	}
	after, err := j.store.Signing(context.Background(), s.ID)
	j.must(err)
	if n := j.world.CountEffects(sandbox.EffectTimestamp, ""); n != before || after.Documents[0].SignedID != s.Documents[0].SignedID {
		j.Errorf("%d more time-stamps, the file is %s and was %s", n-before, after.Documents[0].SignedID, s.Documents[0].SignedID)
	}
}

// TestArchiveGivenUp: an operator may end the renewals; nothing is done to the file.
func TestArchiveGivenUp(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{Level: signing.LevelLTA}, page("one"))
	j.at(10*time.Second, j.approve(user))
	j.at(time.Hour, func() { j.must(j.world.UpdateSettings(func(s *sandbox.Settings) { s.TSA = "down" })) })
	j.at(5*365*24*time.Hour, j.update(workflows.UpdateRepair, giveUp(), func(result any, err error) { j.wantRepair(result, err, process.RepairGivenUp) }))
	s := j.keep(1)
	if result := j.verify(s)[0]; len(result.Signatures) != 2 {
		t.Errorf("%+v", result)
	}
}

// TestArchiveOfNothing: a record that is not there any more needs no time-stamps.
func TestArchiveOfNothing(t *testing.T) {
	j := newJourney(t)
	j.runAs(process.ArchiveWorkflowID("none"))
	j.env.ExecuteWorkflow(workflows.Archive, workflows.ArchiveInput{SigningID: "none", Generation: 1})
	if err := j.env.GetWorkflowError(); err != nil || temporal.IsCanceledError(err) {
		t.Error(err)
	}
}
