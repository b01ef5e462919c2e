package relay

import (
	"context"
	"errors"
	"time"

	"kyso/internal/page"
	"kyso/internal/signing"
)

// ClearRecords names what earlier releases wrote without the key of a person, oldest first, and seals it; *store.Clear is
// the real one. To seal again what is sealed does nothing.
type ClearRecords interface {
	Signings(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error)
	SealSigning(ctx context.Context, id string) error
	Papers(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error)
	SealPapers(ctx context.Context, id string, seal func(context.Context, signing.Upload) ([]signing.Segment, error)) error
	Uploads(ctx context.Context, after page.Cursor, limit int) ([]page.Cursor, error)
	SealUpload(ctx context.Context, id string, seal func(context.Context, signing.Upload) ([]signing.Segment, error)) error
}

// Sealing puts signings, papers and documents of earlier releases under the keys of their people: signings first, because
// they tell whose a document is.
type Sealing struct {
	Records ClearRecords
	// Seal writes the sealed segments of a document that lie in clear, after it compared those with their digests, and returns
	// all of them.
	Seal func(ctx context.Context, doc signing.Upload) ([]signing.Segment, error)
	// For bounds a round; the next one goes on. Default a minute.
	For time.Duration
}

// Once seals what there is, until its time is over.
func (s *Sealing) Once(ctx context.Context) error {
	long := s.For
	if long == 0 {
		long = time.Minute
	}
	end := time.Now().Add(long)
	return errors.Join(
		oldest(ctx, end, s.Records.Signings, s.Records.SealSigning),
		oldest(ctx, end, s.Records.Papers, func(ctx context.Context, id string) error { return s.Records.SealPapers(ctx, id, s.Seal) }),
		oldest(ctx, end, s.Records.Uploads, func(ctx context.Context, id string) error { return s.Records.SealUpload(ctx, id, s.Seal) }),
	)
}

// Signings seals all signings that have ended, so that an erasure finds those of its person.
func (s *Sealing) Signings(ctx context.Context) error {
	return oldest(ctx, time.Now().Add(time.Hour), s.Records.Signings, s.Records.SealSigning)
}

// oldest does something with each row of a list until it ends or the time is over. A row that fails does not keep the
// others waiting.
func oldest(ctx context.Context, end time.Time, list func(context.Context, page.Cursor, int) ([]page.Cursor, error), do func(context.Context, string) error) error {
	var failures []error
	for after := (page.Cursor{}); ; {
		rows, err := list(ctx, after, pageSize)
		if err != nil {
			return errors.Join(append(failures, err)...)
		}
		for _, row := range rows {
			if ctx.Err() != nil || time.Now().After(end) {
				return errors.Join(failures...)
			}
			after = row
			if err := do(ctx, row.ID); err != nil && len(failures) < maxFailures {
				failures = append(failures, err)
			}
		}
		if len(rows) < pageSize {
			return errors.Join(failures...)
		}
	}
}
