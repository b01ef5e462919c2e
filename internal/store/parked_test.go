package store_test

import (
	"testing"
	"time"

	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/store"
)

// Both processes are in one list, narrowed and grouped together, with what was tried and said.
func TestParkedOfBothProcesses(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx, p, r := t.Context(), s.Parked(), s.Registrations()
		s.SetNow(func() time.Time { return minute(30) })
		created(t, s, "s-1")
		created(t, s, "s-2")
		enrolled(t, r, "r-1")
		must(t, s.OpenIncident(ctx, newIncident("s-1-1", "s-1", 1)))
		again := newIncident("s-1-1", "s-1", 2)
		again.Since, again.Message = minute(1).UTC(), "answered 502"
		must(t, s.OpenIncident(ctx, again))
		must(t, s.OpenIncident(ctx, newIncident("s-2-1", "s-2", 3)))
		must(t, r.OpenRegistrationIncident(ctx, newParked("r-1-1", "r-1", 2)))

		ids := func(f incident.Filter) (out []string) {
			t.Helper()
			list, err := p.List(ctx, f)
			must(t, err)
			for _, i := range list {
				out = append(out, i.IncidentID)
			}
			return out
		}
		wantEqual(t, "all", ids(incident.Filter{}), []string{"s-1-1", "r-1-1", "s-2-1"})
		wantEqual(t, "the oldest two", ids(incident.Filter{Limit: 2}), []string{"s-1-1", "r-1-1"})
		wantEqual(t, "signings", ids(incident.Filter{Process: process.Signing}), []string{"s-1-1", "s-2-1"})
		wantEqual(t, "old ones", ids(incident.Filter{Before: minute(2)}), []string{"s-1-1"})
		wantEqual(t, "of a provider", ids(incident.Filter{Provider: "nobody"}), []string(nil))
		groups, err := p.Groups(ctx, incident.Filter{})
		must(t, err)
		if len(groups) != 2 || groups[0].Process != process.Signing || groups[0].Count != 2 || !groups[0].Oldest.Equal(minute(1)) || groups[1].Count != 1 {
			t.Errorf("groups %+v", groups)
		}

		for range 2 { // the second is the same request again
			must(t, p.Assign(ctx, "r-1-1", "op-1", incident.Deed{Actor: "op-2", At: minute(5), Request: "k"}))
		}
		must(t, p.Note(ctx, "s-1-1", "đã gọi nhà cung cấp", incident.Deed{Actor: "op-1", At: minute(6)}))
		wantEqual(t, "assigned", ids(incident.Filter{Assignee: "op-1"}), []string{"r-1-1"})
		wantCode(t, p.Assign(ctx, "none", "op-1", incident.Deed{Actor: "op-2", At: minute(5)}), problem.NotFound)
		wantCode(t, p.Note(ctx, "none", "x", incident.Deed{Actor: "op-1", At: minute(5)}), problem.NotFound)
		one, entries, err := p.Show(ctx, "s-1-1")
		must(t, err)
		if one.Attempts != 2 || one.Message != "answered 502" || one.ProcessID != "s-1" {
			t.Errorf("incident %+v", one)
		}
		wantEqual(t, "entries", entries, []incident.Entry{
			{At: minute(1).UTC(), Kind: incident.Failed, Attempt: 1, Reason: "provider-unavailable", Text: "answered 503"},
			{At: minute(30).UTC(), Kind: incident.Failed, Attempt: 2, Reason: "provider-unavailable", Text: "answered 502"},
			{At: minute(6).UTC(), Kind: incident.Noted, Text: "đã gọi nhà cung cấp", Actor: "op-1"},
		})
		_, _, err = p.Show(ctx, "none")
		wantCode(t, err, problem.NotFound)
	})
}
