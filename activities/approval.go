package activities

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
)

// ApprovalGrace is how long after the end of the provider's window an answer is still asked for: the decision may
// have been made in its last second.
const ApprovalGrace = 30 * time.Second

// Requested is the provider's word that the phone is being asked.
type Requested struct {
	ExpiresAt time.Time `json:"expires_at,omitzero"` // end of the provider's window; zero when the owner is not asked yet
	AskedAt   time.Time `json:"asked_at,omitzero"`   // not after the provider accepted
}

// RequestApproval hands the digests to the provider, which asks the owner on the phone. Effect: one prompt. Key:
// the signing's own transaction id, recorded before it is sent; a retry sends the same id, and tells the adapter
// that the provider may know it already. Errors: ProviderCredentials and ProviderRefused are final.
func (a *Signing) RequestApproval(ctx context.Context, in Work) (requested Requested, err error) {
	if err = a.take(ctx, in); err == nil {
		requested, err = a.requestApproval(ctx, in.SigningID, signing.StatusRequested)
	}
	return requested, fail(err)
}

// requestApproval asks for a signing that stands at a status.
func (a *Signing) requestApproval(ctx context.Context, signingID string, at signing.Status) (Requested, error) {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return Requested{}, err
	}
	if !s.Approval.AcceptedAt.IsZero() {
		return Requested{ExpiresAt: s.Approval.ExpiresAt, AskedAt: s.Approval.AcceptedAt}, nil
	}
	if _, err := a.due(ctx, s.ID, at); err != nil {
		return Requested{}, err
	}
	signer, err := a.signer(s.Provider)
	if err != nil {
		return Requested{}, err
	}
	req, err := a.approvalRequest(ctx, s)
	if err != nil {
		return Requested{}, err
	}
	approval := signing.Approval{OurID: req.ID, ShortCode: signing.ShortCode(s.Documents[0].Prepared.H3)}
	if err := a.Records.SaveApproval(ctx, s.ID, approval); err != nil {
		return Requested{}, err
	}
	asked := a.Now()
	accepted, err := signer.Request(ctx, req)
	if err != nil {
		return Requested{}, err
	}
	approval.Reference, approval.Names = accepted.Reference, accepted.Names
	approval.AcceptedAt = a.Now()
	approval.ExpiresAt = approval.AcceptedAt.Add(accepted.Window)
	return Requested{ExpiresAt: approval.ExpiresAt, AskedAt: asked}, a.Records.SaveApproval(ctx, s.ID, approval)
}

func (a *Signing) approvalRequest(ctx context.Context, s signing.Signing) (signing.ApprovalRequest, error) {
	cert, err := a.certificate(ctx, s.ID, s.Certificate)
	if err != nil {
		return signing.ApprovalRequest{}, err
	}
	req := signing.ApprovalRequest{
		ID: process.ApprovalID(s.ID), UserID: s.UserID, Serial: cert.Serial,
		Retry: s.Approval.OurID != "",
	}
	for _, doc := range s.Documents {
		if doc.Prepared == nil {
			return req, problem.New(problem.Conflict, "document %d is not prepared", doc.Index+1)
		}
		var digest [32]byte
		if n, err := hex.Decode(digest[:], []byte(doc.Prepared.H3)); err != nil || n != len(digest) {
			return req, problem.New(problem.DigestMismatch, "the stored H3 of document %d is not a SHA-256", doc.Index+1)
		}
		req.Documents = append(req.Documents, signing.DigestToSign{DocumentID: documentID(s, doc), Digest: digest})
	}
	req.Description = description(s)
	return req, nil
}

// documentID is what the phone shows for one document and what the provider names its value by. The number keeps
// it unique when two files have the same name.
func documentID(s signing.Signing, doc signing.Document) string {
	if len(s.Documents) == 1 {
		return doc.Name
	}
	return fmt.Sprintf("%d. %s", doc.Index+1, doc.Name)
}

// description is the line that the phone shows above the documents.
func description(s signing.Signing) string {
	code := signing.ShortCode(s.Documents[0].Prepared.H3)
	if len(s.Documents) == 1 {
		return fmt.Sprintf("Ký văn bản %s · mã %s", s.Documents[0].Name, code)
	}
	return fmt.Sprintf("Ký %d văn bản · mã %s", len(s.Documents), code)
}

