package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"kyso/internal/audit"
	"kyso/internal/problem"
)

// The kinds of entries that requests leave. What a request changed leaves entries of its own, with the change.
const (
	noteActed   = "acted"         // a write was answered
	noteRead    = "read"          // a document or a dossier was given out
	noteRefused = "refused"       // a write, or the reading of a document or a dossier, was refused
	noteKeyUsed = "log-in"        // a key came, for the first time in an hour
	noteFailed  = "log-in-failed" // a key was wrong, or past its time; a code or a password was refused
)

// trail knows which keys were seen lately.
type trail struct {
	mu   sync.Mutex
	keys map[string]int64 // the hour in which a key was seen last
}

// firstInHour reports whether a key was not seen in this hour before.
func (t *trail) firstInHour(keyID string, now time.Time) bool {
	hour := now.Unix() / int64(time.Hour/time.Second)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys[keyID] == hour {
		return false
	}
	t.keys[keyID] = hour
	return true
}

// noteRequest keeps in the audit log who did what. Paths and answers are not kept: they may hold anything. Refusals are
// counted, so that no caller floods the log.
func (s *server) noteRequest(r *http.Request, info *requestInfo, status int, replayed bool) {
	at := info.route
	if at == nil || r.Method == http.MethodGet && !at.reveals {
		return
	}
	object := cmp.Or(info.object, objectID(at.at, r.URL.Path))
	switch {
	case status >= http.StatusBadRequest && info.code == problem.Unauthenticated:
		if info.passed { // else it is counted at the door
			s.Audit.Stranger(noteFailed, "", info.owner, at.id)
		}
	case status >= http.StatusBadRequest && provesNothing(info.owner):
		s.Audit.Stranger(at.refusal(), "", info.owner, at.id+" "+string(info.code))
	case status >= http.StatusBadRequest:
		s.Audit.Count(at.refusal(), "", info.owner, at.id+" "+string(info.code))
	case at.reveals:
		s.Audit.Count(noteRead, objectID(at.at, r.URL.Path), info.owner, at.id)
	case replayed:
		s.Audit.Count(noteActed, object, info.owner, at.id+" answered again")
	default:
		actor := info.owner
		if at.party != "" {
			actor = cmp.Or(pathPart(at.at, r.URL.Path, at.party), at.party)
		}
		s.Audit.Note(noteActed, object, actor, at.id)
	}
}

// refusal is the kind of entry that a refusal of the route leaves.
func (r *route) refusal() string {
	if r.proves {
		return noteFailed
	}
	return noteRefused
}

// provesNothing reports whether a name identifies no one caller: such names can be drawn anew.
func provesNothing(owner string) bool { return owner == "" || strings.HasPrefix(owner, guestPrefix) }

// endedKey is an expired or revoked key: its id is known, and stands in the audit log when it comes again.
type endedKey struct{ id, what string }

// Error implements error.
func (e endedKey) Error() string { return e.what }

// noteCaller keeps in the audit log that a key came in, or that a caller was refused.
func (s *server) noteCaller(who *caller, err error) {
	switch {
	case problem.CodeOf(err) == problem.Unauthenticated:
		ended, _ := errors.AsType[endedKey](err)
		s.Audit.Stranger(noteFailed, ended.id, "", cmp.Or(ended.what, "key or session"))
	case who != nil && who.sessionID == "" && s.trail.firstInHour(cmp.Or(who.keyID, adminOwner), s.Now()):
		s.Audit.Note(noteKeyUsed, cmp.Or(who.keyID, adminOwner), who.owner, "key")
	}
}

