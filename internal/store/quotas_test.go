package store_test

import (
	"testing"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// What waits for a signing counts; what a signing took, and what was deleted, does not.
func TestAQuotaIsFreed(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		by := signing.Uploader{Owner: "guest:1", Quotas: []signing.Quota{{Key: "owner guest:1", Documents: 2, Bytes: 1 << 20}}}
		keep := func(id string) error { return s.KeepUpload(ctx, sealedUpload(id), by) }
		must(t, keep("one"))
		must(t, keep("one")) // a repeated one counts once
		must(t, keep("two"))
		full := keep("three")
		wantCode(t, full, problem.RateLimited)
		if problem.RetryAfterOf(full) <= 0 {
			t.Error("refused without a time")
		}
		_, err := s.Upload(ctx, "three")
		wantCode(t, err, problem.NotFound)
		must(t, s.CreateSigning(ctx, signingOf("s", "ICA.079095012345", "one")))
		must(t, keep("three"))
		wantCode(t, keep("four"), problem.RateLimited)
		n, err := s.Leftovers().PurgeUnused(ctx, time.Now().AddDate(10, 0, 0), 100)
		must(t, err)
		wantEqual(t, "unused uploads", n, 2)
		must(t, keep("four"))
		large := sealedUpload("large")
		large.Size = 1<<20 + 1
		wantCode(t, s.KeepUpload(ctx, large, by), problem.TooLarge)
	})
}
