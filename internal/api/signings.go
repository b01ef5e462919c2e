package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/access"
	"kyso/internal/limit"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

const (
	maxReason   = 200
	maxLocation = 100
	// startWait bounds how long an accepted request waits for Temporal: the signing is stored by then, and the
	// relay starts what was not started.
	startWait = 10 * time.Second
)

func (s *server) signingRoutes() []route {
	return []route{
		on(s.createSigning, route{id: "createSigning", at: "POST /v1/signings", tag: tagSignings, status: http.StatusAccepted,
			summary: "Ask for a signature",
			text:    "The answer comes as soon as the request is recorded; the process goes on without the caller. Without serial it takes the only usable certificate, or waits for a choice; without placement it waits for one. Follow it by events or by a webhook.",
			access:  rule{own: signings}}),
		on(s.listSignings, route{id: "listSignings", at: "GET /v1/signings", tag: tagSignings,
			summary: "List signings, newest first",
			text:    "Owners see their own, operators see all. Summaries do not name the signer. Pages go on with next.",
			access:  rule{own: signings, all: operators}}),
		on(s.getSigning, route{id: "getSigning", at: "GET /v1/signings/{id}", tag: tagSignings,
			summary:  "Show a signing",
			text:     "State, documents, countdown and transitions. An operator sees it without the signer's name and the documents' names.",
			access:   rule{own: signings, all: operators, object: access.Signing},
			problems: []int{http.StatusNotFound}}),
		on(s.streamEvents, route{id: "streamEvents", at: "GET /v1/signings/{id}/events", tag: tagSignings,
			summary: "Follow a signing (server-sent events)",
			text:    "The stream sends what happened after Last-Event-ID (or after), then each transition as it happens, and ends after the final one. The history is complete however often the connection is cut.",
			access:  rule{own: signings, all: operators, object: access.Signing}, answer: answerEvents,
			problems: []int{http.StatusNotFound}, with: []operationOption{withEvents("Transition")}}),
		on(s.getSignedContent, route{id: "getSignedContent", at: "GET /v1/signings/{id}/documents/{n}/content", tag: tagSignings,
			summary: "Download a signed document",
			text:    "Available when the whole signing is signed and verified; before that it is 409. Ranges and conditional requests work.",
			access:  rule{own: signings, object: access.Signing}, reveals: true, answer: answerFile,
			problems: []int{http.StatusNotFound, http.StatusConflict}}),
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
	ID        string         `json:"id" maxLength:"64" doc:"Of an uploaded document"`
	Placement *PlacementBody `json:"placement,omitempty" doc:"{} is the default box; without it the signing waits for a placement"`
}

type createSigningInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again finds the same signing"`
	Body SigningRequest
}

type signingOutput struct {
	Location string `header:"Location"`
	Body     SigningBody
}

func (s *server) createSigning(ctx context.Context, in *createSigningInput) (*signingOutput, error) {
	record, err := s.newSigning(ctx, in.Key, in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.checkHeld(ctx, record); err != nil {
		return nil, err
	}
	if err := s.grant(ctx, access.Signing, record.ID); err != nil {
		return nil, err
	}
	if record, err = s.saveSigning(ctx, record); err != nil {
		return nil, err
	}
	if err := s.start(ctx, record); err != nil {
		// Accepted all the same: the record is committed, and the relay starts it when Temporal is back.
		s.Logger.WarnContext(ctx, "signing accepted, not started yet", "request_id", infoOf(ctx).id, "signing_id", record.ID, "error", err.Error())
	}
	// Without the user and the names: this answer is kept for its Idempotency-Key.
	body := s.summaryBody(ctx, record)
	return &signingOutput{Location: body.Self, Body: body}, nil
}

// heldWait is how long a request waits for the provider to say whether it has a certificate.
const heldWait = 3 * time.Second

// checkHeld refuses a serial number that the user has no certificate with. A provider that says nothing decides nothing: the
// process asks it again.
func (s *server) checkHeld(ctx context.Context, record signing.Signing) error {
	if s.Held == nil || record.Serial == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, heldWait)
	defer cancel()
	held, err := s.Held(ctx, record.Provider, process.CertificatesID(record.ID, "door"), record.UserID, record.Serial)
	if err != nil || held {
		return nil
	}
	var fields fieldErrors
	fields.say("body.serial", "the user has no certificate with this serial number at "+record.Provider, "Người ký không có chứng thư số với số sê-ri này")
	return fields.err()
}

// asker is the browser that asks; nil for a program with a key.
func (s *server) asker(ctx context.Context) *signing.Asker {
	who := callerOf(ctx)
	if who == nil || isProgram(who) {
		return nil
	}
	return &signing.Asker{Owner: who.owner, Network: limit.Network(limit.AddressOf(ctx)), Budget: s.PushBudget}
}

// ringAgain counts an act that may make a phone ring, when the signing has waited for it so long that it counts no more.
func (s *server) ringAgain(ctx context.Context, record signing.Signing) error {
	by := s.asker(ctx)
	if by == nil || s.Now().Sub(record.CreatedAt) < signing.PendingFor {
		return nil
	}
	return s.Desk.AskAgain(ctx, record, *by, s.Now())
}

