package store_test

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/store"
	"kyso/internal/storetest"
)

func decided(id string) decision.Decision {
	return decision.Decision{ID: id, Kind: "repair", Object: decision.Object{Process: process.Registration, ID: "r-1"}, Actor: "op-1", Principal: "op-1",
		KeyID: "key-1", Content: json.RawMessage(`{"action":"retry"}`), CreatedAt: minute(0).UTC(), ExpiresAt: minute(60).UTC()}
}

func taken(id string) decision.Take {
	return decision.Take{DecisionID: id, Kind: "repair", Process: process.Registration, Object: "r-1", Taker: "message-1"}
}

func TestDecisionsAreTakenOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		d, ctx := s.Decisions(), t.Context()
		got, err := d.Decide(ctx, decided("d-1"))
		must(t, err)
		wantEqual(t, "decision", got, decided("d-1"))
		again := decided("d-1")
		again.Content = json.RawMessage(`{"action":"cancel"}`)
		got, err = d.Decide(ctx, again)
		must(t, err)
		wantEqual(t, "the first content", got, decided("d-1"))
		for name, change := range map[string]func(*decision.Decision){
			"another kind":   func(d *decision.Decision) { d.Kind = "cancel" },
			"another object": func(d *decision.Decision) { d.Object.ID = "r-2" },
			"another actor":  func(d *decision.Decision) { d.Actor = "op-2" },
		} {
			other := decided("d-1")
			change(&other)
			if _, err := d.Decide(ctx, other); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, change := range map[string]func(*decision.Take){
			"unknown":         func(t *decision.Take) { t.DecisionID = "d-9" },
			"another kind":    func(t *decision.Take) { t.Kind = "cancel" },
			"another process": func(t *decision.Take) { t.Process = process.Signing },
			"another object":  func(t *decision.Take) { t.Object = "r-2" },
		} {
			take := taken("d-1")
			change(&take)
			if _, err := d.Take(ctx, take, minute(1)); problem.CodeOf(err) != problem.Denied {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err = d.Take(ctx, taken("d-1"), minute(1))
		must(t, err)
		wantEqual(t, "taken", got, decided("d-1"))
		_, err = d.Take(ctx, taken("d-1"), minute(100)) // the same message again, whenever
		must(t, err)
		other := taken("d-1")
		other.Taker = "message-2"
		_, err = d.Take(ctx, other, minute(1))
		wantCode(t, err, problem.Denied)
		_, err = d.Decide(ctx, decided("d-2"))
		must(t, err)
		_, err = d.Take(ctx, taken("d-2"), minute(60))
		wantCode(t, err, problem.Denied)
	})
}

// What a process did not hear of is told again by the decision that was made, else by one that comes from the record.
func TestDecisionsToldAgain(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		d, ctx, about := s.Decisions(), t.Context(), decision.Object{Process: process.Registration, ID: "r-1"}
		content := map[string]string{"action": "retry"}
		_, err := d.Decide(ctx, decided("d-1"))
		must(t, err)
		again := func(now int, want string) string {
			t.Helper()
			id, err := d.Again(ctx, about, "repair", content, minute(now))
			must(t, err)
			if want != "" && id != want {
				t.Errorf("told by %s, want %s", id, want)
			}
			return id
		}
		again(1, "d-1")
		fresh := again(60, "") // too old to be taken
		if fresh == "d-1" {
			t.Error("told by a decision that cannot be taken")
		}
		again(61, fresh)
		content["action"] = "skip"
		if other := again(61, ""); other == fresh {
			t.Error("told by a decision of other content")
		}
		content["action"] = "retry"
		_, err = d.Take(ctx, taken(fresh), minute(61))
		must(t, err)
		again(100*24*60, fresh)
	})
}

// A decision about many acts once on each that is parked for its cause, and on nothing else.
func TestDecisionAboutMany(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		d, ctx := s.Decisions(), t.Context()
		many := decided("d-many")
		many.Object.ID = ""
		_, err := d.Decide(ctx, many)
		wantCode(t, err, problem.Invalid)
		many.Step, many.Reason = "issue", "provider-unavailable"
		_, err = d.Decide(ctx, many)
		must(t, err)
		for _, id := range []string{"r-1", "r-2"} {
			take := taken("d-many")
			take.Object, take.Step, take.Reason = id, "issue", "provider-unavailable"
			_, err = d.Take(ctx, take, minute(1))
			must(t, err)
			take.Taker = "message-2"
			_, err = d.Take(ctx, take, minute(1))
			wantCode(t, err, problem.Denied)
		}
		elsewhere := taken("d-many")
		elsewhere.Object, elsewhere.Step, elsewhere.Reason = "r-3", "install", "provider-unavailable"
		_, err = d.Take(ctx, elsewhere, minute(1))
		wantCode(t, err, problem.Denied)
	})
}

// Of many messages that carry one decision at once, one takes it. The audit log says who decided and who authenticated.
func TestDecisionsAreTakenOnceInParallel(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		d, ctx := s.Decisions(), t.Context()
		named := decided("d-1")
		named.Principal = "admin"
		_, err := d.Decide(ctx, named)
		must(t, err)
		var took atomic.Int32
		var all sync.WaitGroup
		for n := range 16 {
			all.Go(func() {
				take := taken("d-1")
				take.Taker = string(rune('a' + n))
				if _, err := d.Take(ctx, take, minute(1)); err == nil {
					took.Add(1)
				} else if problem.CodeOf(err) != problem.Denied {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took.Load() != 1 {
			t.Errorf("taken %d times", took.Load())
		}
		must(t, d.NoteNamed(ctx, "admin", "op-2", "noteIncident", "i-1", minute(2)))
		log, err := storetest.Chained(ctx, s.AuditLog(), 0, 10)
		must(t, err)
		must(t, registration.VerifyAudit(registration.FirstPrev, 0, log))
		if len(log) != 2 || log[0].Actor != "op-1" || log[0].Detail != "registration repair d-1 authenticated: admin" || log[1].Detail != "noteIncident authenticated: admin" {
			t.Errorf("the audit log says %+v", log)
		}
	})
}

// TestTakenDecisions: those that a process took, about it or about many, newest first, and no others.
func TestTakenDecisions(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		d, ctx := s.Decisions(), t.Context()
		for i, id := range []string{"not-taken", "first", "second", "of-another"} {
			one := decided(id)
			one.CreatedAt = minute(i).UTC()
			if id == "of-another" {
				one.Object.ID = "r-2"
			}
			_, err := d.Decide(ctx, one)
			must(t, err)
		}
		many := decided("many")
		many.Object.ID, many.Step, many.Reason, many.CreatedAt = "", "issue", "provider-refused", minute(9).UTC()
		_, err := d.Decide(ctx, many)
		must(t, err)
		for _, id := range []string{"first", "second", "of-another", "many"} {
			take := taken(id)
			switch id {
			case "of-another":
				take.Object = "r-2"
			case "many":
				take.Step, take.Reason = many.Step, many.Reason
			}
			_, err := d.Take(ctx, take, minute(10))
			must(t, err)
		}
		list, err := d.Taken(ctx, decision.Object{Process: process.Registration, ID: "r-1"}, "repair")
		must(t, err)
		var ids []string
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		wantEqual(t, "taken", ids, []string{"many", "second", "first"})
		list, err = d.Taken(ctx, decision.Object{Process: process.Registration, ID: "r-1"}, "cancel")
		must(t, err)
		wantEqual(t, "of another kind", len(list), 0)
	})
}
