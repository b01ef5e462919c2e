package registrations

import (
	"context"
	"database/sql"

	"kyso/internal/store/kernel"
)

// TakeSerial implements registration.Serials, in one statement, so that two that race cannot both have the number.
func (r Records) TakeSerial(ctx context.Context, issuer, serial, registrationID string) error {
	return r.Write(ctx, "keeping a serial number", func(tx *sql.Tx) error {
		var owner string
		err := tx.QueryRowContext(ctx, `
			INSERT INTO issued_serials (issuer, serial, registration_id) VALUES ($1, $2, $3)
			ON CONFLICT (issuer, serial) DO UPDATE SET serial = excluded.serial RETURNING registration_id`,
			issuer, serial, registrationID).Scan(&owner)
		if err == nil && owner != registrationID {
			err = kernel.Conflict("the issuer used this serial number before")
		}
		return err
	})
}

// TakenSerials implements registration.Serials.
func (r Records) TakenSerials(ctx context.Context, registrationID string) ([]string, error) {
	var list []string
	err := r.ReadSealed(ctx, "listing serial numbers", func(tx *sql.Tx, _ *kernel.Keys) error {
		rows, err := tx.QueryContext(ctx, `SELECT serial FROM issued_serials WHERE registration_id = $1 ORDER BY serial`, registrationID)
		return kernel.Each(rows, err, func(rows *sql.Rows) error {
			var serial string
			err := rows.Scan(&serial)
			list = append(list, serial)
			return err
		})
	})
	return list, err
}
