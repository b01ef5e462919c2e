package registrations

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"kyso/internal/store/kernel"
)

// AgreeFix implements registration.Records.
func (r Records) AgreeFix(ctx context.Context, id, actor string, fields map[string]string, now time.Time) (bool, error) {
	agreed := false
	err := r.WriteOf(ctx, "agreeing on a correction", kernel.Registration(id), func(tx *sql.Tx, k *kernel.Keys) error {
		if err := registered(ctx, tx, id); err != nil {
			return err
		}
		digest, err := k.Digest("identity-fix", fields)
		if err != nil {
			return err
		}
		var before, proposer, second string
		err = tx.QueryRowContext(ctx, `SELECT digest, proposed_by, agreed_by FROM identity_fixes WHERE registration_id = $1`, id).Scan(&before, &proposer, &second)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		makers, err := kernel.MakersOf(ctx, tx)
		if err != nil {
			return err
		}
		names := strings.Join(slices.Sorted(maps.Keys(fields)), " ")
		switch {
		case before != digest: // another change is proposed, or the first
			_, err = tx.ExecContext(ctx, `
				INSERT INTO identity_fixes (registration_id, digest, proposed_by, proposed_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (registration_id) DO UPDATE SET digest = excluded.digest, proposed_by = excluded.proposed_by,
					proposed_at = excluded.proposed_at, agreed_by = ''`, id, digest, actor, kernel.At(now))
			if err != nil {
				return err
			}
			return kernel.Note(ctx, tx, now, "fix-proposed", id, actor, names)
		case makers.Same(actor, proposer): // by another name, perhaps, but by the same hand
			return nil
		case second != "": // the answer was lost, or a third person sends the same
			agreed = true
			return nil
		}
		agreed = true
		if _, err = tx.ExecContext(ctx, `UPDATE identity_fixes SET agreed_by = $1 WHERE registration_id = $2`, actor, id); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, now, "fix-agreed", id, actor, names)
	})
	return agreed && err == nil, err
}
