package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"kyso/internal/signing"
)

// LeftoverRecords names what erasures left to be removed; *store.Leftovers is the real one.
type LeftoverRecords interface {
	// Ended lists people of whom a law kept something until now at the latest.
	Ended(ctx context.Context, now time.Time, limit int) ([]string, error)
	// PurgeUnused deletes uploads that no signing took before a time, and returns how many.
	PurgeUnused(ctx context.Context, before time.Time, limit int) (int, error)
	// PurgeVerifications deletes verifications that were kept before a time, and returns how many.
	PurgeVerifications(ctx context.Context, before time.Time, limit int) (int, error)
	// Trim takes from signings that ended long ago what only their processes needed, and returns how many it looked at.
	Trim(ctx context.Context, now time.Time, limit int) (int, error)
	// PurgeContents looks at what records have in common and was not used for days, deletes what none names any more, and returns how
	// many it looked at.
	PurgeContents(ctx context.Context, limit int) (int, error)
	// Blobs lists folders and keys of blobs to delete, oldest first; Deleted notes that one is gone.
	Blobs(ctx context.Context, now time.Time, limit int) ([]string, error)
	Deleted(ctx context.Context, name string) error
	// Lives reports whether a sealed document has a key, and InClear whether a record points to a segment that lies in clear.
	Lives(ctx context.Context, keyID string) (bool, error)
	InClear(ctx context.Context, key string) (bool, error)
	// Scrub rewrites the pages of the database that held erased keys, when that is due.
	Scrub(ctx context.Context, now time.Time) error
}

// BlobBin deletes blobs; *blob.Blobs is the real one.
type BlobBin interface {
	List(ctx context.Context, folder string, visit func(key string, written time.Time) error) error
	Delete(ctx context.Context, key string) error
}

// Leftovers erases what a law kept when its time has come, unused uploads, and what erasures left behind: blobs,
// and pages of the database.
type Leftovers struct {
	Records LeftoverRecords
	Blobs   BlobBin
	// Erase erases a person again, by what has ended meanwhile.
	Erase func(ctx context.Context, subjectID string) error
	// Unused is how long an upload waits for a signing.
	Unused time.Duration
	// Verifications is how long verifications are kept.
	Verifications time.Duration
	// Clear has Orphans look at what lies in clear, too: not while every document does.
	Clear bool
	Now   func() time.Time // default time.Now
}

// Once does all of it, as far as it is due.
func (l *Leftovers) Once(ctx context.Context) error {
	return errors.Join(l.ended(ctx), l.unused(ctx), l.verifications(ctx), l.trim(ctx), l.contents(ctx), l.Remove(ctx))
}

// ended goes on until no person's time has come: an erased one has a later end or none.
func (l *Leftovers) ended(ctx context.Context) error {
	for {
		ids, err := l.Records.Ended(ctx, orNow(l.Now), pageSize)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := l.Erase(ctx, id); err != nil {
				return fmt.Errorf("erasing a person at the end of retention: %w", err)
			}
		}
		if len(ids) < pageSize {
			return nil
		}
	}
}

func (l *Leftovers) unused(ctx context.Context) error {
	for {
		n, err := l.Records.PurgeUnused(ctx, orNow(l.Now).Add(-l.Unused), pageSize)
		if err != nil || n < pageSize {
			return err
		}
	}
}

func (l *Leftovers) verifications(ctx context.Context) error {
	for {
		n, err := l.Records.PurgeVerifications(ctx, orNow(l.Now).Add(-l.Verifications), pageSize)
		if err != nil || n < pageSize {
			return err
		}
	}
}

func (l *Leftovers) trim(ctx context.Context) error {
	for {
		n, err := l.Records.Trim(ctx, orNow(l.Now), pageSize)
		if err != nil || n < pageSize {
			return err
		}
	}
}

func (l *Leftovers) contents(ctx context.Context) error {
	for {
		n, err := l.Records.PurgeContents(ctx, pageSize)
		if err != nil || n < pageSize {
			return err
		}
	}
}

// Remove deletes the blobs of what was erased, and rewrites the pages that held its keys.
func (l *Leftovers) Remove(ctx context.Context) error {
	for {
		names, err := l.Records.Blobs(ctx, orNow(l.Now), pageSize)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := l.remove(ctx, name); err != nil {
				return fmt.Errorf("deleting the blobs of %s: %w", name, err)
			}
		}
		if len(names) < pageSize {
			return l.Records.Scrub(ctx, orNow(l.Now))
		}
	}
}

func (l *Leftovers) remove(ctx context.Context, name string) error {
	err := l.Blobs.List(ctx, name, func(key string, _ time.Time) error { return l.Blobs.Delete(ctx, key) })
	if err == nil {
		err = l.Blobs.Delete(ctx, name)
	}
	if err == nil {
		err = l.Records.Deleted(ctx, name)
	}
	return err
}

// orphanAge is how old a blob without a record must be to be deleted. A blob appears when it is written whole, and its
// record is stored within seconds.
const orphanAge = 24 * time.Hour

// Orphans deletes blobs that belong to nothing: whoever wrote them died before the record was stored.
func (l *Leftovers) Orphans(ctx context.Context) error {
	last, lives := "", false
	err := l.orphans(ctx, signing.SealedFolder, func(key string) (bool, error) {
		id, _, _ := strings.Cut(strings.TrimPrefix(key, signing.SealedFolder+"/"), "/")
		if id == last {
			return lives, nil
		}
		var err error
		if lives, err = l.Records.Lives(ctx, id); err == nil {
			last = id
		}
		return lives, err
	})
	for _, folder := range []string{"uploads", "increments"} {
		if err == nil && l.Clear {
			err = l.orphans(ctx, folder, func(key string) (bool, error) { return l.Records.InClear(ctx, key) })
		}
	}
	return err
}

func (l *Leftovers) orphans(ctx context.Context, folder string, wanted func(key string) (bool, error)) error {
	before := orNow(l.Now).Add(-orphanAge)
	err := l.Blobs.List(ctx, folder, func(key string, written time.Time) error {
		if written.After(before) {
			return nil
		}
		if keep, err := wanted(key); err != nil || keep {
			return err
		}
		return l.Blobs.Delete(ctx, key)
	})
	if err != nil {
		return fmt.Errorf("deleting blobs without a record: %w", err)
	}
	return nil
}
