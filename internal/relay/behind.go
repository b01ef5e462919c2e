package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyso/internal/decision"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// behindAfter is how long a record has to stand still before its process is asked whether it knows.
const behindAfter = 30 * time.Second

// Told is what is known of how much a process knows of its record.
type Told interface {
	// Arrived returns registrations whose citizen came before a time and whose process has not moved since, oldest first.
	Arrived(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error)
	// Behind returns registrations that run, last changed before a time, whose process is not known to know it, by
	// their last change.
	Behind(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error)
	// MarkTold notes that the process knows the record up to a transition.
	MarkTold(ctx context.Context, id string, seq int) error
}

// Teller tells a registration's process what its record holds; *workflows.Client is the real one.
type Teller interface {
	RegistrationActs
	RegistrationStatus(ctx context.Context, id string) (workflows.RegistrationStatus, error)
	Engine
}

// RegistrationActs are what people do, told to the process of a registration.
type RegistrationActs interface {
	HandOff(ctx context.Context, id, updateID string) (workflows.RegistrationStatus, error)
	AccountReady(ctx context.Context, id, updateID string, in workflows.AccountReady) (workflows.RegistrationStatus, error)
	ChoosePackage(ctx context.Context, id, updateID string, in workflows.ChoosePackage) (workflows.RegistrationStatus, error)
	ConsentToContract(ctx context.Context, id, updateID string, in workflows.CodeUsed) (workflows.RegistrationStatus, error)
	Review(ctx context.Context, id, updateID string, in registration.Review) (workflows.RegistrationStatus, error)
	Activate(ctx context.Context, id, updateID string, in workflows.CodeUsed) (workflows.RegistrationStatus, error)
	NudgeRegistration(ctx context.Context, id string) error
}

// Behind tells processes again what their record has and they do not know. What people do is recorded while the
// process takes it in; when worker, engine or database dies in that moment, the record stands and the process has not
// heard. A client that sends the same again, with its key, repairs it; this is for the others.
type Behind struct {
	Records   Told
	Decisions decision.Records
	Engine    Teller
	Now       func() time.Time // default time.Now
}

// Once tells what was not heard.
func (b *Behind) Once(ctx context.Context) error {
	now := orNow(b.Now)
	arrived := drain(ctx, b.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Registration, error) {
		return b.Records.Arrived(ctx, now.Add(-patience), after, pageSize)
	}, func(r registration.Registration) page.Cursor { return page.After(r.CreatedAt, r.ID) }, b.handOff)
	behind := drain(ctx, b.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Registration, error) {
		return b.Records.Behind(ctx, now.Add(-behindAfter), after, pageSize)
	}, func(r registration.Registration) page.Cursor { return page.After(r.UpdatedAt, r.ID) }, b.tellAgain)
	return errors.Join(arrived, behind)
}

func (b *Behind) handOff(ctx context.Context, r registration.Registration) error {
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := b.tellHandOff(call, r.ID)
	if code := problem.CodeOf(err); code == "" || code == problem.Conflict || code == problem.ProcessMissing { // it knows, has ended, or is not started yet
		return nil
	}
	return fmt.Errorf("telling registration %s of its citizen: %w", r.ID, err)
}

// tellAgain asks the process what it knows, tells it the next thing until it knows as much as the record, and notes it.
func (b *Behind) tellAgain(ctx context.Context, r registration.Registration) error {
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var err error
	for knew := -1; err == nil; {
		var status workflows.RegistrationStatus
		status, err = b.Engine.RegistrationStatus(call, r.ID)
		switch {
		case problem.CodeOf(err) == problem.NotFound: // there is none: comparing the two books finds it
			return b.Records.MarkTold(ctx, r.ID, r.Seq)
		case err == nil && status.Seq >= r.Seq:
			return b.Records.MarkTold(ctx, r.ID, r.Seq)
		case err == nil && status.Seq <= knew: // it works on what it was told; the next round goes on
			return nil
		case err == nil:
			knew = status.Seq
			err = b.tell(call, r, status)
		}
	}
	if problem.CodeOf(err) == problem.Conflict { // it has gone on meanwhile
		return nil
	}
	return fmt.Errorf("comparing registration %s with its process: %w", r.ID, err)
}

// tell sends the update that the process is waiting for, from what the record holds, with the id of the decision.
func (b *Behind) tell(ctx context.Context, r registration.Registration, at workflows.RegistrationStatus) error {
	id, flows := r.ID, b.Engine
	switch {
	case at.Status == registration.StatusRequested && !r.HandedOffAt.IsZero():
		return b.tellHandOff(ctx, id)
	case at.Status == registration.StatusHandedOff && r.AccountID != "":
		ready := workflows.AccountReady{AccountID: r.AccountID}
		return b.again(ctx, id, workflows.UpdateAccount, ready, func(d string) (status, error) { return flows.AccountReady(ctx, id, d, ready) })
	case at.Status == registration.StatusAccountReady && r.Package != "":
		order := workflows.ChoosePackage{Code: r.Package}
		return b.again(ctx, id, workflows.UpdatePackage, order, func(d string) (status, error) { return flows.ChoosePackage(ctx, id, d, order) })
	case at.Status == registration.StatusAwaitingConsent && r.Consent != nil:
		used := workflows.CodeUsed{CodeID: r.Consent.CodeID}
		return b.again(ctx, id, workflows.UpdateConsent, used, func(d string) (status, error) { return flows.ConsentToContract(ctx, id, d, used) })
	case at.Status == registration.StatusInReview && r.Review != nil:
		made := workflows.ReviewMade{Review: *r.Review}
		return b.again(ctx, id, workflows.UpdateReview, made, func(d string) (status, error) { return flows.Review(ctx, id, d, made.Review) })
	case at.Status == registration.StatusActivating && r.Activation != nil && r.Activation.CodeID != "":
		used := workflows.CodeUsed{CodeID: r.Activation.CodeID}
		return b.again(ctx, id, workflows.UpdateActivate, used, func(d string) (status, error) { return flows.Activate(ctx, id, d, used) })
	}
	return flows.NudgeRegistration(ctx, id)
}

type status = workflows.RegistrationStatus

// again sends an update with the id of the decision that the record comes from, the same each time.
func (b *Behind) again(ctx context.Context, id, kind string, content any, send func(decisionID string) (status, error)) error {
	decisionID, err := b.Decisions.Again(ctx, decision.Object{Process: process.Registration, ID: id}, kind, content, orNow(b.Now))
	if err == nil {
		_, err = send(decisionID)
	}
	return err
}

func (b *Behind) tellHandOff(ctx context.Context, id string) error {
	return b.again(ctx, id, workflows.UpdateHandOff, workflows.HandOff{}, func(d string) (status, error) { return b.Engine.HandOff(ctx, id, d) })
}
