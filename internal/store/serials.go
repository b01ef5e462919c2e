package store

import (
	"context"
	"database/sql"

	"kyso/internal/registration"
)

var _ registration.Serials = Registrations{}

// TakeSerial implements registration.Serials, in one statement, so that two that race cannot both have the number.
func (r Registrations) TakeSerial(ctx context.Context, issuer, serial, registrationID string) error {
	return r.write(ctx, "keeping a serial number", func(tx *sql.Tx, _ *keys) error {
		var owner string
		err := tx.QueryRowContext(ctx, `
			INSERT INTO issued_serials (issuer, serial, registration_id) VALUES ($1, $2, $3)
			ON CONFLICT (issuer, serial) DO UPDATE SET serial = excluded.serial RETURNING registration_id`,
			issuer, serial, registrationID).Scan(&owner)
		if err == nil && owner != registrationID {
			err = conflict("the issuer used this serial number before")
		}
		return err
	})
}
