package workflows

import (
	"context"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/problem"
)

// TaskQueue is where the workers of kyso poll.
const TaskQueue = "kyso"

// Updates, signals and queries of every process.
const (
	UpdateRepair = "repair"

	// SignalRepair is the twin of UpdateRepair, because Temporal's batch operations can send signals only.
	SignalRepair = "repair"
	// SignalNudge says that a webhook came: look now. It carries nothing; the poll is the truth.
	SignalNudge = "nudge"

	QueryStatus = "status"
)

// Search attributes of both processes. None holds personal data.
var (
	// AttributeStep is the step in kebab-case, such as await-approval.
	AttributeStep = temporal.NewSearchAttributeKeyKeyword("KysoStep")
	// AttributeAttention is true while the process is parked.
	AttributeAttention = temporal.NewSearchAttributeKeyBool("KysoAttention")
	// AttributeReason is the problem code of a parked process.
	AttributeReason = temporal.NewSearchAttributeKeyKeyword("KysoReason")
	// AttributeProvider is the outside party that the process waits for or that failed.
	AttributeProvider = temporal.NewSearchAttributeKeyKeyword("KysoProvider")
	// AttributeDeadline is when the current wait ends by itself.
	AttributeDeadline = temporal.NewSearchAttributeKeyTime("KysoDeadline")
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

// SearchAttributes are those that the processes set, with their types.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	types := map[string]enumspb.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKey{AttributeStep, AttributeAttention, AttributeReason, AttributeProvider, AttributeDeadline} {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}

// MissingSearchAttributes returns the names of those that a namespace lacks, sorted. One that is there with another
// type is problem.Conflict: it has to be removed by hand.
func (c *Client) MissingSearchAttributes(ctx context.Context, namespace string) ([]string, error) {
	there, err := c.Temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, clientError("listing search attributes", err)
	}
	var missing []string
	for name, want := range SearchAttributes() {
		got, ok := there.GetCustomAttributes()[name]
		switch {
		case !ok:
			missing = append(missing, name)
		case got != want:
			return nil, problem.New(problem.Conflict, "search attribute %s is of type %s and has to be %s", name, got, want)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// EnsureSearchAttributes makes those that a namespace lacks and returns their names.
func (c *Client) EnsureSearchAttributes(ctx context.Context, namespace string) ([]string, error) {
	missing, err := c.MissingSearchAttributes(ctx, namespace)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	add := map[string]enumspb.IndexedValueType{}
	for _, name := range missing {
		add[name] = SearchAttributes()[name]
	}
	_, err = c.Temporal.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: add})
	if err != nil {
		return nil, clientError("adding search attributes", err)
	}
	return missing, nil
}

// signingAttributes are those with which a signing begins, its first run and any later one.
func signingAttributes(in SigningInput) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(AttributeStep.ValueSet(StepInspect), AttributeAttention.ValueSet(false), AttributeProvider.ValueSet(in.Provider))
}

// registrationAttributes are those with which a registration begins.
func registrationAttributes(in RegistrationInput, more ...temporal.SearchAttributeUpdate) temporal.SearchAttributes {
	all := append([]temporal.SearchAttributeUpdate{AttributeStep.ValueSet(StepHandOff), AttributeAttention.ValueSet(false)}, more...)
	if in.Issuer != "" {
		all = append(all, AttributeProvider.ValueSet(in.Issuer))
	}
	return temporal.NewSearchAttributes(all...)
}
