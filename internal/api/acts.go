package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kyso/internal/access"

	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/signing"
	"kyso/workflows"
)

// maxNote is how many characters of an operator's reason are kept.
const maxNote = 300

func (s *server) actRoutes() []route {
	return []route{
		on(s.listCertificates, route{id: "listCertificates", at: "GET /v1/signings/{id}/certificates", tag: tagSignings,
			summary:  "List the signer's certificates",
			text:     "What the provider holds for the user of the signing. Revocation is checked when the certificate is used.",
			access:   rule{own: signings, object: access.Signing},
			problems: []int{http.StatusNotFound}}),
		on(s.chooseCertificate, route{id: "chooseCertificate", at: "POST /v1/signings/{id}/certificate", tag: tagSignings,
			summary:  "Choose the certificate",
			text:     "For a signing that waits in awaiting-certificate.",
			access:   rule{own: signings, object: access.Signing},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.place, route{id: "place", at: "POST /v1/signings/{id}/placement", tag: tagSignings,
			summary:  "Place the signature boxes",
			text:     "For a signing that waits in awaiting-placement. The box is checked against the page, the fields and earlier signatures before the phone rings.",
			access:   rule{own: signings, object: access.Signing},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.cancel, route{id: "cancel", at: "POST /v1/signings/{id}/cancel", tag: tagSignings,
			summary:  "Cancel before the owner approves",
			text:     "A signing can be cancelled until the owner approves. A signature value that arrives later is recorded and never used.",
			access:   rule{own: signings, all: operators, object: access.Signing},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.repair, route{id: "repair", at: "POST /v1/signings/{id}/repair", tag: tagOperations,
			summary:  "Repair a parked signing",
			text:     "For a signing that is parked: retry the step, skip it where that is declared safe, or cancel. The reason is recorded under the name of the caller.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
	}
}

// CertificateBody is one certificate that the provider holds for the signer.
type CertificateBody struct {
	Owner       string    `json:"owner" doc:"Common name"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256, hex"`
	ValidFrom   time.Time `json:"valid_from"`
	ValidTo     time.Time `json:"valid_to"`
	State       string    `json:"state" enum:"valid,expired,not-yet-valid" doc:"By its dates; revocation is checked when it is used"`
	Chosen      bool      `json:"chosen"`
}

// CertificateList is what the provider holds for the signer of a signing.
type CertificateList struct {
	Items []CertificateBody `json:"items"`
}

type certificatesOutput struct {
	Body CertificateList
}

func (s *server) listCertificates(ctx context.Context, in *signingInput) (*certificatesOutput, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Certificates(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := CertificateList{Items: []CertificateBody{}}
	now := s.Now()
	for _, c := range list {
		out.Items = append(out.Items, CertificateBody{Owner: c.Subject, Issuer: c.Issuer, Serial: c.Serial,
			Fingerprint: c.Fingerprint, ValidFrom: c.NotBefore.UTC(), ValidTo: c.NotAfter.UTC(),
			State: stateByDates(c, now), Chosen: c.Fingerprint == record.Certificate})
	}
	return &certificatesOutput{Body: out}, nil
}

func stateByDates(c signing.Certificate, now time.Time) string {
	switch {
	case now.After(c.NotAfter):
		return "expired"
	case now.Before(c.NotBefore):
		return "not-yet-valid"
	}
	return "valid"
}

type statusOutput struct {
	Body SigningMove
}

// Act is what every act on a signing has. It is exported because huma reads embedded structs only then.
type Act struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"The same key again acts once"`
	ID  string `path:"id" maxLength:"64"`
}

// ChooseRequest names the certificate to sign with.
type ChooseRequest struct {
	Serial string `json:"serial" minLength:"1" maxLength:"128" doc:"Serial number or fingerprint, hex"`
}

type chooseInput struct {
	Act
	Body ChooseRequest
}

func (s *server) chooseCertificate(ctx context.Context, in *chooseInput) (*statusOutput, error) {
	var fields fieldErrors
	serial := checkSerial("body.serial", in.Body.Serial, &fields)
	if err := fields.err(); err != nil {
		return nil, err
	}
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Desk.Certificates(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	fingerprint, err := pick(list, serial)
	if err != nil {
		return nil, err
	}
	if err := s.ringAgain(ctx, record); err != nil {
		return nil, err
	}
	choice := workflows.ChooseCertificate{Fingerprint: fingerprint}
	id, err := s.decide(ctx, in.Key, deed{aboutSigning(in.ID), workflows.UpdateChooseCertificate, ownName(ctx), choice})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.ChooseCertificate(ctx, in.ID, id, choice)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: statusBody(ctx, in.ID, status)}, nil
}

// pick finds a certificate by fingerprint or serial number. Leading zeros of a serial number say nothing.
func pick(list []signing.Certificate, wanted string) (string, error) {
	for _, c := range list {
		if c.Fingerprint == wanted || strings.TrimLeft(normalSerial(c.Serial), "0") == strings.TrimLeft(wanted, "0") {
			return c.Fingerprint, nil
		}
	}
	return "", problem.OfField(problem.CertificateMissing, "serial", fmt.Sprintf("no such certificate among the %d of this signing", len(list)), "Không có chứng thư số này")
}

// PlaceRequest says where the visible signatures stand.
type PlaceRequest struct {
	Placements []PlacementBody `json:"placements" minItems:"1" maxItems:"50" doc:"One for each document, in their order"`
}

type placeInput struct {
	Act
	Body PlaceRequest
}

func (s *server) place(ctx context.Context, in *placeInput) (*statusOutput, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var fields fieldErrors
	if got, want := len(in.Body.Placements), len(record.Documents); got != want {
		fields.add("body.placements", fmt.Sprintf("must have one item for each of the %d documents", want))
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	var placements []signing.Placement
	for i, p := range in.Body.Placements {
		placement, err := s.placementOf(ctx, fmt.Sprintf("body.placements[%d]", i), p, record.Documents[i].UploadID, &fields)
		if err != nil {
			return nil, err
		}
		placements = append(placements, placement)
	}
	if err := fields.err(); err != nil {
		return nil, err
	}
	checks := make([]placeCheck, len(placements))
	for i := range placements {
		at := fmt.Sprintf("body.placements[%d]", i)
		checks[i] = placeCheck{at, at, record.Documents[i], &placements[i]}
	}
	if err := s.checkPlaces(ctx, checks, record.Reason); err != nil {
		return nil, err
	}
	if err := s.ringAgain(ctx, record); err != nil {
		return nil, err
	}
	place := workflows.Place{Placements: placements}
	id, err := s.decide(ctx, in.Key, deed{aboutSigning(in.ID), workflows.UpdatePlace, ownName(ctx), place})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Place(ctx, in.ID, id, place)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: statusBody(ctx, in.ID, status)}, nil
}

// CancelRequest says who cancels and why. All of it may be left out.
type CancelRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"A few words without personal data; they stay in the history"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Who cancels; the owner of the key or session, and only the administrator may name another"`
}

type cancelInput struct {
	Act
	Body *CancelRequest
}

func (s *server) cancel(ctx context.Context, in *cancelInput) (*statusOutput, error) {
	var asked CancelRequest
	if in.Body != nil {
		asked = *in.Body
	}
	var fields fieldErrors
	cancel := workflows.Cancel{Actor: actorOf(ctx, "body.actor", asked.Actor, &fields), Reason: checkNote(asked.Reason, &fields)}
	if err := fields.err(); err != nil {
		return nil, err
	}
	record, err := s.Desk.Signing(ctx, in.ID)
	if err == nil {
		err = lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err != nil {
		return nil, err
	}
	id, err := s.decide(ctx, in.Key, deed{aboutSigning(in.ID), workflows.UpdateCancel, cancel.Actor, cancel})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Cancel(ctx, in.ID, id, cancel)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: statusBody(ctx, in.ID, status)}, nil
}

// RepairRequest says what an operator does about a parked signing.
type RepairRequest struct {
	Action string `json:"action" enum:"retry,cancel"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, in a few words without personal data; they stay in the history"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Who repairs; the owner of the key or session, and only the administrator may name another"`
}

type repairInput struct {
	Act
	Body RepairRequest
}

// RepairBody says what became of a repair.
type RepairBody struct {
	Outcome string      `json:"outcome" enum:"recovered,failed-again,given-up,still-waiting"`
	Signing SigningMove `json:"signing"`
}

type repairOutput struct {
	Body RepairBody
}

func (s *server) repair(ctx context.Context, in *repairInput) (*repairOutput, error) {
	var fields fieldErrors
	repair := checkRepair(ctx, in.Body.Action, in.Body.Actor, in.Body.Reason, &fields)
	if err := fields.err(); err != nil {
		return nil, err
	}
	record, err := s.Desk.Signing(ctx, in.ID)
	if err == nil {
		err = lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err != nil {
		return nil, err
	}
	id, err := s.decide(ctx, in.Key, deed{aboutSigning(in.ID), workflows.UpdateRepair, repair.Actor, repair})
	if err != nil {
		return nil, err
	}
	result, err := s.Workflows.Repair(ctx, in.ID, id, repair)
	if err != nil {
		return nil, err
	}
	return &repairOutput{Body: RepairBody{Outcome: result.Outcome, Signing: statusBody(ctx, in.ID, result.Status)}}, nil
}

// checkRepair checks what every repair has.
func checkRepair(ctx context.Context, action, actor, reason string, fields *fieldErrors) process.Repair {
	repair := process.Repair{Action: action, Actor: actorOf(ctx, "body.actor", actor, fields), Reason: checkNote(reason, fields)}
	if repair.Reason == "" {
		fields.add("body.reason", "must say why")
	}
	return repair
}
