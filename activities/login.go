package activities

import (
	"context"
	"encoding/json"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// SendLoginCode sends the code of a challenge by SMS. Effect: one text, and none when the phone has no account. Key: the
// challenge's id, which the gateway takes for its own. A code that was sent, used or is too old needs no text.
func (a *Registration) SendLoginCode(ctx context.Context, challengeID string) error {
	return fail(a.sendLoginCode(ctx, challengeID))
}

func (a *Registration) sendLoginCode(ctx context.Context, id string) error {
	c, phone, digits, err := a.Logins.ChallengeToSend(ctx, id, a.Now())
	if code := problem.CodeOf(err); code == problem.Conflict || code == problem.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := a.SMS.Send(ctx, id, phone, a.CodeText(c.Purpose, digits)); err != nil {
		return err
	}
	return a.Logins.MarkChallengeSent(ctx, id, a.Now())
}

// NoticeInput is what the owner of an account is to be told. ID and AccountID count; the rest is for workers that believed it.
type NoticeInput = registration.Notice

// SendNotice tells the owner of an account what became of it, as it was recorded under the notice's id. Effect: one text. Key:
// the notice's id. An erased person needs none. Error: Denied when nothing is recorded.
func (a *Registration) SendNotice(ctx context.Context, in NoticeInput) error {
	d, err := a.Decisions.Take(ctx, decision.Take{DecisionID: process.NoticeID(in.ID), Kind: decision.Notice, Process: process.Account, Object: in.AccountID,
		Taker: "text " + in.ID}, a.Now())
	if err == nil {
		err = json.Unmarshal(d.Content, &in)
	}
	if err != nil {
		return fail(err)
	}
	account, err := a.Records.Account(ctx, in.AccountID)
	if problem.CodeOf(err) == problem.NotFound {
		return nil
	}
	if err != nil {
		return fail(err)
	}
	return fail(a.SMS.Send(ctx, in.ID, account.Phone, a.NoticeText(in.Kind, in.At)))
}
