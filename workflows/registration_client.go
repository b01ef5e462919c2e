package workflows

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// known returns the code of a configured issuer, else "". It stands in plain view of operators: no text of others goes there.
func (c *Client) known(issuer string) string {
	if slices.Contains(c.Issuers, issuer) {
		return issuer
	}
	return ""
}

// StartRegistration starts the process. Starting the same registration again does nothing, also after it has closed.
func (c *Client) StartRegistration(ctx context.Context, in RegistrationInput) error {
	in.Issuer = c.known(in.Issuer)
	setDefaults(&in.Deadlines)
	until := time.Now().Add(in.Deadlines.HandOff) // of the wait that it begins with, so that it need not say so itself
	summary := "Register a certificate"
	if in.Issuer != "" {
		summary += " with " + in.Issuer
	}
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       process.RegistrationWorkflowID(in.RegistrationID),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		EnableEagerStart:         true,
		StaticSummary:            summary,
		StaticDetails:            "From VNeID to an active certificate. The record is in kyso's store; no personal data here.",
		TypedSearchAttributes:    registrationAttributes(in, AttributeDeadline.ValueSet(until)),
	}, Registration, in)
	return startError("starting registration", err)
}

// StartRefund gives money back that pays for nothing: a payment that was captured after its order was dropped, or
// twice. Starting it while it runs does nothing. One that has ended begins again, for money that came after it: what it does is
// done once for each attempt.
func (c *Client) StartRefund(ctx context.Context, in RefundInput) error {
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       process.RefundWorkflowID(in.TxnRef),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Refund a payment",
		TypedSearchAttributes:    refundAttributes(in),
	}, Refund, in)
	return startError("starting refund", err)
}

func startError(doing string, err error) error {
	if _, closed := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); closed || err == nil {
		return nil
	}
	return clientError(doing, err)
}

// NudgeRegistration tells the process that the store holds news. A process that has closed is not an error.
func (c *Client) NudgeRegistration(ctx context.Context, id string) error {
	return c.nudge(ctx, process.RegistrationWorkflowID(id))
}

// NudgeRefund tells a Refund that the gateway has news. One that has closed, or never was, is not an error.
func (c *Client) NudgeRefund(ctx context.Context, txnRef string) error {
	return c.nudge(ctx, process.RefundWorkflowID(txnRef))
}

// HandOff says that the citizen came. decisionID names the recorded decision that every act needs.
func (c *Client) HandOff(ctx context.Context, id, decisionID string) (RegistrationStatus, error) {
	return c.act(ctx, id, decisionID, UpdateHandOff, HandOff{process.Recorded{DecisionID: decisionID}})
}

// SendsCodesApart reports whether Text sends the codes of a registration. Where an earlier release began it, or none has yet, the
// workers that run it may know no such text; SendCodeFromWithin is for those.
func (c *Client) SendsCodesApart(ctx context.Context, id string) (bool, error) {
	described, err := c.Temporal.DescribeWorkflowExecution(ctx, process.RegistrationWorkflowID(id), "")
	if err != nil {
		return false, clientError("asking which release began a registration", err)
	}
	var changes []string
	attributes := described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()
	if changed := attributes["TemporalChangeVersion"]; changed != nil { // else its first task is still to come
		if err := converter.GetDefaultDataConverter().FromPayload(changed, &changes); err != nil {
			return false, problem.Wrap(problem.Internal, err, "reading which release began a registration")
		}
	}
	return slices.ContainsFunc(changes, func(change string) bool {
		number, ours := strings.CutPrefix(change, releaseChange+"-")
		release, err := strconv.Atoi(number)
		return ours && err == nil && workflow.Version(release) >= ridesAlong
	}), nil
}

// SendCodeFromWithin has a registration send a recorded one-time code.
func (c *Client) SendCodeFromWithin(ctx context.Context, id, decisionID string, in SendCode) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateSendCode, in)
}

// AccountReady says that the account exists.
func (c *Client) AccountReady(ctx context.Context, id, decisionID string, in AccountReady) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateAccount, in)
}

