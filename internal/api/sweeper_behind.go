package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

const (
	// behindAfter is how long a record has to stand still before its process is asked whether it knows.
	behindAfter = 30 * time.Second
	// behindFor is how long after its last change a record is compared: what was lost was lost at once.
	behindFor = 2 * time.Hour
)

// sweepBehind tells processes again what their record has and they do not know. What people do is recorded while the
// process takes it in; when worker, engine or database dies in that moment, the record stands and the process has not
// heard. A client that sends the same again, with its key, mends it; this is for the others.
func (w *Sweeper) sweepBehind(ctx context.Context) error {
	list, err := w.Registration.Records.Registrations(ctx, registration.Filter{ChangedSince: w.now().Add(-behindFor), Limit: sweepLimit})
	if err != nil {
		return fmt.Errorf("listing registrations: %w", err)
	}
	known := map[string]int{}
	var failures []error
	for _, record := range list {
		age := w.age(record.UpdatedAt)
		if record.Status.Final() || record.Status == registration.StatusRequested || age < behindAfter || age > behindFor {
			continue
		}
		if seq, ok := w.known[record.ID]; ok && seq == record.Seq {
			known[record.ID] = seq
			continue
		}
		knows, err := w.tellAgain(ctx, record)
		if knows {
			known[record.ID] = record.Seq
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("comparing registration %s with its process: %w", record.ID, err))
		}
		if problem.CodeOf(err).Kind() == problem.KindUpstream { // Temporal is away, for all of them
			break
		}
	}
	w.known = known
	return errors.Join(failures...)
}

// tellAgain reports whether the process knows as much as the record, and tells it the next thing when it does not.
func (w *Sweeper) tellAgain(ctx context.Context, record registration.Registration) (knows bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	status, err := w.Registration.Workflows.RegistrationStatus(ctx, record.ID)
	switch {
	case problem.CodeOf(err) == problem.NotFound: // it has ended, or never began: others look after that
		return true, nil
	case err != nil:
		return false, err
	case status.Seq >= record.Seq:
		return true, nil
	}
	err = w.tell(ctx, record, status)
	if problem.CodeOf(err) == problem.Conflict { // it has gone on meanwhile
		err = nil
	}
	return false, err
}

// tell sends the update that the process is waiting for, from what the record holds. The id is the same each time.
func (w *Sweeper) tell(ctx context.Context, record registration.Registration, at workflows.RegistrationStatus) error {
	id, again, flows := record.ID, updateID("again/"+record.ID+"/"+strconv.Itoa(at.Seq)), w.Registration.Workflows
	var err error
	switch {
	case at.Status == registration.StatusRequested && !record.HandedOffAt.IsZero():
		_, err = flows.HandOff(ctx, id, handOffUpdate(id))
	case at.Status == registration.StatusHandedOff && record.AccountID != "":
		_, err = flows.AccountReady(ctx, id, again, workflows.AccountReady{AccountID: record.AccountID})
	case at.Status == registration.StatusAccountReady && record.Package != "":
		_, err = flows.ChoosePackage(ctx, id, again, workflows.ChoosePackage{Code: record.Package})
	case at.Status == registration.StatusAwaitingConsent && record.Consent != nil:
		_, err = flows.ConsentToContract(ctx, id, again, workflows.CodeUsed{CodeID: record.Consent.CodeID})
	case at.Status == registration.StatusInReview && record.Review != nil:
		_, err = flows.Review(ctx, id, again, *record.Review)
	case at.Status == registration.StatusActivating && record.Activation != nil && record.Activation.CodeID != "":
		_, err = flows.Activate(ctx, id, again, workflows.CodeUsed{CodeID: record.Activation.CodeID})
	default:
		err = flows.NudgeRegistration(ctx, id)
	}
	return err
}
