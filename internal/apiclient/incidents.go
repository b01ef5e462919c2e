package apiclient

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/problem"
)

// Incident is one parked step of a signing or a registration.
type Incident struct {
	ID        string          `json:"id"`
	Process   string          `json:"process"` // signing or registration
	ProcessID string          `json:"process_id"`
	Attention Attention       `json:"attention"`
	Assignee  string          `json:"assignee"`
	ClosedAt  time.Time       `json:"closed_at"`
	Action    string          `json:"action"`
	Actor     string          `json:"actor"`
	Note      string          `json:"note"`
	Entries   []IncidentEntry `json:"entries"` // only in the answer for one incident
}

// IncidentEntry is one line of what has happened to an incident.
type IncidentEntry struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // failed, assigned or noted
	Attempt int       `json:"attempt"`
	Code    string    `json:"code"`
	Text    string    `json:"text"`
	Actor   string    `json:"actor"`
}

// IncidentGroup counts incidents with the same cause.
type IncidentGroup struct {
	Process  string       `json:"process"`
	Step     string       `json:"step"`
	Code     problem.Code `json:"code"`
	Title    string       `json:"title"`
	TitleEN  string       `json:"title_en"`
	Provider string       `json:"provider"`
	Count    int          `json:"count"`
	Oldest   time.Time    `json:"oldest"`
}

// IncidentFilter narrows incidents. Zero values do not narrow.
type IncidentFilter struct {
	Process, Code, Provider, Step, Assignee string
	Before                                  time.Time // parked before
	All                                     bool      // closed ones too
	Limit                                   int       // 0 follows the list to its end
}

func (f IncidentFilter) query() string {
	q := url.Values{}
	for name, value := range map[string]string{"process": f.Process, "code": f.Code, "provider": f.Provider, "step": f.Step, "assignee": f.Assignee} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !f.Before.IsZero() {
		q.Set("parked_before", f.Before.UTC().Format(time.RFC3339))
	}
	if f.All {
		q.Set("all", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return "?" + q.Encode()
}

// Incidents lists parked steps, oldest first.
func (c *Client) Incidents(ctx context.Context, f IncidentFilter) (List[Incident], Raw, error) {
	var out List[Incident]
	raw, err := c.Get(ctx, "/v1/incidents"+f.query(), &out)
	if err == nil && f.Limit == 0 {
		return EveryPage(ctx, c, out, raw)
	}
	return out, raw, err
}

// IncidentGroups counts parked steps by cause, the largest group first.
func (c *Client) IncidentGroups(ctx context.Context, f IncidentFilter) (List[IncidentGroup], Raw, error) {
	var out List[IncidentGroup]
	f.Limit = 0
	raw, err := c.Get(ctx, "/v1/incident-groups"+f.query(), &out)
	return out, raw, err
}

// Incident shows one with what was tried and said.
func (c *Client) Incident(ctx context.Context, id string) (Incident, Raw, error) {
	var out Incident
	raw, err := c.Get(ctx, "/v1/incidents/"+url.PathEscape(id), &out)
	return out, raw, err
}

// NoteIncident adds words for other operators.
func (c *Client) NoteIncident(ctx context.Context, key, id, text string) (Incident, Raw, error) {
	var out Incident
	raw, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(id)+"/notes", map[string]string{"text": text}, &out)
	return out, raw, err
}

// AssignIncident says who works on it; nobody when to is empty.
func (c *Client) AssignIncident(ctx context.Context, key, id, to string) (Incident, Raw, error) {
	var out Incident
	raw, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(id)+"/assign", map[string]string{"assignee": to}, &out)
	return out, raw, err
}

// RepairIncident acts on the process of an incident and returns what became of it: recovered, failed-again, skipped,
// given-up or still-waiting.
func (c *Client) RepairIncident(ctx context.Context, key string, i Incident, in RegistrationRepair) (string, error) {
	if slices.Contains([]string{"begin-again", "close", "accept"}, in.Action) || i.ofRefund() {
		var out struct {
			Outcome string `json:"outcome"`
		}
		_, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(i.ID)+"/repair", map[string]string{"action": in.Action, "reason": in.Reason, "actor": in.Actor}, &out)
		return out.Outcome, err
	}
	if i.Process == "registration" {
		out, _, err := c.RepairRegistration(ctx, key, i.ProcessID, in)
		return out.Outcome, err
	}
	out, _, err := c.Repair(ctx, key, i.ProcessID, in.Action, in.Actor, in.Reason)
	return out.Outcome, err
}

// ofRefund reports whether the incident is of a process that gives one attempt to pay back: its registration cannot be repaired for it.
func (i Incident) ofRefund() bool {
	return i.Process == "registration" && !strings.HasPrefix(i.ID, i.ProcessID)
}

// BulkDecisionRequest is a repair of every process that is parked at one step with one code.
type BulkDecisionRequest struct {
	Process string `json:"process"`
	Step    string `json:"step"`
	Code    string `json:"code"`
	Action  string `json:"action"`
	Reason  string `json:"reason"`
	Actor   string `json:"actor,omitempty"` // another than the key's owner for the administrator only
}

// BulkDecision is the recorded decision, and the command that sends it to the processes.
type BulkDecision struct {
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
	Command   string    `json:"command"`
}

// DecideIncidents records a repair that Temporal's batch operations then carry to the processes.
func (c *Client) DecideIncidents(ctx context.Context, key string, in BulkDecisionRequest) (BulkDecision, Raw, error) {
	var out BulkDecision
	raw, err := c.Post(ctx, key, "/v1/incident-decisions", in, &out)
	return out, raw, err
}

// Finding is one thing in which records and processes do not agree.
type Finding struct {
	Process   string `json:"process"`
	ProcessID string `json:"process_id"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	New       bool   `json:"new"`
}

// Uncompared is one thing that could not be compared.
type Uncompared struct {
	Process   string `json:"process"`
	ProcessID string `json:"process_id"`
	Code      string `json:"code"`
	Message   string `json:"message"`
}

// Behind is a process that stands where its record was.
type Behind struct {
	Process   string `json:"process"`
	ProcessID string `json:"process_id"`
	Message   string `json:"message"`
}

// Reconciled is what comparing the books found.
type Reconciled struct {
	Checked  int          `json:"checked"`
	Findings []Finding    `json:"findings"`
	Failed   []Uncompared `json:"failed"`
	Behind   []Behind     `json:"behind"`
	Closed   int          `json:"closed"`
	Payments int          `json:"payments"`
	Carried  int          `json:"carried"`
	Next     string       `json:"next,omitempty"`
}

// Reconcile compares all of both books, part by part.
func (c *Client) Reconcile(ctx context.Context) (Reconciled, error) {
	total := Reconciled{Findings: []Finding{}, Failed: []Uncompared{}, Behind: []Behind{}}
	for place := ""; ; {
		var part Reconciled
		if _, err := c.Post(ctx, NewKey(), "/v1/reconciliations", map[string]string{"place": place}, &part); err != nil {
			return total, err
		}
		total.Checked += part.Checked
		total.Closed += part.Closed
		total.Payments += part.Payments
		total.Carried += part.Carried
		total.Findings = append(total.Findings, part.Findings...)
		total.Failed = append(total.Failed, part.Failed...)
		total.Behind = append(total.Behind, part.Behind...)
		if place = part.Next; place == "" {
			return total, nil
		}
	}
}
