package process

import (
	"slices"
	"time"

	"kyso/internal/problem"
)

// Table says which status may follow which, for one kind of process.
type Table[S ~string] struct {
	Kind Kind
	Rows []Row[S] // one for each status, in the order in which a process meets them
}

// Row is a status and every status that may follow it: none when the status is final.
type Row[S ~string] struct {
	From S
	To   []S
}

// Statuses returns every status.
func (t Table[S]) Statuses() []S {
	all := make([]S, len(t.Rows))
	for n, row := range t.Rows {
		all[n] = row.From
	}
	return all
}

// Final reports whether nothing can follow s. A status that the table does not have is final.
func (t Table[S]) Final(s S) bool { return len(t.next(s)) == 0 }

// Check returns nil when a process may go from one status to another, and problem.Conflict otherwise.
func (t Table[S]) Check(from, to S) error {
	if slices.Contains(t.next(from), to) {
		return nil
	}
	return problem.New(problem.Conflict, "a %s that is %s cannot become %s", t.Kind, from, to)
}

func (t Table[S]) next(s S) []S {
	for _, row := range t.Rows {
		if row.From == s {
			return row.To
		}
	}
	return nil
}

// Transition is one recorded change of status. Each is stored once under the id of its process and Seq: the same
// transition again changes nothing, another status under a known Seq is problem.Conflict.
type Transition[S ~string] struct {
	Seq      int // counts from 1 within a process
	Status   S   // the new one
	At       time.Time
	Detail   string    `json:",omitempty"` // a problem.Code or a few words, no personal data
	Deadline time.Time `json:",omitzero"`  // of the wait that begins; zero when nothing is waited for, and for signings
	Actor    string    `json:",omitempty"` // opaque id of who caused it; empty for the process itself
	// Watched has the store begin the Wait that the status stands for, in the transaction of the transition.
	Watched bool `json:",omitempty"`
	// Wait is that Wait, where the store cannot tell it.
	Wait *Wait `json:"-"`
}
