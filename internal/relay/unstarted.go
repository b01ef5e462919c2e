package relay

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/page"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// NewRecords are records that may have no process yet.
type NewRecords interface {
	// UnstartedSignings returns signings that were created before a time and are not known to be started, oldest first.
	UnstartedSignings(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]signing.Signing, error)
	MarkSigningStarted(ctx context.Context, id string, at time.Time) error
	// UnstartedRegistrations is the same for registrations.
	UnstartedRegistrations(ctx context.Context, before time.Time, after page.Cursor, limit int) ([]registration.Registration, error)
	MarkRegistrationStarted(ctx context.Context, id string, at time.Time) error
}

// Starter begins processes; *workflows.Client is the real one. Starting one that runs does nothing.
type Starter interface {
	StartSigning(ctx context.Context, in workflows.SigningInput) error
	StartRegistration(ctx context.Context, in workflows.RegistrationInput) error
	Engine
}

// Unstarted begins the processes of records that were stored and not started.
type Unstarted struct {
	Records NewRecords
	Engine  Starter
	// Limits are what a new registration begins with.
	Limits workflows.RegistrationLimits
	Now    func() time.Time // default time.Now
}

// Signings begins the signings that were left. Registrations have a loop of their own: the thousands that one side may have do
// not keep the other waiting.
func (u *Unstarted) Signings(ctx context.Context) error {
	now := orNow(u.Now)
	before := now.Add(-patience)
	return drain(ctx, u.Engine, func(ctx context.Context, after page.Cursor) ([]signing.Signing, error) {
		return u.Records.UnstartedSignings(ctx, before, after, pageSize)
	}, func(s signing.Signing) page.Cursor { return page.After(s.CreatedAt, s.ID) }, func(ctx context.Context, s signing.Signing) error {
		return u.start(ctx, "signing "+s.ID,
			func(ctx context.Context) error { return u.Engine.StartSigning(ctx, workflows.SigningInputOf(s)) },
			func() error { return u.Records.MarkSigningStarted(ctx, s.ID, now) })
	})
}

// Registrations begins the registrations that were left.
func (u *Unstarted) Registrations(ctx context.Context) error {
	now := orNow(u.Now)
	before := now.Add(-patience)
	return drain(ctx, u.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Registration, error) {
		return u.Records.UnstartedRegistrations(ctx, before, after, pageSize)
	}, func(r registration.Registration) page.Cursor { return page.After(r.CreatedAt, r.ID) }, func(ctx context.Context, r registration.Registration) error {
		return u.start(ctx, "registration "+r.ID,
			func(ctx context.Context) error {
				return u.Engine.StartRegistration(ctx, workflows.RegistrationInputOf(r, u.Limits))
			},
			func() error { return u.Records.MarkRegistrationStarted(ctx, r.ID, now) })
	})
}

// start begins one process and notes it, so that the row is not read again.
func (u *Unstarted) start(ctx context.Context, what string, begin func(context.Context) error, mark func() error) error {
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := begin(call)
	if err == nil {
		err = mark()
	}
	if err != nil {
		return fmt.Errorf("starting %s: %w", what, err)
	}
	return nil
}
