package activities

import (
	"context"
	"slices"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// issuable returns a registration that stands at one of these statuses and whose store holds what a certificate needs: the
// citizen's consent to the contract, the approval of an officer, and the price. It is checked before each effect at the CA,
// whatever a process believes: a process knows what it was started with, and the store what people decided. Error: Conflict.
func (a *Registration) issuable(ctx context.Context, id string, at ...registration.Status) (registration.Registration, error) {
	r, err := a.Records.Registration(ctx, id)
	if err != nil {
		return r, err
	}
	switch {
	case !slices.Contains(at, r.Status):
		return r, problem.New(problem.Conflict, "the registration is %s", r.Status)
	case r.Consent == nil:
		return r, problem.New(problem.Conflict, "the citizen has not agreed to the contract")
	case r.Review == nil || r.Review.Decision != registration.DecisionApprove:
		return r, problem.New(problem.Conflict, "no officer approved the dossier")
	case r.PriceVND == 0:
		return r, nil
	case r.PaidRef == "":
		return r, problem.New(problem.Conflict, "the order is not paid")
	}
	p, err := a.Records.Payment(ctx, r.PaidRef)
	if err != nil {
		return r, err
	}
	if p.RegistrationID != r.ID || p.Status != registration.PaymentCaptured || p.RefundID != "" {
		return r, problem.New(problem.Conflict, "the money for the order is not here: %s", p.Status)
	}
	return r, nil
}

// acceptable returns a registration whose acceptance record is due: the key is active.
func (a *Registration) acceptable(ctx context.Context, id string) (registration.Registration, error) {
	r, err := a.issuable(ctx, id, registration.StatusActivating, registration.StatusAccepting, registration.StatusActive)
	if err == nil && (r.Issued == nil || r.Activation == nil || r.Activation.ActivatedAt.IsZero()) {
		err = problem.New(problem.Conflict, "the key is not active")
	}
	return r, err
}
