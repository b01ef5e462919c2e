package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// SaveReview implements registration.Records. The first words of a review stay; another decision under its id is
// problem.Conflict.
func (r Registrations) SaveReview(ctx context.Context, id string, review registration.Review, publicNote, internalNote string) error {
	if review.ID == "" || review.Decision == "" || review.At.IsZero() {
		return problem.New(problem.Invalid, "a review has an id, a decision and a time")
	}
	text, err := json.Marshal(review)
	if err != nil {
		return fmt.Errorf("saving a review: %w", err)
	}
	return r.write(ctx, "saving a review", func(tx *sql.Tx, _ *keys) error {
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		made, err := affected(tx.ExecContext(ctx, `
			INSERT INTO reviews (id, registration_id, review, public_note, internal_note) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO NOTHING`, review.ID, id, string(text), s.sealed("reviews", "public_note", review.ID, []byte(publicNote)),
			s.sealed("reviews", "internal_note", review.ID, []byte(internalNote))))
		if err != nil {
			return err
		}
		if made == 0 {
			return sameReview(ctx, tx, id, review)
		}
		return audit(ctx, tx, review.At, "review", id, review.Officer, fmt.Sprintf("%s %s %s %v", review.ID, review.Decision, review.Reason, review.Fields))
	})
}

func sameReview(ctx context.Context, tx *sql.Tx, id string, review registration.Review) error {
	var owner, text string
	err := tx.QueryRowContext(ctx, `SELECT registration_id, review FROM reviews WHERE id = $1`, review.ID).Scan(&owner, &text)
	if err != nil {
		return err
	}
	var stored registration.Review
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return err
	}
	if owner != id || stored.Decision != review.Decision {
		return conflict("a review with this id exists with another decision")
	}
	return nil
}

// ReviewNotes implements registration.Records.
func (r Registrations) ReviewNotes(ctx context.Context, reviewID string) (publicNote, internalNote string, err error) {
	err = r.read(ctx, "reading a review", func(tx *sql.Tx, _ *keys) error {
		var id string
		var public, internal []byte
		err := tx.QueryRowContext(ctx, `SELECT registration_id, public_note, internal_note FROM reviews WHERE id = $1`, reviewID).Scan(&id, &public, &internal)
		if err != nil {
			return orNoSuch(err, "review")
		}
		s, err := r.ofRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		err = s.openText(nil, &publicNote, "reviews", "public_note", reviewID, public)
		return s.openText(err, &internalNote, "reviews", "internal_note", reviewID, internal)
	})
	return publicNote, internalNote, err
}
