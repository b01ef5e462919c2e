package signings

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/workflows"
)

func (s *Handler) actRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listCertificates, kernel.Route{ID: "listCertificates", At: "GET /v1/signings/{id}/certificates", Tag: kernel.TagSignings,
			Summary:  "List the signer's certificates",
			Text:     "What the provider holds for the user of the signing. Revocation is checked when the certificate is used.",
			Access:   kernel.Rule{Own: kernel.Signings, Object: access.Signing},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.chooseCertificate, kernel.Route{ID: "chooseCertificate", At: "POST /v1/signings/{id}/certificate", Tag: kernel.TagSignings,
			Summary:  "Choose the certificate",
			Text:     "For a signing that waits in awaiting-certificate.",
			Access:   kernel.Rule{Own: kernel.Signings, Object: access.Signing},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.place, kernel.Route{ID: "place", At: "POST /v1/signings/{id}/placement", Tag: kernel.TagSignings,
			Summary:  "Place the signature boxes",
			Text:     "For a signing that waits in awaiting-placement. The box is checked against the page, the fields and earlier signatures before the phone rings.",
			Access:   kernel.Rule{Own: kernel.Signings, Object: access.Signing},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.cancel, kernel.Route{ID: "cancel", At: "POST /v1/signings/{id}/cancel", Tag: kernel.TagSignings,
			Summary:  "Cancel before the owner approves",
			Text:     "A signing can be cancelled until the owner approves. A signature value that arrives later is recorded and never used.",
			Access:   kernel.Rule{Own: kernel.Signings, All: kernel.Operators, Object: access.Signing},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.repair, kernel.Route{ID: "repair", At: "POST /v1/signings/{id}/repair", Tag: kernel.TagOperations,
			Summary:  "Repair a parked signing",
			Text:     "For a signing that is parked: retry the step, skip it where that is declared safe, or cancel. The reason is recorded under the name of the caller.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
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

func (s *Handler) listCertificates(ctx context.Context, in *signingInput) (*certificatesOutput, error) {
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
	Body view.SigningMove
}

// ChooseRequest names the certificate to sign with.
type ChooseRequest struct {
	Serial string `json:"serial" minLength:"1" maxLength:"128" doc:"Serial number or fingerprint, hex"`
}

type chooseInput struct {
	kernel.Act
	Body ChooseRequest
}

func (s *Handler) chooseCertificate(ctx context.Context, in *chooseInput) (*statusOutput, error) {
	var fields kernel.FieldErrors
	serial := kernel.CheckSerial("body.serial", in.Body.Serial, &fields)
	if err := fields.Err(); err != nil {
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
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutSigning(in.ID), Kind: workflows.UpdateChooseCertificate, Actor: kernel.OwnName(ctx), Content: choice})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.ChooseCertificate(ctx, in.ID, id, choice)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: view.SigningMoveOf(ctx, in.ID, status)}, nil
}

// pick finds a certificate by fingerprint or serial number. Leading zeros of a serial number say nothing.
func pick(list []signing.Certificate, wanted string) (string, error) {
	for _, c := range list {
		if c.Fingerprint == wanted || strings.TrimLeft(kernel.NormalSerial(c.Serial), "0") == strings.TrimLeft(wanted, "0") {
			return c.Fingerprint, nil
		}
	}
	return "", problem.OfField(problem.CertificateMissing, "serial", fmt.Sprintf("no such certificate among the %d of this signing", len(list)), "Không có chứng thư số này")
}

// PlaceRequest says where the visible signatures stand.
type PlaceRequest struct {
	Placements []view.PlacementBody `json:"placements" minItems:"1" maxItems:"50" doc:"One for each document, in their order"`
}

type placeInput struct {
	kernel.Act
	Body PlaceRequest
}

func (s *Handler) place(ctx context.Context, in *placeInput) (*statusOutput, error) {
	record, err := s.Desk.Signing(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var fields kernel.FieldErrors
	if got, want := len(in.Body.Placements), len(record.Documents); got != want {
		fields.Add("body.placements", fmt.Sprintf("must have one item for each of the %d documents", want))
	}
	if err := fields.Err(); err != nil {
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
	if err := fields.Err(); err != nil {
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
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutSigning(in.ID), Kind: workflows.UpdatePlace, Actor: kernel.OwnName(ctx), Content: place})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Place(ctx, in.ID, id, place)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: view.SigningMoveOf(ctx, in.ID, status)}, nil
}

// CancelRequest says who cancels and why. All of it may be left out.
type CancelRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"A few words without personal data; they stay in the history"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Who cancels; the owner of the key or session, and only the administrator may name another"`
}

type cancelInput struct {
	kernel.Act
	Body *CancelRequest
}

func (s *Handler) cancel(ctx context.Context, in *cancelInput) (*statusOutput, error) {
	var asked CancelRequest
	if in.Body != nil {
		asked = *in.Body
	}
	var fields kernel.FieldErrors
	cancel := workflows.Cancel{Actor: kernel.ActorOf(ctx, "body.actor", asked.Actor, &fields), Reason: kernel.CheckNote(asked.Reason, &fields)}
	if err := fields.Err(); err != nil {
		return nil, err
	}
	record, err := s.Desk.Signing(ctx, in.ID)
	if err == nil {
		err = kernel.Lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutSigning(in.ID), Kind: workflows.UpdateCancel, Actor: cancel.Actor, Content: cancel})
	if err != nil {
		return nil, err
	}
	status, err := s.Workflows.Cancel(ctx, in.ID, id, cancel)
	if err != nil {
		return nil, err
	}
	return &statusOutput{Body: view.SigningMoveOf(ctx, in.ID, status)}, nil
}

// RepairRequest says what an operator does about a parked signing.
type RepairRequest struct {
	Action string `json:"action" enum:"retry,cancel"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Why, in a few words without personal data; they stay in the history"`
	Actor  string `json:"actor,omitempty" maxLength:"64" doc:"Who repairs; the owner of the key or session, and only the administrator may name another"`
}

type repairInput struct {
	kernel.Act
	Body RepairRequest
}

// RepairBody says what became of a repair.
type RepairBody struct {
	Outcome string           `json:"outcome" enum:"recovered,failed-again,given-up,still-waiting"`
	Signing view.SigningMove `json:"signing"`
}

type repairOutput struct {
	Body RepairBody
}

func (s *Handler) repair(ctx context.Context, in *repairInput) (*repairOutput, error) {
	var fields kernel.FieldErrors
	repair := kernel.CheckRepair(ctx, in.Body.Action, in.Body.Actor, in.Body.Reason, &fields)
	if err := fields.Err(); err != nil {
		return nil, err
	}
	record, err := s.Desk.Signing(ctx, in.ID)
	if err == nil {
		err = kernel.Lost(record.Attention.Reason, record.Attention.IncidentID)
	}
	if err != nil {
		return nil, err
	}
	id, err := s.Decide(ctx, in.Key, kernel.Deed{About: kernel.AboutSigning(in.ID), Kind: workflows.UpdateRepair, Actor: repair.Actor, Content: repair})
	if err != nil {
		return nil, err
	}
	result, err := s.Workflows.Repair(ctx, in.ID, id, repair)
	if err != nil {
		return nil, err
	}
	return &repairOutput{Body: RepairBody{Outcome: result.Outcome, Signing: view.SigningMoveOf(ctx, in.ID, result.Status)}}, nil
}
