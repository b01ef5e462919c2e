package operations

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/store/kernel"
)

// Decisions is the part of the store that keeps what people decided. It implements decision.Records.
type Decisions struct{ *kernel.Base }

var _ decision.Records = Decisions{}

const decisionQuery = `SELECT id, kind, process, object, step, reason, actor, principal, key_id, content, created_at, expires_at FROM decisions`

// Decide implements decision.Records.
func (r Decisions) Decide(ctx context.Context, d decision.Decision) (decision.Decision, error) {
	if d.ID == "" || d.Kind == "" || d.Process == "" || d.Actor == "" || d.Principal == "" || d.CreatedAt.IsZero() || !d.ExpiresAt.After(d.CreatedAt) {
		return d, problem.New(problem.Invalid, "a decision has an id, a kind, an object, an actor and times")
	}
	if d.Bulk() && (d.Step == "" || d.Reason == "") {
		return d, problem.New(problem.Invalid, "a decision about many names a step and a reason")
	}
	stored := d
	err := r.WriteSealed(ctx, "recording a decision", func(tx *sql.Tx, k *kernel.Keys) error {
		made, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO decisions (id, kind, process, object, step, reason, actor, principal, key_id, content, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
			d.ID, d.Kind, string(d.Process), d.Object.ID, d.Step, d.Reason, d.Actor, d.Principal, d.KeyID,
			k.Sealed("decisions", "content", d.ID, d.Content), kernel.At(d.CreatedAt), kernel.At(d.ExpiresAt)))
		if err != nil {
			return err
		}
		if made > 0 {
			return kernel.Note(ctx, tx, d.CreatedAt, "decision", d.Object.ID, d.Actor, decisionDetail(d))
		}
		stored, err = scanDecision(k, tx.QueryRowContext(ctx, decisionQuery+` WHERE id = $1`, d.ID))
		if err == nil && (stored.Kind != d.Kind || stored.Object != d.Object || stored.Actor != d.Actor) {
			err = kernel.Conflict("a decision with this id exists with other content")
		}
		return err
	})
	return stored, err
}

// decisionDetail is the audit log's line: what, under which id, and who authenticated when that is another.
func decisionDetail(d decision.Decision) string {
	words := []string{string(d.Process), d.Kind, d.ID}
	if d.Bulk() {
		words = append(words, "every "+d.Step+" "+d.Reason)
	}
	return strings.Join(append(words, authenticated(d.Principal, d.Actor)...), " ")
}

// authenticated says who authenticated, where that is not who acted.
func authenticated(principal, actor string) []string {
	if principal == actor {
		return nil
	}
	return []string{"authenticated: " + principal}
}

func scanDecision(k *kernel.Keys, row kernel.Scanner) (decision.Decision, error) {
	var d decision.Decision
	var content []byte
	err := row.Scan(&d.ID, &d.Kind, &d.Process, &d.Object.ID, &d.Step, &d.Reason, &d.Actor, &d.Principal, &d.KeyID, &content,
		kernel.Into(&d.CreatedAt), kernel.Into(&d.ExpiresAt))
	if err != nil {
		return d, kernel.OrNoSuch(err, "decision")
	}
	d.Content, err = k.Open("decisions", "content", d.ID, content)
	return d, err
}

