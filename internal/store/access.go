package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Access is the part of the store that says who may do what. Nothing in it is personal data: owners are opaque ids.
func (s *Store) Access() Access { return Access{s} }

// Access implements access.Desk.
type Access struct{ *Store }

var _ access.Desk = Access{}

const keyColumns = `SELECT id, owner, name, scopes, made_by, created_at, expires_at, revoked_at FROM api_keys`

// CreateKey implements access.Desk.
func (a Access) CreateKey(ctx context.Context, k access.Key, digest string) (access.Key, error) {
	err := a.write(ctx, "storing a key", func(tx *sql.Tx) error {
		made, err := affected(tx.ExecContext(ctx, `INSERT INTO api_keys (id, digest, owner, name, scopes, made_by, created_at, expires_at, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
			k.ID, digest, k.Owner, k.Name, scopeText(k.Scopes), k.MadeBy, at(k.CreatedAt), at(k.ExpiresAt), at(k.RevokedAt)))
		if err != nil {
			return err
		}
		if made == 0 {
			k, err = makeSecretAgain(ctx, tx, k, digest)
			return err
		}
		return note(ctx, tx, k.CreatedAt, "key", k.ID, "", "made for "+k.Owner+": "+scopeText(k.Scopes))
	})
	return k, err
}

// makeSecretAgain gives a key that is there another secret: whoever asked for it never saw the first one.
func makeSecretAgain(ctx context.Context, tx *sql.Tx, k access.Key, digest string) (access.Key, error) {
	stored, err := scanKey(tx.QueryRowContext(ctx, keyColumns+` WHERE id = $1`, k.ID))
	switch {
	case err != nil:
		return stored, err
	case stored.Owner != k.Owner || stored.MadeBy != k.MadeBy:
		return stored, conflict("there is a key of this id")
	case !stored.RevokedAt.IsZero():
		return stored, conflict("the key of this request was made and revoked")
	case k.CreatedAt.Sub(stored.CreatedAt) >= signing.AnswerLife:
		return stored, conflict("the key of this request was made long ago")
	}
	if _, err := tx.ExecContext(ctx, `UPDATE api_keys SET digest = $1 WHERE id = $2`, digest, k.ID); err != nil {
		return stored, err
	}
	return stored, note(ctx, tx, k.CreatedAt, "key", k.ID, "", "secret made again: the answer with the first was lost")
}

// KeyByDigest implements access.Desk.
func (a Access) KeyByDigest(ctx context.Context, digest string) (access.Key, error) {
	k, err := scanKey(a.db.QueryRowContext(ctx, keyColumns+` WHERE digest = $1`, digest))
	if err != nil {
		return k, fmt.Errorf("reading a key: %w", orNoSuch(err, "key"))
	}
	return k, nil
}

// Keys implements access.Desk.
func (a Access) Keys(ctx context.Context) ([]access.Key, error) {
	var list []access.Key
	rows, err := a.db.QueryContext(ctx, keyColumns+` ORDER BY created_at DESC, id`)
	err = each(rows, err, func(rows *sql.Rows) error {
		k, err := scanKey(rows)
		list = append(list, k)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return list, nil
}

// Makers implements access.Desk.
func (a Access) Makers(ctx context.Context) (access.Makers, error) {
	var makers access.Makers
	err := a.read(ctx, "reading who made keys", func(tx *sql.Tx) (err error) {
		makers, err = makersOf(ctx, tx)
		return err
	})
	return makers, err
}

func makersOf(ctx context.Context, tx *sql.Tx) (access.Makers, error) {
	makers := access.Makers{}
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT owner, made_by FROM api_keys WHERE made_by <> '' ORDER BY owner, made_by`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var owner, maker string
		err := rows.Scan(&owner, &maker)
		makers[owner] = append(makers[owner], maker)
		return err
	})
	return makers, err
}

// RevokeKey implements access.Desk.
func (a Access) RevokeKey(ctx context.Context, id string, when time.Time) error {
	return a.write(ctx, "revoking a key", func(tx *sql.Tx) error {
		ended, err := affected(tx.ExecContext(ctx, `UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, at(when), id))
		if err != nil {
			return err
		}
		if ended == 0 {
			var known string
			return orNoSuch(tx.QueryRowContext(ctx, `SELECT id FROM api_keys WHERE id = $1`, id).Scan(&known), "key")
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE key_id = $1`, id); err != nil {
			return err
		}
		return note(ctx, tx, when, "key", id, "", "revoked")
	})
}

func scanKey(row scanner) (access.Key, error) {
	var k access.Key
	var scopes string
	err := row.Scan(&k.ID, &k.Owner, &k.Name, &scopes, &k.MadeBy, into(&k.CreatedAt), into(&k.ExpiresAt), into(&k.RevokedAt))
	k.Scopes = scopesOf(scopes)
	return k, err
}

func scopeText(scopes []access.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func scopesOf(text string) []access.Scope {
	var scopes []access.Scope
	for word := range strings.FieldsSeq(text) {
		scopes = append(scopes, access.Scope(word))
	}
	return scopes
}

// CreateSession implements access.Desk. It also forgets sessions that ended.
func (a Access) CreateSession(ctx context.Context, s access.Session, digest string) error {
	return a.write(ctx, "opening a session", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, at(s.CreatedAt)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, digest, owner, key_id, scopes, created_at, seen_at, expires_at, account_id, guest, device)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, s.ID, digest, s.Owner, s.KeyID, scopeText(s.Scopes), at(s.CreatedAt), at(s.SeenAt),
			at(s.ExpiresAt), s.AccountID, s.Guest, s.Device)
		if err != nil {
			return err
		}
		return note(ctx, tx, s.CreatedAt, "session", s.ID, s.Owner, strings.TrimSpace("opened "+s.KeyID))
	})
}

const sessionColumns = `SELECT id, owner, key_id, scopes, created_at, seen_at, expires_at, account_id, guest, device FROM sessions`

func scanSession(row scanner) (access.Session, error) {
	var s access.Session
	var scopes string
	err := row.Scan(&s.ID, &s.Owner, &s.KeyID, &scopes, into(&s.CreatedAt), into(&s.SeenAt), into(&s.ExpiresAt), &s.AccountID, &s.Guest, &s.Device)
	s.Scopes = scopesOf(scopes)
	return s, err
}

// SessionByDigest implements access.Desk.
func (a Access) SessionByDigest(ctx context.Context, digest string) (access.Session, error) {
	s, err := scanSession(a.db.QueryRowContext(ctx, sessionColumns+` WHERE digest = $1`, digest))
	if err != nil {
		return s, fmt.Errorf("reading a session: %w", orNoSuch(err, "session"))
	}
	return s, nil
}

// TouchSession implements access.Desk.
func (a Access) TouchSession(ctx context.Context, id string, when, expires time.Time) error {
	return a.write(ctx, "touching a session", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET seen_at = $1, expires_at = $2 WHERE id = $3`, at(when), at(expires), id)
		return err
	})
}

// EndSession implements access.Desk.
func (a Access) EndSession(ctx context.Context, id string) error {
	return a.write(ctx, "ending a session", func(tx *sql.Tx) error {
		ended, err := affected(tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = $1`, id))
		if err != nil || ended == 0 {
			return err
		}
		return note(ctx, tx, a.now(), "session", id, "", "ended")
	})
}

