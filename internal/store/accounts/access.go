package accounts

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// Access is the part of the store that says who may do what. Nothing in it is personal data: owners are opaque ids. It implements access.Desk.
type Access struct{ *kernel.Base }

var _ access.Desk = Access{}

const keyColumns = `SELECT id, owner, name, scopes, made_by, created_at, expires_at, revoked_at FROM api_keys`

// CreateKey implements access.Desk.
func (a Access) CreateKey(ctx context.Context, k access.Key, digest string) (access.Key, error) {
	err := a.Write(ctx, "storing a key", func(tx *sql.Tx) error {
		made, err := kernel.Affected(tx.ExecContext(ctx, `INSERT INTO api_keys (id, digest, owner, name, scopes, made_by, created_at, expires_at, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
			k.ID, digest, k.Owner, k.Name, scopeText(k.Scopes), k.MadeBy, kernel.At(k.CreatedAt), kernel.At(k.ExpiresAt), kernel.At(k.RevokedAt)))
		if err != nil {
			return err
		}
		if made == 0 {
			k, err = makeSecretAgain(ctx, tx, k, digest)
			return err
		}
		return kernel.Note(ctx, tx, k.CreatedAt, "key", k.ID, "", "made for "+k.Owner+": "+scopeText(k.Scopes))
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
		return stored, kernel.Conflict("there is a key of this id")
	case !stored.RevokedAt.IsZero():
		return stored, kernel.Conflict("the key of this request was made and revoked")
	case k.CreatedAt.Sub(stored.CreatedAt) >= signing.AnswerLife:
		return stored, kernel.Conflict("the key of this request was made long ago")
	}
	if _, err := tx.ExecContext(ctx, `UPDATE api_keys SET digest = $1 WHERE id = $2`, digest, k.ID); err != nil {
		return stored, err
	}
	return stored, kernel.Note(ctx, tx, k.CreatedAt, "key", k.ID, "", "secret made again: the answer with the first was lost")
}

// KeyByDigest implements access.Desk.
func (a Access) KeyByDigest(ctx context.Context, digest string) (access.Key, error) {
	k, err := scanKey(a.DB.QueryRowContext(ctx, keyColumns+` WHERE digest = $1`, digest))
	if err != nil {
		return k, fmt.Errorf("reading a key: %w", kernel.OrNoSuch(err, "key"))
	}
	return k, nil
}

// Keys implements access.Desk.
func (a Access) Keys(ctx context.Context) ([]access.Key, error) {
	var list []access.Key
	rows, err := a.DB.QueryContext(ctx, keyColumns+` ORDER BY created_at DESC, id`)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
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
	err := a.Read(ctx, "reading who made keys", func(tx *sql.Tx) (err error) {
		makers, err = kernel.MakersOf(ctx, tx)
		return err
	})
	return makers, err
}

// RevokeKey implements access.Desk.
func (a Access) RevokeKey(ctx context.Context, id string, when time.Time) error {
	return a.Write(ctx, "revoking a key", func(tx *sql.Tx) error {
		ended, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, kernel.At(when), id))
		if err != nil {
			return err
		}
		if ended == 0 {
			var known string
			return kernel.OrNoSuch(tx.QueryRowContext(ctx, `SELECT id FROM api_keys WHERE id = $1`, id).Scan(&known), "key")
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE key_id = $1`, id); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, when, "key", id, "", "revoked")
	})
}

func scanKey(row kernel.Scanner) (access.Key, error) {
	var k access.Key
	var scopes string
	err := row.Scan(&k.ID, &k.Owner, &k.Name, &scopes, &k.MadeBy, kernel.Into(&k.CreatedAt), kernel.Into(&k.ExpiresAt), kernel.Into(&k.RevokedAt))
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
	return a.Write(ctx, "opening a session", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, kernel.At(s.CreatedAt)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, digest, owner, key_id, scopes, created_at, seen_at, expires_at, account_id, guest, device)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, s.ID, digest, s.Owner, s.KeyID, scopeText(s.Scopes), kernel.At(s.CreatedAt), kernel.At(s.SeenAt),
			kernel.At(s.ExpiresAt), s.AccountID, s.Guest, s.Device)
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, s.CreatedAt, "session", s.ID, s.Owner, strings.TrimSpace("opened "+s.KeyID))
	})
}

// SessionColumns begins a query over sessions, for scanSession.
const SessionColumns = `SELECT id, owner, key_id, scopes, created_at, seen_at, expires_at, account_id, guest, device FROM sessions`

