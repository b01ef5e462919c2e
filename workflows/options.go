package workflows

import (
	"math"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Each kind of work has one option set. Whether an error is retried is decided by the
// activity (activities/errors.go), never by lists of types here.

// patientAttempts is how often a call to an outside party is tried before the process parks: with the pauses of
// call and heavy, about two minutes.
const patientAttempts = 8

// attempts is how often one run of a step asks a party before the process parks.
func attempts(ctx workflow.Context) int32 {
	if automatic(ctx) {
		return automaticAttempts
	}
	return patientAttempts
}

const (
	// forever is longer than any outage.
	forever = 10 * 365 * 24 * time.Hour
	// unlimited is said out loud, because the test environment takes zero for ten.
	unlimited = math.MaxInt32
)

// record is for store writes of a millisecond. They run inside the workflow task and are tried until they
// succeed: without its record a process must not go on.
func record(ctx workflow.Context) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: forever, // when unset, the SDK takes StartToCloseTimeout for all tries together
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second},
	})
}

// call is for a request to an outside party.
func call(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 40 * time.Second, // a look at the status, and the request
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: attempts(ctx),
		},
		Summary: summary,
	})
}

// poll is for a question that is asked until it is answered. The activity says when to ask again; retries are not
// in the history, so a wait of days costs what a wait of seconds does.
func poll(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 20 * time.Second, // also what a worker killed in the middle of a look costs
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 3 * time.Second, BackoffCoefficient: 1, MaximumAttempts: unlimited},
		Priority:            temporal.Priority{PriorityKey: lastPriority}, // after an outage thousands of looks are due at once
		Summary:             summary,
	})
}

// ask is for one question whose answer a request waits for: a party that does not answer in seconds is left to others.
func ask(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 8 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumAttempts: automaticAttempts},
		Summary:             summary,
	})
}

// lastPriority puts an activity behind all others that wait for a worker; without one they have 3.
const lastPriority = 5

// heavy is for PDF work on all documents of a process.
func heavy(ctx workflow.Context, summary string) workflow.Context { return inStages(ctx, summary, 1) }

// inStages is heavy for an activity of several stages. The activity itself holds how often each of them is tried.
func inStages(ctx workflow.Context, summary string, stages int) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Duration(stages) * 15 * time.Minute,
		HeartbeatTimeout:    15 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: attempts(ctx) * int32(stages),
		},
		Summary: summary,
	})
}

// effect is call for an act in the outside world that may have to be undone: a cancelled process waits for its end,
// so that what has come of it is known.
func effect(ctx workflow.Context, summary string) workflow.Context {
	return toTheEnd(call(ctx, summary))
}

// toTheEnd is the rule of effect.
func toTheEnd(ctx workflow.Context) workflow.Context {
	return workflow.WithWaitForCancellation(ctx, true)
}

// paper is heavy under the rule of effect.
func paper(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithWaitForCancellation(heavy(ctx, summary), true)
}
