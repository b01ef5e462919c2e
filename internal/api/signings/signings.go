// Package signings is remote signing: the request, what its signer and its requester do, and the files that come of it.
package signings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/limit"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

// Handler answers what is about signings.
type Handler struct {
	*kernel.Kernel
	*kernel.Files
	*view.Views
	Workflows Workflows
	// Held reports whether a user has a certificate with a serial number at a provider; nil asks
	// no party: the process finds out.
	Held func(ctx context.Context, provider, id, user, serial string) (bool, error)
	// PushBudget bounds the requests to phones that all guests and people make together.
	PushBudget limit.Budget
}

// Routes are the routes of the room.
func (s *Handler) Routes() []kernel.Route {
	list := append(s.signingRoutes(), s.actRoutes()...)
	if s.PDF != nil {
		list = append(list, s.fileRoutes()...)
	}
	return list
}

const (
	maxReason   = 200
	maxLocation = 100
)

func (s *Handler) signingRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.createSigning, kernel.Route{ID: "createSigning", At: "POST /v1/signings", Tag: kernel.TagSignings, Status: http.StatusAccepted,
			Summary: "Ask for a signature",
			Text:    "The answer comes as soon as the request is recorded; the process goes on without the caller. Without serial it takes the only usable certificate, or waits for a choice; without placement it waits for one. Follow it by events or by a webhook.",
			Access:  kernel.Rule{Own: kernel.Signings}}),
		kernel.On(s.listSignings, kernel.Route{ID: "listSignings", At: "GET /v1/signings", Tag: kernel.TagSignings,
			Summary: "List signings, newest first",
			Text:    "Owners see their own, operators see all. Summaries do not name the signer. Pages go on with next.",
			Access:  kernel.Rule{Own: kernel.Signings, All: kernel.Operators}}),
		kernel.On(s.getSigning, kernel.Route{ID: "getSigning", At: "GET /v1/signings/{id}", Tag: kernel.TagSignings,
			Summary:  "Show a signing",
			Text:     "State, documents, countdown and transitions. An operator sees it without the signer's name and the documents' names.",
			Access:   toShow,
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.streamEvents, kernel.Route{ID: "streamEvents", At: "GET /v1/signings/{id}/events", Tag: kernel.TagSignings,
			Summary: "Follow a signing (server-sent events)",
			Text:    "The stream sends what happened after Last-Event-ID (or after), then each transition as it happens, and ends after the final one. The history is complete however often the connection is cut.",
			Access:  kernel.Rule{Own: kernel.Signings, All: kernel.Operators, Object: access.Signing}, Answer: kernel.AnswerEvents,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{kernel.WithEvents("Transition")}}),
		kernel.On(s.getSignedContent, kernel.Route{ID: "getSignedContent", At: "GET /v1/signings/{id}/documents/{n}/content", Tag: kernel.TagSignings,
			Summary: "Download a signed document",
			Text:    "Available when the whole signing is signed and verified; before that it is 409. Ranges and conditional requests work.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Signing}, Reveals: true, Answer: kernel.AnswerFile,
			Problems: []int{http.StatusNotFound, http.StatusConflict}}),
		kernel.On(s.linkSigning, kernel.Route{ID: "linkSigning", At: "POST /v1/signings/{id}/resume-link", Tag: kernel.TagAccess,
			Summary: "Make a one-time link to a signing for another device",
			Text:    "The link is valid for a day and can be used once. Its secret stands after #, so it reaches no log.",
			Access:  kernel.Rule{Own: kernel.Signings, Object: access.Signing}, Secret: true,
			Problems: []int{http.StatusNotFound}}),
	}
}

// SigningRequest asks for a signing.
type SigningRequest struct {
	User      string            `json:"user" maxLength:"80" doc:"The signer's id at the provider, such as a citizen number" example:"079095012345"`
	Documents []DocumentRequest `json:"documents" minItems:"1" maxItems:"50" doc:"All are approved together on the phone"`
	Serial    string            `json:"serial,omitempty" maxLength:"128" doc:"Certificate to sign with, hex; without it the only usable one is taken, or the signing waits for a choice"`
	Level     signing.Level     `json:"level,omitempty" enum:"B-B,B-T,B-LT,B-LTA" default:"B-T"`
	Reason    string            `json:"reason,omitempty" maxLength:"1000" doc:"Shown in the document, at most 200 characters"`
	Location  string            `json:"location,omitempty" maxLength:"500" doc:"Shown in the document, at most 100 characters"`
	Provider  string            `json:"provider,omitempty" maxLength:"40" doc:"Remote signing provider; the first configured one when left out"`
}

