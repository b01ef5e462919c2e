package registrations

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

type intakeInput struct {
	request *http.Request
}

// Resolve implements huma.Resolver: the signature is over the body as it came, so nothing decodes it before.
func (in *intakeInput) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

// AcceptedBody names a registration and where it stands.
type AcceptedBody struct {
	RegistrationID string              `json:"registration_id"`
	Status         registration.Status `json:"status"`
}

type acceptedOutput struct {
	Body AcceptedBody
}

// receiveRequest stores a citizen's request and starts its process. The same request again gets the same answer.
func (s *Handler) receiveRequest(from registration.Intake) func(context.Context, *intakeInput) (*acceptedOutput, error) {
	return func(ctx context.Context, in *intakeInput) (*acceptedOutput, error) {
		body, err := io.ReadAll(in.request.Body) // bounded before, see Limits.JSONBytes
		if err != nil {
			return nil, kernel.BodyError(err)
		}
		request, err := from.Request(in.request.Header, body)
		if err != nil {
			return nil, unsigned(err)
		}
		return s.accept(ctx, request)
	}
}

// accept judges a request that is the party's, and stores it.
func (s *Handler) accept(ctx context.Context, request registration.Request) (*acceptedOutput, error) {
	if !slices.Contains(s.Issuers, request.Issuer) {
		return nil, kernel.FieldErrors{{Location: "body.issuer", Message: "must be one of " + strings.Join(s.Issuers, ", ")}}
	}
	request, warnings, err := s.CheckRequest(request, s.Now())
	if err != nil {
		return nil, err
	}
	record, err := s.Records.CreateRegistration(ctx, uuid.Must(uuid.NewV7()).String(), request)
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		s.Logger.InfoContext(ctx, "a request to look at", "registration_id", record.ID, "warnings", strings.Join(warnings, "; "))
	}
	if err := s.startRegistration(ctx, record); err != nil {
		// Accepted all the same: it is committed, and the relay starts it when Temporal is back.
		s.Logger.WarnContext(ctx, "registration accepted, not started yet", "request_id", kernel.InfoOf(ctx).ID, "registration_id", record.ID, "error", err.Error())
	}
	return &acceptedOutput{AcceptedBody{record.ID, record.Status}}, nil
}

// receiveToken takes a fresh one-time token for a request that is here: the party's button opens kyso every time.
func (s *Handler) receiveToken(from registration.Intake) func(context.Context, *intakeInput) (*acceptedOutput, error) {
	return func(ctx context.Context, in *intakeInput) (*acceptedOutput, error) {
		body, err := io.ReadAll(in.request.Body) // bounded before, see Limits.JSONBytes
		if err != nil {
			return nil, kernel.BodyError(err)
		}
		handoff, err := from.Token(in.request.Header, body)
		if err != nil {
			return nil, unsigned(err)
		}
		record, err := s.Handoffs.AddHandoff(ctx, handoff)
		if err != nil {
			return nil, err
		}
		return &acceptedOutput{AcceptedBody{record.ID, record.Status}}, nil
	}
}

// startRegistration starts the process. One that has moved was started before; Temporal may have forgotten it since.
func (s *Handler) startRegistration(ctx context.Context, record registration.Registration) error {
	if record.Status != registration.StatusRequested {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, kernel.StartWait)
	defer cancel()
	return s.Workflows.StartRegistration(ctx, workflows.RegistrationInputOf(record, s.Options.Limits))
}

// unsigned answers 401 to what is not signed by the party that it speaks for.
func unsigned(err error) error {
	if problem.CodeOf(err) == problem.SignatureInvalid {
		return &kernel.Refusal{Code: problem.Denied, Status: http.StatusUnauthorized, Detail: "the signature or its time does not fit"}
	}
	return err
}

// HandOffRequest is what VNeID gave the citizen's app.
type HandOffRequest struct {
	Token string `json:"token" minLength:"1" maxLength:"512"`
}

type handOffInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	Body HandOffRequest
}