// Take implements decision.Records.
func (r Decisions) Take(ctx context.Context, t decision.Take, now time.Time) (decision.Decision, error) {
	var d decision.Decision
	err := r.WriteSealed(ctx, "taking a decision", func(tx *sql.Tx, k *kernel.Keys) (err error) {
		d, err = scanDecision(k, tx.QueryRowContext(ctx, decisionQuery+` WHERE id = $1`, t.DecisionID))
		if problem.CodeOf(err) == problem.NotFound {
			return problem.New(problem.Denied, "no such decision is recorded")
		}
		if err == nil {
			err = fits(d, t)
		}
		if err != nil {
			return err
		}
		if now.Before(d.ExpiresAt) {
			_, err := tx.ExecContext(ctx, `INSERT INTO decision_takes (decision_id, object, taker, taken_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (decision_id, object) DO NOTHING`, d.ID, t.Object, t.Taker, kernel.At(now))
			if err != nil {
				return err
			}
		}
		var taker string
		err = tx.QueryRowContext(ctx, `SELECT taker FROM decision_takes WHERE decision_id = $1 AND object = $2`, d.ID, t.Object).Scan(&taker)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return problem.New(problem.Denied, "the decision is too old")
		case err == nil && taker != t.Taker:
			return problem.New(problem.Denied, "the decision was taken before")
		}
		return err
	})
	if err != nil {
		return decision.Decision{}, err
	}
	return d, nil
}

// Taken implements decision.Records.
func (r Decisions) Taken(ctx context.Context, about decision.Object, kind string) ([]decision.Decision, error) {
	k, err := r.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []decision.Decision
	rows, err := r.DB.QueryContext(ctx, decisionQuery+` WHERE process = $1 AND kind = $2 AND id IN
		(SELECT decision_id FROM decision_takes WHERE object = $3) AND object IN ($3, '') ORDER BY created_at DESC, id DESC LIMIT 100`,
		string(about.Process), kind, about.ID)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		d, err := scanDecision(k, rows)
		list = append(list, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	return list, nil
}

// fits refuses a decision that was made for something else.
func fits(d decision.Decision, t decision.Take) error {
	switch {
	case t.Object == "" || t.Taker == "":
		return problem.New(problem.Invalid, "a decision is taken for an object, by a message")
	case d.Kind != t.Kind || d.Process != t.Process:
		return problem.New(problem.Denied, "the decision is of another kind")
	case !d.Bulk() && d.Object.ID != t.Object:
		return problem.New(problem.Denied, "the decision is about something else")
	case d.Bulk() && (d.Step != t.Step || d.Reason != t.Reason):
		return problem.New(problem.Denied, "the decision is about another step or reason")
	}
	return nil
}

// Again implements decision.Records.
func (r Decisions) Again(ctx context.Context, about decision.Object, kind string, content any, now time.Time) (string, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("telling a decision again: %w", err)
	}
	id, err := r.like(ctx, about, kind, text, now)
	if err != nil || id != "" {
		return id, err
	}
	d, err := r.Decide(ctx, decision.Decision{ID: process.AgainID(about.Process, about.ID, kind, text, now), Kind: kind, Object: about, Actor: decision.Kyso, Principal: decision.Kyso,
		Content: text, CreatedAt: now, ExpiresAt: now.Add(decision.Life)})
	return d.ID, err
}

// like finds the newest decision with this content that was taken or may be; empty when there is none.
func (r Decisions) like(ctx context.Context, about decision.Object, kind string, content []byte, now time.Time) (string, error) {
	k, err := r.OpenKeys(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	rows, err := r.DB.QueryContext(ctx, decisionQuery+` WHERE process = $1 AND object = $2 AND kind = $3
		AND (expires_at > $4 OR EXISTS (SELECT 1 FROM decision_takes t WHERE t.decision_id = decisions.id)) ORDER BY created_at DESC, id DESC LIMIT 100`,
		string(about.Process), about.ID, kind, kernel.At(now))
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		d, err := scanDecision(k, rows)
		if err == nil && found == "" && bytes.Equal(d.Content, content) {
			found = d.ID
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading decisions: %w", err)
	}
	return found, nil
}

// NoteNamed implements decision.Records.
func (r Decisions) NoteNamed(ctx context.Context, principal, actor, what, object string, when time.Time) error {
	return r.WriteSealed(ctx, "noting who acted", func(tx *sql.Tx, _ *kernel.Keys) error {
		return kernel.Note(ctx, tx, when, "named", object, actor, strings.Join(append([]string{what}, authenticated(principal, actor)...), " "))
	})
}
