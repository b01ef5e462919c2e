package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"kyso/internal/problem"
)

// DeploymentName is what all workers of kyso are a version of, in Temporal's worker versioning.
const DeploymentName = "kyso"

// Release is one version of the workers, as Temporal sees it.
type Release struct {
	BuildID string `json:"build_id"`
	Current bool   `json:"current"` // gets the processes that begin now
	Status  string `json:"status"`  // ready, current, draining or drained
	Running int64  `json:"running"` // processes that stay with it
}

// Releases returns the versions that Temporal knows, by build id. There are none when no worker has a build id.
func (c *Client) Releases(ctx context.Context, namespace string) ([]Release, error) {
	described, err := c.deployment().Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return nil, nil
	}
	if err != nil {
		return nil, clientError("asking for the versions of the workers", err)
	}
	var list []Release
	for _, v := range described.Info.VersionSummaries {
		current := described.Info.RoutingConfig.CurrentVersion
		r := Release{BuildID: v.Version.BuildID, Current: current != nil && current.BuildID == v.Version.BuildID}
		r.Status = versionStatus(r.Current, v.DrainageStatus)
		count, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: staysWith(r.BuildID)})
		if err != nil {
			return nil, clientError("counting the processes of a version", err)
		}
		r.Running = count.GetCount()
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Release) int { return strings.Compare(a.BuildID, b.BuildID) })
	return list, nil
}

func versionStatus(current bool, drainage client.WorkerDeploymentVersionDrainageStatus) string {
	switch {
	case current:
		return "current"
	case drainage == client.WorkerDeploymentVersionDrainageStatusDraining:
		return "draining"
	case drainage == client.WorkerDeploymentVersionDrainageStatusDrained:
		return "drained"
	}
	return "ready"
}

func (c *Client) deployment() client.WorkerDeploymentHandle {
	return c.Temporal.WorkerDeploymentClient().GetHandle(DeploymentName)
}

// staysWith finds the processes that need the workers of a version. Those that only wait for years go on with any.
func staysWith(buildID string) string {
	return fmt.Sprintf("ExecutionStatus = 'Running' AND TemporalWorkflowVersioningBehavior = 'Pinned' AND TemporalWorkerDeploymentVersion = '%s:%s'", DeploymentName, buildID)
}

// Rollout makes a version the current one: processes that begin from now on get it. Its workers have to poll already;
// else the error is problem.Conflict.
func (c *Client) Rollout(ctx context.Context, buildID string) error {
	if err := CheckBuildID(buildID); err != nil {
		return err
	}
	_, err := c.deployment().SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: buildID})
	var refused *serviceerror.FailedPrecondition
	var none *serviceerror.NotFound
	if errors.As(err, &refused) || errors.As(err, &none) {
		return problem.Wrap(problem.Conflict, err, "no worker with build id %s polls yet: start it first", buildID)
	}
	if err != nil {
		return clientError("making a version current", err)
	}
	return nil
}

// MoveProcesses moves running processes from one version to another, whose code has to fit their histories (see
// replay_test.go). It returns how many it moved; processes that ended meanwhile are passed over.
func (c *Client) MoveProcesses(ctx context.Context, namespace, from, to string) (int, error) {
	if err := errors.Join(CheckBuildID(from), CheckBuildID(to)); err != nil {
		return 0, err
	}
	moved := 0
	var page []byte
	for {
		answer, err := c.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: staysWith(from), NextPageToken: page})
		if err != nil {
			return moved, clientError("listing the processes of a version", err)
		}
		for _, execution := range answer.GetExecutions() {
			ok, err := c.move(ctx, execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId(), to)
			if err != nil {
				return moved, err
			}
			if ok {
				moved++
			}
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return moved, nil
		}
	}
}

// move tells whether the process was still there to be moved.
func (c *Client) move(ctx context.Context, workflowID, runID, to string) (bool, error) {
	_, err := c.Temporal.UpdateWorkflowExecutionOptions(ctx, client.UpdateWorkflowExecutionOptionsRequest{WorkflowId: workflowID, RunId: runID,
		WorkflowExecutionOptionsChanges: client.WorkflowExecutionOptionsChanges{VersioningOverride: &client.VersioningOverrideChange{
			Value: &client.PinnedVersioningOverride{Version: worker.WorkerDeploymentVersion{DeploymentName: DeploymentName, BuildID: to}}}}})
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return false, nil
	}
	if err != nil {
		return false, clientError("moving a process to another version", err)
	}
	return true, nil
}

// CheckBuildID returns problem.Invalid unless a build id keeps to what Temporal takes, and to what needs no quoting in a query.
func CheckBuildID(id string) error {
	for _, r := range id {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_+.", r) {
			return problem.New(problem.Invalid, "a build id consists of letters, digits and - _ + . only, not %q", id)
		}
	}
	if id == "" || len(id) > maxBuildID {
		return problem.New(problem.Invalid, "a build id has 1 to %d characters", maxBuildID)
	}
	return nil
}

const maxBuildID = 100
