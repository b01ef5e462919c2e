package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
	"kyso/internal/process"
)

// Client starts, answers, watches and repairs the processes. It is the only code that knows workflow ids and
// start options. Its errors are *problem.Error: NotFound when an unknown or long closed process is asked, ProcessMissing when it is to act, Conflict when the
// state does not allow the act, ProviderUnavailable when Temporal cannot be reached.
type Client struct {
	Temporal client.Client
	// Issuers are the codes of the configured CAs. Those alone stand in search attributes and summaries.
	Issuers []string
}

// StartSigning starts the process. Starting the same signing again does nothing, also after it has closed.
func (c *Client) StartSigning(ctx context.Context, in SigningInput) error {
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       process.SigningWorkflowID(in.SigningID),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		EnableEagerStart:         true,
		StaticSummary:            fmt.Sprintf("Sign %d document(s), %s, through %s", in.Documents, in.Level, in.Provider),
		StaticDetails:            "Remote signing under one approval. The record is in kyso's store; no personal data here.",
		TypedSearchAttributes:    signingAttributes(in),
	}, Signing, in)
	return startError("starting signing", err)
}

// ChooseCertificate answers the wait for a certificate. Like every act it needs a recorded decision (see
// internal/decision), whose id makes it idempotent, too.
func (c *Client) ChooseCertificate(ctx context.Context, signingID, decisionID string, in ChooseCertificate) (SigningStatus, error) {
	var status SigningStatus
	in.DecisionID = decisionID
	err := c.update(ctx, process.SigningWorkflowID(signingID), decisionID, UpdateChooseCertificate, in, &status)
	return countdown(status), err
}

// Place answers the wait for the placement.
func (c *Client) Place(ctx context.Context, signingID, decisionID string, in Place) (SigningStatus, error) {
	var status SigningStatus
	in.DecisionID = decisionID
	err := c.update(ctx, process.SigningWorkflowID(signingID), decisionID, UpdatePlace, in, &status)
	return countdown(status), err
}

// Cancel stops the process. A value that arrives later is recorded and never used.
func (c *Client) Cancel(ctx context.Context, signingID, decisionID string, in Cancel) (SigningStatus, error) {
	var status SigningStatus
	in.DecisionID = decisionID
	err := c.update(ctx, process.SigningWorkflowID(signingID), decisionID, UpdateCancel, in, &status)
	return countdown(status), err
}

// Repair acts on a parked process and waits up to process.RepairWait for what becomes of it. When the signing itself has ended, it is
// the process that keeps its documents archived.
func (c *Client) Repair(ctx context.Context, signingID, decisionID string, in process.Repair) (RepairResult, error) {
	var result RepairResult
	in.DecisionID = decisionID
	err := c.update(ctx, process.SigningWorkflowID(signingID), decisionID, UpdateRepair, in, &result)
	if code := problem.CodeOf(err); code == problem.Conflict || code == problem.ProcessMissing {
		if archiveErr := c.update(ctx, process.ArchiveWorkflowID(signingID), decisionID, UpdateRepair, in, &result); problem.CodeOf(archiveErr) != problem.ProcessMissing {
			err = archiveErr
		}
	}
	result.Status = countdown(result.Status)
	return result, err
}

// Nudge tells the process that its provider has news. A process that has closed is not an error.
func (c *Client) Nudge(ctx context.Context, signingID string) error {
	return c.nudge(ctx, process.SigningWorkflowID(signingID))
}

func (c *Client) nudge(ctx context.Context, workflowID string) error {
	_, err := c.Tell(ctx, workflowID)
	return err
}

// Tell has a process look for what it waits for. It is false when no process runs.
func (c *Client) Tell(ctx context.Context, workflowID string) (bool, error) {
	err := c.Temporal.SignalWorkflow(ctx, workflowID, "", SignalNudge, nil)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return false, nil
	}
	if err != nil {
		return false, clientError("nudging", err)
	}
	return true, nil
}

// Status asks the process itself. The store answers the same for lists and pages; this needs a worker.
func (c *Client) Status(ctx context.Context, signingID string) (SigningStatus, error) {
	var status SigningStatus
	err := c.query(ctx, process.SigningWorkflowID(signingID), &status)
	return countdown(status), err
}

func (c *Client) query(ctx context.Context, workflowID string, out any) error {
	value, err := c.Temporal.QueryWorkflow(ctx, workflowID, "", QueryStatus)
	if err == nil {
		err = value.Get(out)
	}
	if err != nil {
		return clientError("querying", err)
	}
	return nil
}

func countdown(status SigningStatus) SigningStatus {
	if left := time.Until(status.Deadline); left > 0 {
		status.Remaining = int(left / time.Second)
	}
	return status
}

// Ping answers readiness.
func (c *Client) Ping(ctx context.Context) error {
	if _, err := c.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return clientError("checking Temporal", err)
	}
	return nil
}

func (c *Client) update(ctx context.Context, workflowID, updateID, name string, in, out any) error {
	handle, err := c.Temporal.UpdateWorkflow(ctx, updateOptions(workflowID, updateID, name, in, client.WorkflowUpdateStageCompleted))
	if err == nil {
		err = handle.Get(ctx, out)
	}
	return updateError(name, err)
}

func updateOptions(workflowID, updateID, name string, in any, until client.WorkflowUpdateStage) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{UpdateID: updateID, WorkflowID: workflowID, UpdateName: name, Args: []any{in}, WaitForStage: until}
}

func updateError(name string, err error) error {
	if err == nil {
		return nil
	}
	if err = clientError(name, err); problem.CodeOf(err) == problem.NotFound { // whoever acts has read the record
		return problem.New(problem.ProcessMissing, "%s: no process works on it", name)
	}
	return err
}

// clientError turns what Temporal's client returns into the vocabulary of kyso.
func clientError(doing string, err error) error {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if code := problem.Code(app.Type()); code.Kind() != problem.KindInternal {
			return problem.New(code, "%s: %s", doing, app.Message())
		}
		return problem.Wrap(problem.Internal, err, "%s", doing)
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		if strings.Contains(err.Error(), "already completed") {
			return problem.New(problem.Conflict, "%s: the process has ended", doing)
		}
		return problem.New(problem.NotFound, "%s: no such process", doing)
	}
	return problem.Wrap(problem.ProviderUnavailable, err, "%s", doing)
}