// DocumentRequest is one document to sign.
type DocumentRequest struct {
	ID        string              `json:"id" maxLength:"64" doc:"Of an uploaded document"`
	Placement *view.PlacementBody `json:"placement,omitempty" doc:"{} is the default box; without it the signing waits for a placement"`
}

type createSigningInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again finds the same signing"`
	Body SigningRequest
}

type signingOutput struct {
	Location string `header:"Location"`
	Body     view.SigningBody
}

func (s *Handler) createSigning(ctx context.Context, in *createSigningInput) (*signingOutput, error) {
	record, err := s.newSigning(ctx, in.Key, in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.checkHeld(ctx, record); err != nil {
		return nil, err
	}
	if err := s.Grant(ctx, access.Signing, record.ID); err != nil {
		return nil, err
	}
	if record, err = s.saveSigning(ctx, record); err != nil {
		return nil, err
	}
	if err := s.start(ctx, record); err != nil {
		// Accepted all the same: the record is committed, and the relay starts it when Temporal is back.
		s.Logger.WarnContext(ctx, "signing accepted, not started yet", "request_id", kernel.InfoOf(ctx).ID, "signing_id", record.ID, "error", err.Error())
	}
	// Without the user and the names: this answer is kept for its Idempotency-Key.
	body := s.SummaryBody(ctx, record)
	return &signingOutput{Location: body.Self, Body: body}, nil
}

// heldWait is how long a request waits for the provider to say whether it has a certificate.
const heldWait = 3 * time.Second

// checkHeld refuses a serial number that the user has no certificate with. A provider that says nothing decides nothing: the
// process asks it again.
func (s *Handler) checkHeld(ctx context.Context, record signing.Signing) error {
	if s.Held == nil || record.Serial == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, heldWait)
	defer cancel()
	held, err := s.Held(ctx, record.Provider, process.CertificatesID(record.ID, "door"), record.UserID, record.Serial)
	if err != nil || held {
		return nil
	}
	var fields kernel.FieldErrors
	fields.Say("body.serial", "the user has no certificate with this serial number at "+record.Provider, "Người ký không có chứng thư số với số sê-ri này")
	return fields.Err()
}

// asker is the browser that asks; nil for a program with a key.
func (s *Handler) asker(ctx context.Context) *signing.Asker {
	who := kernel.CallerOf(ctx)
	if who == nil || kernel.IsProgram(who) {
		return nil
	}
	return &signing.Asker{Owner: who.Owner, Network: limit.Network(limit.AddressOf(ctx)), Budget: s.PushBudget}
}

// ringAgain counts an act that may make a phone ring, when the signing has waited for it so long that it counts no more.
func (s *Handler) ringAgain(ctx context.Context, record signing.Signing) error {
	by := s.asker(ctx)
	if by == nil || s.Now().Sub(record.CreatedAt) < signing.PendingFor {
		return nil
	}
	return s.Desk.AskAgain(ctx, record, *by, s.Now())
}

// start starts the process. One that has moved was started before; Temporal may have forgotten it since.
func (s *Handler) start(ctx context.Context, record signing.Signing) error {
	if record.Status != signing.StatusCreated {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, kernel.StartWait)
	defer cancel()
	return s.Workflows.StartSigning(ctx, workflows.SigningInputOf(record))
}

// newSigning checks a request and makes the record of it.
func (s *Handler) newSigning(ctx context.Context, key string, in SigningRequest) (signing.Signing, error) {
	var fields kernel.FieldErrors
	now := s.Now().UTC().Truncate(time.Microsecond)
	out := signing.Signing{
		ID: kernel.SigningID(key), Status: signing.StatusCreated, CreatedAt: now, UpdatedAt: now,
		Serial:   kernel.CheckSerial("body.serial", in.Serial, &fields),
		Reason:   kernel.CheckText("body.reason", in.Reason, maxReason, &fields),
		Location: kernel.CheckText("body.location", in.Location, maxLocation, &fields),
		Level:    cmp.Or(in.Level, signing.LevelT),
	}
	out.Provider, out.UserID = s.checkProvider(in.Provider, in.User, &fields)
	if !out.Level.Valid() {
		fields.Add("body.level", "must be B-B, B-T or B-LT")
	}
	s.checkShown("body.reason", out.Reason, &fields)
	s.checkShown("body.location", out.Location, &fields)
	var err error
	out.Documents, err = s.documents(ctx, in.Documents, out.Reason, &fields)
	if err != nil {
		return out, err
	}
	return out, fields.Err()
}

