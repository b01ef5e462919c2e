package api

import (
	"net/http"
	"slices"

	"kyso/internal/access"
)

// registrationRoutes are what belongs to registering certificates.
func (s *server) registrationRoutes() []route {
	return slices.Concat(s.intakeRoutes(), s.registrationDoors(), s.paymentRoutes(), s.linkRoutes(), s.citizenRoutes(), s.officerRoutes())
}

// intakeRoutes are where the parties post that send citizens' requests.
func (s *server) intakeRoutes() []route {
	var list []route
	for _, in := range s.Registration.Intakes {
		signed := []operationOption{withBody("application/json", in.Signed)}
		list = append(list,
			on(s.receiveRequest(in), route{id: "receive" + in.Title + "Request", at: "POST /v1/" + in.Name + "/requests", tag: tagWebhooks, status: http.StatusAccepted,
				summary: "Take a citizen's request from " + in.Title,
				access:  rule{open: true}, party: in.Name,
				problems: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusRequestEntityTooLarge}, with: signed}),
			on(s.receiveToken(in), route{id: "receive" + in.Title + "Token", at: "POST /v1/" + in.Name + "/tokens", tag: tagWebhooks,
				summary: "Take a fresh one-time token from " + in.Title + " for a request of before",
				access:  rule{open: true}, party: in.Name,
				problems: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge}, with: signed}))
	}
	return list
}

// registrationDoors are the doors of outside parties, and what everybody reads.
func (s *server) registrationDoors() []route {
	return []route{
		on(s.listPackages, route{id: "listPackages", at: "GET /v1/packages", tag: tagRegistrations,
			summary: "List what can be bought",
			access:  rule{open: true}}),
		on(s.listRegistrations, route{id: "listRegistrations", at: "GET /v1/registrations", tag: tagRegistrations,
			summary: "List registrations, newest first",
			access:  rule{own: registrations, all: readers}}),
		on(s.getRegistration, route{id: "getRegistration", at: "GET /v1/registrations/{id}", tag: tagRegistrations,
			summary:  "Show a registration",
			access:   rule{own: registrations, all: readers, object: access.Registration},
			problems: []int{http.StatusNotFound}}),
		on(s.streamRegistrationEvents, route{id: "streamRegistrationEvents", at: "GET /v1/registrations/{id}/events", tag: tagRegistrations,
			summary: "Follow a registration (server-sent events)",
			access:  rule{own: registrations, all: readers, object: access.Registration}, answer: answerEvents,
			problems: []int{http.StatusNotFound}, with: []operationOption{withEvents("RegistrationTransition")}}),
		on(s.getPaperContent, route{id: "getPaperContent", at: "GET /v1/registrations/{id}/documents/{name}/content", tag: tagRegistrations,
			summary: "Download a paper, sealed or signed once it is",
			access:  rule{own: registrations, all: officers, object: access.Registration}, reveals: true, answer: answerFile,
			problems: []int{http.StatusNotFound}}),
	}
}

func (s *server) citizenRoutes() []route {
	return []route{
		on(s.handOff, route{id: "handOff", at: "POST /v1/hand-off", tag: tagRegistrations,
			summary: "Come from VNeID with a one-time token",
			access:  rule{own: registrations}, cost: classEnter,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.sendCode, route{id: "sendCode", at: "POST /v1/registrations/{id}/code", tag: tagRegistrations, status: http.StatusAccepted,
			summary:  "Send a one-time code",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.openAccount, route{id: "openAccount", at: "POST /v1/registrations/{id}/account", tag: tagRegistrations,
			summary:  "Prove the phone and open the account, or log in",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.choosePackage, route{id: "choosePackage", at: "POST /v1/registrations/{id}/package", tag: tagRegistrations,
			summary:  "Order a package",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.pay, route{id: "pay", at: "POST /v1/registrations/{id}/pay", tag: tagRegistrations,
			summary:  "Begin an attempt to pay",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.consentToContract, route{id: "consentToContract", at: "POST /v1/registrations/{id}/contract", tag: tagRegistrations,
			summary:  "Agree to the contract by one-time code",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.correctRegistration, route{id: "correctRegistration", at: "POST /v1/registrations/{id}/correction", tag: tagRegistrations,
			summary:  "Correct the fields that the officer asked for",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.activateKey, route{id: "activateKey", at: "POST /v1/registrations/{id}/activation", tag: tagRegistrations,
			summary:  "Activate the key by one-time code, after the PIN",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.signAcceptance, route{id: "signAcceptance", at: "POST /v1/registrations/{id}/acceptance", tag: tagRegistrations,
			summary:  "Have the phone ask again for the acceptance record",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.withdraw, route{id: "withdraw", at: "POST /v1/registrations/{id}/withdraw", tag: tagRegistrations,
			summary:  "Take the request back",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
	}
}

func (s *server) officerRoutes() []route {
	return []route{
		on(s.showDossier, route{id: "showDossier", at: "GET /v1/registrations/{id}/dossier", tag: tagReview,
			summary: "Show all that an officer compares; noted in the audit log",
			access:  rule{all: officers}, reveals: true,
			problems: []int{http.StatusNotFound}}),
		on(s.claimRegistration, route{id: "claimRegistration", at: "POST /v1/registrations/{id}/claim", tag: tagReview,
			summary:  "Take a dossier for a quarter of an hour, or prolong that",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.releaseRegistration, route{id: "releaseRegistration", at: "DELETE /v1/registrations/{id}/claim", tag: tagReview, status: http.StatusNoContent,
			summary:  "Give a dossier back",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound}}),
		on(s.reviewRegistration, route{id: "reviewRegistration", at: "POST /v1/registrations/{id}/review", tag: tagReview,
			summary:  "Decide on a dossier (officer)",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.repairRegistration, route{id: "repairRegistration", at: "POST /v1/registrations/{id}/repair", tag: tagOperations,
			summary:  "Repair a parked registration",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.eraseSubject, route{id: "eraseSubject", at: "DELETE /v1/subjects/{id}", tag: tagOperations,
			summary:  "Erase the person behind a registration or a signing, when all of theirs have ended",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound, http.StatusConflict}}),
	}
}
