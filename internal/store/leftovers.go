package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// What an erasure leaves to be removed.
const (
	leftoverBlobs = "blobs" // a folder of blobs, or one blob
	leftoverPages = "pages" // of the database, which held keys
)

func leave(ctx context.Context, tx *sql.Tx, kind, name string, due time.Time) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO leftovers (kind, name, due) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE SET due = excluded.due WHERE excluded.due < leftovers.due`,
		kind, name, at(due))
	return err
}

// scrubPause is how long after an erasure the pages of the key tables are rewritten. On SQLite, at once. On PostgreSQL it
// locks the tables for a moment, so that the erasures of an hour share it.
func (s *Store) scrubPause() time.Duration {
	if s.engine == sqliteEngine {
		return 0
	}
	return time.Hour
}

// Leftovers is the part of the store that names what erasures left to be removed.
type Leftovers struct{ *core }

// Leftovers returns what erasures left to be removed.
func (s *Store) Leftovers() Leftovers { return Leftovers{&core{s}} }

// Blobs lists folders and keys of blobs that are due to be deleted, oldest first. A segment in clear waits until no record
// points to it: documents share those that they begin with.
func (l Leftovers) Blobs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return l.names(ctx, "listing blobs to delete", `
		SELECT l.name FROM leftovers l WHERE l.kind = 'blobs' AND l.due <= $1 AND (l.name LIKE 'sealed/%' OR NOT EXISTS (
			SELECT 1 FROM uploads u WHERE u.key_id IS NULL AND u.erased_at IS NULL AND u.segments LIKE '%"' || l.name || '"%'))
		ORDER BY l.due, l.name LIMIT $2`, at(now), limit)
}

// InClear reports whether a record points to a segment that lies in clear: a document, a signing that has not ended and
// prepared it, or the note that it is to be deleted.
func (l Leftovers) InClear(ctx context.Context, key string) (bool, error) {
	var n int
	err := l.s.db.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM uploads WHERE key_id IS NULL AND erased_at IS NULL AND segments LIKE $1)
			+ (SELECT COUNT(*) FROM documents d JOIN signings s ON s.id = d.signing_id WHERE s.status NOT IN `+endedSignings+` AND d.prepared LIKE $1)
			+ (SELECT COUNT(*) FROM leftovers WHERE kind = 'blobs' AND name = $2)`, `%"`+key+`"%`, key).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("asking for the record of a blob: %w", err)
	}
	return n > 0, nil
}

// Deleted notes that a folder or a blob is gone.
func (l Leftovers) Deleted(ctx context.Context, name string) error {
	return l.s.write(ctx, "noting a deleted blob", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM leftovers WHERE kind = 'blobs' AND name = $1`, name)
		return err
	})
}

// Ended lists people of whom something was kept until now at the latest, longest ago first.
func (l Leftovers) Ended(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return l.names(ctx, "listing ends of retention", `SELECT id FROM subjects WHERE keep_until <= $1 ORDER BY keep_until, id LIMIT $2`, at(now), limit)
}

func (l Leftovers) names(ctx context.Context, doing, query string, args ...any) ([]string, error) {
	var list []string
	rows, err := l.s.db.QueryContext(ctx, query, args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		list = append(list, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return list, nil
}

// PurgeUnused deletes uploads that no signing took and that are older than a time, oldest first, and returns how many.
func (l Leftovers) PurgeUnused(ctx context.Context, before time.Time, limit int) (int, error) {
	ids, err := l.names(ctx, "listing unused uploads", `
		SELECT id FROM document_keys WHERE subject_id = '' AND created_at < $1 ORDER BY created_at, id LIMIT $2`, at(before), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), l.s.write(ctx, "deleting unused uploads", func(tx *sql.Tx) error {
		for _, id := range ids {
			// A signing that took it meanwhile has given it to its signer.
			if err := dropIfUnused(ctx, tx, id, l.s.now()); err != nil {
				return err
			}
		}
		return leave(ctx, tx, leftoverPages, "", l.s.now().Add(l.s.scrubPause()))
	})
}

func dropIfUnused(ctx context.Context, tx *sql.Tx, id string, now time.Time) error {
	still, err := affected(tx.ExecContext(ctx, `UPDATE document_keys SET created_at = created_at WHERE id = $1 AND subject_id = ''`, id))
	if err != nil || still == 0 {
		return err
	}
	return dropDocumentKey(ctx, tx, id, nobody, now)
}

// Lives reports whether a document has a key: only then may anything lie in its folder for long.
func (l Leftovers) Lives(ctx context.Context, keyID string) (bool, error) {
	var one int
	err := l.s.db.QueryRowContext(ctx, `SELECT 1 FROM document_keys WHERE id = $1 LIMIT 1`, keyID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for the key of a document: %w", err)
	}
	return true, nil
}

// Scrub rewrites the pages that held keys when that is due, so that no key that was erased can be carved from the files of
// the database. SQLite: the whole file, and the write-ahead log is emptied. PostgreSQL: the key tables get new files;
// its write-ahead log and its backups keep old pages until they are recycled.
func (l Leftovers) Scrub(ctx context.Context, now time.Time) error {
	var due time.Time
	err := l.s.db.QueryRowContext(ctx, `SELECT due FROM leftovers WHERE kind = 'pages' AND name = '' AND due <= $1`, at(now)).Scan(into(&due))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = l.s.scrub(ctx)
	}
	if err == nil {
		err = l.s.write(ctx, "noting a scrub", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM leftovers WHERE kind = 'pages' AND due <= $1`, at(due)) // not one that came meanwhile
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("rewriting the pages that held keys: %w", err)
	}
	return nil
}

var errBusyLog = errors.New("the write-ahead log is in use")

func (s *Store) scrub(ctx context.Context) error {
	if s.engine == postgresEngine {
		// VACUUM FULL copies dead rows that a snapshot anywhere in the cluster might still see; a rewrite copies live rows only.
		for _, table := range []string{"subjects", "document_keys", "verification_keys"} {
			if _, err := s.db.ExecContext(ctx, `ALTER TABLE `+table+` ALTER COLUMN wrapped TYPE BYTEA USING wrapped || ''::bytea`); err != nil {
				return err
			}
		}
		return nil
	}
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := s.db.ExecContext(ctx, `VACUUM`); err != nil {
		return err
	}
	var busy, pages, moved int
	err := s.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	if err == nil && busy != 0 {
		err = errBusyLog
	}
	return err
}
