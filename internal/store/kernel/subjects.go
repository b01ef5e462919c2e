package kernel

import (
	"context"
	"crypto/rand"
	"database/sql"
	"regexp"
	"time"

	"kyso/internal/problem"
	"kyso/internal/vault"
)

// Subject is a person's own data key. What it seals is unreadable once the key is gone.
type Subject struct {
	ID string
	*Keys
}

// NewSubject is a person with a key.
func NewSubject(id string, key []byte) (*Subject, error) {
	box, err := vault.NewBox(key)
	return &Subject{ID: id, Keys: &Keys{Box: box}}, err
}

// SubjectName is what the key of a person is wrapped under.
func SubjectName(id string) string { return "subject/" + id }

// Citizen is the lookup digest of a citizen number.
func (k *Keys) Citizen(idNumber string) string { return k.Lookup.Digest("citizen", []byte(idNumber)) }

// userOfCitizen matches user ids that are a citizen number, with or without the prefix of a provider.
var userOfCitizen = regexp.MustCompile(`(?:^|[^0-9])([0-9]{12})$`)

// Signer is the lookup digest of whoever has a user id: a citizen, whom a registration may name as well, or else the user
// of that provider.
func (k *Keys) Signer(provider, userID string) string {
	if found := userOfCitizen.FindStringSubmatch(userID); found != nil {
		return k.Citizen(found[1])
	}
	return k.Lookup.Digest("signer", []byte(provider+"\x00"+userID))
}

// Subject finds a person, or makes one, and keeps others from erasing the person until the transaction ends.
func (c *Base) Subject(ctx context.Context, tx *sql.Tx, lookup string) (*Subject, error) {
	for range 2 {
		found, err := c.LockSubject(ctx, tx, `lookup = $1`, lookup)
		if problem.CodeOf(err) != problem.NotFound {
			return found, err
		}
		id, key := "subj-"+rand.Text(), vault.NewKey()
		wrapped, err := c.Sealer.Wrap(ctx, SubjectName(id), key)
		if err != nil {
			return nil, err
		}
		made, err := Affected(tx.ExecContext(ctx, `INSERT INTO subjects (id, lookup, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, lookup, wrapped))
		if err != nil {
			return nil, err
		}
		if made > 0 {
			return NewSubject(id, key)
		} // another transaction made the person meanwhile
	}
	return nil, Conflict("the person was erased just now")
}

// LockSubject opens the key of a person and locks the row.
func (c *Base) LockSubject(ctx context.Context, tx *sql.Tx, which, arg string) (*Subject, error) {
	var id string
	var wrapped []byte
	err := tx.QueryRowContext(ctx, `UPDATE subjects SET lookup = lookup WHERE `+which+` RETURNING id, wrapped`, arg).Scan(&id, &wrapped)
	if err != nil {
		return nil, OrNoSuch(err, "subject")
	}
	return c.openedSubject(ctx, id, wrapped)
}

func (c *Base) openedSubject(ctx context.Context, id string, wrapped []byte) (*Subject, error) {
	k, err := c.Unwrapped(ctx, id, wrapped)
	return &Subject{ID: id, Keys: k}, err
}

// Unwrapped opens the key of a person; problem.Erased once it was destroyed.
func (c *Base) Unwrapped(ctx context.Context, id string, wrapped []byte) (*Keys, error) {
	if len(wrapped) == 0 {
		return nil, Erased("person")
	}
	key, err := c.Sealer.Unwrap(ctx, SubjectName(id), wrapped)
	if err != nil {
		return nil, err
	}
	box, err := vault.NewBox(key)
	return &Keys{Box: box}, err
}

// SubjectKey opens the data key of a person; problem.Erased once it was destroyed.
func (c *Base) SubjectKey(ctx context.Context, tx *sql.Tx, id string) (*Subject, error) {
	var wrapped []byte
	if err := tx.QueryRowContext(ctx, `SELECT wrapped FROM subjects WHERE id = $1`, id).Scan(&wrapped); err != nil {
		return nil, OrNoSuch(err, "subject")
	}
	return c.openedSubject(ctx, id, wrapped)
}

// OfSigning returns what seals the people's data of a signing: the key of its signer, or the key of the store in signings
// of earlier releases. problem.Erased once the signer was erased.
func (c *Base) OfSigning(ctx context.Context, tx *sql.Tx, k *Keys, id string) (*Keys, error) {
	var subjectID string
	var wrapped []byte
	var gone time.Time
	err := tx.QueryRowContext(ctx, `
		SELECT COALESCE(s.subject_id, ''), u.wrapped, s.erased_at FROM signings s LEFT JOIN subjects u ON u.id = s.subject_id WHERE s.id = $1`, id).
		Scan(&subjectID, &wrapped, Into(&gone))
	if err != nil {
		return nil, OrNoSuch(err, "signing")
	}
	return c.OpenedSigning(ctx, k, subjectID, wrapped, gone)
}

// OpenedSigning is OfSigning for who has read the signing.
func (c *Base) OpenedSigning(ctx context.Context, k *Keys, subjectID string, wrapped []byte, gone time.Time) (*Keys, error) {
	switch {
	case !gone.IsZero():
		return nil, Erased("signing")
	case subjectID == Unowned:
		return k, nil
	}
	return c.Unwrapped(ctx, subjectID, wrapped)
}

// OfRegistration opens the data key of the person behind a registration.
func (c *Base) OfRegistration(ctx context.Context, tx *sql.Tx, id string) (*Subject, error) {
	var subjectID string
	var wrapped []byte
	err := tx.QueryRowContext(ctx, `SELECT u.id, u.wrapped FROM registrations r JOIN subjects u ON u.id = r.subject_id WHERE r.id = $1`, id).Scan(&subjectID, &wrapped)
	if err != nil {
		return nil, OrNoSuch(err, "registration")
	}
	return c.openedSubject(ctx, subjectID, wrapped)
}

// Unowned is whose document an upload is until a signing names its signer: its key is under the store's own.
const Unowned = ""

// Erased is problem.Erased.
func Erased(what string) error { return problem.New(problem.Erased, "the %s was erased", what) }
