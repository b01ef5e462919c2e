package workflows

import (
	"context"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// Again is what a process resumes from when the run before it is lost: where its record stands. Business keys are made of
// the record and never of a run, so a step that the lost run did already finds its effect and does not repeat it. A process reads it
// from the store; in the input of a run only DecisionID counts, the rest is for workers of releases that believed it.
type Again struct {
	process.Recorded // the decision that lets the run begin

	Status   string    `json:"status"`
	Seq      int       `json:"seq"`
	Deadline time.Time `json:"deadline,omitzero"` // of the wait that the record stands in
	// Close ends the process with its compensation instead of going on.
	Close bool `json:"close,omitempty"`

	// Asked says that the provider may know a signing, although its record does not say so.
	Asked bool `json:"asked,omitempty"`

	// Of a registration.
	AccountID string `json:"account_id,omitempty"`
	Ordered   bool   `json:"ordered,omitempty"` // a package was chosen
	PriceVND  int64  `json:"price_vnd,omitempty"`
	Attempts  int    `json:"attempts,omitempty"` // to pay, that the gateway may know
	Signings  int    `json:"signings,omitempty"` // of the acceptance record, begun so far
	Issuing   bool   `json:"issuing,omitempty"`  // a key may exist at the CA
	Reason    string `json:"reason,omitempty"`   // of a record that is closing
	Archive   bool   `json:"archive,omitempty"`  // the contract is sealed and kept archived
}

// againSeries names the incidents of a run that resumed, apart from those of the run before.
func againSeries(ctx workflow.Context) string {
	return process.AgainSeries(workflow.GetInfo(ctx).WorkflowExecution.RunID)
}

// SigningAgainOf is what a signing resumes from. An approval that was asked for is watched to its end by a signing that
// is closed: providers have no cancel, and a value that still comes is recorded and never used.
func SigningAgainOf(s signing.Signing, seq int, decisionID string, closing bool) SigningInput {
	in := SigningInputOf(s)
	in.Again = &Again{Recorded: process.Recorded{DecisionID: decisionID}, Status: string(s.Status), Seq: seq, Deadline: s.Approval.ExpiresAt, Close: closing, Asked: s.Approval.OurID != ""}
	return in
}

// RegistrationAgainOf is what a registration resumes from; known is what is known of the run before.
func RegistrationAgainOf(r registration.Registration, limits RegistrationLimits, reason, decisionID string, known decision.Resumption) RegistrationInput {
	in := RegistrationInputOf(r, limits)
	in.Again = &Again{Recorded: process.Recorded{DecisionID: decisionID}, Status: string(r.Status), Seq: r.Seq, Deadline: r.Deadline, Close: known.Close, AccountID: r.AccountID,
		Ordered: r.Package != "", PriceVND: r.PriceVND, Attempts: known.Attempts, Issuing: known.Issuing, Reason: reason}
	if r.Acceptance != nil {
		in.Again.Signings = r.Acceptance.Attempt
	}
	return in
}

// resume sets a signing to where its record stands.
func (r *signingRun) resume(ctx workflow.Context) {
	if r.in.Again == nil {
		return
	}
	r.series = againSeries(ctx)
	r.status, r.seq, r.deadline = signing.Status(r.in.Again.Status), r.in.Again.Seq, r.in.Again.Deadline
	r.resumed = r.status
	r.asked = r.in.Again.Asked || slices.Contains([]signing.Status{signing.StatusRequested, signing.StatusAwaitingApproval, signing.StatusCompleting}, r.resumed)
}

// signingSteps is with which step a signing goes on that stands at a status.
var signingSteps = map[signing.Status]int{signing.StatusAwaitingPlacement: 2, signing.StatusPreparing: 3, signing.StatusRequested: 4,
	signing.StatusAwaitingApproval: 5, signing.StatusCompleting: 6}

// resume sets a registration to where its record stands.
func (r *registrationRun) resume(ctx workflow.Context) {
	a := r.in.Again
	if a == nil {
		return
	}
	r.series = againSeries(ctx)
	r.status, r.seq, r.deadline = registration.Status(a.Status), a.Seq, a.Deadline
	r.resumed, r.account, r.price, r.attempts, r.issuing = r.status, a.AccountID, a.PriceVND, a.Attempts, a.Issuing || registrationSteps[registration.Status(a.Status)] >= registrationSteps[registration.StatusIssuing]
	r.handedOff = r.resumed != registration.StatusRequested
	r.packageSet, r.archives = a.Ordered, a.Archive
	if r.resumed == registration.StatusHandedOff {
		r.account = "" // the citizen opens the account again, which changes nothing
	}
}

// registrationSteps is with which step a registration goes on that stands at a status.
var registrationSteps = map[registration.Status]int{registration.StatusHandedOff: 1, registration.StatusAccountReady: 3,
	registration.StatusAwaitingPayment: 4, registration.StatusAwaitingConsent: 6, registration.StatusInReview: 8, registration.StatusNeedsMore: 8,
	registration.StatusIssuing: 9, registration.StatusActivating: 10, registration.StatusAccepting: 12}

// endings is how a registration ends whose record is closing for a reason.
var endings = map[problem.Code]registration.Status{problem.RefusedByOfficer: registration.StatusRefused, problem.AlreadyHolder: registration.StatusIneligible,
	problem.Withdrawn: registration.StatusWithdrawn, problem.DeadlinePassed: registration.StatusExpired}

// over says that a resumed registration has nothing to do but its compensation; nil when it goes on.
func (r *registrationRun) over() error {
	switch {
	case r.in.Again == nil:
		return nil
	case r.in.Again.Close:
		return errGivenUp
	case r.resumed == registration.StatusClosing:
		code := problem.Code(r.in.Again.Reason)
		if status, known := endings[code]; known {
			return ended[registration.Status]{status, code}
		}
		return errGivenUp
	}
	return nil
}

// again begins a run whatever became of those before it: one that still runs is terminated.
func again(id, summary string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING, StaticSummary: summary,
		StaticDetails: "Began again from kyso's record, after the run before was lost. No personal data here."}
}

