package activities

import (
	"context"
	"slices"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// due returns a signing that stands where an effect is due. It is checked before each effect, whatever a process believes: a
// process knows what it was started with, and the store what has become of the signing. A process that was reset asks again for
// what is done, at a later status. Error: Conflict.
func (a *Signing) due(ctx context.Context, id string, at ...signing.Status) (signing.Signing, error) {
	s, err := a.Records.Signing(ctx, id)
	if err == nil && !slices.Contains(at, s.Status) {
		err = problem.New(problem.Conflict, "the signing is %s", s.Status)
	}
	return s, err
}

// completing returns a signing that the owner approved, and whose level asks for what is to be added.
func (a *Signing) completing(ctx context.Context, id string, level signing.Level) (signing.Signing, error) {
	s, err := a.due(ctx, id, signing.StatusCompleting, signing.StatusSigned)
	switch {
	case err != nil:
	case s.Approval.Outcome != signing.OutcomeApproved:
		err = problem.New(problem.Conflict, "the owner has not approved")
	case !s.Level.AtLeast(level):
		err = problem.New(problem.Conflict, "level %s is not asked for", level)
	}
	return s, err
}
