package kernel

import (
	"context"
	"database/sql"
)

// Thing is what writers follow each other at: those of one thing run one after another, those of two do not wait.
type Thing struct{ what, id string }

// Request is a request of VNeID, by its own id: what it makes has no record yet.
func Request(requestID string) Thing { return Thing{"request", requestID} }

// Registration is a registration with its codes, reviews, claims and corrections.
func Registration(id string) Thing { return Thing{"registration", id} }

// Payment is one attempt to pay.
func Payment(txnRef string) Thing { return Thing{"payment", txnRef} }

// Account is an account with its passwords.
func Account(id string) Thing { return Thing{"account", id} }

// Challenge is a code of a log-in.
func Challenge(id string) Thing { return Thing{"challenge", id} }

// Handoff is a token of a citizen, by its lookup digest.
func Handoff(lookup string) Thing { return Thing{"hand-off", lookup} }

// Phone is what is sent to a phone; the id is its lookup digest.
func Phone(lookup string) Thing { return Thing{"phone", lookup} }

// Documents is what an erasure and the sealing of what lay in clear change, one at a time.
var Documents = Thing{"documents", ""}

// releaseBefore is the advisory lock that keeps programs of the release before and of this one apart: a writer of that release takes it
// alone, by a trigger, when it takes the head of the audit log; ours share it. See migration 45.
const releaseBefore = 45

// Follow waits until the transactions about a thing that came first have ended. Nothing that fn reads later is older than what they
// wrote. SQLite writes one transaction at a time.
func (s *Base) Follow(ctx context.Context, tx *sql.Tx, of Thing) error {
	if s.Engine != PostgresEngine {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock_shared($1), pg_advisory_xact_lock(hashtextextended($2, 0))`, releaseBefore, of.what+"/"+of.id)
	return err
}
