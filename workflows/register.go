package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Register adds the processes to a worker, a test environment or a replayer. A workflow's name is its function's.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflow(Signing)
	r.RegisterWorkflowWithOptions(Archive, workflow.RegisterOptions{VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}) // waits for years
	r.RegisterWorkflow(Registration)
	r.RegisterWorkflow(Refund)
	r.RegisterWorkflow(Delivery)
	r.RegisterWorkflow(Text)
}
