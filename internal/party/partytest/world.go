package partytest

import (
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/keytest"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
)

// World is the sandbox over HTTP.
type World struct {
	*sandbox.World
	T     *testing.T
	URL   string
	Ahead atomic.Int64 // how far its clock goes ahead of ours, in nanoseconds
}

// NewWorld starts a sandbox.
func NewWorld(t *testing.T) *World {
	t.Helper()
	w := &World{T: t}
	var err error
	w.World, err = sandbox.New(sandbox.Options{Clock: func() time.Time { return time.Now().Add(time.Duration(w.Ahead.Load())) }, Keys: keytest.Keys()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.Parties())
	w.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := w.SetBaseURL(server.URL); err != nil {
		t.Fatal(err)
	}
	return w
}

// People of the sandbox.
const (
	Citizen    = "001302004567" // has no certificate until she registers
	Subscriber = "079095012345" // has one
)

// Clock is the clock of the sandbox.
func (w *World) Clock() time.Time { return time.Now().Add(time.Duration(w.Ahead.Load())) }

// Adjust sets what a person meets.
func (w *World) Adjust(user string, k sandbox.Knobs) {
	w.T.Helper()
	if err := w.SetKnobs(user, k); err != nil {
		w.T.Fatal(err)
	}
}

// Configure sets what every person meets.
func (w *World) Configure(s sandbox.Settings) {
	w.T.Helper()
	if err := w.SetSettings(s); err != nil {
		w.T.Fatal(err)
	}
}

// Must ends the test when there is an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// faults are what a call may meet; the same call again is a success, and has its effect once.
var faults = []string{"500", "429", "500-after", "lost", "junk", "truncated", "huge", "slow"}

// Meets lets one call meet every fault, each before it succeeds.
func (w *World) Meets(on string, do func(slow bool) error) {
	w.T.Helper()
	for _, fault := range faults {
		w.Adjust(Citizen, sandbox.Knobs{Faults: []sandbox.Fault{{On: on, Do: fault, Times: 1, DelayMS: 1500, RetryAfterSeconds: 9}}})
		err := do(fault == "slow")
		if problem.CodeOf(err) != problem.ProviderUnavailable {
			w.T.Errorf("%s, %s: %v", on, fault, err)
		}
		if pause := problem.RetryAfterOf(err); fault == "429" && pause != 9*time.Second {
			w.T.Errorf("%s: pause of %s", on, pause)
		}
		if err := do(false); err != nil {
			w.T.Errorf("%s after %s: %v", on, fault, err)
		}
	}
}
