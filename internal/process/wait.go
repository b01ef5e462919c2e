package process

import (
	"context"
	"time"
)

// Wait is what a process waits for at an outside party: one row in the store. A watcher looks at the rows that are due, at the
// pace of the party, and signals the process when there is an answer. The process itself holds a timer and no more.
type Wait struct {
	Kind   WaitKind
	Record string // what the look is about: a signing, a registration, an attempt to pay
	Party  string // who is asked, by SignerParty, CAParty or GatewayParty; OwnParty for kyso itself
	// Workflow is the workflow id of the process that hears of the answer; empty when no process waits.
	Workflow string
	BeganAt  time.Time
	EndsAt   time.Time     // when looking ends; the process then asks a last time
	NextAt   time.Time     // of the next look; zero when there is none
	Pause    time.Duration // between the last look and the next, see Pauses
	Answered bool          // the answer is recorded, the process may not know it yet
	// Fault is the code of an error that asking again does not overcome, and Message its text. The process reads them as its answer.
	Fault, Message string
}

// WaitKind is what is waited for.
type WaitKind string

// The kinds.
const (
	WaitApproval WaitKind = "approval" // of a signing, on the phone
	WaitLate     WaitKind = "late"     // a value that comes after the signing has ended, to be recorded and never used
	WaitPIN      WaitKind = "pin"      // set on the phone, for a registration
	WaitPayment  WaitKind = "payment"  // the gateway's word on an attempt to pay
	// WaitAcceptance is the end of the signing of an acceptance record that the registration did not start itself.
	WaitAcceptance WaitKind = "acceptance"
)

// SignerParty names a signing provider as the party of waits, apart from a CA of the same name.
func SignerParty(name string) string { return "signer/" + name }

// CAParty names a CA as the party of waits, by its code.
func CAParty(code string) string { return "ca/" + code }

// GatewayParty names a payment party as the party of waits.
func GatewayParty(name string) string { return "gateway/" + name }

// OwnParty is the party of waits for another process of kyso.
const OwnParty = "kyso"

// The pauses that do not follow from the age of a wait.
const (
	PauseAnswered = 0           // the process is to be told
	PauseNudged   = time.Second // a webhook came
	PauseLate     = 15 * time.Second
	PausePayment  = time.Minute
	PauseTold     = 2 * time.Second // whoever recorded the answer tells the process first
)

// Pauses are all pauses of waits, the most urgent first. Each has its own share of the party's rate.
func Pauses() []time.Duration {
	return []time.Duration{PauseAnswered, PauseNudged, 3 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}
}

// PauseAt is how long the next look is away, by the age of the wait and what is left of it: people decide in the first minute or
// much later, and the last minute decides whether they were in time.
func PauseAt(age, left time.Duration) time.Duration {
	switch {
	case age < time.Minute, left < time.Minute:
		return 3 * time.Second
	case age < 10*time.Minute:
		return 5 * time.Second
	case age < time.Hour:
		return 15 * time.Second
	case age < 24*time.Hour:
		return time.Minute
	}
	return 5 * time.Minute
}

// Waits is the store as processes and doors see waits. Every write is idempotent.
type Waits interface {
	// Watch adds a wait. One that is there stays as it is, with its times.
	Watch(ctx context.Context, w Wait) error
	// Wait returns a wait; problem.NotFound when there is none.
	Wait(ctx context.Context, kind WaitKind, record string) (Wait, error)
	// Hasten has a wait looked at now, because the party says that there is news; after MaxNudges of them it keeps its own pace. It
	// reports false when no watcher looks at the wait: there is none, or its process has taken over.
	Hasten(ctx context.Context, kind WaitKind, record string, now time.Time) (bool, error)
	// EndWait removes a wait; one that is not there is removed already.
	EndWait(ctx context.Context, kind WaitKind, record string) error
}

// MaxNudges is how many webhooks bring a request its look forward; after that the watcher's own pace finds out.
const MaxNudges = 8

// Waited says how many waits of a party have one pause, and how long the oldest look at them is overdue.
type Waited struct {
	Party   string
	Pause   time.Duration
	Count   int
	Overdue time.Duration
}