// checkProvider returns the provider and the user id as that one has it kept. Without a name the first provider is taken.
func (s *Handler) checkProvider(name, user string, fields *kernel.FieldErrors) (provider, userID string) {
	p, known := s.Provider(cmp.Or(name, s.Providers[0].Name))
	if !known {
		var names []string
		for _, p := range s.Providers {
			names = append(names, p.Name)
		}
		fields.Add("body.provider", "must be one of "+strings.Join(names, ", "))
		return name, user
	}
	userID, err := p.CheckUser(user)
	if wrong, ok := errors.AsType[*problem.Error](err); ok {
		fields.Say(kernel.FieldLocation(wrong.Field), wrong.Message, wrong.VI)
	} else if err != nil {
		fields.Add("body.user", err.Error())
	}
	return p.Name, userID
}

// checkShown refuses a text with a letter that a visible signature cannot show.
func (s *Handler) checkShown(location, text string, fields *kernel.FieldErrors) {
	if s.PDF == nil || s.PDF.Unprintable == nil {
		return
	}
	if letter, err := s.PDF.Unprintable(text); err == nil && letter != "" {
		fields.Say(location, "the letter "+strconv.Quote(letter)+" cannot be printed", "Chữ “"+letter+"” không in được")
	}
}

func (s *Handler) documents(ctx context.Context, asked []DocumentRequest, reason string, fields *kernel.FieldErrors) ([]signing.Document, error) {
	seen := map[string]bool{}
	var out []signing.Document
	for i, d := range asked {
		location := fmt.Sprintf("body.documents[%d]", i)
		if seen[d.ID] {
			fields.Add(location+".id", "the same document is named twice")
			continue
		}
		seen[d.ID] = true
		upload, err := s.ownUpload(ctx, d.ID)
		if problem.CodeOf(err) == problem.NotFound {
			fields.Add(location+".id", "no such document; upload it first")
			continue
		}
		if err != nil {
			return nil, err
		}
		document := signing.Document{Index: i, UploadID: upload.ID, Name: upload.Name, Size: upload.Size, SHA256: upload.SHA256}
		if d.Placement != nil {
			placement, err := s.placementOf(ctx, location+".placement", *d.Placement, upload.ID, fields)
			if err != nil {
				return nil, err
			}
			document.Placement = &placement
		}
		out = append(out, document)
	}
	if len(*fields) > 0 {
		return out, nil
	}
	checks := make([]placeCheck, len(out))
	for i, d := range out {
		at := fmt.Sprintf("body.documents[%d]", d.Index)
		checks[i] = placeCheck{at + ".id", at + ".placement", d, d.Placement}
	}
	return out, s.checkPlaces(ctx, checks, reason)
}

// ownUpload returns an upload of the caller.
func (s *Handler) ownUpload(ctx context.Context, id string) (signing.Upload, error) {
	granted, err := s.Reaches(ctx, kernel.CallerOf(ctx), access.Object{Kind: access.Document, ID: id})
	if err == nil && !granted {
		err = problem.New(problem.NotFound, "no such document")
	}
	if err != nil {
		return signing.Upload{}, err
	}
	return s.Desk.Upload(ctx, id)
}

// saveSigning stores the record. When an earlier try with the same key stored it already, that one counts, so that
// its answer does not step back in time.
func (s *Handler) saveSigning(ctx context.Context, record signing.Signing) (signing.Signing, error) {
	var err error
	if by := s.asker(ctx); by != nil {
		err = s.Desk.AskSigning(ctx, record, *by)
	} else {
		err = s.Desk.CreateSigning(ctx, record)
	}
	if problem.CodeOf(err) == problem.Conflict {
		return record, problem.New(problem.IdempotencyMismatch, "the key was used before for another signing")
	}
	if err != nil {
		return record, err
	}
	return s.Desk.Signing(ctx, record.ID)
}

type signingInput struct {
	ID string `path:"id" maxLength:"64"`
}

type getSigningOutput struct {
	Body view.SigningBody
}

// toShow says who may see a signing: its owner, and operators, who see any.
var toShow = kernel.Rule{Own: kernel.Signings, All: kernel.Operators, Object: access.Signing}

