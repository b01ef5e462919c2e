package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// registrationOperations registers what belongs to registering certificates.
func (s *server) registrationOperations(api huma.API) {
	s.registrationDoors(api)
	s.citizenOperations(api)
	s.officerOperations(api)
}

// registrationDoors are the doors of outside parties, and what everybody reads.
func (s *server) registrationDoors(api huma.API) {
	huma.Register(api, post("receiveVNeIDRequest", "/v1/vneid/requests", tagWebhooks, "Take a citizen's request from VNeID", http.StatusAccepted,
		withBody("application/json", "As docs/wires.md says, signed by X-Timestamp and X-Signature"),
		errorsOf(http.StatusUnauthorized, http.StatusConflict, http.StatusRequestEntityTooLarge)), s.receiveVNeIDRequest)
	huma.Register(api, post("receiveVNeIDToken", "/v1/vneid/tokens", tagWebhooks, "Take a fresh one-time token from VNeID for a request of before", http.StatusOK,
		withBody("application/json", "As docs/wires.md says, signed by X-Timestamp and X-Signature"),
		errorsOf(http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge)), s.receiveVNeIDToken)
	huma.Register(api, get("receiveIPN", "/v1/vnpay/ipn", tagWebhooks, "Take a payment gateway's word about a payment", errorsOf()), s.receiveIPN)
	huma.Register(api, get("showReturn", "/v1/vnpay/return", tagWebhooks, "Show how a payment stands after the browser came back; changes nothing",
		errorsOf(http.StatusUnauthorized, http.StatusNotFound)), s.showReturn)
	huma.Register(api, get("listPackages", "/v1/packages", tagRegistrations, "List what can be bought", errorsOf()), s.listPackages)
	huma.Register(api, get("listRegistrations", "/v1/registrations", tagRegistrations, "List registrations, newest first", errorsOf()), s.listRegistrations)
	huma.Register(api, get("getRegistration", "/v1/registrations/{id}", tagRegistrations, "Show a registration",
		errorsOf(http.StatusNotFound)), s.getRegistration)
	huma.Register(api, get("streamRegistrationEvents", "/v1/registrations/{id}/events", tagRegistrations, "Follow a registration (server-sent events)",
		withEvents("RegistrationTransition"), errorsOf(http.StatusNotFound)), s.streamRegistrationEvents)
	huma.Register(api, get("getPaperContent", "/v1/registrations/{id}/documents/{name}/content", tagRegistrations,
		"Download a paper, sealed or signed once it is", withFile(), errorsOf(http.StatusNotFound)), s.getPaperContent)
}

func (s *server) citizenOperations(api huma.API) {
	acts := errorsOf(http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	act := func(id, path, summary string, status int) huma.Operation {
		return post(id, "/v1/registrations/{id}/"+path, tagRegistrations, summary, status, acts)
	}
	huma.Register(api, post("handOff", "/v1/hand-off", tagRegistrations, "Come from VNeID with a one-time token", http.StatusOK, acts), s.handOff)
	huma.Register(api, act("sendCode", "code", "Send a one-time code", http.StatusAccepted), s.sendCode)
	huma.Register(api, act("openAccount", "account", "Prove the phone and open the account, or log in", http.StatusOK), s.openAccount)
	huma.Register(api, act("choosePackage", "package", "Order a package", http.StatusOK), s.choosePackage)
	huma.Register(api, act("pay", "pay", "Begin an attempt to pay", http.StatusOK), s.pay)
	huma.Register(api, act("consentToContract", "contract", "Agree to the contract by one-time code", http.StatusOK), s.consentToContract)
	huma.Register(api, act("correctRegistration", "correction", "Correct the fields that the officer asked for", http.StatusOK), s.correctRegistration)
	huma.Register(api, act("activateKey", "activation", "Activate the key by one-time code, after the PIN", http.StatusOK), s.activateKey)
	huma.Register(api, act("signAcceptance", "acceptance", "Have the phone ask again for the acceptance record", http.StatusOK), s.signAcceptance)
	huma.Register(api, act("withdraw", "withdraw", "Take the request back", http.StatusOK), s.withdraw)
}

func (s *server) officerOperations(api huma.API) {
	acts := errorsOf(http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable)
	huma.Register(api, get("showDossier", "/v1/registrations/{id}/dossier", tagReview, "Show all that an officer compares; noted in the audit log",
		errorsOf(http.StatusNotFound)), s.showDossier)
	huma.Register(api, post("claimRegistration", "/v1/registrations/{id}/claim", tagReview, "Take a dossier for a quarter of an hour, or prolong that", http.StatusOK, acts), s.claimRegistration)
	huma.Register(api, operation(http.MethodDelete, "releaseRegistration", "/v1/registrations/{id}/claim", tagReview, "Give a dossier back",
		http.StatusNoContent, []operationOption{errorsOf(http.StatusNotFound)}), s.releaseRegistration)
	huma.Register(api, post("reviewRegistration", "/v1/registrations/{id}/review", tagReview, "Decide on a dossier (officer)", http.StatusOK, acts), s.reviewRegistration)
	huma.Register(api, post("repairRegistration", "/v1/registrations/{id}/repair", tagOperations, "Repair a parked registration", http.StatusOK, acts), s.repairRegistration)
	huma.Register(api, operation(http.MethodDelete, "eraseSubject", "/v1/subjects/{id}", tagOperations, "Erase the person behind a registration or a signing, when all of theirs have ended",
		http.StatusOK, []operationOption{errorsOf(http.StatusNotFound, http.StatusConflict)}), s.eraseSubject)
}
