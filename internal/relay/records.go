package relay

import (
	"context"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/internal/webhook"
	"kyso/workflows"
)

// signing compares one signing. The record is read again after Temporal has answered: a process writes its end before
// it ends, so a record that is open then has lost its process.
func (r *Reconciler) signing(ctx context.Context, s signing.Signing, report *incident.Report) error {
	state, mark, err := r.Engine.Stand(ctx, process.SigningWorkflowID(s.ID))
	if err != nil {
		return err
	}
	if state != workflows.RunRunning {
		now, err := r.Records.Signing(ctx, s.ID)
		if err != nil || now.Status.Final() || now.Status == signing.StatusCreated && state == workflows.RunMissing && !mayBeLost(now.CreatedAt, orNow(r.Now)) {
			return err
		}
		return r.found(ctx, report, process.Signing, s.ID, string(now.Status), problem.ProcessMissing, "the record is %s, the process is %s", now.Status, state)
	}
	stood, err := r.Records.LastSeq(ctx, s.ID)
	if err != nil {
		return err
	}
	for look := range 2 {
		status, err := r.signings.of(s.ID, mark, func() (workflows.SigningStatus, error) { return r.Engine.Status(ctx, s.ID) })
		if err != nil {
			return err
		}
		mark = ""               // a second look asks again
		if status.Seq < stood { // it asks the provider itself, and comes after
			r.behind(report, process.Signing, s.ID, status.Seq, stood)
		}
		seq, err := r.Records.LastSeq(ctx, s.ID)
		if err != nil {
			return err
		}
		if status.Recorded() <= seq {
			break
		}
		if look == 1 {
			return r.found(ctx, report, process.Signing, s.ID, string(s.Status), problem.RecordMissing, "the process has made %d transitions, the record has %d", status.Seq, seq)
		}
		pause(ctx, secondLook)
	}
	if err := r.wait(ctx, s); err != nil {
		return err
	}
	return r.gone(ctx, report, process.Signing, s.ID, s.Attention.IncidentID)
}

// wait gives a signing that waits for its owner the row that a watcher looks at, when a restored database has lost it. A parked process
// asks itself; so does one whose window is over.
func (r *Reconciler) wait(ctx context.Context, s signing.Signing) error {
	if r.Waits == nil || s.Status != signing.StatusAwaitingApproval || !s.Approval.Watched || s.Approval.Outcome != "" || s.Attention.Open() || !orNow(r.Now).Before(s.Approval.ExpiresAt) {
		return nil
	}
	return r.waitsAgain(ctx, signing.ApprovalWait(s.ID, s.Provider, s.Approval))
}

// waitsAgain adds waits that are not there.
func (r *Reconciler) waitsAgain(ctx context.Context, waits ...process.Wait) error {
	for _, w := range waits {
		_, err := r.Waits.Wait(ctx, w.Kind, w.Record)
		if problem.CodeOf(err) == problem.NotFound {
			err = r.Waits.Watch(ctx, w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// registrationWaits is wait for a registration that hears of its PIN and of its attempts to pay.
func (r *Reconciler) registrationWaits(ctx context.Context, s registration.Registration, at workflows.RegistrationStatus) error {
	if r.Waits == nil || !at.Told || at.Status != s.Status || s.Attention.Open() {
		return nil
	}
	var waits []process.Wait
	switch at.Step {
	case workflows.StepPIN:
		if _, known := r.CAs[s.Issuer]; known && s.Activation != nil {
			w := registration.PINWait(s.ID, s.Issuer, s.Activation.StartedAt, s.Deadline)
			w.Answered = !s.Activation.PINSetAt.IsZero()
			waits = append(waits, w)
		}
	case workflows.StepPayment:
		list, err := r.Paid.Payments(ctx, s.ID)
		if err != nil {
			return err
		}
		for _, p := range list {
			if p.Status == registration.PaymentPending {
				waits = append(waits, registration.PaymentWait(p))
			}
		}
	}
	return r.waitsAgain(ctx, waits...)
}

// mayBeLost reports whether a record without a process is old enough not to be waiting for its start.
func mayBeLost(created, now time.Time) bool { return now.Sub(created) > lostAfter }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// registration compares one registration and its payments.
func (r *Reconciler) registration(ctx context.Context, s registration.Registration, report *incident.Report) error {
	state, mark, err := r.Engine.Stand(ctx, process.RegistrationWorkflowID(s.ID))
	if err != nil {
		return err
	}
	var status workflows.RegistrationStatus
	if state != workflows.RunMissing { // a closed run answers as long as its history is kept
		ask := func() (workflows.RegistrationStatus, error) { return r.Engine.RegistrationStatus(ctx, s.ID) }
		if status, err = r.registrations.of(s.ID, mark, ask); err != nil && state == workflows.RunRunning {
			return err
		}
	}
	if err := r.payments(ctx, s, status, state, report); err != nil {
		return err
	}
	if state != workflows.RunRunning {
		now, err := r.Records.Registration(ctx, s.ID)
		if err != nil || now.Status.Final() || now.Status == registration.StatusRequested && state == workflows.RunMissing && !mayBeLost(now.CreatedAt, orNow(r.Now)) {
			return err
		}
		return r.found(ctx, report, process.Registration, s.ID, string(now.Status), problem.ProcessMissing, "the record is %s, the process is %s", now.Status, state)
	}
	if status.Seq < s.Seq { // the row was read before the process was asked
		r.behind(report, process.Registration, s.ID, status.Seq, s.Seq)
		if err := r.Told.ForgetTold(ctx, s.ID); err != nil {
			return err
		}
	}
	for look := range 2 {
		now, err := r.Records.Registration(ctx, s.ID)
		if err != nil {
			return err
		}
		if status.Recorded() <= now.Seq {
			break
		}
		if look == 1 {
			return r.found(ctx, report, process.Registration, s.ID, string(now.Status), problem.RecordMissing, "the process has made %d transitions and is %s, the record has %d and is %s",
				status.Seq, status.Status, now.Seq, now.Status)
		}
		pause(ctx, secondLook)
	}
	if err := r.registrationWaits(ctx, s, status); err != nil {
		return err
	}
	if err := r.gone(ctx, report, process.Registration, s.ID, s.Attention.IncidentID); err != nil {
		return err
	}
	return r.ended(ctx, s, report)
}

// archive compares the process that keeps documents archived. One that an operator gave up ended by itself.
func (r *Reconciler) archive(ctx context.Context, s signing.Signing, report *incident.Report) error {
	state, err := r.Engine.State(ctx, process.ArchiveWorkflowID(s.ID))
	switch {
	case err != nil:
		return err
	case state == workflows.RunMissing || state == workflows.RunBroken:
		return r.found(ctx, report, process.Signing, s.ID, incident.ArchiveStep, problem.ProcessMissing, "the documents are to be kept archived, the process for it is %s", state)
	}
	return r.gone(ctx, report, process.Signing, s.ID, s.Attention.IncidentID)
}

// message has a message carried again whose process is gone. A receiver knows by its id what it has seen.
func (r *Reconciler) message(ctx context.Context, m webhook.Message, report *incident.Report) error {
	state, err := r.Engine.State(ctx, process.DeliveryWorkflowID(m.EndpointID, m.ID, m.Round))
	if err != nil || state == workflows.RunRunning || state == workflows.RunCompleted {
		return err
	}
	report.Carried++
	return r.Books.CarryAgain(ctx, m)
}
