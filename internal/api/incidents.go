package api

import (
	"context"
	"net/http"
	"time"

	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

func (s *server) incidentRoutes() []route {
	return []route{
		on(s.listIncidents, route{id: "listIncidents", at: "GET /v1/incidents", tag: tagOperations,
			summary: "List parked processes of both kinds, oldest first",
			text:    "Each is one step of a process that waits for a repair. Filters combine; all shows closed ones too.",
			access:  rule{all: operators}}),
		on(s.groupIncidents, route{id: "groupIncidents", at: "GET /v1/incident-groups", tag: tagOperations,
			summary: "Count parked processes by cause, the largest group first",
			text:    "One line for each cause (code, step, provider) with the number of processes.",
			access:  rule{all: operators}}),
		on(s.showIncident, route{id: "showIncident", at: "GET /v1/incidents/{id}", tag: tagOperations,
			summary:  "Show an incident with what was tried and said",
			text:     "The incident, the attempts, and the notes of operators, oldest first.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound}}),
		on(s.noteIncident, route{id: "noteIncident", at: "POST /v1/incidents/{id}/notes", tag: tagOperations, status: http.StatusCreated,
			summary:  "Add words for other operators",
			text:     "Notes must not hold personal data: they stay.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound}}),
		on(s.assignIncident, route{id: "assignIncident", at: "POST /v1/incidents/{id}/assign", tag: tagOperations,
			summary:  "Say who works on it",
			text:     "Without assignee it is given back.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound}}),
		on(s.decideIncidents, route{id: "decideIncidents", at: "POST /v1/incident-decisions", tag: tagOperations, status: http.StatusCreated,
			summary: "Record a repair of all that is parked for one cause, to be sent by Temporal's batch operations",
			text:    "Records one decision for every process that is parked for the cause now. The answer holds the command for Temporal's batch operations; nothing is repaired by this call alone.",
			access:  rule{all: operators}}),
	}
}

// IncidentFilter narrows incidents. It is exported because huma reads embedded structs only then.
type IncidentFilter struct {
	Process  string    `query:"process" enum:"signing,registration"`
	Code     string    `query:"code" maxLength:"64" doc:"Problem code"`
	Provider string    `query:"provider" maxLength:"64"`
	Step     string    `query:"step" maxLength:"64"`
	Assignee string    `query:"assignee" maxLength:"64"`
	Before   time.Time `query:"parked_before"`
	All      bool      `query:"all" doc:"Closed ones too"`
}

func (f IncidentFilter) filter() incident.Filter {
	return incident.Filter{Process: process.Kind(f.Process), Reason: f.Code, Provider: f.Provider, Step: f.Step, Assignee: f.Assignee, Before: f.Before, All: f.All}
}

type listIncidentsInput struct {
	IncidentFilter
	Cursor string `query:"cursor" maxLength:"300" doc:"Of the next page; see next"`
	Limit  int    `query:"limit" minimum:"1" maximum:"5000" default:"500"`
}

// IncidentBody is one parked step.
type IncidentBody struct {
	ID        string        `json:"id"`
	Process   process.Kind  `json:"process" enum:"signing,registration"`
	ProcessID string        `json:"process_id"`
	Path      string        `json:"path" doc:"Of the signing or registration"`
	Attention AttentionBody `json:"attention"`
	Assignee  string        `json:"assignee,omitempty" doc:"Who works on it"`
	ClosedAt  *time.Time    `json:"closed_at,omitempty"`
	Action    string        `json:"action,omitempty" doc:"The repair that closed it"`
	Actor     string        `json:"actor,omitempty"`
	Note      string        `json:"note,omitempty" doc:"Why the operator did it"`
}

func incidentBody(i process.Incident) IncidentBody {
	body := IncidentBody{ID: i.IncidentID, Process: i.Process, ProcessID: i.ProcessID, Path: signingPath(i.ProcessID), Assignee: i.Assignee, ClosedAt: utc(i.ClosedAt),
		Action: i.Action, Actor: i.Actor, Note: i.Note,
		Attention: *attentionBody(i.Attention)}
	if i.Process == process.Registration {
		body.Path = registrationPath(i.ProcessID)
		if !incident.Mismatch(i.Reason) {
			body.Attention.Actions = workflows.RegistrationRepairs(i.Step)
		}
	}
	if !i.ClosedAt.IsZero() {
		body.Attention.Actions = []string{}
	}
	return body
}

// IncidentList is a list of incidents, oldest first.
type IncidentList struct {
	Items []IncidentBody `json:"items"`
	Next  string         `json:"next,omitempty" doc:"Path of the next page"`
}

type listIncidentsOutput struct {
	Body IncidentList
}

func (s *server) listIncidents(ctx context.Context, in *listIncidentsInput) (*listIncidentsOutput, error) {
	filter := in.filter()
	after, err := cursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	filter.After, filter.Limit = after, in.Limit
	list, err := s.Parked.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := IncidentList{Items: []IncidentBody{}}
	for _, i := range list {
		out.Items = append(out.Items, incidentBody(i))
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Next = nextPage("/v1/incidents", page.After(last.Since, last.IncidentID), in.Limit, "process", in.Process, "code", in.Code, "provider", in.Provider,
			"step", in.Step, "assignee", in.Assignee, "parked_before", when(in.Before), "all", yes(in.All))
	}
	return &listIncidentsOutput{out}, nil
}

// IncidentGroupBody counts incidents with the same cause.
type IncidentGroupBody struct {
	Process  process.Kind `json:"process" enum:"signing,registration"`
	Step     string       `json:"step"`
	Code     problem.Code `json:"code"`
	Title    string       `json:"title"`
	TitleEN  string       `json:"title_en"`
	Provider string       `json:"provider,omitempty"`
	Count    int          `json:"count"`
	Oldest   time.Time    `json:"oldest"`
}

// IncidentGroupList is the causes of all incidents, the largest first.
type IncidentGroupList struct {
	Items []IncidentGroupBody `json:"items"`
}

type groupIncidentsInput struct {
	IncidentFilter
}

type groupIncidentsOutput struct {
	Body IncidentGroupList
}

func (s *server) groupIncidents(ctx context.Context, in *groupIncidentsInput) (*groupIncidentsOutput, error) {
	groups, err := s.Parked.Groups(ctx, in.filter())
	if err != nil {
		return nil, err
	}
	out := IncidentGroupList{Items: []IncidentGroupBody{}}
	for _, g := range groups {
		code := problem.Code(g.Reason)
		text := code.Text()
		out.Items = append(out.Items, IncidentGroupBody{Process: g.Process, Step: g.Step, Code: code, Title: text.VI, TitleEN: text.EN, Provider: g.Provider,
			Count: g.Count, Oldest: g.Oldest.UTC()})
	}
	return &groupIncidentsOutput{out}, nil
}

type incidentInput struct {
	ID string `path:"id" maxLength:"128"`
}

// IncidentEntryBody is one line of what has happened to an incident.
type IncidentEntryBody struct {
	At      time.Time          `json:"at"`
	Kind    incident.EntryKind `json:"kind" enum:"failed,assigned,noted"`
	Attempt int                `json:"attempt,omitempty" doc:"Of a failure"`
	Code    string             `json:"code,omitempty" doc:"Of a failure"`
	Text    string             `json:"text,omitempty" doc:"The message of a failure, who it is assigned to, or what was said"`
	Actor   string             `json:"actor,omitempty"`
}

// IncidentHistoryBody is an incident with everything that has happened to it.
type IncidentHistoryBody struct {
	IncidentBody
	Entries []IncidentEntryBody `json:"entries" doc:"Oldest first"`
}

type showIncidentOutput struct {
	Body IncidentHistoryBody
}

func (s *server) showIncident(ctx context.Context, in *incidentInput) (*showIncidentOutput, error) {
	found, entries, err := s.Parked.Show(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := IncidentHistoryBody{IncidentBody: incidentBody(found), Entries: []IncidentEntryBody{}}
	for _, e := range entries {
		out.Entries = append(out.Entries, IncidentEntryBody{At: e.At.UTC(), Kind: e.Kind, Attempt: e.Attempt, Code: e.Reason, Text: e.Text, Actor: e.Actor})
	}
	return &showIncidentOutput{out}, nil
}

// NoteRequest is what an operator leaves for others.
type NoteRequest struct {
	Text  string `json:"text" minLength:"1" maxLength:"4000" doc:"Sealed in the store; without personal data all the same"`
	Actor string `json:"actor,omitempty" maxLength:"64" doc:"Who writes; the owner of the key or session, and only the administrator may name another"`
}

type noteIncidentInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	ID   string `path:"id" maxLength:"128"`
	Body NoteRequest
}

func (s *server) noteIncident(ctx context.Context, in *noteIncidentInput) (*showIncidentOutput, error) {
	var fields fieldErrors
	text := checkText("body.text", in.Body.Text, maxWords, &fields)
	actor := actorOf(ctx, "body.actor", in.Body.Actor, &fields)
	if err := fields.err(); err != nil {
		return nil, err
	}
	if err := s.noteNamed(ctx, actor, "noteIncident", in.ID); err != nil {
		return nil, err
	}
	if err := s.Parked.Note(ctx, in.ID, text, s.deedBy(actor, in.Key)); err != nil {
		return nil, err
	}
	return s.showIncident(ctx, &incidentInput{in.ID})
}

func (s *server) deedBy(actor, key string) incident.Deed {
	return incident.Deed{Actor: actor, At: s.Now(), Request: key}
}

// AssignRequest says who works on an incident.
type AssignRequest struct {
	Assignee string `json:"assignee,omitempty" maxLength:"64" doc:"An opaque id; when left out, no operator"`
	Actor    string `json:"actor,omitempty" maxLength:"64" doc:"Who assigns; the owner of the key or session, and only the administrator may name another"`
}

type assignIncidentInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	ID   string `path:"id" maxLength:"128"`
	Body AssignRequest
}

func (s *server) assignIncident(ctx context.Context, in *assignIncidentInput) (*showIncidentOutput, error) {
	var fields fieldErrors
	actor := actorOf(ctx, "body.actor", in.Body.Actor, &fields)
	if in.Body.Assignee != "" {
		checkOpaque("body.assignee", in.Body.Assignee, &fields)
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	if err := s.noteNamed(ctx, actor, "assignIncident", in.ID); err != nil {
		return nil, err
	}
	if err := s.Parked.Assign(ctx, in.ID, in.Body.Assignee, s.deedBy(actor, in.Key)); err != nil {
		return nil, err
	}
	return s.showIncident(ctx, &incidentInput{in.ID})
}