// Grant implements access.Desk.
func (a Access) Grant(ctx context.Context, owner string, when time.Time, objects ...access.Object) error {
	return a.write(ctx, "noting what belongs to whom", func(tx *sql.Tx) error {
		return grant(ctx, tx, owner, when, objects...)
	})
}

func grant(ctx context.Context, tx *sql.Tx, owner string, when time.Time, objects ...access.Object) error {
	for _, o := range objects {
		_, err := tx.ExecContext(ctx, `INSERT INTO grants (kind, object, owner, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (kind, object, owner) DO NOTHING`, string(o.Kind), o.ID, owner, at(when))
		if err != nil {
			return err
		}
	}
	return nil
}

// Granted implements access.Desk.
func (a Access) Granted(ctx context.Context, owner string, object access.Object) (bool, error) {
	var found int
	err := a.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM grants WHERE kind = $1 AND object = $2 AND owner = $3`,
		string(object.Kind), object.ID, owner).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("asking what belongs to whom: %w", err)
	}
	return found > 0, nil
}

// CreateLink implements access.Desk.
func (a Access) CreateLink(ctx context.Context, digest string, object access.Object, expires time.Time) error {
	return a.write(ctx, "storing a link", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO links (digest, kind, object, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (digest) DO NOTHING`, digest, string(object.Kind), object.ID, at(expires))
		if err != nil {
			return err
		}
		return note(ctx, tx, a.now(), "link", object.ID, "", "made")
	})
}

// grantAll makes an object belong to an owner, and the documents of a signing with it.
func grantAll(ctx context.Context, tx *sql.Tx, owner string, when time.Time, object access.Object) error {
	if err := grant(ctx, tx, owner, when, object); err != nil || object.Kind != access.Signing {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO grants (kind, object, owner, created_at)
		SELECT $1, upload_id, $2, $3 FROM documents WHERE signing_id = $4 ON CONFLICT (kind, object, owner) DO NOTHING`,
		string(access.Document), owner, at(when), object.ID)
	return err
}

// UseLink implements access.Desk.
func (a Access) UseLink(ctx context.Context, digest, owner string, now time.Time) (access.Object, error) {
	var object access.Object
	err := a.write(ctx, "using a link", func(tx *sql.Tx) error {
		taken, err := affected(tx.ExecContext(ctx, `UPDATE links SET used_at = $1 WHERE digest = $2 AND used_at IS NULL AND expires_at > $1`, at(now), digest))
		if err != nil {
			return err
		}
		var expires, used time.Time
		err = tx.QueryRowContext(ctx, `SELECT kind, object, expires_at, used_at FROM links WHERE digest = $1`, digest).
			Scan(&object.Kind, &object.ID, into(&expires), into(&used))
		switch {
		case err != nil:
			return orNoSuch(err, "link")
		case taken == 0 && !used.IsZero():
			return problem.New(problem.HandoffUsed, "the link was opened before")
		case taken == 0:
			return problem.New(problem.DeadlinePassed, "the link is no longer good")
		}
		if err := grantAll(ctx, tx, owner, now, object); err != nil {
			return err
		}
		return note(ctx, tx, now, "link", object.ID, "", "used")
	})
	return object, err
}
