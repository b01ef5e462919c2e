package registrations

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"

	"kyso/internal/registration"
	"kyso/internal/store/kernel"
	"kyso/internal/webhook"
)

// Change implements registration.Records.
func (r Records) Change(ctx context.Context, id string, fn func(*registration.Registration) error) error {
	return r.WriteOf(ctx, "changing a registration", kernel.Registration(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		one, err := r.load(ctx, tx, id)
		if err != nil {
			return err
		}
		var before []byte
		if one.Issued != nil {
			before = bytes.Clone(one.Issued.Certificate)
		}
		subjectID, pinWasSet := one.SubjectID, pinSet(one)
		if err := fn(&one); err != nil {
			return err
		}
		if !pinWasSet && pinSet(one) {
			if err := kernel.Announce(ctx, tx, webhook.Event{Kind: "registration", ID: id, Status: string(one.Status), Seq: one.Seq, Name: webhook.PINSet,
				Self: "/v1/registrations/" + id, At: one.Activation.PINSetAt}); err != nil {
				return err
			}
		}
		facts, err := json.Marshal(one.Facts)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE registrations SET facts = $1 WHERE id = $2`, string(facts), id); err != nil {
			return err
		}
		if one.Issued == nil || len(one.Issued.Certificate) == 0 || bytes.Equal(before, one.Issued.Certificate) {
			return nil
		}
		subject, err := r.SubjectKey(ctx, tx, subjectID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE registrations SET certificate = $1 WHERE id = $2`,
			subject.Sealed("registrations", "certificate", id, one.Issued.Certificate), id)
		return err
	})
}

func pinSet(r registration.Registration) bool {
	return r.Activation != nil && !r.Activation.PINSetAt.IsZero()
}