// PollInput is one look at a request.
type PollInput struct {
	SigningID string `json:"signing_id"`
	// Last makes an undecided request an expired one once its window and grace are over.
	Last bool `json:"last,omitempty"`
}

// Polled is the provider's final answer.
type Polled struct {
	Outcome signing.Outcome `json:"outcome"`
}

// PollApproval asks the provider for the decision and keeps the values that come with it. While there is none it
// fails with ErrorPending and says when to look again: retries are not in the history, so waiting costs nothing.
// Effect: records. Key: signing and document.
func (a *Signing) PollApproval(ctx context.Context, in PollInput) (Polled, error) {
	polled, err := a.pollApproval(ctx, in)
	return polled, fail(err)
}

func (a *Signing) pollApproval(ctx context.Context, in PollInput) (Polled, error) {
	s, outcome, err := a.lookAtApproval(ctx, in)
	if err == nil && s.Approval.Watched {
		err = a.watchFurther(ctx, s, outcome)
	}
	if err == nil && outcome == "" {
		age := a.Now().Sub(s.Approval.AcceptedAt)
		return Polled{}, pending(a.Pace.Next(s.Provider, process.PauseAt(age, s.Approval.ExpiresAt.Sub(a.Now()))))
	}
	return Polled{Outcome: outcome}, err
}

// watchFurther has the request looked at that a process has asked about itself, until there is an outcome.
func (a *Signing) watchFurther(ctx context.Context, s signing.Signing, outcome signing.Outcome) error {
	if outcome != "" {
		return a.Waits.EndWait(ctx, process.WaitApproval, s.ID)
	}
	return a.Waits.Watch(ctx, signing.ApprovalWait(s.ID, s.Provider, s.Approval))
}

// watchAgain has a run hear of its answer that was set back to before it waits.
func (a *Signing) watchAgain(ctx context.Context, s signing.Signing, t signing.Transition) error {
	if !t.Watched || t.Status != signing.StatusAwaitingApproval {
		return nil
	}
	w := signing.ApprovalWait(s.ID, s.Provider, s.Approval)
	w.Answered = s.Approval.Outcome != ""
	return a.Waits.Watch(ctx, w)
}

// ReadApproval returns the answer that a watcher has recorded, and ends the wait for it. The outcome is empty while there is none: the
// request is then looked at now. Effect: records. Key: the signing. Errors: the one that asking again does not overcome.
func (a *Signing) ReadApproval(ctx context.Context, signingID string) (Polled, error) {
	polled, err := a.readApproval(ctx, signingID)
	return polled, fail(err)
}

func (a *Signing) readApproval(ctx context.Context, signingID string) (Polled, error) {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil {
		return Polled{}, err
	}
	if s.Approval.Outcome != "" {
		return Polled{s.Approval.Outcome}, a.Waits.EndWait(ctx, process.WaitApproval, s.ID)
	}
	if s.Status != signing.StatusAwaitingApproval {
		return Polled{}, problem.New(problem.Conflict, "the signing is %s", s.Status)
	}
	return Polled{}, lookNow(ctx, a.Waits, signing.ApprovalWait(s.ID, s.Provider, s.Approval), a.Now())
}

// lookAtApproval asks once, and keeps what comes. The outcome is empty while the owner has not decided.
func (a *Signing) lookAtApproval(ctx context.Context, in PollInput) (signing.Signing, signing.Outcome, error) {
	s, err := a.Records.Signing(ctx, in.SigningID)
	if err != nil || s.Approval.Outcome != "" {
		return s, s.Approval.Outcome, err
	}
	if s.Status != signing.StatusAwaitingApproval {
		return s, "", problem.New(problem.Conflict, "the signing is %s", s.Status)
	}
	poll, err := a.poll(ctx, s)
	if err != nil {
		return s, "", err
	}
	outcome := poll.Outcome
	switch {
	case outcome == signing.OutcomeApproved:
		err = a.saveValues(ctx, s, poll, signing.UsePending)
	case outcome == "" && in.Last && a.Now().After(s.Approval.ExpiresAt):
		outcome = signing.OutcomeExpired
	}
	if err != nil || outcome == "" {
		return s, "", err
	}
	return s, outcome, a.Records.SaveApproval(ctx, s.ID, signing.Approval{OurID: s.Approval.OurID, Outcome: outcome})
}

