package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kyso/internal/decision"
	"kyso/internal/page"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// TextRecords is what has to be sent to the owners of accounts, oldest first.
type TextRecords interface {
	// UnsentCodes returns challenges begun before a time whose code was not sent and can still be used.
	UnsentCodes(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Challenge, error)
	// OpenResets returns resets asked for before a time whose cooling time is not over, without their password.
	OpenResets(ctx context.Context, now, before time.Time, after page.Cursor, limit int) ([]registration.Reset, error)
}

// Texter has texts sent; *workflows.Client is the real one. The gateway sends a text of one id once.
type Texter interface {
	LoginCodeAgain(ctx context.Context, challengeID string) error
	NoticeAgain(ctx context.Context, id, accountID string, kind registration.NoticeKind, at time.Time) error
	State(ctx context.Context, workflowID string) (workflows.RunState, error)
	Engine
}

// Texts begins the texts again whose process was lost or never began: the code that a citizen waits for, and the notice of a reset,
// whose reader has the cooling time to act.
type Texts struct {
	Records   TextRecords
	Decisions decision.Records
	Engine    Texter
	Now       func() time.Time // default time.Now
}

// Once begins what was lost.
func (s *Texts) Once(ctx context.Context) error {
	now := orNow(s.Now)
	before := now.Add(-patience)
	codes := drain(ctx, s.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Challenge, error) {
		return s.Records.UnsentCodes(ctx, now, before, after, pageSize)
	}, func(c registration.Challenge) page.Cursor { return page.After(c.CreatedAt, c.ID) }, func(ctx context.Context, c registration.Challenge) error {
		return s.again(ctx, c.ID, func(ctx context.Context) error { return s.Engine.LoginCodeAgain(ctx, c.ID) })
	})
	notices := drain(ctx, s.Engine, func(ctx context.Context, after page.Cursor) ([]registration.Reset, error) {
		return s.Records.OpenResets(ctx, now, before, after, pageSize)
	}, func(r registration.Reset) page.Cursor { return page.After(r.EffectiveAt, r.AccountID) }, func(ctx context.Context, r registration.Reset) error {
		return s.again(ctx, r.NoticeID(), func(ctx context.Context) error {
			if err := s.decide(ctx, r, now); err != nil {
				return err
			}
			return s.Engine.NoticeAgain(ctx, r.NoticeID(), r.AccountID, registration.NoticeReset, r.EffectiveAt)
		})
	})
	return errors.Join(codes, notices)
}

// decide records what lets the notice of a reset be sent, in case that the API did not come to it.
func (s *Texts) decide(ctx context.Context, r registration.Reset, now time.Time) error {
	content, err := json.Marshal(registration.Notice{ID: r.NoticeID(), AccountID: r.AccountID, Kind: registration.NoticeReset, At: r.EffectiveAt})
	if err == nil {
		_, err = s.Decisions.Decide(ctx, decision.Decision{ID: process.NoticeID(r.NoticeID()), Kind: decision.Notice,
			Object: decision.Object{Process: process.Account, ID: r.AccountID}, Actor: r.AccountID, Principal: decision.Kyso, Content: content,
			CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
	}
	return err
}

func (s *Texts) again(ctx context.Context, id string, begin func(context.Context) error) error {
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	state, err := s.Engine.State(call, process.TextWorkflowID(id))
	if err == nil && (state == workflows.RunMissing || state == workflows.RunBroken) {
		err = begin(call)
	}
	if err != nil {
		return fmt.Errorf("sending text %s: %w", id, err)
	}
	return nil
}
