package apiclient

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// IncidentFilter narrows incidents. Zero values do not narrow; without a limit the list is followed to its end.
type IncidentFilter = ListIncidentsParams

// Incidents lists parked steps, oldest first.
func (c *Client) Incidents(ctx context.Context, f IncidentFilter) (List[Incident], Raw, error) {
	var out List[Incident]
	raw, err := c.Get(ctx, "/v1/incidents"+query(f), &out)
	if err == nil && f.Limit == 0 {
		return EveryPage(ctx, c, out, raw)
	}
	return out, raw, err
}

// IncidentGroups counts parked steps by cause, the largest group first.
func (c *Client) IncidentGroups(ctx context.Context, f IncidentFilter) (List[IncidentGroup], Raw, error) {
	var out List[IncidentGroup]
	f.Limit = 0 // groups come all at once
	raw, err := c.Get(ctx, "/v1/incident-groups"+query(f), &out)
	return out, raw, err
}

// Incident shows one with its attempts and notes.
func (c *Client) Incident(ctx context.Context, id string) (IncidentHistory, Raw, error) {
	var out IncidentHistory
	raw, err := c.Get(ctx, "/v1/incidents/"+url.PathEscape(id), &out)
	return out, raw, err
}

// NoteIncident adds words for other operators.
func (c *Client) NoteIncident(ctx context.Context, key, id, text string) (IncidentHistory, Raw, error) {
	var out IncidentHistory
	raw, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(id)+"/notes", NoteRequest{Text: text}, &out)
	return out, raw, err
}

// AssignIncident says who works on it; no operator when to is empty.
func (c *Client) AssignIncident(ctx context.Context, key, id, to string) (IncidentHistory, Raw, error) {
	var out IncidentHistory
	raw, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(id)+"/assign", AssignRequest{Assignee: to}, &out)
	return out, raw, err
}

// RepairIncident acts on the process of an incident and returns what became of it: recovered, failed-again, skipped,
// given-up or still-waiting.
func (c *Client) RepairIncident(ctx context.Context, key string, i Incident, in RegistrationRepairRequest) (string, error) {
	if slices.Contains([]string{"begin-again", "close", "accept"}, in.Action) || i.ofRefund() {
		var out IncidentRepaired
		_, err := c.Post(ctx, key, "/v1/incidents/"+url.PathEscape(i.ID)+"/repair", IncidentRepairRequest{Action: in.Action, Reason: in.Reason, Actor: in.Actor}, &out)
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

// DecideIncidents records a repair that Temporal's batch operations then carry to the processes.
func (c *Client) DecideIncidents(ctx context.Context, key string, in BulkDecisionRequest) (BulkDecision, Raw, error) {
	var out BulkDecision
	raw, err := c.Post(ctx, key, "/v1/incident-decisions", in, &out)
	return out, raw, err
}

// Reconcile compares all of both books, part by part.
func (c *Client) Reconcile(ctx context.Context) (Report, error) {
	total := Report{Findings: []Finding{}, Failed: []Failure{}, Behind: []Behind{}}
	for place := ""; ; {
		var part Report
		if _, err := c.Post(ctx, NewKey(), "/v1/reconciliations", ReconcileRequest{Place: place}, &part); err != nil {
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
