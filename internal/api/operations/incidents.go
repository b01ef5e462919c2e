// Package operations is what operators do: parked processes, reconciliation, the audit log and trusted authorities.
package operations

import (
	"context"
	"net/http"
	"slices"
	"time"

	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/audit"
	"kyso/internal/incident"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

// Handler answers operators.
type Handler struct {
	*kernel.Kernel
	Parked incident.Desk
	Books  incident.Books // nil compares nothing
	Audit  *audit.Recorder
	Trust  *signing.TrustDesk // nil serves none of its routes
	// RepairParked repairs the process that an incident of a registration is of; nil where there are no registrations.
	RepairParked func(ctx context.Context, key, registrationID, incidentID string, repair process.Repair) (workflows.RegistrationRepairResult, error)
}

// Routes are the routes of the room.
func (s *Handler) Routes() []kernel.Route {
	list := slices.Concat(s.incidentRoutes(), s.auditRoutes(), s.bookRoutes())
	if s.Trust != nil {
		list = append(list, s.trustRoutes()...)
	}
	return list
}

func (s *Handler) incidentRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listIncidents, kernel.Route{ID: "listIncidents", At: "GET /v1/incidents", Tag: kernel.TagOperations,
			Summary: "List parked processes of both kinds, oldest first",
			Text:    "Each is one step of a process that waits for a repair. Filters combine; all shows closed ones too.",
			Access:  kernel.Rule{All: kernel.Operators}}),
		kernel.On(s.groupIncidents, kernel.Route{ID: "groupIncidents", At: "GET /v1/incident-groups", Tag: kernel.TagOperations,
			Summary: "Count parked processes by cause, the largest group first",
			Text:    "One line for each cause (code, step, provider) with the number of processes.",
			Access:  kernel.Rule{All: kernel.Operators}}),
		kernel.On(s.showIncident, kernel.Route{ID: "showIncident", At: "GET /v1/incidents/{id}", Tag: kernel.TagOperations,
			Summary:  "Show an incident with its attempts and notes",
			Text:     "The incident, the attempts, and the notes of operators, oldest first.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.noteIncident, kernel.Route{ID: "noteIncident", At: "POST /v1/incidents/{id}/notes", Tag: kernel.TagOperations, Status: http.StatusCreated,
			Summary:  "Add a note for other operators",
			Text:     "Notes must not hold personal data: they stay.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.assignIncident, kernel.Route{ID: "assignIncident", At: "POST /v1/incidents/{id}/assign", Tag: kernel.TagOperations,
			Summary:  "Assign an incident",
			Text:     "Without assignee it is given back.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.decideIncidents, kernel.Route{ID: "decideIncidents", At: "POST /v1/incident-decisions", Tag: kernel.TagOperations, Status: http.StatusCreated,
			Summary: "Record a repair of all that is parked for one cause, to be sent by Temporal's batch operations",
			Text:    "Records one decision for every process that is parked for the cause now. The answer holds the command for Temporal's batch operations; nothing is repaired by this call alone.",
			Access:  kernel.Rule{All: kernel.Operators}}),
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
	ID        string             `json:"id"`
	Process   process.Kind       `json:"process" enum:"signing,registration"`
	ProcessID string             `json:"process_id"`
	Path      string             `json:"path" doc:"Of the signing or registration"`
	Attention view.AttentionBody `json:"attention"`
	Assignee  string             `json:"assignee,omitempty" doc:"Who works on it"`
	ClosedAt  *time.Time         `json:"closed_at,omitempty"`
	Action    string             `json:"action,omitempty" doc:"The repair that closed it"`
	Actor     string             `json:"actor,omitempty"`
	Note      string             `json:"note,omitempty" doc:"Why the operator did it"`
}

func incidentBody(i process.Incident) IncidentBody {
	body := IncidentBody{ID: i.IncidentID, Process: i.Process, ProcessID: i.ProcessID, Path: view.SigningPath(i.ProcessID), Assignee: i.Assignee, ClosedAt: kernel.UTC(i.ClosedAt),
		Action: i.Action, Actor: i.Actor, Note: i.Note,
		Attention: *view.AttentionOf(i.Attention)}
	if i.Process == process.Registration {
		body.Path = view.RegistrationPath(i.ProcessID)
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

func (s *Handler) listIncidents(ctx context.Context, in *listIncidentsInput) (*listIncidentsOutput, error) {
	filter := in.filter()
	after, err := kernel.CursorOf(in.Cursor)
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
		out.Next = kernel.NextPage("/v1/incidents", page.After(last.Since, last.IncidentID), in.Limit, "process", in.Process, "code", in.Code, "provider", in.Provider,
			"step", in.Step, "assignee", in.Assignee, "parked_before", kernel.When(in.Before), "all", kernel.Yes(in.All))
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

func (s *Handler) groupIncidents(ctx context.Context, in *groupIncidentsInput) (*groupIncidentsOutput, error) {
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

func (s *Handler) showIncident(ctx context.Context, in *incidentInput) (*showIncidentOutput, error) {
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

func (s *Handler) noteIncident(ctx context.Context, in *noteIncidentInput) (*showIncidentOutput, error) {
	var fields kernel.FieldErrors
	text := kernel.CheckText("body.text", in.Body.Text, kernel.MaxWords, &fields)
	actor := kernel.ActorOf(ctx, "body.actor", in.Body.Actor, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	if err := s.NoteNamed(ctx, actor, "noteIncident", in.ID); err != nil {
		return nil, err
	}
	if err := s.Parked.Note(ctx, in.ID, text, s.deedBy(actor, in.Key)); err != nil {
		return nil, err
	}
	return s.showIncident(ctx, &incidentInput{in.ID})
}

func (s *Handler) deedBy(actor, key string) incident.Deed {
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

func (s *Handler) assignIncident(ctx context.Context, in *assignIncidentInput) (*showIncidentOutput, error) {
	var fields kernel.FieldErrors
	actor := kernel.ActorOf(ctx, "body.actor", in.Body.Actor, &fields)
	if in.Body.Assignee != "" {
		kernel.CheckOpaque("body.assignee", in.Body.Assignee, &fields)
	}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	if err := s.NoteNamed(ctx, actor, "assignIncident", in.ID); err != nil {
		return nil, err
	}
	if err := s.Parked.Assign(ctx, in.ID, in.Body.Assignee, s.deedBy(actor, in.Key)); err != nil {
		return nil, err
	}
	return s.showIncident(ctx, &incidentInput{in.ID})
}
