package operations

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/incident"
	"kyso/internal/process"
	"kyso/internal/store/kernel"
)

// Parked is the part of the store that operators work with. It implements incident.Desk over the incidents of every kind of process.
type Parked struct{ *kernel.Base }

var _ incident.Desk = Parked{}

const (
	parkedLimit    = 500
	maxParkedLimit = 5000
)

// List implements incident.Desk.
func (p Parked) List(ctx context.Context, f incident.Filter) ([]process.Incident, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = parkedLimit
	}
	limit = min(limit, maxParkedLimit)
	tail, args := narrowParked(f)
	args = append(args, limit)
	return p.parked(ctx, fmt.Sprintf(tail+` ORDER BY since, id LIMIT $%d`, len(args)), args)
}

func narrowParked(f incident.Filter) (string, []any) {
	conditions, args := []string{`1 = 1`}, []any{}
	for _, c := range []struct{ column, value string }{{"kind", string(f.Process)}, {"reason", f.Reason}, {"provider", f.Provider}, {"step", f.Step}, {"assignee", f.Assignee}} {
		if c.value != "" {
			args = append(args, c.value)
			conditions = append(conditions, c.column+` = $`+strconv.Itoa(len(args)))
		}
	}
	if !f.Before.IsZero() {
		args = append(args, kernel.At(f.Before))
		conditions = append(conditions, `since < $`+strconv.Itoa(len(args)))
	}
	if !f.After.IsZero() {
		args = append(args, kernel.At(f.After.At), f.After.ID)
		conditions = append(conditions, fmt.Sprintf(`(since, id) > ($%d, $%d)`, len(args)-1, len(args)))
	}
	if !f.All {
		conditions = append(conditions, `closed_at IS NULL`)
	}
	return ` WHERE ` + strings.Join(conditions, ` AND `), args
}

// parked reads the incidents that the end of a query names.
func (p Parked) parked(ctx context.Context, tail string, args []any) ([]process.Incident, error) {
	k, err := p.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []process.Incident
	rows, err := p.DB.QueryContext(ctx, `SELECT id, kind, process_id, stray, step, reason, message, provider, since, attempts, assignee, closed_at, action, actor, note
		FROM process_incidents`+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var in process.Incident
		var stray bool
		var actor, note []byte
		err := rows.Scan(&in.IncidentID, &in.Process, &in.ProcessID, &stray, &in.Step, &in.Reason, &in.Message, &in.Provider, kernel.Into(&in.Since), &in.Attempts, &in.Assignee,
			kernel.Into(&in.ClosedAt), &in.Action, &actor, &note)
		cells := kernel.CellsOf(in.Process, stray)
		err = k.OpenText(err, &in.Actor, cells, "actor", in.IncidentID, actor)
		err = k.OpenWords(err, &in.Note, cells, "note", in.IncidentID, note)
		list = append(list, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing incidents: %w", err)
	}
	return list, nil
}

// Groups implements incident.Desk.
func (p Parked) Groups(ctx context.Context, f incident.Filter) ([]incident.Group, error) {
	found := map[incident.Group]*incident.Group{}
	tail, args := narrowParked(f)
	// Grouped here and not in SQL: SQLite tells the type of a plain column only, so the oldest time would come as text.
	rows, err := p.DB.QueryContext(ctx, `SELECT kind, step, reason, provider, since FROM process_incidents`+tail, args...)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var g incident.Group
		var since time.Time
		if err := rows.Scan(&g.Process, &g.Step, &g.Reason, &g.Provider, kernel.Into(&since)); err != nil {
			return err
		}
		of := found[g]
		if of == nil {
			of = &incident.Group{Process: g.Process, Step: g.Step, Reason: g.Reason, Provider: g.Provider, Oldest: since}
			found[g] = of
		}
		of.Count++
		if since.Before(of.Oldest) {
			of.Oldest = since
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("grouping incidents: %w", err)
	}
	groups := make([]incident.Group, 0, len(found))
	for _, g := range found {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b incident.Group) int { return cmp.Or(b.Count-a.Count, a.Oldest.Compare(b.Oldest)) })
	return groups, nil
}

// Show implements incident.Desk.
func (p Parked) Show(ctx context.Context, id string) (process.Incident, []incident.Entry, error) {
	list, err := p.parked(ctx, ` WHERE id = $1`, []any{id})
	if err == nil && len(list) == 0 {
		err = kernel.NoSuch("incident")
	}
	if err != nil {
		return process.Incident{}, nil, err
	}
	entries, err := p.entries(ctx, id)
	return list[0], entries, err
}

func (p Parked) entries(ctx context.Context, id string) ([]incident.Entry, error) {
	k, err := p.OpenKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []incident.Entry
	rows, err := p.DB.QueryContext(ctx, `SELECT seq, at, kind, attempt, reason, words, actor FROM incident_entries WHERE incident_id = $1 ORDER BY seq`, id)
	err = kernel.Each(rows, err, func(rows *sql.Rows) error {
		var e incident.Entry
		var seq int
		var words []byte
		err := rows.Scan(&seq, kernel.Into(&e.At), &e.Kind, &e.Attempt, &e.Reason, &words, &e.Actor)
		err = k.OpenWords(err, &e.Text, "incident_entries", "words", kernel.EntryRow(id, seq), words)
		list = append(list, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what happened to an incident: %w", err)
	}
	return list, nil
}

// Assign implements incident.Desk.
func (p Parked) Assign(ctx context.Context, id, assignee string, by incident.Deed) error {
	return p.enter(ctx, "assigning an incident", id, by, incident.Entry{Kind: incident.Assigned, Text: assignee}, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE process_incidents SET assignee = $1 WHERE id = $2`, assignee, id)
		return err
	})
}

// Note implements incident.Desk.
func (p Parked) Note(ctx context.Context, id, text string, by incident.Deed) error {
	return p.enter(ctx, "noting something about an incident", id, by, incident.Entry{Kind: incident.Noted, Text: text}, nil)
}

// enter adds an entry to an incident, with what else changes, once for each request.
func (p Parked) enter(ctx context.Context, doing, id string, by incident.Deed, e incident.Entry, change func(tx *sql.Tx) error) error {
	k, err := p.OpenKeys(ctx)
	if err != nil {
		return err
	}
	return p.Write(ctx, doing, func(tx *sql.Tx) error {
		// An update that changes nothing locks the row, so that entries get numbers of their own.
		known, err := kernel.Affected(tx.ExecContext(ctx, `UPDATE process_incidents SET step = step WHERE id = $1`, id))
		if err != nil {
			return err
		}
		if known == 0 {
			return kernel.NoSuch("incident")
		}
		if done, err := entered(ctx, tx, id, by.Request); done || err != nil {
			return err
		}
		if change != nil {
			if err := change(tx); err != nil {
				return err
			}
		}
		e.At, e.Actor = by.At, by.Actor
		if err := kernel.AddEntry(ctx, tx, k, id, by.Request, e); err != nil {
			return err
		}
		return kernel.Note(ctx, tx, e.At, "incident", id, e.Actor, string(e.Kind))
	})
}

// entered reports whether a request has added its entry to an incident already.
func entered(ctx context.Context, tx *sql.Tx, id, request string) (bool, error) {
	if request == "" {
		return false, nil
	}
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM incident_entries WHERE incident_id = $1 AND request = $2`, id, request).Scan(&n)
	return n > 0, err
}
