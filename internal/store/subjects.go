package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"regexp"
	"time"

	"kyso/internal/problem"
	"kyso/internal/vault"
)

// subject is a person's own data key. What it seals is unreadable once the key is gone.
type subject struct {
	id string
	*keys
}

func newSubject(id string, key []byte) (*subject, error) {
	box, err := vault.NewBox(key)
	return &subject{id: id, keys: &keys{box: box}}, err
}

func subjectName(id string) string { return "subject/" + id }

// citizen is the lookup digest of a citizen number.
func (k *keys) citizen(idNumber string) string { return k.lookup.Digest("citizen", []byte(idNumber)) }

// userOfCitizen matches user ids that are a citizen number, with or without a prefix such as ICA.
var userOfCitizen = regexp.MustCompile(`(?:^|[^0-9])([0-9]{12})$`)

// signer is the lookup digest of whoever has a user id: a citizen, whom a registration may name as well, or else the user
// of that provider.
func (k *keys) signer(provider, userID string) string {
	if found := userOfCitizen.FindStringSubmatch(userID); found != nil {
		return k.citizen(found[1])
	}
	return k.lookup.Digest("signer", []byte(provider+"\x00"+userID))
}

// subject finds a person, or makes one, and keeps others from erasing the person until the transaction ends.
func (c *core) subject(ctx context.Context, tx *sql.Tx, lookup string) (*subject, error) {
	for range 2 {
		found, err := c.lockSubject(ctx, tx, `lookup = $1`, lookup)
		if problem.CodeOf(err) != problem.NotFound {
			return found, err
		}
		id, key := "subj-"+rand.Text(), vault.NewKey()
		wrapped, err := c.s.sealer.Wrap(ctx, subjectName(id), key)
		if err != nil {
			return nil, err
		}
		made, err := affected(tx.ExecContext(ctx, `INSERT INTO subjects (id, lookup, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, lookup, wrapped))
		if err != nil {
			return nil, err
		}
		if made > 0 {
			return newSubject(id, key)
		} // another transaction made the person meanwhile
	}
	return nil, conflict("the person was erased just now")
}

// lockSubject opens the key of a person and locks the row.
func (c *core) lockSubject(ctx context.Context, tx *sql.Tx, which, arg string) (*subject, error) {
	var id string
	var wrapped []byte
	err := tx.QueryRowContext(ctx, `UPDATE subjects SET lookup = lookup WHERE `+which+` RETURNING id, wrapped`, arg).Scan(&id, &wrapped)
	if err != nil {
		return nil, orNoSuch(err, "subject")
	}
	return c.opened(ctx, id, wrapped)
}

func (c *core) opened(ctx context.Context, id string, wrapped []byte) (*subject, error) {
	k, err := c.unwrapped(ctx, id, wrapped)
	return &subject{id: id, keys: k}, err
}

// unwrapped opens the key of a person; problem.Erased once it was destroyed.
func (c *core) unwrapped(ctx context.Context, id string, wrapped []byte) (*keys, error) {
	if len(wrapped) == 0 {
		return nil, erased("person")
	}
	key, err := c.s.sealer.Unwrap(ctx, subjectName(id), wrapped)
	if err != nil {
		return nil, err
	}
	box, err := vault.NewBox(key)
	return &keys{box: box}, err
}

// subjectKey opens the data key of a person; problem.Erased once it was destroyed.
func (c *core) subjectKey(ctx context.Context, tx *sql.Tx, id string) (*subject, error) {
	var wrapped []byte
	if err := tx.QueryRowContext(ctx, `SELECT wrapped FROM subjects WHERE id = $1`, id).Scan(&wrapped); err != nil {
		return nil, orNoSuch(err, "subject")
	}
	return c.opened(ctx, id, wrapped)
}

// ofSigning returns what seals the people's data of a signing: the key of its signer, or the key of the store in signings
// of earlier releases. problem.Erased once the signer was erased.
func (c *core) ofSigning(ctx context.Context, tx *sql.Tx, k *keys, id string) (*keys, error) {
	var subjectID string
	var wrapped []byte
	var gone time.Time
	err := tx.QueryRowContext(ctx, `
		SELECT COALESCE(s.subject_id, ''), u.wrapped, s.erased_at FROM signings s LEFT JOIN subjects u ON u.id = s.subject_id WHERE s.id = $1`, id).
		Scan(&subjectID, &wrapped, into(&gone))
	switch {
	case err != nil:
		return nil, orNoSuch(err, "signing")
	case !gone.IsZero():
		return nil, erased("signing")
	case subjectID == nobody:
		return k, nil
	}
	return c.unwrapped(ctx, subjectID, wrapped)
}

// ofRegistration opens the data key of the person behind a registration.
func (c *core) ofRegistration(ctx context.Context, tx *sql.Tx, id string) (*subject, error) {
	var subjectID string
	if err := tx.QueryRowContext(ctx, `SELECT subject_id FROM registrations WHERE id = $1`, id).Scan(&subjectID); err != nil {
		return nil, orNoSuch(err, "registration")
	}
	return c.subjectKey(ctx, tx, subjectID)
}
