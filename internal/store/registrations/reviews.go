package registrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/store/kernel"
)

// SaveReview implements registration.Records. The first words of a review stay; another decision under its id is
// problem.Conflict.
func (r Records) SaveReview(ctx context.Context, id string, round registration.Round, review registration.Review, publicNote, internalNote string) error {
	if review.ID == "" || review.Decision == "" || review.At.IsZero() {
		return problem.New(problem.Invalid, "a review has an id, a decision and a time")
	}
	text, err := json.Marshal(review)
	if err != nil {
		return fmt.Errorf("saving a review: %w", err)
	}
	return r.WriteOf(ctx, "saving a review", kernel.Registration(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		s, err := r.OfRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		err = sameReview(ctx, tx, id, review)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := r.freeReview(ctx, tx, id, round, review); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			INSERT INTO reviews (id, registration_id, review, public_note, internal_note, round) VALUES ($1, $2, $3, $4, $5, NULLIF($6, 0))`,
			review.ID, id, string(text), s.Sealed("reviews", "public_note", review.ID, []byte(publicNote)),
			s.Sealed("reviews", "internal_note", review.ID, []byte(internalNote)), round.Seq)
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, review.At, "review", id, review.Officer, fmt.Sprintf("%s %s %s %v", review.ID, review.Decision, review.Reason, review.Fields))
	})
}

// freeReview refuses a review of a round that has one. A review that its process did not take within takenForDead gives way:
// whoever made it never got an answer.
func (r Records) freeReview(ctx context.Context, tx *sql.Tx, id string, round registration.Round, review registration.Review) error {
	if round.Seq == 0 {
		return nil
	}
	if err := inRound(ctx, tx, id, round); err != nil {
		return err
	}
	var before registration.Review
	var text string
	err := tx.QueryRowContext(ctx, `SELECT review FROM reviews WHERE registration_id = $1 AND round = $2`, id, round.Seq).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &before)
	}
	if err != nil {
		return err
	}
	if review.At.Sub(before.At) < kernel.TakenForDead {
		return kernel.Conflict("the dossier was decided on a moment ago")
	}
	return r.dropReview(ctx, tx, id, before.ID, review.At)
}

// inRound refuses what was meant for another round: the registration has moved on since its caller looked.
func inRound(ctx context.Context, tx *sql.Tx, id string, round registration.Round) error {
	var now int
	err := tx.QueryRowContext(ctx, `SELECT seq FROM registrations WHERE id = $1`, id).Scan(&now)
	if err == nil && now != round.Seq {
		err = kernel.Conflict("the registration has moved on")
	}
	return err
}

// DropReview implements registration.Records.
func (r Records) DropReview(ctx context.Context, id, reviewID string) error {
	return r.WriteOf(ctx, "dropping a review", kernel.Registration(id), func(tx *sql.Tx, _ *kernel.Keys) error {
		err := r.dropReview(ctx, tx, id, reviewID, r.Now())
		if problem.CodeOf(err) == problem.Conflict {
			return nil
		}
		return err
	})
}

// dropReview takes out a review that no process has taken; problem.Conflict for one that a process has.
func (r Records) dropReview(ctx context.Context, tx *sql.Tx, id, reviewID string, when time.Time) error {
	one, err := r.load(ctx, tx, id)
	if err != nil {
		return err
	}
	if one.Review != nil && one.Review.ID == reviewID {
		return kernel.Conflict("the dossier is decided on")
	}
	dropped, err := kernel.Affected(tx.ExecContext(ctx, `DELETE FROM reviews WHERE id = $1 AND registration_id = $2`, reviewID, id))
	if err != nil || dropped == 0 {
		return err
	}
	return kernel.Note(ctx, tx, when, "review-dropped", id, "", reviewID)
}

// sameReview is sql.ErrNoRows while there is no review with this id.
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
		return kernel.Conflict("a review with this id exists with another decision")
	}
	return nil
}

// ReviewNotes implements registration.Records.
func (r Records) ReviewNotes(ctx context.Context, reviewID string) (publicNote, internalNote string, err error) {
	err = r.ReadSealed(ctx, "reading a review", func(tx *sql.Tx, _ *kernel.Keys) error {
		var id string
		var public, internal []byte
		err := tx.QueryRowContext(ctx, `SELECT registration_id, public_note, internal_note FROM reviews WHERE id = $1`, reviewID).Scan(&id, &public, &internal)
		if err != nil {
			return kernel.OrNoSuch(err, "review")
		}
		s, err := r.OfRegistration(ctx, tx, id)
		if err != nil {
			return err
		}
		err = s.OpenText(nil, &publicNote, "reviews", "public_note", reviewID, public)
		return s.OpenText(err, &internalNote, "reviews", "internal_note", reviewID, internal)
	})
	return publicNote, internalNote, err
}