// ScanSession reads a row of sessionColumns.
func ScanSession(row kernel.Scanner) (access.Session, error) {
	var s access.Session
	var scopes string
	err := row.Scan(&s.ID, &s.Owner, &s.KeyID, &scopes, kernel.Into(&s.CreatedAt), kernel.Into(&s.SeenAt), kernel.Into(&s.ExpiresAt), &s.AccountID, &s.Guest, &s.Device)
	s.Scopes = scopesOf(scopes)
	return s, err
}

// SessionByDigest implements access.Desk.
func (a Access) SessionByDigest(ctx context.Context, digest string) (access.Session, error) {
	s, err := ScanSession(a.DB.QueryRowContext(ctx, SessionColumns+` WHERE digest = $1`, digest))
	if err != nil {
		return s, fmt.Errorf("reading a session: %w", kernel.OrNoSuch(err, "session"))
	}
	return s, nil
}

// TouchSession implements access.Desk.
func (a Access) TouchSession(ctx context.Context, id string, when, expires time.Time) error {
	return a.Write(ctx, "touching a session", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET seen_at = $1, expires_at = $2 WHERE id = $3`, kernel.At(when), kernel.At(expires), id)
		return err
	})
}

// EndSession implements access.Desk.
func (a Access) EndSession(ctx context.Context, id string) error {
	return a.Write(ctx, "ending a session", func(tx *sql.Tx) error {
		ended, err := kernel.Affected(tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = $1`, id))
		if err != nil || ended == 0 {
			return err
		}
		return kernel.Note(ctx, tx, a.Now(), "session", id, "", "ended")
	})
}

// Grant implements access.Desk.
func (a Access) Grant(ctx context.Context, owner string, when time.Time, objects ...access.Object) error {
	return a.Write(ctx, "noting what belongs to whom", func(tx *sql.Tx) error {
		return kernel.Grant(ctx, tx, owner, when, objects...)
	})
}

// Granted implements access.Desk.
func (a Access) Granted(ctx context.Context, owner string, object access.Object) (bool, error) {
	var found int
	err := a.DB.QueryRowContext(ctx, `SELECT COUNT(*) FROM grants WHERE kind = $1 AND object = $2 AND owner = $3`,
		string(object.Kind), object.ID, owner).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("asking what belongs to whom: %w", err)
	}
	return found > 0, nil
}

// CreateLink implements access.Desk.
func (a Access) CreateLink(ctx context.Context, digest string, object access.Object, expires time.Time) error {
	return a.Write(ctx, "storing a link", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO links (digest, kind, object, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (digest) DO NOTHING`, digest, string(object.Kind), object.ID, kernel.At(expires))
		if err != nil {
			return err
		}
		return kernel.Note(ctx, tx, a.Now(), "link", object.ID, "", "made")
	})
}

// grantAll makes an object belong to an owner, and the documents of a signing with it.
func grantAll(ctx context.Context, tx *sql.Tx, owner string, when time.Time, object access.Object) error {
	if err := kernel.Grant(ctx, tx, owner, when, object); err != nil || object.Kind != access.Signing {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO grants (kind, object, owner, created_at)
		SELECT $1, upload_id, $2, $3 FROM documents WHERE signing_id = $4 ON CONFLICT (kind, object, owner) DO NOTHING`,
		string(access.Document), owner, kernel.At(when), object.ID)
	return err
}

// UseLink implements access.Desk.
func (a Access) UseLink(ctx context.Context, digest, owner string, now time.Time) (access.Object, error) {
	var object access.Object
	err := a.Write(ctx, "using a link", func(tx *sql.Tx) error {
		taken, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE links SET used_at = $1 WHERE digest = $2 AND used_at IS NULL AND expires_at > $1`, kernel.At(now), digest))
		if err != nil {
			return err
		}
		var expires, used time.Time
		err = tx.QueryRowContext(ctx, `SELECT kind, object, expires_at, used_at FROM links WHERE digest = $1`, digest).
			Scan(&object.Kind, &object.ID, kernel.Into(&expires), kernel.Into(&used))
		switch {
		case err != nil:
			return kernel.OrNoSuch(err, "link")
		case taken == 0 && !used.IsZero():
			return problem.New(problem.HandoffUsed, "the link was opened before")
		case taken == 0:
			return problem.New(problem.DeadlinePassed, "the link is no longer good")
		}
		if err := grantAll(ctx, tx, owner, now, object); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, now, "link", object.ID, "", "used")
	})
	return object, err
}
