package workflows_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/eseal"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// awayOnce is an authority that is away when it is asked for the second time.
type awayOnce struct {
	signing.TimestampAuthority
	asked int
}

// Stamp implements signing.TimestampAuthority.
func (s *awayOnce) Stamp(ctx context.Context, digest [32]byte) ([]byte, error) {
	if s.asked++; s.asked == 2 {
		return nil, problem.New(problem.ProviderUnavailable, "away")
	}
	return s.TimestampAuthority.Stamp(ctx, digest)
}

// renewed runs an Archive until it has renewed so often, one run after the other.
func renewed(ctx workflow.Context, in workflows.ArchiveInput, times int) error {
	for in.Generation <= times {
		again, ok := errors.AsType[*workflow.ContinueAsNewError](workflows.Archive(ctx, in))
		if !ok {
			return errors.New("the archive has ended")
		}
		if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
			return err
		}
	}
	return nil
}

// TestPapersOfARegistrationAreArchived: the contract is sealed while no archive time-stamp can be had, which stops nobody; the
// process that keeps it archives it then, and again before the authority's certificate ends. The acceptance record is kept like
// every archived signing. In the end both verify from themselves.
func TestPapersOfARegistrationAreArchived(t *testing.T) {
	e := newEnrolment(t, "PS0")
	sealer, ok := e.reg.Issuers[sandbox.FirstIssuer].Sealer.(*eseal.Sealer)
	if !ok {
		t.Fatal("the sealer is another one")
	}
	sealer.TSA = &awayOnce{TimestampAuthority: sealer.TSA}
	run := func(ctx workflow.Context, in workflows.RegistrationInput) (workflows.RegistrationResult, error) {
		result, err := workflows.Registration(ctx, in)
		if err != nil {
			return result, err
		}
		r := e.registration()
		if r.Contract.Level != "B-T" || r.Contract.Renewals != 0 {
			return result, errors.New("the contract is archived already")
		}
		return result, errors.Join(renewed(ctx, workflows.ArchiveInput{RegistrationID: in.RegistrationID, Generation: 1}, 2),
			renewed(ctx, workflows.ArchiveInput{SigningID: r.Acceptance.SigningID, Generation: 1}, 1))
	}
	e.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patient.DeadlockDetectionTimeout}) // several processes in one run: no guard
	e.env.SetWorkflowRunTimeout(100 * 365 * 24 * time.Hour)
	e.env.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{Name: "Registered"})
	e.archivesLater()
	e.env.OnGetVersion("own-run", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	e.at(time.Second, e.tick)
	e.env.ExecuteWorkflow("Registered", workflows.RegistrationInput{RegistrationID: e.id})
	e.must(e.env.GetWorkflowError())
	r := e.registration()
	s, err := e.store.Signing(context.Background(), r.Acceptance.SigningID)
	e.must(err)
	if r.Contract.Level != "B-LTA" || r.Contract.Renewals != 2 || len(r.Contract.Earlier) != 2 {
		t.Errorf("the contract is %+v", r.Contract)
	}
	for name, file := range map[string][]byte{"contract": e.paper(r.Contract.SealedID), "acceptance": e.paper(s.Documents[0].SignedID)} {
		result, err := pades.Verify(bytes.NewReader(file), pades.VerifyOptions{Roots: trustNow(t, e.journey.acts).Roots, Now: e.env.Now().Add(time.Hour)})
		e.must(err)
		if len(result.Signatures) != 3 || result.Signatures[0].Level != "B-LTA" {
			t.Fatalf("%s: %+v", name, result.Signatures)
		}
		for k, s := range result.Signatures { // the last one's authority is asked at the next renewal
			if s.Verdict != pades.TotalPassed && (k < 2 || s.SubIndication != "TRY_LATER") {
				t.Errorf("%s: %s %s %s %v", name, s.Field, s.Verdict, s.SubIndication, s.Problems)
			}
		}
	}
}
