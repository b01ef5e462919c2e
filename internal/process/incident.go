package process

import "time"

// Attention says why a process is parked: which step failed, how, and since when. The zero value says that nothing is
// wrong. In a process it also says what may be done; the store keeps neither Actions nor RetryAt.
type Attention struct {
	IncidentID string    `json:"incident_id"` // of the incident that it belongs to
	Step       string    `json:"step"`
	Reason     string    `json:"reason"`  // a problem.Code
	Message    string    `json:"message"` // for operators, no personal data
	Provider   string    `json:"provider,omitempty"`
	Since      time.Time `json:"since"`
	Attempts   int       `json:"attempts"` // how often the step was run, automatic retries of one run not counted
	Actions    []string  `json:"actions"`  // what a repair may do
	// RetryAt is when the process tries again by itself; zero when it waits for a repair or a nudge alone, or is trying.
	RetryAt time.Time `json:"retry_at,omitzero"`
}

// Open reports whether an operator has to look.
func (a Attention) Open() bool { return a.Reason != "" }

// Incident is one parked step as it is kept: whose it is, its Attention, and how it ended. It is open until ClosedAt. The
// same incident comes again with more Attempts while its step goes on failing.
type Incident struct {
	Process   Kind
	ProcessID string // of the record
	Attention
	Assignee string // opaque id of who works on it
	ClosedAt time.Time
	Action   string // the repair that closed it
	Actor    string // who repaired, as an opaque id
	Note     string // why, in the operator's words
}

// Open reports whether the incident has not ended.
func (i Incident) Open() bool { return i.ClosedAt.IsZero() }
