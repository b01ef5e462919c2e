package registrations

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// ReviewRequest is what an officer decides.
type ReviewRequest struct {
	Decision     registration.Decision `json:"decision" enum:"approve,ask,refuse"`
	Reason       string                `json:"reason,omitempty" maxLength:"64" doc:"For ask and refuse: data-mismatch, identity-expired, address-unclear, contact-invalid, suspected-fraud, not-eligible or other"`
	Fields       []string              `json:"fields,omitempty" maxItems:"16" doc:"For ask: province, commune, address, id_issued_on, id_issued_by, id_expires_on, email"`
	PublicNote   string                `json:"public_note,omitempty" maxLength:"4000" doc:"For the citizen"`
	InternalNote string                `json:"internal_note,omitempty" maxLength:"4000" doc:"For officers"`
	Checks       []string              `json:"checks,omitempty" maxItems:"16" doc:"For approve: identity, document, address, consent, contract and payment, each of which the officer compared"`
	Officer      string                `json:"officer,omitempty" maxLength:"64" doc:"Who decides; the owner of the key or session, and only the administrator may name another"`
}

type reviewInput struct {
	kernel.Act
	Body ReviewRequest
}

// reviewRegistration keeps the officer's words and tells the process of the decision.
func (s *Handler) reviewRegistration(ctx context.Context, in *reviewInput) (*registrationStatusOutput, error) {
	var fields kernel.FieldErrors
	review := checkReview(in.Body, &fields)
	review.Officer = kernel.ActorOf(ctx, "body.officer", in.Body.Officer, &fields)
	public := kernel.CheckText("body.public_note", in.Body.PublicNote, kernel.MaxWords, &fields)
	internal := kernel.CheckText("body.internal_note", in.Body.InternalNote, kernel.MaxWords, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	review.ID, review.At = "rev-"+uuid.NewString(), s.Now().UTC().Truncate(time.Microsecond)
	if in.Key != "" {
		review.ID = process.ReviewID(in.Key)
	}
	again := record.Review != nil && record.Review.ID == review.ID // a retry whose first answer was lost
	if record.Status != registration.StatusInReview && !again {
		return nil, problem.New(problem.Conflict, "the registration is %s", record.Status)
	}
	if err := s.claimForReview(ctx, in.ID, review, again); err != nil {
		return nil, err
	}
	if err := s.Records.SaveReview(ctx, in.ID, registration.Round{Seq: record.Seq}, review, public, internal); err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutRegistration(in.ID), Kind: workflows.UpdateReview, Actor: review.Officer, Content: workflows.ReviewMade{Review: review}})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Review(ctx, in.ID, id, review)
	if refusedForGood(err) {
		err = errors.Join(err, s.Records.DropReview(ctx, in.ID, review.ID))
	}
	if releaseErr := s.Records.Release(ctx, in.ID, review.Officer); releaseErr != nil {
		s.Logger.WarnContext(ctx, "a claim is left to end by itself", "request_id", kernel.InfoOf(ctx).ID, "registration_id", in.ID, "error", releaseErr.Error())
	}
	return registrationMoved(ctx, in.ID, status, err)
}

// refusedForGood reports whether a process said no, so that nothing of what was asked will come to pass.
func refusedForGood(err error) bool {
	kind := problem.CodeOf(err).Kind()
	return err != nil && (kind == problem.KindConflict || kind == problem.KindInvalid || kind == problem.KindDenied)
}

// checkReview holds a decision against the closed lists.
func checkReview(in ReviewRequest, fields *kernel.FieldErrors) registration.Review {
	_, known := registration.Reasons()[in.Reason]
	switch {
	case in.Decision == registration.DecisionApprove && in.Reason != "":
		fields.Add("body.reason", "must be left out: an approval has no reason")
	case in.Decision != registration.DecisionApprove && !known:
		fields.Add("body.reason", "must be one of the reasons")
	}
	if asks := in.Decision == registration.DecisionAsk; asks != (len(in.Fields) > 0) {
		fields.Add("body.fields", "must name fields to ask for them, and nothing otherwise")
	}
	for i, name := range in.Fields {
		switch {
		case !slices.Contains(registration.CorrectableFields, name):
			fields.Add("body.fields["+strconv.Itoa(i)+"]", "must be a field that a citizen can correct here; who the person is comes from VNeID")
		case slices.Contains(in.Fields[:i], name):
			fields.Add("body.fields["+strconv.Itoa(i)+"]", "must not stand twice")
		}
	}
	checkChecks(in, fields)
	return registration.Review{Decision: in.Decision, Reason: in.Reason, Fields: in.Fields, Checks: in.Checks}
}

