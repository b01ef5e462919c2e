package workflows

import (
	"go.temporal.io/sdk/workflow"

	"kyso/internal/problem"
)

// ownRun refuses a run under another workflow id than its record's. Temporal runs one process for each id, and kyso starts
// each process under the id of its record: another run is a second one of the record, or was started by hand. A run of an
// earlier release goes on; the activities refuse what its record does not say.
func ownRun(ctx workflow.Context, id string) error {
	if workflow.GetInfo(ctx).WorkflowExecution.ID == id || workflow.GetVersion(ctx, "own-run", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	return refuse(problem.Denied, "this run has not the workflow id of its record")
}
