package api_test

import (
	"context"
	"sync"
	"time"

	"kyso/internal/api"
	"kyso/internal/page"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/workflows"
)

// lostRuns stands for Temporal as the reconciler asks it: it lost every run, and counts what is begun again.
type lostRuns struct {
	mu    sync.Mutex
	begun map[string]int
}

// withBooks adds the real reconciler on the store of the test.
func withBooks(lost *lostRuns) func(*api.Options) {
	return func(o *api.Options) {
		s := o.Desk.(*store.Store)
		records := s.Relay()
		o.Books = &relay.Mender{Reconciler: &relay.Reconciler{Books: calm{records}, Records: records, Paid: records, Found: records, Told: records, Ended: records, Engine: lost},
			Incidents: s.Parked(), Processes: lost, Decisions: s.Decisions()}
	}
}

// calm has no open process to compare: a reconciliation of the surface must not park what other requests need.
type calm struct{ relay.Books }

func (calm) OpenSignings(context.Context, time.Time, page.Cursor, int) ([]signing.Signing, error) {
	return nil, nil
}

func (l *lostRuns) again(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun == nil {
		l.begun = map[string]int{}
	}
	l.begun[id]++
	return nil
}

func (l *lostRuns) State(context.Context, string) (workflows.RunState, error) {
	return workflows.RunMissing, nil
}

func (l *lostRuns) Stand(context.Context, string) (workflows.RunState, string, error) {
	return workflows.RunMissing, "", nil
}

func (l *lostRuns) Runs(context.Context, string, int) ([]workflows.Run, string, error) {
	return nil, "", nil
}

func (l *lostRuns) BrokenRuns(context.Context, string, int) ([]workflows.Run, string, error) {
	return nil, "", nil
}

func (l *lostRuns) Status(context.Context, string) (workflows.SigningStatus, error) {
	return workflows.SigningStatus{}, nil
}

func (l *lostRuns) RegistrationStatus(context.Context, string) (workflows.RegistrationStatus, error) {
	return workflows.RegistrationStatus{}, nil
}

func (l *lostRuns) RegistrationRuns(context.Context, string) ([]workflows.PastRun, error) {
	return nil, nil
}

func (l *lostRuns) Ping(context.Context) error { return nil }

func (l *lostRuns) SigningAgain(_ context.Context, in workflows.SigningInput) error {
	return l.again(in.SigningID)
}

func (l *lostRuns) RegistrationAgain(_ context.Context, in workflows.RegistrationInput) error {
	return l.again(in.RegistrationID)
}

func (l *lostRuns) ArchiveAgain(_ context.Context, in workflows.ArchiveInput) error {
	return l.again(in.SigningID)
}

func (l *lostRuns) Stop(context.Context, string, string) error { return nil }