// ChoosePackage orders a package.
func (c *Client) ChoosePackage(ctx context.Context, id, decisionID string, in ChoosePackage) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdatePackage, in)
}

// Pay begins an attempt to pay; the answer's TxnRef names it.
func (c *Client) Pay(ctx context.Context, id, decisionID string) (RegistrationStatus, error) {
	return c.act(ctx, id, decisionID, UpdatePay, Pay{process.Recorded{DecisionID: decisionID}})
}

// ConsentToContract says that the code for the contract was accepted.
func (c *Client) ConsentToContract(ctx context.Context, id, decisionID string, in CodeUsed) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateConsent, in)
}

// Review says what an officer decided.
func (c *Client) Review(ctx context.Context, id, decisionID string, in registration.Review) (RegistrationStatus, error) {
	return c.act(ctx, id, decisionID, UpdateReview, ReviewMade{process.Recorded{DecisionID: decisionID}, in})
}

// Correct says that the fields an officer asked for are corrected.
func (c *Client) Correct(ctx context.Context, id, decisionID string, in Corrected) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateCorrect, in)
}

// Activate says that the code for the activation was accepted.
func (c *Client) Activate(ctx context.Context, id, decisionID string, in CodeUsed) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateActivate, in)
}

// SignAcceptance asks the phone for the acceptance record again.
func (c *Client) SignAcceptance(ctx context.Context, id, decisionID string) (RegistrationStatus, error) {
	return c.act(ctx, id, decisionID, UpdateSignAcceptance, SignAcceptance{process.Recorded{DecisionID: decisionID}})
}

// Withdraw takes the request back; what was paid and issued is undone.
func (c *Client) Withdraw(ctx context.Context, id, decisionID string, in Withdraw) (RegistrationStatus, error) {
	in.DecisionID = decisionID
	return c.act(ctx, id, decisionID, UpdateWithdraw, in)
}

// RepairRegistration acts on a parked registration and waits up to process.RepairWait for what becomes of it. When the registration
// itself has ended, it is the process that keeps its contract archived.
func (c *Client) RepairRegistration(ctx context.Context, id, decisionID string, in process.Repair) (RegistrationRepairResult, error) {
	var result RegistrationRepairResult
	in.DecisionID = decisionID
	err := c.update(ctx, process.RegistrationWorkflowID(id), decisionID, UpdateRepair, in, &result)
	if code := problem.CodeOf(err); code == problem.Conflict || code == problem.ProcessMissing {
		if archiveErr := c.update(ctx, process.ContractArchiveWorkflowID(id), decisionID, UpdateRepair, in, &result); problem.CodeOf(archiveErr) != problem.ProcessMissing {
			err = archiveErr
		}
		result.Status.RegistrationID = id
	}
	return result, err
}

// RepairRefund acts on a parked Refund.
func (c *Client) RepairRefund(ctx context.Context, txnRef, decisionID string, in process.Repair) (RegistrationRepairResult, error) {
	var result RegistrationRepairResult
	in.DecisionID = decisionID
	err := c.update(ctx, process.RefundWorkflowID(txnRef), decisionID, UpdateRepair, in, &result)
	return result, err
}

// RegistrationStatus asks the process itself.
func (c *Client) RegistrationStatus(ctx context.Context, id string) (RegistrationStatus, error) {
	var status RegistrationStatus
	err := c.query(ctx, process.RegistrationWorkflowID(id), &status)
	return status, err
}

// act waits up to process.RepairWait for what follows from an act that the process has accepted; then it asks where the process
// stands.
func (c *Client) act(ctx context.Context, id, decisionID, name string, in any) (RegistrationStatus, error) {
	var status RegistrationStatus
	handle, err := c.Temporal.UpdateWorkflow(ctx, updateOptions(process.RegistrationWorkflowID(id), decisionID, name, in, client.WorkflowUpdateStageAccepted))
	if err == nil {
		within, stop := context.WithTimeout(ctx, process.RepairWait)
		defer stop()
		if err = handle.Get(within, &status); err != nil && within.Err() != nil && ctx.Err() == nil {
			return c.RegistrationStatus(ctx, id)
		}
	}
	return status, updateError(name, err)
}
