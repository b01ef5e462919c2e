package persons

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"kyso/internal/store/kernel"
	"kyso/internal/store/signings"
)

// Leftovers is the part of the store that names what erasures left to be removed.
type Leftovers struct{ *kernel.Base }

// Blobs lists folders and keys of blobs that are due to be deleted, oldest first. A segment in clear waits until no record
// points to it: documents share those that they begin with.
func (l Leftovers) Blobs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return l.names(ctx, "listing blobs to delete", `
		SELECT l.name FROM leftovers l WHERE l.kind = 'blobs' AND l.due <= $1 AND (l.name LIKE 'sealed/%' OR NOT EXISTS (
			SELECT 1 FROM uploads u WHERE u.key_id IS NULL AND u.erased_at IS NULL AND u.segments LIKE '%"' || l.name || '"%'))
		ORDER BY l.due, l.name LIMIT $2`, kernel.At(now), limit)
}

// InClear reports whether a record points to a segment that lies in clear: a document, a signing that has not ended and
// prepared it, or the note that it is to be deleted.
func (l Leftovers) InClear(ctx context.Context, key string) (bool, error) {
	var n int
	err := l.DB.QueryRowContext(ctx, `
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
	return l.Write(ctx, "noting a deleted blob", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM leftovers WHERE kind = 'blobs' AND name = $1`, name)
		return err
	})
}

// Ended lists people of whom something was kept until now at the latest, longest ago first.
func (l Leftovers) Ended(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return l.names(ctx, "listing ends of retention", `SELECT id FROM subjects WHERE keep_until <= $1 ORDER BY keep_until, id LIMIT $2`, kernel.At(now), limit)
}

func (l Leftovers) names(ctx context.Context, doing, query string, args ...any) ([]string, error) {
	var list []string
	rows, err := l.DB.QueryContext(ctx, query, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
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
		SELECT id FROM document_keys WHERE subject_id = '' AND created_at < $1 ORDER BY created_at, id LIMIT $2`, kernel.At(before), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), l.Write(ctx, "deleting unused uploads", func(tx *sql.Tx) error {
		for _, id := range ids {
			// A signing that took it meanwhile has given it to its signer.
			if err := dropIfUnused(ctx, tx, id, l.Now()); err != nil {
				return err
			}
		}
		return kernel.Leave(ctx, tx, kernel.LeftoverPages, "", l.Now().Add(l.ScrubPause()))
	})
}

func dropIfUnused(ctx context.Context, tx *sql.Tx, id string, now time.Time) error {
	still, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE document_keys SET created_at = created_at WHERE id = $1 AND subject_id = ''`, id))
	if err != nil || still == 0 {
		return err
	}
	return dropDocumentKey(ctx, tx, id, kernel.Unowned, now)
}

// Lives reports whether a document has a key: only then may anything lie in its folder for long.
func (l Leftovers) Lives(ctx context.Context, keyID string) (bool, error) {
	var one int
	err := l.DB.QueryRowContext(ctx, `SELECT 1 FROM document_keys WHERE id = $1 LIMIT 1`, keyID).Scan(&one)
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
	err := l.DB.QueryRowContext(ctx, `SELECT due FROM leftovers WHERE kind = 'pages' AND name = '' AND due <= $1`, kernel.At(now)).Scan(kernel.Into(&due))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = l.RewritePages(ctx)
	}
	if err == nil {
		err = l.Write(ctx, "noting a scrub", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM leftovers WHERE kind = 'pages' AND due <= $1`, kernel.At(due)) // not one that came meanwhile
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("rewriting the pages that held keys: %w", err)
	}
	return nil
}

// PurgeVerifications deletes verifications that are older than a time, oldest first, and returns how many.
func (l Leftovers) PurgeVerifications(ctx context.Context, before time.Time, limit int) (int, error) {
	ids, err := l.names(ctx, "listing old verifications", `SELECT id FROM verifications WHERE created_at < $1 ORDER BY created_at, id LIMIT $2`, kernel.At(before), limit)
	var errs []error
	for _, id := range ids {
		errs = append(errs, (signings.Verifications{Base: l.Base}).Delete(ctx, id, l.Now()))
	}
	return len(ids), errors.Join(append(errs, err)...)
}

// Trim takes from signings that ended long ago what only their processes needed, and returns how many it looked at.
func (l Leftovers) Trim(ctx context.Context, now time.Time, limit int) (int, error) {
	return signings.Records{Base: l.Base}.Trim(ctx, now, limit)
}

// PurgeContents deletes contents that no record names any more, and returns how many it looked at.
func (l Leftovers) PurgeContents(ctx context.Context, limit int) (int, error) {
	return signings.SweepContents(ctx, l.Base, limit)
}