// MayHaveKey reports whether a registration may have a key at the CA: its record says so, or a run that stood as far as
// the record or further had begun to make one. When no such run is known, it may since the citizen agreed to the contract.
// run is nil when nothing is known of the run before.
func MayHaveKey(r registration.Registration, run *RegistrationStatus) bool {
	switch {
	case r.Issued != nil || run != nil && run.Issuing:
		return true
	case run != nil && run.Seq >= r.Seq && beforeIssuing(run.Status):
		return false
	}
	return r.Consent != nil || run != nil && !beforeIssuing(run.Status)
}

// beforeIssuing reports whether a registration at a status has not been approved yet.
func beforeIssuing(s registration.Status) bool {
	step, known := registrationSteps[s]
	return s == registration.StatusRequested || known && step < registrationSteps[registration.StatusIssuing]
}

// SigningAgain begins a signing again from its record.
func (c *Client) SigningAgain(ctx context.Context, in SigningInput) error {
	options := again(process.SigningWorkflowID(in.SigningID), "Sign, begun again")
	options.TypedSearchAttributes = signingAttributes(in)
	_, err := c.Temporal.ExecuteWorkflow(ctx, options, Signing, in)
	return startError("beginning a signing again", err)
}

// RegistrationAgain begins a registration again from its record.
func (c *Client) RegistrationAgain(ctx context.Context, in RegistrationInput) error {
	in.Issuer = c.known(in.Issuer)
	options := again(process.RegistrationWorkflowID(in.RegistrationID), "Register a certificate, begun again")
	options.TypedSearchAttributes = registrationAttributes(in)
	_, err := c.Temporal.ExecuteWorkflow(ctx, options, Registration, in)
	return startError("beginning a registration again", err)
}

// RefundAgain begins a refund again. One that runs goes on.
func (c *Client) RefundAgain(ctx context.Context, in RefundInput) error {
	options := again(process.RefundWorkflowID(in.TxnRef), "Refund a payment, begun again")
	options.WorkflowIDConflictPolicy, options.TypedSearchAttributes = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, refundAttributes(in)
	_, err := c.Temporal.ExecuteWorkflow(ctx, options, Refund, in)
	return startError("beginning a refund again", err)
}

// ArchiveAgain begins again what keeps the documents of a signing archived. One that runs goes on.
func (c *Client) ArchiveAgain(ctx context.Context, in ArchiveInput) error {
	options := again(in.workflowID(), "Keep the documents of a signing archived, begun again")
	options.WorkflowIDConflictPolicy, options.TypedSearchAttributes = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, archiveAttributes()
	_, err := c.Temporal.ExecuteWorkflow(ctx, options, Archive, in)
	return startError("beginning an archive again", err)
}
