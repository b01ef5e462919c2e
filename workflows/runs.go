package workflows

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"kyso/internal/problem"
	"kyso/internal/process"
)

// RunState is what Temporal knows of a process.
type RunState string

// The states of a process in the engine.
const (
	RunMissing   RunState = "missing"   // Temporal knows no run
	RunRunning   RunState = "running"   // the newest run is open
	RunCompleted RunState = "completed" // it ended by itself
	RunBroken    RunState = "broken"    // it was terminated or cancelled, has failed or timed out
)

// State asks for the newest run of a process by its workflow id.
func (c *Client) State(ctx context.Context, workflowID string) (RunState, error) {
	state, _, err := c.Stand(ctx, workflowID)
	return state, err
}

// Stand is State with a mark: as long as it stays, nothing has happened to the process. It is empty when there is no process.
func (c *Client) Stand(ctx context.Context, workflowID string) (state RunState, mark string, err error) {
	described, err := c.Temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return RunMissing, "", nil
	} else if err != nil {
		return "", "", clientError("asking for a process", err)
	}
	info := described.GetWorkflowExecutionInfo()
	state, mark = RunBroken, process.Mark(info.GetExecution().GetRunId(), info.GetHistoryLength())
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		state = RunRunning
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		state = RunCompleted
	}
	return state, mark, nil
}

// Run is a process that Temporal lists.
type Run struct {
	Kind      string // the name of its function
	RecordID  string // of the record that it belongs to; of a Refund, that of the registration
	TxnRef    string // of a Refund
	StartedAt time.Time
}

// kindsOfRuns are the processes that must have a record, and the beginning of their workflow ids.
var kindsOfRuns = map[string]string{"Signing": process.SigningWorkflowID(""), "Registration": process.RegistrationWorkflowID(""), "Refund": process.RefundWorkflowID("")}

// Runs lists the signings, registrations and refunds that run, as Temporal's visibility store knows them, which may be a few
// seconds late. after is where a list before ended; next is empty at the end.
func (c *Client) Runs(ctx context.Context, after string, limit int) (runs []Run, next string, err error) {
	return c.list(ctx, "ExecutionStatus = 'Running'", after, limit)
}

// BrokenRuns lists the runs that have ended and did not complete, like Runs, as far back as Temporal keeps histories. The
// same process may be listed several times, and may run again or have completed since: State knows its newest run.
func (c *Client) BrokenRuns(ctx context.Context, after string, limit int) (runs []Run, next string, err error) {
	return c.list(ctx, "ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut', 'Canceled')", after, limit)
}

func (c *Client) list(ctx context.Context, which, after string, limit int) (runs []Run, next string, err error) {
	token, err := base64.RawURLEncoding.DecodeString(after)
	if err != nil {
		return nil, "", problem.New(problem.Invalid, "not a place in the list of processes")
	}
	answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: int32(limit), NextPageToken: token,
		Query: which + " AND WorkflowType IN ('Signing', 'Registration', 'Refund')"})
	if err != nil {
		return nil, "", clientError("listing processes", err)
	}
	for _, e := range answer.GetExecutions() {
		kind := e.GetType().GetName()
		id, ok := strings.CutPrefix(e.GetExecution().GetWorkflowId(), kindsOfRuns[kind])
		if !ok {
			continue
		}
		run := Run{Kind: kind, RecordID: id, StartedAt: e.GetStartTime().AsTime()}
		if kind == "Refund" {
			var in RefundInput
			if err := c.input(ctx, e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId(), &in); err != nil {
				return nil, "", clientError("reading what a refund is for", err)
			}
			run.RecordID, run.TxnRef = in.RegistrationID, id
		}
		runs = append(runs, run)
	}
	return runs, base64.RawURLEncoding.EncodeToString(answer.GetNextPageToken()), nil
}

// PastRun is a run of a registration: what it began with, and where it stands or stood at its end.
type PastRun struct {
	Input  RegistrationInput
	Status RegistrationStatus
}

// mostRuns is how many runs of one process are asked about, the newest first.
const mostRuns = 50

// RegistrationRuns asks all runs of a registration that Temporal still has, the newest first. It needs a worker.
func (c *Client) RegistrationRuns(ctx context.Context, id string) ([]PastRun, error) {
	workflowID := process.RegistrationWorkflowID(id)
	answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: mostRuns, Query: `WorkflowId = '` + workflowID + `'`})
	if err != nil {
		return nil, clientError("listing the runs of a process", err)
	}
	var runs []PastRun
	for _, e := range answer.GetExecutions() {
		runID := e.GetExecution().GetRunId()
		var run PastRun
		value, err := c.Temporal.QueryWorkflow(ctx, workflowID, runID, QueryStatus)
		if err == nil {
			err = value.Get(&run.Status)
		}
		if err == nil {
			err = c.input(ctx, workflowID, runID, &run.Input)
		}
		if err != nil {
			return nil, clientError("asking the runs of a process", err)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// input reads what a run began with.
func (c *Client) input(ctx context.Context, workflowID, runID string, out any) error {
	first, err := c.Temporal.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return err
	}
	return converter.GetDefaultDataConverter().FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), out)
}

// Stop terminates a process that has no record: nothing that it does could be recorded.
func (c *Client) Stop(ctx context.Context, workflowID, reason string) error {
	err := c.Temporal.TerminateWorkflow(ctx, workflowID, "", reason)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone || err == nil {
		return nil
	}
	return clientError("stopping a process", err)
}
