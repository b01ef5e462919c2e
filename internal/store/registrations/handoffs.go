package registrations

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// handoffKept is how long a token is remembered after its end, so that a late one is told apart from an unknown one.
const handoffKept = 30 * 24 * time.Hour

// AddHandoff implements registration.Handoffs.
func (r Records) AddHandoff(ctx context.Context, h registration.Handoff) (registration.Registration, error) {
	if h.RequestID == "" || h.Token == "" || !h.ExpiresAt.After(h.At) {
		return registration.Registration{}, problem.New(problem.Invalid, "a hand-off has a request, a token and a life")
	}
	var id string
	err := r.WriteOf(ctx, "keeping a hand-off token", kernel.Request(h.RequestID), func(tx *sql.Tx, k *kernel.Keys) error {
		if err := tx.QueryRowContext(ctx, `SELECT id FROM registrations WHERE request_id = $1`, h.RequestID).Scan(&id); err != nil {
			return kernel.OrNoSuch(err, "request")
		}
		digest := k.Lookup.Digest("hand-off", []byte(h.Token))
		known, err := readHandoff(ctx, tx, digest)
		switch {
		case err == nil && known.ID != id:
			return kernel.Conflict("the hand-off token belongs to another request")
		case err == nil:
			return nil
		case problem.CodeOf(err) != problem.NotFound:
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM handoffs WHERE digest IN (SELECT digest FROM handoffs WHERE expires_at < $1 ORDER BY expires_at LIMIT 20)`, kernel.At(h.At.Add(-handoffKept))); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO handoffs (digest, registration_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			digest, id, kernel.At(h.At), kernel.At(h.ExpiresAt))
		return err
	})
	if err != nil {
		return registration.Registration{}, err
	}
	return r.Registration(ctx, id)
}

// storedHandoff is a token of either table: the first of a request stands in registrations.
type storedHandoff struct {
	ID            string // of the registration
	expires, used time.Time
	use           string // the statement that uses it
}

func readHandoff(ctx context.Context, tx *sql.Tx, digest string) (storedHandoff, error) {
	h := storedHandoff{use: `UPDATE handoffs SET used_at = $1 WHERE digest = $2 AND used_at IS NULL`}
	err := tx.QueryRowContext(ctx, `SELECT registration_id, expires_at, used_at FROM handoffs WHERE digest = $1`, digest).Scan(&h.ID, kernel.Into(&h.expires), kernel.Into(&h.used))
	if errors.Is(err, sql.ErrNoRows) {
		h.use = `UPDATE registrations SET handoff_used_at = $1 WHERE handoff = $2 AND handoff_used_at IS NULL`
		err = tx.QueryRowContext(ctx, `SELECT id, handoff_expires, handoff_used_at FROM registrations WHERE handoff = $1`, digest).
			Scan(&h.ID, kernel.Into(&h.expires), kernel.Into(&h.used))
	}
	return h, kernel.OrNoSuch(err, "hand-off token")
}

// ResolveHandoff implements registration.Records.
func (r Records) ResolveHandoff(ctx context.Context, token string, now time.Time) (string, error) {
	var id string
	var verdict error
	err := r.WriteSealed(ctx, "taking a hand-off token", func(tx *sql.Tx, k *kernel.Keys) error {
		digest := k.Lookup.Digest("hand-off", []byte(token))
		if err := r.Follow(ctx, tx, kernel.Handoff(digest)); err != nil {
			return err
		}
		h, err := readHandoff(ctx, tx, digest)
		if err != nil {
			return err
		}
		switch {
		case !h.used.IsZero():
			id, verdict = h.ID, problem.New(problem.HandoffUsed, "the hand-off token was used before")
			return nil
		case !now.Before(h.expires):
			return problem.New(problem.DeadlinePassed, "the hand-off token has expired")
		}
		if _, err := tx.ExecContext(ctx, h.use, kernel.At(now), digest); err != nil {
			return err
		}
		id = h.ID
		return kernel.Note(ctx, tx, now, "hand-off", id, "", "")
	})
	if err != nil {
		return "", err
	}
	return id, verdict
}
