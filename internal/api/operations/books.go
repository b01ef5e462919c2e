package operations

import (
	"context"
	"net/http"
	"slices"

	"kyso/internal/api/kernel"
	"kyso/internal/decision"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/workflows"
)

func (s *Handler) bookRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.repairIncident, kernel.Route{ID: "repairIncident", At: "POST /v1/incidents/{id}/repair", Tag: kernel.TagOperations,
			Summary:  "Begin a process again that was lost, close it with its compensation, or retry a parked refund",
			Text:     "For a process and a record that do not agree, and for refunds that are parked. attention.actions names what is allowed.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.reconcile, kernel.Route{ID: "reconcile", At: "POST /v1/reconciliations", Tag: kernel.TagOperations,
			Summary:  "Compare a part of the records with Temporal and the payment gateways",
			Text:     "Compares one page of the books and opens an incident for each mismatch. Call again with next until it is absent.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound, http.StatusServiceUnavailable}}),
	}
}

// IncidentRepairRequest says what an operator does about a process and a record that do not agree, or about a refund that is parked.
type IncidentRepairRequest struct {
	Action string `json:"action" enum:"begin-again,close,accept,retry" doc:"One of attention.actions; retry is for the refund of an attempt to pay, which has no record of its own"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, in a few words without personal data"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Left out: who authenticated acts; only the administrator may name another"`
}

type repairIncidentInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	ID   string `path:"id" maxLength:"128"`
	Body IncidentRepairRequest
}

// IncidentRepairedBody is the incident after a repair.
type IncidentRepairedBody struct {
	IncidentHistoryBody
	Outcome string `json:"outcome" enum:"recovered,failed-again,still-waiting"`
}

type repairIncidentOutput struct {
	Body IncidentRepairedBody
}

func (s *Handler) repairIncident(ctx context.Context, in *repairIncidentInput) (*repairIncidentOutput, error) {
	var fields kernel.FieldErrors
	actor := kernel.ActorOf(ctx, "body.actor", in.Body.Actor, &fields)
	note := kernel.CheckNote(in.Body.Reason, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	found, _, err := s.Parked.Show(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	outcome := process.RepairRecovered
	_, refund := process.RefundOf(found.ProcessID, found.IncidentID)
	switch {
	case !found.ClosedAt.IsZero() && found.Action == in.Body.Action && found.Actor == actor: // by this caller, whose answer was lost
	case refund && s.RepairParked != nil:
		outcome, err = s.repairRefund(ctx, in.Key, found, process.Repair{Action: in.Body.Action, Actor: actor, Reason: note})
	default:
		err = s.resolve(ctx, in, found, actor, note)
	}
	if err != nil {
		return nil, err
	}
	shown, err := s.showIncident(ctx, &incidentInput{in.ID})
	if err != nil {
		return nil, err
	}
	return &repairIncidentOutput{IncidentRepairedBody{shown.Body, outcome}}, nil
}

func (s *Handler) repairRefund(ctx context.Context, key string, found process.Incident, repair process.Repair) (string, error) {
	switch allowed := workflows.RegistrationRepairs(found.Step); {
	case !slices.Contains(allowed, repair.Action):
		return "", problem.New(problem.Invalid, "action %q is not one of %v", repair.Action, allowed)
	case !found.ClosedAt.IsZero():
		return "", problem.New(problem.Conflict, "the incident is closed")
	}
	result, err := s.RepairParked(ctx, key, found.ProcessID, found.IncidentID, repair)
	return result.Outcome, err
}

// resolve does what was decided about a process and a record that do not agree.
func (s *Handler) resolve(ctx context.Context, in *repairIncidentInput, found process.Incident, actor, note string) error {
	if s.Books == nil || !incident.Mismatch(found.Reason) {
		return problem.New(problem.Conflict, "its process is there: repair the %s", found.Process)
	}
	about := decision.Object{Process: found.Process, ID: found.ProcessID}
	if _, err := s.Decide(ctx, in.Key, kernel.Deed{About: about, Kind: in.Body.Action, Actor: actor, Content: in.Body}); err != nil {
		return err
	}
	return s.Books.Act(ctx, in.ID, in.Body.Action, actor, note)
}

// ReconcileRequest says where to go on.
type ReconcileRequest struct {
	Place string `json:"place,omitempty" maxLength:"4000" doc:"next of the answer before; the beginning when left out"`
}

type reconcileInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	Body ReconcileRequest
}

type reconcileOutput struct {
	Body incident.Report
}

// reconcile compares up to a hundred records; the caller goes on until there is no next place.
func (s *Handler) reconcile(ctx context.Context, in *reconcileInput) (*reconcileOutput, error) {
	if s.Books == nil {
		return nil, problem.New(problem.NotFound, "nothing is compared here")
	}
	report, err := s.Books.Step(ctx, in.Body.Place)
	return &reconcileOutput{report}, err
}