func (s *server) auditRoutes() []route {
	return []route{
		on(s.listAudit, route{id: "listAudit", at: "GET /v1/audit", tag: tagOperations,
			summary: "Read the audit log, oldest first",
			text:    "Each entry holds the hash of the one before, so a change or a cut shows.",
			access:  rule{all: operators}}),
		on(s.listCheckpoints, route{id: "listCheckpoints", at: "GET /v1/audit/checkpoints", tag: tagOperations,
			summary: "Read the signed checkpoints of the audit log, oldest first",
			text:    "Checkpoints are signed heads of the audit log. kyso audit verify compares them with the log.",
			access:  rule{all: operators}}),
		on(s.listExported, route{id: "listExportedCheckpoints", at: "GET /v1/audit/exported", tag: tagOperations,
			summary: "Read the checkpoints that this server copied out of the database",
			text:    "What the server copied out of the reach of the database, as it lies in the file.",
			access:  rule{all: operators}}),
	}
}

type auditInput struct {
	After int64 `query:"after" minimum:"0" doc:"Seq of the last entry seen"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

// AuditList is a page of the audit log, oldest first. Each entry holds the hash of the one before.
type AuditList struct {
	Items []audit.Entry `json:"items"`
	Next  string        `json:"next,omitempty" doc:"Path of the next page"`
}

type auditOutput struct {
	Body AuditList
}

// listAudit takes what waits into the log first: who asks sees all that was answered before.
func (s *server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	if err := s.Audit.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := s.Audit.Log.Entries(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := AuditList{Items: append([]audit.Entry{}, list...)}
	if len(list) == in.Limit {
		out.Next = "/v1/audit?after=" + strconv.FormatInt(list[len(list)-1].Seq, 10) + "&limit=" + strconv.Itoa(in.Limit)
	}
	return &auditOutput{out}, nil
}

type checkpointsInput struct {
	After int64 `query:"after" minimum:"0" doc:"Number of the last checkpoint seen"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"500"`
}

// CheckpointList is a page of checkpoints, oldest first.
type CheckpointList struct {
	Items     []audit.Checkpoint `json:"items"`
	Next      string             `json:"next,omitempty" doc:"Path of the next page"`
	Head      audit.Head         `json:"head" doc:"What the database says is the newest entry"`
	PublicKey string             `json:"public_key,omitempty" doc:"Ed25519, base64; what the checkpoints are signed with"`
	Exported  bool               `json:"exported" doc:"Whether this server copies checkpoints to a file"`
	Heads     []audit.Checkpoint `json:"heads,omitempty" doc:"Signed heads next to that file: what the log ended with a second ago, and earlier ends that it does not continue"`
}

type checkpointsOutput struct {
	Body CheckpointList
}

func (s *server) listCheckpoints(ctx context.Context, in *checkpointsInput) (*checkpointsOutput, error) {
	list, err := s.Audit.Log.Checkpoints(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return s.checkpoints(ctx, "/v1/audit/checkpoints", list, in.Limit)
}

func (s *server) listExported(ctx context.Context, in *checkpointsInput) (*checkpointsOutput, error) {
	all, _, err := s.Audit.Exported()
	if err != nil {
		return nil, err
	}
	// By place, not by number: what an attacker put in or turned round must be seen as it stands.
	list := all[min(int(in.After), len(all)):]
	heads, err := s.Audit.Heads()
	if err != nil {
		return nil, err
	}
	out, err := s.checkpoints(ctx, "", list[:min(in.Limit, len(list))], in.Limit)
	if err != nil {
		return nil, err
	}
	if out.Body.Heads = heads; len(list) > in.Limit {
		out.Body.Next = "/v1/audit/exported?after=" + strconv.FormatInt(in.After+int64(in.Limit), 10) + "&limit=" + strconv.Itoa(in.Limit)
	}
	return out, err
}

func (s *server) checkpoints(ctx context.Context, path string, list []audit.Checkpoint, limit int) (*checkpointsOutput, error) {
	head, err := s.Audit.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	out := CheckpointList{Items: append([]audit.Checkpoint{}, list...), Head: head, PublicKey: s.Audit.PublicKey(), Exported: s.Audit.File != ""}
	if path != "" && len(list) == limit {
		out.Next = path + "?after=" + strconv.FormatInt(list[len(list)-1].Number, 10) + "&limit=" + strconv.Itoa(limit)
	}
	return &checkpointsOutput{out}, nil
}