// handOff takes the one-time token. That the citizen came is recorded before the process is told, so that the relay
// can tell it when Temporal is away: the token can be used once.
func (s *Handler) handOff(ctx context.Context, in *handOffInput) (*acceptedOutput, error) {
	records := s.Records
	id, err := records.ResolveHandoff(ctx, in.Body.Token, s.Now())
	if problem.CodeOf(err) == problem.HandoffUsed { // perhaps by this caller, who comes again
		if own, reachErr := s.Reaches(ctx, kernel.CallerOf(ctx), access.Object{Kind: access.Registration, ID: id}); reachErr == nil && own {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.Access.Grant(ctx, kernel.BrowserOf(ctx), s.Now(), access.Object{Kind: access.Registration, ID: id}); err != nil {
		return nil, err
	}
	record, err := records.Registration(ctx, id)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	err = records.Change(ctx, id, func(r *registration.Registration) error {
		if r.HandedOffAt.IsZero() {
			r.HandedOffAt = now
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	tellCtx, cancel := context.WithTimeout(ctx, kernel.StartWait)
	defer cancel()
	if err := s.DecideAs(ctx, process.HandOffUpdate(id), handOffDeed(id)); err != nil {
		return nil, err
	}
	status, err := s.Workflows.HandOff(tellCtx, id, process.HandOffUpdate(id))
	switch code := problem.CodeOf(err); {
	case code == "":
		return &acceptedOutput{AcceptedBody{id, status.Status}}, nil
	case code == problem.Conflict && !record.HandedOffAt.IsZero(): // here already; a run that was begun again knows no earlier update
		return &acceptedOutput{AcceptedBody{id, record.Status}}, nil
	case code.Kind() == problem.KindUpstream, code == problem.ProcessMissing: // not started yet
		s.Logger.WarnContext(ctx, "hand-off recorded, process not told yet", "request_id", kernel.InfoOf(ctx).ID, "registration_id", id, "error", err.Error())
		return &acceptedOutput{AcceptedBody{id, record.Status}}, nil
	}
	return nil, err
}

func handOffDeed(id string) kernel.Deed {
	return kernel.Deed{About: kernel.AboutRegistration(id), Kind: workflows.UpdateHandOff, Actor: kernel.Citizen, Content: workflows.HandOff{}}
}

type listRegistrationsInput struct {
	Status    registration.Status `query:"status" enum:"requested,handed-off,account-ready,awaiting-payment,awaiting-contract,in-review,needs-more,issuing,activating,accepting,closing,active,refused,ineligible,withdrawn,expired,cancelled"`
	Attention bool                `query:"attention" doc:"Only those that are parked"`
	Before    time.Time           `query:"before" doc:"Only those created before"`
	Order     string              `query:"order" enum:"newest,due" default:"newest" doc:"due lists what has waited longest first"`
	Claim     string              `query:"claim" enum:"any,mine,none" default:"any" doc:"For officers: dossiers that the caller works on, or no officer does"`
	Overdue   bool                `query:"overdue" doc:"Only those whose last change is longer ago than a review may take"`
	Cursor    string              `query:"cursor" maxLength:"300" doc:"Of the next page; see next"`
	Limit     int                 `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// RegistrationList is a page of registrations, newest first.
type RegistrationList struct {
	Items []view.RegistrationBody `json:"items"`
	Next  string                  `json:"next,omitempty" doc:"Path of the next page"`
}

type listRegistrationsOutput struct {
	Body RegistrationList
}

func (s *Handler) listRegistrations(ctx context.Context, in *listRegistrationsInput) (*listRegistrationsOutput, error) {
	after, err := kernel.CursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	filter := registration.Filter{Owner: kernel.OnlyOwn(ctx, access.Officer, access.Operator), Status: in.Status, AttentionOnly: in.Attention, Before: in.Before,
		DueFirst: in.Order == "due", After: after, Limit: in.Limit}
	switch filter.ClaimsAt = s.Now(); in.Claim {
	case "mine":
		filter.ClaimedBy = kernel.OwnerOf(ctx)
	case "none":
		filter.Unclaimed = true
	}
	if in.Overdue {
		filter.ChangedBefore = s.Now().Add(-cmp.Or(s.Options.Limits.ReviewSLA, workflows.DefaultReviewSLA))
	}
	list, err := s.Records.Registrations(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := RegistrationList{Items: []view.RegistrationBody{}}
	for _, record := range list {
		out.Items = append(out.Items, s.RegistrationSummary(ctx, record))
	}
	if kernel.May(ctx, access.Officer) {
		if err := s.addQueue(ctx, out.Items); err != nil {
			return nil, err
		}
	}
	if len(list) == in.Limit {
		out.Next = kernel.NextPage("/v1/registrations", placeOf(list[len(list)-1], filter.DueFirst), in.Limit, "status", string(in.Status), "attention", kernel.Yes(in.Attention),
			"before", kernel.When(in.Before), "order", in.Order, "claim", in.Claim, "overdue", kernel.Yes(in.Overdue))
	}
	return &listRegistrationsOutput{Body: out}, nil
}

// placeOf is the cursor behind a registration in either order.
func placeOf(r registration.Registration, dueFirst bool) page.Cursor {
	if dueFirst {
		return page.After(r.UpdatedAt, r.ID)
	}
	return page.After(r.CreatedAt, r.ID)
}

type registrationInput struct {
	ID string `path:"id" maxLength:"64"`
}

type registrationOutput struct {
	Body view.RegistrationBody
}

func (s *Handler) getRegistration(ctx context.Context, in *registrationInput) (*registrationOutput, error) {
	records := s.Records
	record, err := records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.registrationBody(ctx, record)
	if err != nil {
		return nil, err
	}
	known, err := s.knowsPerson(ctx, in.ID)
	if known && err == nil {
		err = s.addPerson(ctx, record, &body)
	}
	return &registrationOutput{body}, err
}

// registrationBody is a registration with its payments and transitions, and without the person.
func (s *Handler) registrationBody(ctx context.Context, record registration.Registration) (view.RegistrationBody, error) {
	records, body := s.Records, s.RegistrationSummary(ctx, record)
	if record.Status == registration.StatusAccountReady {
		body.Packages = s.Packages
	}
	payments, err := records.Payments(ctx, record.ID)
	if err != nil {
		return body, err
	}
	for _, p := range payments {
		body.Payments = append(body.Payments, view.PaymentOf(p))
	}
	transitions, err := records.Transitions(ctx, record.ID, 0)
	for _, t := range asOf(record.Status, transitions) {
		body.Transitions = append(body.Transitions, view.RegistrationTransitionOf(t))
	}
	return body, err
}

// asOf leaves out what was recorded after the record was read: an answer speaks of one moment.
func asOf(status registration.Status, transitions []registration.Transition) []registration.Transition {
	for i := len(transitions); i > 0; i-- {
		if transitions[i-1].Status == status {
			return transitions[:i]
		}
	}
	return transitions
}

// knowsPerson reports whether the caller may see who registers: an officer, and whom the registration belongs to. An
// operator repairs without it.
func (s *Handler) knowsPerson(ctx context.Context, id string) (bool, error) {
	if kernel.May(ctx, access.Officer) {
		return true, nil
	}
	return s.Reaches(ctx, kernel.CallerOf(ctx), access.Object{Kind: access.Registration, ID: id})
}

// addPerson adds what the store holds of the person and the officer's words. An erased person has none.
func (s *Handler) addPerson(ctx context.Context, r registration.Registration, body *view.RegistrationBody) error {
	person, err := s.Records.Person(ctx, r.ID)
	if problem.CodeOf(err) == problem.Erased {
		return nil
	}
	if err != nil {
		return err
	}
	body.Person = view.PersonOf(person)
	if !r.Status.Final() {
		_, warnings, err := s.Input.Person(person, s.Now())
		if err != nil { // it was right when it came
			warnings = append(warnings, err.Error())
		}
		body.Warnings = warnings
	}
	if r.Review == nil {
		return nil
	}
	note, _, err := s.Records.ReviewNotes(ctx, r.Review.ID)
	if problem.CodeOf(err) == problem.Erased {
		return nil
	}
	body.Review.PublicNote = note
	return err
}

func (s *Handler) streamRegistrationEvents(ctx context.Context, in *view.EventsInput) (*huma.StreamResponse, error) {
	return s.Stream(ctx, in, view.RegistrationPath(in.ID), func(ctx context.Context, after int) (view.Moment, error) {
		record, err := s.Records.Registration(ctx, in.ID)
		if err != nil {
			return view.Moment{}, err
		}
		m := view.Moment{Final: record.Status.Final(), Countdown: func() *view.CountdownBody { return nil },
			Attention: func(ctx context.Context) *view.AttentionBody { return view.RegistrationAttention(ctx, record) }}
		transitions, err := s.Records.Transitions(ctx, in.ID, after)
		for _, t := range transitions {
			m.Transitions = append(m.Transitions, view.Recorded{Seq: t.Seq, Body: view.RegistrationTransitionOf(t)})
		}
		return m, err
	})
}

type paperInput struct {
	ID   string `path:"id" maxLength:"64"`
	Name string `path:"name" enum:"request,contract,acceptance"`
}

// getPaperContent gives the sealed contract and the signed acceptance record once there are, and what was written
// before.
func (s *Handler) getPaperContent(ctx context.Context, in *paperInput) (*huma.StreamResponse, error) {
	record, err := s.Records.Registration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	for _, p := range view.PapersOf(record) {
		if p.Name != in.Name {
			continue
		}
		id, digest := p.Written.UploadID, p.Written.SHA256
		if p.FinalID != "" {
			id, digest = p.FinalID, p.Final
		}
		if in.Name == "acceptance" && p.FinalID != "" { // its archive time-stamps are renewed
			if signed, err := s.Desk.Signing(ctx, record.Acceptance.SigningID); err == nil && len(signed.Documents) == 1 && signed.Documents[0].SignedID != "" {
				id, digest = signed.Documents[0].SignedID, signed.Documents[0].SignedSHA256
			}
		}
		upload, err := s.Recorded(ctx, id, digest)
		if err != nil {
			return nil, err
		}
		return s.Content(ctx, upload, upload.Name)
	}
	return nil, problem.New(problem.NotFound, "this paper is not written yet")
}

// PackageList is what can be bought.
type PackageList struct {
	Items []registration.Package `json:"items"`
}

type packagesOutput struct {
	Body PackageList
}

func (s *Handler) listPackages(context.Context, *struct{}) (*packagesOutput, error) {
	return &packagesOutput{PackageList{s.Packages}}, nil
}

func (s *Handler) linkRegistration(ctx context.Context, in *registrationInput) (*kernel.LinkOutput, error) {
	if _, err := s.Records.Registration(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.Link(ctx, access.Object{Kind: access.Registration, ID: in.ID})
}
