package registrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// Claim implements registration.Records.
func (r Records) Claim(ctx context.Context, id, officer string, now, until time.Time) (registration.Claim, error) {
	claim := registration.Claim{RegistrationID: id, Officer: officer, ClaimedAt: now.UTC().Truncate(time.Microsecond), ExpiresAt: until.UTC().Truncate(time.Microsecond)}
	err := r.WriteOf(ctx, "claiming a dossier", kernel.Registration(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		var before string
		var ended time.Time
		err := tx.QueryRowContext(ctx, `SELECT officer, expires_at FROM claims WHERE registration_id = $1`, id).Scan(&before, kernel.Into(&ended))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		// The condition stands in the statement too: two officers may have read the same moment.
		taken, err := kernel.Affected(tx.ExecContext(ctx, `
			INSERT INTO claims (registration_id, officer, claimed_at, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (registration_id) DO UPDATE SET officer = excluded.officer, expires_at = excluded.expires_at,
				claimed_at = CASE WHEN claims.officer = excluded.officer THEN claims.claimed_at ELSE excluded.claimed_at END
			WHERE claims.officer = excluded.officer OR claims.expires_at <= excluded.claimed_at`,
			id, officer, kernel.At(claim.ClaimedAt), kernel.At(claim.ExpiresAt)))
		if err != nil {
			return err
		}
		if taken == 0 {
			return kernel.Conflict("another officer works on it")
		}
		if before == officer && ended.After(now) { // prolonged
			return tx.QueryRowContext(ctx, `SELECT claimed_at FROM claims WHERE registration_id = $1`, id).Scan(kernel.Into(&claim.ClaimedAt))
		}
		return kernel.Note(ctx, tx, now, "claim", id, officer, "")
	})
	return claim, err
}

// Release implements registration.Records.
func (r Records) Release(ctx context.Context, id, officer string) error {
	return r.Write(ctx, "releasing a dossier", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM claims WHERE registration_id = $1 AND officer = $2`, id, officer)
		return err
	})
}

// Claims implements registration.Records.
func (r Records) Claims(ctx context.Context, now time.Time) (map[string]registration.Claim, error) {
	claims := map[string]registration.Claim{}
	err := r.ReadSealed(ctx, "listing claims", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT registration_id, officer, claimed_at, expires_at FROM claims WHERE expires_at > $1`, kernel.At(now))
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var c registration.Claim
			err := rows.Scan(&c.RegistrationID, &c.Officer, kernel.Into(&c.ClaimedAt), kernel.Into(&c.ExpiresAt))
			claims[c.RegistrationID] = c
			return err
		})
	})
	return claims, err
}

// corrections are the entries of the audit log that tell of one, chained or not.
const corrections = `kind IN ('correction', 'fix-proposed', 'fix-agreed')`

// Editors implements registration.Records.
func (r Records) Editors(ctx context.Context, id string) ([]string, error) {
	var editors []string
	err := r.ReadSealed(ctx, "reading who corrected", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT actor FROM audit WHERE object = $1 AND `+corrections+`
			UNION SELECT actor FROM audit_waiting WHERE object = $1 AND `+corrections+` ORDER BY actor`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var actor string
			err := rows.Scan(&actor)
			editors = append(editors, actor)
			return err
		})
	})
	return editors, err
}

// Reviews implements registration.Records.
func (r Records) Reviews(ctx context.Context, id string) ([]registration.Review, error) {
	var list []registration.Review
	err := r.ReadSealed(ctx, "listing reviews", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT review FROM reviews WHERE registration_id = $1`, id)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			var review registration.Review
			err := json.Unmarshal([]byte(text), &review)
			list = append(list, review)
			return err
		})
	})
	slices.SortFunc(list, func(a, b registration.Review) int { return a.At.Compare(b.At) })
	return list, err
}

// NoteAccess implements registration.Records.
func (r Records) NoteAccess(ctx context.Context, id, actor, what string, when time.Time) error {
	return r.Write(ctx, "noting an access", func(tx *sql.Tx) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, when, "access", id, actor, what)
	})
}
