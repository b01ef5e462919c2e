package api_test

import (
	"net/http"
	"testing"
	"time"

	"kyso/internal/access"
	"kyso/internal/api"
	"kyso/internal/problem"
	"kyso/internal/process"
)

func TestIncidentsAreWorkedOn(t *testing.T) {
	b := newBench(t)
	created := b.signing()
	must(t, b.store.OpenIncident(t.Context(), process.Incident{ProcessID: created.ID, Attention: process.Attention{IncidentID: "inc-1", Step: "timestamp",
		Reason: string(problem.ProviderUnavailable), Message: "answered 503", Provider: "tsa", Since: time.Now().Add(-time.Hour), Attempts: 1}}))
	operator := bearer(b.key("op-7", access.Operator))("")
	var groups api.IncidentGroupList
	b.get("/v1/incident-groups?provider=tsa", operator...).into(t, &groups)
	if len(groups.Items) != 1 || groups.Items[0].Count != 1 || groups.Items[0].Code != problem.ProviderUnavailable || groups.Items[0].Title == "" {
		t.Errorf("groups %+v", groups)
	}
	for query, want := range map[string]int{"": 1, "?process=registration": 0, "?step=timestamp&code=provider-unavailable": 1, "?assignee=op-7": 0} {
		var list api.IncidentList
		b.get("/v1/incidents"+query, operator...).into(t, &list)
		if len(list.Items) != want {
			t.Errorf("%q: %d incidents", query, len(list.Items))
		}
	}
	b.wantProblem(b.post("/v1/incidents/inc-1/assign", `{"assignee":"an@example.vn"}`, operator...), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post("/v1/incidents/inc-1/notes", `{"text":""}`, operator...), http.StatusUnprocessableEntity, problem.Invalid)
	b.wantProblem(b.post("/v1/incidents/none/notes", `{"text":"x"}`, operator...), http.StatusNotFound, problem.NotFound)
	for range 2 { // the same key is one note
		wantStatus(t, b.post("/v1/incidents/inc-1/notes", `{"text":"đã gọi TSA"}`, append(operator, "Idempotency-Key", "n-1")...), http.StatusCreated)
	}
	var shown api.IncidentHistoryBody
	b.post("/v1/incidents/inc-1/assign", `{"assignee":"op-7"}`, operator...).into(t, &shown)
	if shown.Assignee != "op-7" || len(shown.Entries) != 3 || shown.Entries[0].Kind != "failed" || shown.Entries[1].Text != "đã gọi TSA" || shown.Entries[1].Actor != "op-7" ||
		shown.Path != created.Self || len(shown.Attention.Actions) != 2 {
		t.Errorf("shown %+v", shown)
	}
	var freed api.IncidentHistoryBody
	b.post("/v1/incidents/inc-1/assign", `{}`, operator...).into(t, &freed)
	if freed.Assignee != "" {
		t.Errorf("still assigned to %q", freed.Assignee)
	}
}
