package relay

import (
	"context"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

// runs compares processes with their records. Temporal's list may be late, so a run that is new or has just ended says
// nothing.
func (r *Reconciler) runs(ctx context.Context, after string, list func(context.Context, string, int) ([]workflows.Run, string, error),
	do func(context.Context, process.Kind, string, *incident.Report) error, report *incident.Report) (string, error) {
	listed, next, err := list(ctx, after, budget)
	if err != nil {
		return "", err
	}
	for _, run := range listed {
		report.Checked++
		if orNow(r.Now).Sub(run.StartedAt) < settled {
			continue
		}
		kind := process.Signing
		if run.Kind != "Signing" {
			kind = process.Registration
		}
		var err error
		if run.Kind == "Refund" {
			err = r.refundRun(ctx, run, report)
		} else {
			err = do(ctx, kind, run.RecordID, report)
		}
		if err := r.failed(ctx, report, kind, run.RecordID, err); err != nil {
			return "", err
		}
	}
	return next, nil
}

// run compares one process with its record: there has to be one, and a record that has ended has to have ended by this
// process, which may then still report or watch.
func (r *Reconciler) run(ctx context.Context, kind process.Kind, id string, report *incident.Report) error {
	workflowID, ended := process.SigningWorkflowID(id), r.signingEnded
	if kind == process.Registration {
		workflowID, ended = process.RegistrationWorkflowID(id), r.registrationEnded
	}
	at, err := ended(ctx, id)
	if missing := problem.CodeOf(err) == problem.NotFound; err != nil && !missing {
		return err
	} else if !missing && (at == nil || !mayBeLost(at.changed, orNow(r.Now))) {
		return nil
	}
	state, err := r.Engine.State(ctx, workflowID)
	if err != nil || state != workflows.RunRunning {
		return err
	}
	if at == nil {
		return r.found(ctx, report, kind, id, "", problem.RecordMissing, "a process runs, and there is no record of it")
	}
	runs, over, err := at.process(ctx, id)
	if err != nil || over {
		return err
	}
	return r.found(ctx, report, kind, id, "", problem.RecordMissing, "the record has ended %s, its process is %s", at.status, runs)
}

// broken compares a process that ended and did not complete with its record: there has to be one, also when its last step
// failed because there was none. A record that is there is compared from its own side.
func (r *Reconciler) broken(ctx context.Context, kind process.Kind, id string, report *incident.Report) error {
	workflowID, ended := process.SigningWorkflowID(id), r.signingEnded
	if kind == process.Registration {
		workflowID, ended = process.RegistrationWorkflowID(id), r.registrationEnded
	}
	if _, err := ended(ctx, id); problem.CodeOf(err) != problem.NotFound {
		return err
	}
	if known, err := r.Found.GivenUp(ctx, kind, id); err != nil || known {
		return err
	}
	state, err := r.Engine.State(ctx, workflowID)
	if err != nil || state != workflows.RunBroken {
		return err
	}
	return r.found(ctx, report, kind, id, "", problem.RecordMissing, "a process was broken off, and there is no record of it")
}

// ending is a record that has ended.
type ending struct {
	status  string
	changed time.Time
	// process says where the process stands, and whether it has come to its end.
	process func(ctx context.Context, id string) (status string, over bool, err error)
}

// signingEnded returns nil for a record that has not ended.
func (r *Reconciler) signingEnded(ctx context.Context, id string) (*ending, error) {
	s, err := r.Records.Signing(ctx, id)
	if err != nil || !s.Status.Final() {
		return nil, err
	}
	return &ending{string(s.Status), s.UpdatedAt, func(ctx context.Context, id string) (string, bool, error) {
		status, err := r.Engine.Status(ctx, id)
		return string(status.Status), status.Status.Final(), err
	}}, nil
}

func (r *Reconciler) registrationEnded(ctx context.Context, id string) (*ending, error) {
	s, err := r.Records.Registration(ctx, id)
	if err != nil || !s.Status.Final() {
		return nil, err
	}
	return &ending{string(s.Status), s.UpdatedAt, func(ctx context.Context, id string) (string, bool, error) {
		status, err := r.Engine.RegistrationStatus(ctx, id)
		return string(status.Status), status.Status.Final(), err
	}}, nil
}

// refundRun compares a refund with its registration: without a record it gives nothing back, and what it was to give back is known to
// the runs of the registration only. A refund whose record is there is begun again by the loop of refunds.
func (r *Reconciler) refundRun(ctx context.Context, run workflows.Run, report *incident.Report) error {
	if _, err := r.Records.Registration(ctx, run.RecordID); problem.CodeOf(err) != problem.NotFound {
		return err
	}
	if known, err := r.Found.GivenUp(ctx, process.Registration, run.RecordID); err != nil || known {
		return err
	}
	state, err := r.Engine.State(ctx, process.RefundWorkflowID(run.TxnRef))
	if err != nil || state == workflows.RunCompleted {
		return err
	}
	return r.found(ctx, report, process.Registration, run.RecordID, incident.RefundStep, problem.RecordMissing, "refund %s is %s, and there is no record of its registration", run.TxnRef, state)
}
