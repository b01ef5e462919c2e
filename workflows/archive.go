package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// The steps of an Archive.
const (
	StepReadArchive  = "read-archive"
	StepAwaitRenewal = "await-renewal"
	StepRenewArchive = "renew-archive"
)

// ArchiveInput starts an Archive: of the documents of a signing, or of the sealed contract of a registration.
type ArchiveInput struct {
	SigningID      string `json:"signing_id"`
	RegistrationID string `json:"registration_id,omitempty"`
	Generation     int    `json:"generation"` // of the renewal that it waits for; 1 is the first
}

func (in ArchiveInput) workflowID() string {
	if in.RegistrationID != "" {
		return process.ContractArchiveWorkflowID(in.RegistrationID)
	}
	return process.ArchiveWorkflowID(in.SigningID)
}

// Archive renews the archive time-stamps of a signing before the last one's certificate or algorithm ends (EN 319 142-1, 5.4.3).
//
//	read when → wait, and read again every half year → renew → again
//
// Each wait is a run of its own, so that nothing depends on code or configuration of years ago.
// It ends when the record is erased, or when an operator gives it up. What fails parks, as in the other processes; the margin of
// activities.Archiving is the time that is left to repair it.
func Archive(ctx workflow.Context, in ArchiveInput) error {
	if err := ownRun(ctx, in.workflowID()); err != nil {
		return err
	}
	r := &archiveRun{in: in}
	r.runner = runner[signing.Status]{incidents: incidents{kind: process.Signing, processID: in.SigningID,
		series: process.ArchiveSeries(workflow.GetInfo(ctx).WorkflowExecution.RunID)},
		status: signing.StatusSigned, atStep: StepReadArchive, repairs: signingRepairs, headline: r.describeArchive}
	if in.RegistrationID != "" {
		r.processID, r.kind = in.RegistrationID, process.Registration
	}
	r.receiveSignals(ctx)
	if err := r.setHandlers(ctx); err != nil {
		return err
	}
	err := r.business(ctx)
	if errors.Is(err, errGivenUp) || errors.Is(err, errErased) {
		err = nil
	}
	return errors.Join(err, answered(ctx))
}

// readAgain is how long an Archive waits at most before it reads again when it is due: an algorithm may have been given up.
const readAgain = 182 * 24 * time.Hour

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// errErased says that there is nothing left to archive.
var errErased = errors.New("the record was erased")

type archiveRun struct {
	runner[signing.Status]
	in ArchiveInput
}

// business is what one run of an archive does.
func (r *archiveRun) business(ctx workflow.Context) error {
	due, err := r.read(ctx)
	if err != nil {
		return err
	}
	next := r.in
	again := workflow.Now(ctx).Add(readAgain)
	if err := r.wait(ctx, due, earlier(due, again)); err != nil {
		return err
	}
	if !due.After(again) {
		if err := r.renew(ctx); err != nil {
			return err
		}
		next.Generation++
	}
	if err := answered(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Archive, next)
}

func (r *archiveRun) step(ctx workflow.Context, step, provider string, do func(workflow.Context) error) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(step), AttributeDeadline.ValueUnset()); err != nil {
		return err
	}
	return r.runner.step(ctx, step, provider, do)
}

func (r *archiveRun) read(ctx workflow.Context) (at time.Time, err error) {
	gone := false
	err = r.step(ctx, StepReadArchive, "", func(ctx workflow.Context) error {
		var renewal activities.Renewal
		due, id := any(signingActivities.ArchiveDue), r.in.SigningID
		if r.in.RegistrationID != "" {
			due, id = registrationActivities.ContractDue, r.in.RegistrationID
		}
		if err := workflow.ExecuteActivity(heavy(ctx, "Read when the archive time-stamps end"), due, id).Get(ctx, &renewal); err != nil {
			return err
		}
		at, gone = renewal.Due, renewal.Gone
		if renewal.Generation > 0 { // what the run was started with may be old, or invented
			r.in.Generation = renewal.Generation
		}
		return nil
	})
	if err == nil && gone {
		err = errErased
	}
	return at, err
}

func (r *archiveRun) wait(ctx workflow.Context, due, until time.Time) error {
	r.atStep, r.deadline = StepAwaitRenewal, due
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributeStep.ValueSet(StepAwaitRenewal), AttributeDeadline.ValueSet(due)); err != nil {
		return err
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Archived. Time-stamp %d is put over the documents on %s.", r.in.Generation+1, due.UTC().Format(time.DateOnly)))
	timer := workflow.NewTimerWithOptions(ctx, until.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "Until the archive time-stamps are renewed or looked at again"})
	err := timer.Get(ctx, nil)
	r.deadline = time.Time{}
	return err
}

func (r *archiveRun) renew(ctx workflow.Context) error {
	return r.step(ctx, StepRenewArchive, "tsa", func(ctx workflow.Context) error {
		if r.in.RegistrationID != "" {
			return workflow.ExecuteActivity(heavy(ctx, "Put an archive time-stamp over the contract"), registrationActivities.ArchiveContract,
				activities.ContractInput{RegistrationID: r.in.RegistrationID, Generation: r.in.Generation}).Get(ctx, nil)
		}
		return workflow.ExecuteActivity(heavy(ctx, "Renew the archive time-stamps"), signingActivities.RenewArchive,
			activities.RenewInput{SigningID: r.in.SigningID, Generation: r.in.Generation}).Get(ctx, nil)
	})
}

func (r *archiveRun) describeArchive() string {
	return fmt.Sprintf("Archived · step `%s` · time-stamp %d comes next.", r.atStep, r.in.Generation+1)
}

func (r *archiveRun) setHandlers(ctx workflow.Context) error {
	snapshot := func() SigningStatus { return signingStatus(r.in.SigningID, &r.runner) }
	return errors.Join(
		workflow.SetQueryHandler(ctx, QueryStatus, func() (SigningStatus, error) { return snapshot(), nil }),
		setUpdate(ctx, &r.incidents, UpdateRepair, r.checkRepair, func(ctx workflow.Context, in process.Repair) (RepairResult, error) {
			outcome, err := r.accept(ctx, in)
			return RepairResult{Outcome: outcome, Status: snapshot()}, err
		}),
	)
}

// beginArchive starts an Archive that outlives the process which asks for it.
func beginArchive(ctx workflow.Context, in ArchiveInput) error {
	child := workflow.ExecuteChildWorkflow(archiveOptions(ctx, in), Archive, in)
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil // the process was reset
	}
	return err
}

// keepContract starts the process that keeps the sealed contract archived, whatever became of the registration.
func (r *registrationRun) keepContract(ctx workflow.Context) error {
	if !r.archives {
		return nil
	}
	return beginArchive(ctx, ArchiveInput{RegistrationID: r.in.RegistrationID, Generation: 1})
}

func archiveOptions(ctx workflow.Context, in ArchiveInput) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            in.workflowID(),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         map[bool]string{false: "Keep the documents of a signing archived", true: "Keep a sealed contract archived"}[in.RegistrationID != ""],
		StaticDetails:         "Renews archive time-stamps for as long as the record is kept. No personal data here.",
		TypedSearchAttributes: archiveAttributes(),
	})
}

// archiveAttributes are those with which an Archive begins.
func archiveAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(AttributeStep.ValueSet(StepReadArchive), AttributeAttention.ValueSet(false), AttributeProvider.ValueSet("tsa"))
}