// start starts the process. One that has moved was started before; Temporal may have forgotten it since.
func (s *server) start(ctx context.Context, record signing.Signing) error {
	if record.Status != signing.StatusCreated {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	return s.Workflows.StartSigning(ctx, workflows.SigningInputOf(record))
}

// newSigning checks a request and makes the record of it.
func (s *server) newSigning(ctx context.Context, key string, in SigningRequest) (signing.Signing, error) {
	var fields fieldErrors
	now := s.Now().UTC().Truncate(time.Microsecond)
	out := signing.Signing{
		ID: signingID(key), Status: signing.StatusCreated, CreatedAt: now, UpdatedAt: now,
		Serial:   checkSerial("body.serial", in.Serial, &fields),
		Reason:   checkText("body.reason", in.Reason, maxReason, &fields),
		Location: checkText("body.location", in.Location, maxLocation, &fields),
		Level:    cmp.Or(in.Level, signing.LevelT),
	}
	out.Provider, out.UserID = s.checkProvider(in.Provider, in.User, &fields)
	if !out.Level.Valid() {
		fields.add("body.level", "must be B-B, B-T or B-LT")
	}
	s.checkShown("body.reason", out.Reason, &fields)
	s.checkShown("body.location", out.Location, &fields)
	var err error
	out.Documents, err = s.documents(ctx, in.Documents, out.Reason, &fields)
	if err != nil {
		return out, err
	}
	return out, fields.err()
}

// checkShown refuses a text with a letter that a visible signature cannot show.
func (s *server) checkShown(location, text string, fields *fieldErrors) {
	if s.PDF == nil || s.PDF.Unprintable == nil {
		return
	}
	if letter, err := s.PDF.Unprintable(text); err == nil && letter != "" {
		fields.say(location, "the letter "+strconv.Quote(letter)+" cannot be printed", "Chữ “"+letter+"” không in được")
	}
}

func (s *server) documents(ctx context.Context, asked []DocumentRequest, reason string, fields *fieldErrors) ([]signing.Document, error) {
	seen := map[string]bool{}
	var out []signing.Document
	for i, d := range asked {
		location := fmt.Sprintf("body.documents[%d]", i)
		if seen[d.ID] {
			fields.add(location+".id", "the same document is named twice")
			continue
		}
		seen[d.ID] = true
		upload, err := s.ownUpload(ctx, d.ID)
		if problem.CodeOf(err) == problem.NotFound {
			fields.add(location+".id", "no such document; upload it first")
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
func (s *server) ownUpload(ctx context.Context, id string) (signing.Upload, error) {
	granted, err := s.reaches(ctx, callerOf(ctx), access.Object{Kind: access.Document, ID: id})
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
func (s *server) saveSigning(ctx context.Context, record signing.Signing) (signing.Signing, error) {
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
	Body SigningBody
}

func (s *server) getSigning(ctx context.Context, in *signingInput) (*getSigningOutput, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	transitions, err := s.Desk.Transitions(ctx, in.ID, 0)
	if err != nil {
		return nil, err
	}
	body := s.fullBody(ctx, record, transitions)
	own, err := s.reaches(ctx, callerOf(ctx), access.Object{Kind: access.Signing, ID: in.ID})
	if err != nil {
		return nil, err
	}
	if !own { // an operator repairs without knowing who signs what
		body.withoutPeople()
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
	Items []SigningBody `json:"items"`
	Next  string        `json:"next,omitempty" doc:"Path of the next page"`
}

type listSigningsOutput struct {
	Body SigningList
}

func (s *server) listSignings(ctx context.Context, in *listSigningsInput) (*listSigningsOutput, error) {
	after, err := cursorOf(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Signings(ctx, signing.Filter{After: after, Owner: onlyOwn(ctx, access.Operator), Status: in.Status, AttentionOnly: in.Attention, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := SigningList{Items: []SigningBody{}}
	for _, record := range list {
		out.Items = append(out.Items, s.summaryBody(ctx, record))
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Next = nextPage("/v1/signings", page.After(last.CreatedAt, last.ID), in.Limit, "status", string(in.Status), "attention", yes(in.Attention), "before", when(in.Before))
	}
	return &listSigningsOutput{Body: out}, nil
}

type signedContentInput struct {
	ID    string `path:"id" maxLength:"64"`
	Index int    `path:"n" minimum:"0" maximum:"49" doc:"0 is the first document"`
}

func contentPath(signingID string, index int) string {
	return signingPath(signingID) + "/documents/" + strconv.Itoa(index) + "/content"
}

// getSignedContent gives a signed file out.
func (s *server) getSignedContent(ctx context.Context, in *signedContentInput) (*huma.StreamResponse, error) {
	document, err := s.signedDocument(ctx, in)
	if err != nil {
		return nil, err
	}
	upload, err := s.recorded(ctx, document.SignedID, document.SignedSHA256)
	if err != nil {
		return nil, err
	}
	return s.content(ctx, upload, signedName(document.Name))
}

// recorded returns a stored file, which must be the one with the digest that a signing or registration holds.
func (s *server) recorded(ctx context.Context, id, digest string) (signing.Upload, error) {
	upload, err := s.Desk.Upload(ctx, id)
	if err == nil {
		err = upload.Has(digest)
	}
	return upload, err
}

// signedDocument returns a document once the whole signing is done: before that it has not been verified.
func (s *server) signedDocument(ctx context.Context, in *signedContentInput) (signing.Document, error) {
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
