package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/api/accounts"
	"kyso/internal/api/documents"
	"kyso/internal/api/kernel"
	"kyso/internal/api/layers"
	"kyso/internal/api/operations"
	"kyso/internal/api/registrations"
	"kyso/internal/api/signings"
	"kyso/internal/api/view"
	"kyso/internal/api/webhooks"
	"kyso/internal/decision"
)

// For the tests of the assembled API from outside.
var (
	NextOfRegistration = accounts.NextOfRegistration
	NextOfSigning      = accounts.NextOfSigning
	SignedName         = kernel.SignedName
	// Personal is what judges words that go into histories.
	Personal = kernel.Personal
	// ClientAddress is where a request with these lines of X-Forwarded-For comes from.
	ClientAddress = func(trusted []netip.Prefix, peer string, hops []string) netip.Addr {
		s := &layers.Layers{Ports: layers.Ports{TrustedProxies: trusted}}
		return s.ClientAddress(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": hops}})
	}
)

// The bodies of the rooms, by the names that they have in the document.
type (
	ChallengeBody          = accounts.ChallengeBody
	KeyBody                = accounts.KeyBody
	KeyList                = accounts.KeyList
	KeyRequest             = accounts.KeyRequest
	LoginRequest           = accounts.LoginRequest
	MeBody                 = accounts.MeBody
	MyRegistrationList     = accounts.MyRegistrationList
	MySessionList          = accounts.MySessionList
	MySigningList          = accounts.MySigningList
	ResumeBody             = accounts.ResumeBody
	SessionBody            = accounts.SessionBody
	DocumentBody           = documents.DocumentBody
	KeptVerification       = documents.KeptVerification
	VerificationEvidence   = documents.VerificationEvidence
	VerificationList       = documents.VerificationList
	VerificationRecord     = documents.VerificationRecord
	FieldError             = kernel.FieldError
	LinkBody               = kernel.LinkBody
	Problem                = kernel.Problem
	AuditList              = operations.AuditList
	AuthorityBody          = operations.AuthorityBody
	AuthorityList          = operations.AuthorityList
	IncidentGroupList      = operations.IncidentGroupList
	IncidentHistoryBody    = operations.IncidentHistoryBody
	IncidentList           = operations.IncidentList
	AcceptedBody           = registrations.AcceptedBody
	DossierBody            = registrations.DossierBody
	PackageList            = registrations.PackageList
	PayBody                = registrations.PayBody
	RegistrationList       = registrations.RegistrationList
	RegistrationRepairBody = registrations.RegistrationRepairBody
	ReturnBody             = registrations.ReturnBody
	CertificateList        = signings.CertificateList
	RepairBody             = signings.RepairBody
	SigningList            = signings.SigningList
	AttentionBody          = view.AttentionBody
	ClaimBody              = view.ClaimBody
	PlacementBody          = view.PlacementBody
	RegistrationBody       = view.RegistrationBody
	SigningBody            = view.SigningBody
	SigningMove            = view.SigningMove
	EndpointBody           = webhooks.EndpointBody
	EndpointList           = webhooks.EndpointList
	MessageList            = webhooks.MessageList
	ReplayBody             = webhooks.ReplayBody
	ReplayRequest          = webhooks.ReplayRequest
)

// ActorNames are the names that the audit log has for whoever acts without a key.
func ActorNames() []string {
	names := []string{kernel.AdminOwner, kernel.GuestName, kernel.Citizen, decision.Kyso, kernel.GuestPrefix + "1", kernel.AccountPrefix + "1"}
	inbound, registering := &webhooks.Handler{}, &registrations.Handler{Options: &registrations.Options{}}
	for _, r := range slices.Concat(inbound.Routes(), registering.Routes()) {
		if r.Party != "" && !strings.HasPrefix(r.Party, "{") {
			names = append(names, r.Party)
		}
	}
	return names
}

// Route is one route as the tests go over them.
type Route struct {
	ID, At     string // at is METHOD path
	Parameters []*huma.Param
	JSON       bool // it takes a body of JSON
}

// Routes are the routes that these options serve.
func Routes(options Options) []Route {
	var list []Route
	served, _ := assemble(options)
	for _, r := range served {
		op := Route{ID: r.ID, At: r.At, Parameters: r.Described.Parameters}
		if r.Described.RequestBody != nil {
			op.JSON = r.Described.RequestBody.Content["application/json"] != nil
		}
		list = append(list, op)
	}
	slices.SortFunc(list, func(a, b Route) int { return strings.Compare(a.At, b.At) })
	return list
}