// checkChecks holds an approval against the list that an officer has to go through.
func checkChecks(in ReviewRequest, fields *kernel.FieldErrors) {
	for i, code := range in.Checks {
		if !slices.ContainsFunc(registration.Checks(), func(c registration.Check) bool { return c.Code == code }) {
			fields.Add("body.checks["+strconv.Itoa(i)+"]", "must be one of the list")
		}
	}
	for _, c := range registration.Checks() {
		if in.Decision == registration.DecisionApprove && !slices.Contains(in.Checks, c.Code) {
			fields.Add("body.checks", "must have "+c.Code+": "+c.EN)
		}
	}
}

// claimForReview takes the dossier, so that no officer decides on what another works on, and holds approvals to
// four eyes.
func (s *Handler) claimForReview(ctx context.Context, id string, review registration.Review, again bool) error {
	if again {
		return nil
	}
	if review.Decision == registration.DecisionApprove {
		if err := s.mayApprove(ctx, id, review.Officer); err != nil {
			return err
		}
	}
	now := s.Now()
	_, err := s.Records.Claim(ctx, id, review.Officer, now, now.Add(registration.ClaimLife))
	return err
}

// RegistrationRepairRequest says what an operator does about a parked registration.
type RegistrationRepairRequest struct {
	Action string            `json:"action" enum:"retry,fix,skip,cancel" doc:"One of attention.actions"`
	Reason string            `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, in a few words without personal data; they stay in the history"`
	Actor  string            `json:"actor,omitempty" maxLength:"64" doc:"Who repairs; the owner of the key or session, and only the administrator may name another"`
	Fields map[string]string `json:"fields,omitempty" doc:"For fix: corrected fields of the person, as in a correction, of the data that the step works with: at write-papers all of them, at issue province and commune, at create-key none; left out when the data is right by now"`
}

type registrationRepairInput struct {
	kernel.Act
	Body RegistrationRepairRequest
}

// RegistrationRepairBody says what became of a repair.
type RegistrationRepairBody struct {
	Outcome      string                `json:"outcome" enum:"recovered,failed-again,skipped,given-up,still-waiting"`
	Changes      []registration.Change `json:"changes,omitempty" doc:"What was corrected, masked"`
	Registration view.RegistrationMove `json:"registration"`
}

type registrationRepairOutput struct {
	Body RegistrationRepairBody
}