func (s *Handler) getSigning(ctx context.Context, in *signingInput) (*getSigningOutput, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	transitions, err := s.Desk.Transitions(ctx, in.ID, 0)
	if err != nil {
		return nil, err
	}
	body := s.FullBody(ctx, record, transitions)
	own := true // or the door had not let the caller in
	if kernel.May(ctx, toShow.All...) {
		if own, err = s.Reaches(ctx, kernel.CallerOf(ctx), access.Object{Kind: access.Signing, ID: in.ID}); err != nil {
			return nil, err
		}
	}
	if !own { // an operator repairs without knowing who signs what
		body.WithoutPeople()
	}
	return &getSigningOutput{Body: body}, nil
}

type listSigningsInput struct {
	Status    signing.Status `query:"status" enum:"created,awaiting-certificate,awaiting-placement,preparing,requested,awaiting-approval,completing,signed,declined,expired,cancelled,refused"`
	Attention bool           `query:"attention" doc:"Only those that are parked"`
	Before    time.Time      `query:"before" doc:"Only those created before"`
	Cursor    string         `query:"cursor" maxLength:"300" doc:"Of the next page; see next"`
	Limit     int            `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// SigningList is a page of signings, newest first.
type SigningList struct {
	Items []view.SigningBody `json:"items"`
	Next  string             `json:"next,omitempty" doc:"Path of the next page"`
}

type listSigningsOutput struct {
	Body SigningList
}

func (s *Handler) listSignings(ctx context.Context, in *listSigningsInput) (*listSigningsOutput, error) {
	after, err := kernel.CursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Signings(ctx, signing.Filter{After: after, Owner: kernel.OnlyOwn(ctx, access.Operator), Status: in.Status, AttentionOnly: in.Attention, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := SigningList{Items: []view.SigningBody{}}
	for _, record := range list {
		out.Items = append(out.Items, s.SummaryBody(ctx, record))
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Next = kernel.NextPage("/v1/signings", page.After(last.CreatedAt, last.ID), in.Limit, "status", string(in.Status), "attention", kernel.Yes(in.Attention), "before", kernel.When(in.Before))
	}
	return &listSigningsOutput{Body: out}, nil
}

type signedContentInput struct {
	ID    string `path:"id" maxLength:"64"`
	Index int    `path:"n" minimum:"0" maximum:"49" doc:"0 is the first document"`
}

// getSignedContent gives a signed file out.
func (s *Handler) getSignedContent(ctx context.Context, in *signedContentInput) (*huma.StreamResponse, error) {
	document, err := s.signedDocument(ctx, in)
	if err != nil {
		return nil, err
	}
	upload, err := s.Recorded(ctx, document.SignedID, document.SignedSHA256)
	if err != nil {
		return nil, err
	}
	return s.Content(ctx, upload, kernel.SignedName(document.Name))
}

// signedDocument returns a document once the whole signing is done: before that it has not been verified.
func (s *Handler) signedDocument(ctx context.Context, in *signedContentInput) (signing.Document, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return signing.Document{}, err
	}
	if in.Index >= len(record.Documents) {
		return signing.Document{}, problem.New(problem.NotFound, "the signing has %d documents", len(record.Documents))
	}
	document := record.Documents[in.Index]
	if record.Status != signing.StatusSigned || document.SignedID == "" {
		return document, problem.New(problem.Conflict, "the signing is %s; there is no signed file", record.Status)
	}
	return document, nil
}

func (s *Handler) linkSigning(ctx context.Context, in *signingInput) (*kernel.LinkOutput, error) {
	if _, err := s.Desk.Signing(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.Link(ctx, access.Object{Kind: access.Signing, ID: in.ID})
}

func (s *Handler) streamEvents(ctx context.Context, in *view.EventsInput) (*huma.StreamResponse, error) {
	return s.Stream(ctx, in, view.SigningPath(in.ID), func(ctx context.Context, after int) (view.Moment, error) {
		record, err := s.Desk.Signing(ctx, in.ID)
		if err != nil {
			return view.Moment{}, err
		}
		m := view.Moment{Final: record.Status.Final(),
			Countdown: func() *view.CountdownBody { return view.CountdownOf(record, s.Now().UTC()) },
			Attention: func(ctx context.Context) *view.AttentionBody { return view.SigningAttention(ctx, record) }}
		transitions, err := s.Desk.Transitions(ctx, in.ID, after)
		for _, t := range transitions {
			m.Transitions = append(m.Transitions, view.Recorded{Seq: t.Seq, Body: view.TransitionOf(t)})
		}
		return m, err
	})
}
