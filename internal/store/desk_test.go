package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
)

func message(id string, n int) signing.InboxMessage {
	return signing.InboxMessage{ID: id, Provider: "intrust", Request: "resp-1", Body: []byte(`{"status":1}`),
		ReceivedAt: minute(n).UTC()}
}

func TestInbox(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for i, id := range []string{"late", "early", "late", "early"} {
			fresh, err := s.Receive(ctx, message(id, 10-i%2))
			must(t, err)
			if fresh != (i < 2) {
				t.Errorf("delivery %d of %s: fresh is %v", i, id, fresh)
			}
		}
		got, err := s.Relay().Waiting(ctx, minute(60), page.Cursor{}, 10)
		must(t, err)
		wantEqual(t, "unhandled", got, []signing.InboxMessage{message("early", 9), message("late", 10)})
		got, err = s.Relay().Waiting(ctx, minute(60), page.Cursor{}, 1)
		must(t, err)
		wantEqual(t, "the oldest", got, []signing.InboxMessage{message("early", 9)})

		twice(t, func() error { return s.MarkHandled(ctx, "early") })
		fresh, err := s.Receive(ctx, message("early", 20))
		if err != nil || fresh {
			t.Errorf("the same event after it was handled: fresh %v, %v", fresh, err)
		}
		got, err = s.Relay().Waiting(ctx, minute(60), page.Cursor{}, 0)
		must(t, err)
		wantEqual(t, "unhandled", got, []signing.InboxMessage{message("late", 10)})
		wantCode(t, s.MarkHandled(ctx, "none"), problem.NotFound)
	})
}

func TestOneOfManyDeliveriesIsFresh(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		var fresh atomic.Int32
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				first, err := s.Receive(t.Context(), message("m", 1))
				if err != nil {
					t.Error(err)
				}
				if first {
					fresh.Add(1)
				}
			})
		}
		group.Wait()
		if fresh.Load() != 1 {
			t.Errorf("%d of 16 deliveries of one event were fresh", fresh.Load())
		}
	})
}

func TestIdempotencyKeys(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, now := t.Context(), day0
		s.SetNow(func() time.Time { return now })
		remember := func(digest string) *signing.Answer {
			t.Helper()
			stored, err := s.Remember(ctx, "key", digest)
			must(t, err)
			return stored
		}
		if stored := remember("d"); stored != nil {
			t.Fatalf("the first caller got %+v", stored)
		}
		now = day0.Add(59 * time.Second)
		_, err := s.Remember(ctx, "key", "d")
		wantCode(t, err, problem.Conflict)
		_, err = s.Remember(ctx, "key", "other")
		wantCode(t, err, problem.IdempotencyMismatch)
		now = day0.Add(time.Minute)
		if stored := remember("d"); stored != nil {
			t.Fatalf("the caller who takes over got %+v", stored)
		}
		_, err = s.Remember(ctx, "key", "d") // the minute starts anew
		wantCode(t, err, problem.Conflict)

		answer := signing.Answer{Status: 201, ContentType: "application/json", Body: []byte(`{"id":"s"}`)}
		twice(t, func() error { return s.Answered(ctx, "key", answer) })
		must(t, s.Answered(ctx, "key", signing.Answer{Status: 500}))
		now = day0.Add(1000 * time.Hour)
		wantEqual(t, "answer", remember("d"), &answer)
		_, err = s.Remember(ctx, "key", "other")
		wantCode(t, err, problem.IdempotencyMismatch)
		wantCode(t, s.Answered(ctx, "never seen", answer), problem.NotFound)
	})
}

func TestOneOfManyCallersGoesOn(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		now := day0
		s.SetNow(func() time.Time { return now })
		race := func(what string) {
			t.Helper()
			var ahead, waiting atomic.Int32
			var group sync.WaitGroup
			for range 16 {
				group.Go(func() {
					switch _, err := s.Remember(t.Context(), "key", "d"); problem.CodeOf(err) {
					case "":
						ahead.Add(1)
					case problem.Conflict:
						waiting.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			group.Wait()
			if ahead.Load() != 1 || waiting.Load() != 15 {
				t.Errorf("%s: %d went on, %d were told to wait", what, ahead.Load(), waiting.Load())
			}
		}
		race("first callers")
		now = now.Add(time.Hour)
		race("takers-over")
	})
}

// TestWritersDoNotDisturbReaders reads whole signings while they change: a reader sees a state that was, with the
// status and its transition together.
func TestWritersDoNotDisturbReaders(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		created(t, s, "s")
		steps := []signing.Status{signing.StatusAwaitingPlacement, signing.StatusPreparing}
		var group sync.WaitGroup
		done := make(chan struct{})
		for range 3 {
			group.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					one, err := s.Signing(ctx, "s")
					if err != nil || len(one.Documents) != 2 {
						t.Errorf("%d documents, %v", len(one.Documents), err)
						return
					}
				}
			})
		}
		for i := range 40 {
			must(t, s.Move(ctx, "s", signing.Transition{Seq: i + 1, Status: steps[i%2], At: minute(i),
				Detail: fmt.Sprint(i)}))
		}
		close(done)
		group.Wait()
	})
}