func (s *Handler) repairRegistration(ctx context.Context, in *registrationRepairInput) (*registrationRepairOutput, error) {
	var fields kernel.FieldErrors
	repair := kernel.CheckRepair(ctx, in.Body.Action, in.Body.Actor, in.Body.Reason, &fields)
	if len(in.Body.Fields) > 0 && repair.Action != process.RepairFix {
		fields.Add("body.fields", "must be left out unless the action is fix")
	}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	record, err := s.Records.Registration(ctx, in.ID)
	if err == nil {
		err = kernel.Lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err == nil && (record.Attention.Open() || len(in.Body.Fields) > 0) { // else the process knows whether this is a repeated repair
		err = mayRepair(record, repair.Action)
	}
	if err != nil {
		return nil, err
	}
	var changes []registration.Change
	if len(in.Body.Fields) > 0 {
		if err := mayFix(record.Attention.Step, in.Body.Fields); err != nil {
			return nil, err
		}
		if changes, err = s.fix(ctx, in.Act, registration.Round{Incident: record.Attention.IncidentID}, repair.Actor, in.Body.Fields); err != nil {
			return nil, err
		}
	}
	result, err := s.RepairParked(ctx, in.Key, record.ID, record.Attention.IncidentID, repair)
	if err != nil {
		return nil, err
	}
	return &registrationRepairOutput{RegistrationRepairBody{result.Outcome, changes, view.RegistrationMoveOf(ctx, in.ID, result.Status)}}, nil
}

// RepairParked repairs the process that an incident of a registration is of: its own, or the Refund of an attempt to pay.
func (s *Handler) RepairParked(ctx context.Context, key, registrationID, incidentID string, repair process.Repair) (workflows.RegistrationRepairResult, error) {
	object, send := registrationID, s.Workflows.RepairRegistration
	if ref, ok := process.RefundOf(registrationID, incidentID); ok {
		object, send = ref, s.Workflows.RepairRefund
	}
	id, err := s.Decide(ctx, key, kernel.Deed{About: kernel.AboutRegistration(object), Kind: workflows.UpdateRepair, Actor: repair.Actor, Content: repair})
	if err != nil {
		return workflows.RegistrationRepairResult{}, err
	}
	return send(ctx, object, id, repair)
}

// mayRepair refuses, before anything is written, what the step that the record is parked at does not allow.
func mayRepair(r registration.Registration, action string) error {
	allowed := workflows.RegistrationRepairs(r.Attention.Step)
	switch {
	case !r.Attention.Open():
		return problem.New(problem.Conflict, "the registration is not waiting for a repair")
	case !slices.Contains(allowed, action):
		return problem.New(problem.Invalid, "action %q is not one of %v", action, allowed)
	}
	return nil
}

// mayFix refuses to correct what the parked step does not work with: an incident is no door to the rest of the dossier.
func mayFix(step string, corrected map[string]string) error {
	var fields kernel.FieldErrors
	allowed := workflows.FixFields(step)
	for _, name := range slices.Sorted(maps.Keys(corrected)) {
		if slices.Contains(registration.CorrectableFields, name) && !slices.Contains(allowed, name) {
			fields.Add("body.fields."+name, "is no data of the step "+step+"; a fix may correct there: "+cmp.Or(strings.Join(allowed, ", "), "nothing"))
		}
	}
	return fields.Err()
}

// fix corrects a person for an operator, and returns what changed. What says who the person is needs two people who ask for
// the same: until then it is problem.SecondPerson.
func (s *Handler) fix(ctx context.Context, act kernel.Act, round registration.Round, actor string, fields map[string]string) ([]registration.Change, error) {
	person, stored, err := s.checkCorrection(ctx, act.ID, registration.CorrectableFields, fields)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.mayCorrect(ctx, act.ID, actor), s.NoteNamed(ctx, actor, "repairRegistration", act.ID)); err != nil {
		return nil, err
	}
	changes := changesOf(person, stored)
	if slices.ContainsFunc(changes, func(c registration.Change) bool { return slices.Contains(registration.IdentityFields, c.Field) }) {
		agreed, err := s.Records.AgreeFix(ctx, act.ID, actor, stored, s.Now())
		if err != nil {
			return nil, err
		}
		if !agreed {
			return nil, problem.New(problem.SecondPerson, "noted: %s; another person has to send the same", describeChanges(changes))
		}
	}
	return changes, s.Records.Correct(ctx, act.ID, round, correctionID(act), actor, stored)
}

// changesOf masks old and new; an e-mail address is the account's, whose old one is not looked up.
func changesOf(p registration.Person, fields map[string]string) []registration.Change {
	old := places(&p)
	var changes []registration.Change
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		before := ""
		if place, ok := old[name]; ok {
			before = *place
		}
		changes = append(changes, registration.Change{Field: name, Old: registration.Masked(before), New: registration.Masked(fields[name])})
	}
	return changes
}

func describeChanges(changes []registration.Change) string {
	var parts []string
	for _, c := range changes {
		parts = append(parts, c.Field+" "+c.Old+" → "+c.New)
	}
	return strings.Join(parts, ", ")
}
