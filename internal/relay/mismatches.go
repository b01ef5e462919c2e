package relay

import (
	"context"
	"slices"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

func placeOfIncident(i process.Incident) row {
	return row{page.After(i.Since, i.IncidentID), i.Process, i.ProcessID}
}

// mismatch looks again at an incident of an earlier comparison and closes it when its cause has gone. The lists of what is open
// do not lead to all of them: a record may be restored, or end, while its incident waits.
func (r *Reconciler) mismatch(ctx context.Context, i process.Incident, report *incident.Report) error {
	why, err := r.over(ctx, i)
	if err != nil || why == "" {
		return err
	}
	n, err := r.Found.CloseIncidents(ctx, process.Incident{Process: i.Process, ProcessID: i.ProcessID, Attention: process.Attention{IncidentID: i.IncidentID, Reason: i.Reason},
		ClosedAt: orNow(r.Now), Action: "auto", Actor: "kyso", Note: why})
	report.Closed += n
	return err
}

// over says why the cause of a mismatch has gone; empty while it is there.
func (r *Reconciler) over(ctx context.Context, i process.Incident) (string, error) {
	if slices.Contains(certificateCodes, problem.Code(i.Reason)) {
		s, err := r.Records.Registration(ctx, i.ProcessID)
		if err != nil {
			return "", err
		}
		verdict, _, err := r.stands(ctx, s, &incident.Report{})
		return only(err == nil && string(verdict) != i.Reason, "record, money and certificate agree again"), err
	}
	workflowID, record := process.SigningWorkflowID(i.ProcessID), r.signingStands
	switch {
	case i.Process == process.Registration && i.Step == incident.ArchiveStep:
		workflowID, record = process.ContractArchiveWorkflowID(i.ProcessID), r.registrationStands
	case i.Process == process.Registration:
		workflowID, record = process.RegistrationWorkflowID(i.ProcessID), r.registrationStands
	case i.Step == incident.ArchiveStep:
		workflowID = process.ArchiveWorkflowID(i.ProcessID)
	}
	state, err := r.Engine.State(ctx, workflowID)
	if err != nil {
		return "", err
	}
	at, err := record(ctx, i.ProcessID)
	missing := problem.CodeOf(err) == problem.NotFound
	if err != nil && !missing {
		return "", err
	}
	switch {
	case i.Step == incident.ArchiveStep:
		return only(state == workflows.RunRunning || state == workflows.RunCompleted, "its process is there again"), nil
	case i.Step == incident.RefundStep:
		return only(!missing, "its record is there again"), nil
	case missing:
		return only(state == workflows.RunCompleted, "its process has completed"), nil
	case i.Step == "" && !at.final: // opened while there was no record: what is wrong now is found from the record's side
		return "its record is there again", nil
	case state != workflows.RunRunning && at.final:
		return "record and process have ended", nil
	case state != workflows.RunRunning:
		return only(problem.Code(i.Reason) == problem.RecordMissing, "its process is not ahead of it any more"), nil
	}
	seq, over, err := at.process(ctx, i.ProcessID)
	switch {
	case err != nil:
		return "", err
	case at.final:
		return only(over, "its process has come to the same end"), nil
	case problem.Code(i.Reason) == problem.ProcessMissing:
		return "its process is there again", nil
	}
	return only(seq <= at.seq, "its record has caught up"), nil
}

func only(holds bool, why string) string {
	if holds {
		return why
	}
	return ""
}

// standing is where a record stands.
type standing struct {
	final bool
	seq   int
	// process says how many transitions the process has made that the store must hold, and whether it has come to its end.
	process func(ctx context.Context, id string) (seq int, over bool, err error)
}

func (r *Reconciler) signingStands(ctx context.Context, id string) (standing, error) {
	s, err := r.Records.Signing(ctx, id)
	if err != nil {
		return standing{}, err
	}
	seq, err := r.Records.LastSeq(ctx, id)
	return standing{s.Status.Final(), seq, func(ctx context.Context, id string) (int, bool, error) {
		status, err := r.Engine.Status(ctx, id)
		return status.Recorded(), status.Status.Final(), err
	}}, err
}

func (r *Reconciler) registrationStands(ctx context.Context, id string) (standing, error) {
	s, err := r.Records.Registration(ctx, id)
	return standing{s.Status.Final(), s.Seq, func(ctx context.Context, id string) (int, bool, error) {
		status, err := r.Engine.RegistrationStatus(ctx, id)
		return status.Recorded(), status.Status.Final(), err
	}}, err
}
