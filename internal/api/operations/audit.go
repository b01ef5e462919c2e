package operations

import (
	"context"
	"strconv"

	"kyso/internal/api/kernel"
	"kyso/internal/audit"
)

func (s *Handler) auditRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listAudit, kernel.Route{ID: "listAudit", At: "GET /v1/audit", Tag: kernel.TagOperations,
			Summary: "Read the audit log, oldest first",
			Text:    "Each entry holds the hash of the one before, so a change or a cut shows.",
			Access:  kernel.Rule{All: kernel.Operators}}),
		kernel.On(s.listCheckpoints, kernel.Route{ID: "listCheckpoints", At: "GET /v1/audit/checkpoints", Tag: kernel.TagOperations,
			Summary: "Read the signed checkpoints of the audit log, oldest first",
			Text:    "Checkpoints are signed heads of the audit log. kyso audit verify compares them with the log.",
			Access:  kernel.Rule{All: kernel.Operators}}),
		kernel.On(s.listExported, kernel.Route{ID: "listExportedCheckpoints", At: "GET /v1/audit/exported", Tag: kernel.TagOperations,
			Summary: "Read the checkpoints that this server copied out of the database",
			Text:    "What the server copied out of the reach of the database, as it lies in the file.",
			Access:  kernel.Rule{All: kernel.Operators}}),
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
func (s *Handler) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
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

func (s *Handler) listCheckpoints(ctx context.Context, in *checkpointsInput) (*checkpointsOutput, error) {
	list, err := s.Audit.Log.Checkpoints(ctx, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return s.checkpoints(ctx, "/v1/audit/checkpoints", list, in.Limit)
}

func (s *Handler) listExported(ctx context.Context, in *checkpointsInput) (*checkpointsOutput, error) {
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

func (s *Handler) checkpoints(ctx context.Context, path string, list []audit.Checkpoint, limit int) (*checkpointsOutput, error) {
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