// poll looks once, and keeps the reference when the provider gave another.
func (a *Signing) poll(ctx context.Context, s signing.Signing) (signing.Poll, error) {
	signer, err := a.signer(s.Provider)
	if err != nil {
		return signing.Poll{}, err
	}
	poll, err := signer.Poll(ctx, signing.ApprovalRef{OurID: s.Approval.OurID, Reference: s.Approval.Reference, UserID: s.UserID})
	if err != nil || poll.Reference == "" || poll.Reference == s.Approval.Reference {
		return poll, err
	}
	return poll, a.Records.SaveApproval(ctx, s.ID, signing.Approval{OurID: s.Approval.OurID, Reference: poll.Reference})
}

// saveValues keeps every value of an answer, or none: an approval that lacks one is not an answer yet.
func (a *Signing) saveValues(ctx context.Context, s signing.Signing, poll signing.Poll, use signing.Use) error {
	values, err := a.pair(ctx, s, poll.Answers)
	if err != nil {
		return err
	}
	for _, doc := range s.Documents {
		if len(values[doc.Index]) == 0 {
			return problem.New(problem.ProviderUnavailable, "the provider says approved and sends no value for document %d", doc.Index+1)
		}
	}
	for _, doc := range s.Documents {
		err := a.Records.SaveValue(ctx, s.ID, signing.SignatureValue{
			RequestID: s.Approval.OurID, Index: doc.Index, Value: values[doc.Index], ReceivedAt: a.Now(), Use: use,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CollectLate watches a request that no step waits for any more, until its window is well over. A value that still
// comes is recorded as late and never used. Effect: records. It ends without an error also when the provider
// cannot be reached: there is nothing more to be done.
func (a *Signing) CollectLate(ctx context.Context, signingID string) error {
	return fail(a.collectLate(ctx, signingID))
}

func (a *Signing) collectLate(ctx context.Context, signingID string) error {
	over, err := a.lookForLate(ctx, signingID)
	if !over && (err == nil || problem.CodeOf(err).Kind() == problem.KindUpstream) {
		return pending(process.PauseLate)
	}
	return err
}

// lookForLate asks once, and reports whether there is nothing more to look for.
func (a *Signing) lookForLate(ctx context.Context, signingID string) (over bool, err error) {
	s, err := a.Records.Signing(ctx, signingID)
	if err != nil || s.Approval.OurID == "" {
		return true, err
	}
	if !s.Status.Final() || s.Status == signing.StatusSigned {
		return false, problem.New(problem.Conflict, "the signing is %s: its value is not late", s.Status)
	}
	if err := a.retireValues(ctx, s); err != nil {
		return false, err
	}
	if s.Approval.Outcome == signing.OutcomeApproved || s.Approval.Outcome == signing.OutcomeDeclined {
		return true, nil
	}
	poll, err := a.poll(ctx, s)
	if err == nil && poll.Outcome == signing.OutcomeApproved {
		return true, a.saveValues(ctx, s, poll, signing.UseLate)
	}
	switch {
	case a.Now().After(signing.LateUntil(s.Approval.ExpiresAt, s.UpdatedAt)):
		return true, nil
	case problem.CodeOf(err).Kind() != problem.KindUpstream: // one who does not know the request may learn of it
		err = nil
	}
	return err == nil && poll.Outcome != "", err
}

// retireValues marks values that came in time for a signing that was given up afterwards.
func (a *Signing) retireValues(ctx context.Context, s signing.Signing) error {
	values, err := a.Records.Values(ctx, s.ID)
	if err != nil {
		return err
	}
	for _, v := range values {
		if v.Use != signing.UsePending {
			continue
		}
		v.Use = signing.UseLate
		if err := a.Records.SaveValue(ctx, s.ID, v); err != nil {
			return err
		}
	}
	return nil
}
