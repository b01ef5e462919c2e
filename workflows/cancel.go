package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"
)

// Temporal's own cancel (the button of its UI, temporal workflow cancel) names nobody and carries no decision. A signing or a
// registration goes on, and says which command ends it. A run of an earlier release ends as cancelled.

// deafen returns the context of a process that Temporal's cancel does not end. cancelled is called when it comes.
func (i *incidents) deafen(ctx workflow.Context, cancelled func(workflow.Context)) (workflow.Context, workflow.CancelFunc) {
	i.begun.deaf = true
	detached, _ := workflow.NewDisconnectedContext(ctx)
	workflow.Go(detached, func(detached workflow.Context) {
		ctx.Done().Receive(detached, nil)
		cancelled(detached)
	})
	return workflow.WithCancel(detached)
}

// ignore notes a cancel that nobody decided. Whoever reads the process in the Temporal UI sees which command ends it.
func (i *incidents) ignore(ctx workflow.Context, command string) {
	i.ignored = fmt.Sprintf("\n\nTemporal's cancel does nothing here, because nobody is named who decided it. To end the process: `%s`, "+
		"or a repair with the action `cancel` while it is parked.", command)
	workflow.GetLogger(ctx).Warn("Temporal's cancel ignored: no decision is recorded", "command", command)
	if i.open != nil && i.waiting {
		workflow.SetCurrentDetails(ctx, i.details())
	}
}

// onTemporalCancel ends a signing whose end is decided: a registration that is withdrawn cancels the signing of its acceptance
// record.
func (r *signingRun) onTemporalCancel(ctx workflow.Context) {
	var decided bool
	err := workflow.ExecuteLocalActivity(record(ctx), signingActivities.CancelDecided, r.in.SigningID).Get(ctx, &decided)
	if err == nil && decided {
		r.stop()
		return
	}
	r.runner.onTemporalCancel(ctx)
}
