package relay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// begun is what the runs of a registration without a record began outside.
type begun struct {
	attempts []activities.PaymentOpened
	key      bool // one may be at a CA
	active   bool // the citizen has a certificate in use, and has paid for it
}

// strayRegistration closes a registration that has no record, wherever it stands: it stops the process, revokes what the CA made and
// gives back what was paid. Everything has its key from the id of the registration. It is refused while no worker says what
// the process began, and while the gateway has not decided an attempt.
func (m *Mender) strayRegistration(ctx context.Context, id, action string) error {
	workflowID := process.RegistrationWorkflowID(id)
	state, err := m.Engine.State(ctx, workflowID)
	if err != nil || action == incident.BeginAgain || state == workflows.RunMissing {
		if err == nil {
			err = m.stray(ctx, workflowID, action)
		}
		return err
	}
	if _, err := m.begun(ctx, id); err != nil {
		return err
	}
	if err := m.stray(ctx, workflowID, action); err != nil {
		return err
	}
	did, err := m.begun(ctx, id) // an attempt may have begun meanwhile
	if err != nil || did.active {
		return err
	}
	if did.key {
		if err := m.giveUpKey(ctx, id); err != nil {
			return err
		}
	}
	return m.giveBack(ctx, id, did.attempts)
}

// begun asks all runs of a registration. problem.Conflict when what they began is not known to the end.
func (m *Mender) begun(ctx context.Context, id string) (begun, error) {
	runs, err := m.Engine.RegistrationRuns(ctx, id)
	if err != nil {
		return begun{}, fmt.Errorf("asking the process what it began, which needs a worker: %w", err)
	}
	did, byRef, attempts := begun{}, map[string]activities.PaymentOpened{}, 0
	for n, run := range runs {
		if again := run.Input.Again; again != nil {
			attempts = max(attempts, again.Attempts)
			did.key = did.key || again.Issuing
		}
		for _, opened := range run.Status.Attempts {
			byRef[opened.TxnRef] = opened
			attempts = max(attempts, process.AttemptOf(opened.TxnRef))
		}
		did.key = did.key || workflows.MayHaveKey(registration.Registration{}, &run.Status)
		did.active = did.active || n == 0 && run.Status.Status == registration.StatusActive
	}
	switch {
	case len(runs) == 0:
		return begun{}, problem.New(problem.ProviderUnavailable, "Temporal does not list the process yet: close again in a minute")
	case len(byRef) < attempts:
		return begun{}, problem.New(problem.Conflict, "%d of %d attempts to pay were begun by runs that Temporal has no more: restore the record first, see docs/restore.md", attempts-len(byRef), attempts)
	case did.key && !did.active && len(m.CAs) == 0:
		return begun{}, problem.New(problem.Conflict, "the process may have made a key, and no CA is configured")
	}
	did.attempts = slices.SortedFunc(maps.Values(byRef), func(a, b activities.PaymentOpened) int { return strings.Compare(a.TxnRef, b.TxnRef) })
	return did, nil
}

// giveUpKey revokes the certificate of a registration and destroys its key, at whichever CA it is.
func (m *Mender) giveUpKey(ctx context.Context, id string) error {
	for _, code := range slices.Sorted(maps.Keys(m.CAs)) {
		ca := m.CAs[code]
		key, err := ca.FindKey(ctx, process.KeyID(id))
		if problem.CodeOf(err) == problem.NotFound {
			continue
		}
		if err == nil {
			err = revoke(ctx, ca, id, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func revoke(ctx context.Context, ca registration.Keys, id string, key registration.MadeKey) error {
	if key.Certificate.InForce() {
		if err := ca.Revoke(ctx, process.RevocationID(id), key.Serial, activities.CessationOfOperation); err != nil {
			return err
		}
	}
	if key.State == registration.KeyDisabled {
		return nil
	}
	return ca.DestroyKey(ctx, key.ID)
}
