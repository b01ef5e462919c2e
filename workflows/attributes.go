package workflows

import (
	"context"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
)

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
func registrationAttributes(in RegistrationInput) temporal.SearchAttributes {
	all := []temporal.SearchAttributeUpdate{AttributeStep.ValueSet(StepHandOff), AttributeAttention.ValueSet(false)}
	if in.Issuer != "" {
		all = append(all, AttributeProvider.ValueSet(in.Issuer))
	}
	return temporal.NewSearchAttributes(all...)
}
