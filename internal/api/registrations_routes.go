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
				text:    in.Title + " calls this. The signature covers time and body; a request id that was taken before is answered as the first time. The registration starts, and the citizen comes with the one-time token.",
				access:  rule{open: true}, party: in.Name,
				problems: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusRequestEntityTooLarge}, with: signed}),
			on(s.receiveToken(in), route{id: "receive" + in.Title + "Token", at: "POST /v1/" + in.Name + "/tokens", tag: tagWebhooks,
				summary: "Take a fresh one-time token from " + in.Title + " for a request of before",
				text:    in.Title + " calls this when the citizen opens the link again after the token was used or is past its time.",
				access:  rule{open: true}, party: in.Name,
				problems: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge}, with: signed}))
	}
	return list
}

// registrationDoors are the doors of outside parties, and what all callers read.
func (s *server) registrationDoors() []route {
	return []route{
		on(s.listPackages, route{id: "listPackages", at: "GET /v1/packages", tag: tagRegistrations,
			summary: "List what can be bought",
			text:    "Prices are in dong.",
			access:  rule{open: true}}),
		on(s.listRegistrations, route{id: "listRegistrations", at: "GET /v1/registrations", tag: tagRegistrations,
			summary: "List registrations, newest first",
			text:    "Owners see their own, officers and operators see all. Pages go on with next.",
			access:  rule{own: registrations, all: readers}}),
		on(s.getRegistration, route{id: "getRegistration", at: "GET /v1/registrations/{id}", tag: tagRegistrations,
			summary:  "Show a registration",
			text:     "State, person, papers, payments, review and what comes next.",
			access:   rule{own: registrations, all: readers, object: access.Registration},
			problems: []int{http.StatusNotFound}}),
		on(s.streamRegistrationEvents, route{id: "streamRegistrationEvents", at: "GET /v1/registrations/{id}/events", tag: tagRegistrations,
			summary: "Follow a registration (server-sent events)",
			text:    "The stream sends what happened after Last-Event-ID (or after), then each transition as it happens, and ends after the final one.",
			access:  rule{own: registrations, all: readers, object: access.Registration}, answer: answerEvents,
			problems: []int{http.StatusNotFound}, with: []operationOption{withEvents("RegistrationTransition")}}),
		on(s.getPaperContent, route{id: "getPaperContent", at: "GET /v1/registrations/{id}/documents/{name}/content", tag: tagRegistrations,
			summary: "Download a paper, sealed or signed once it is",
			text:    "name is request, contract or acceptance. Ranges and conditional requests work.",
			access:  rule{own: registrations, all: officers, object: access.Registration}, reveals: true, answer: answerFile,
			problems: []int{http.StatusNotFound}}),
	}
}

func (s *server) citizenRoutes() []route {
	return []route{
		on(s.handOff, route{id: "handOff", at: "POST /v1/hand-off", tag: tagRegistrations,
			summary: "Come from VNeID with a one-time token",
			text:    "The registration belongs to the caller from then on. A token can be used once, and by its user again when the answer was lost.",
			access:  rule{own: registrations}, cost: classEnter,
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.sendCode, route{id: "sendCode", at: "POST /v1/registrations/{id}/code", tag: tagRegistrations, status: http.StatusAccepted,
			summary:  "Send a one-time code",
			text:     "purpose says what the code proves. Another code can be asked for after resend_after; five wrong tries lock it.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.openAccount, route{id: "openAccount", at: "POST /v1/registrations/{id}/account", tag: tagRegistrations,
			summary:  "Prove the phone and open the account, or log in",
			text:     "The code proves the phone. With an account of that phone the password logs in.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.choosePackage, route{id: "choosePackage", at: "POST /v1/registrations/{id}/package", tag: tagRegistrations,
			summary:  "Order a package",
			text:     "A package whose price is 0 needs no payment.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.pay, route{id: "pay", at: "POST /v1/registrations/{id}/pay", tag: tagRegistrations,
			summary:  "Begin an attempt to pay",
			text:     "The answer holds the address of the payment gateway. Another attempt is refused while an earlier one may be paid.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.consentToContract, route{id: "consentToContract", at: "POST /v1/registrations/{id}/contract", tag: tagRegistrations,
			summary:  "Agree to the contract by one-time code",
			text:     "The code is the consent; the contract is sealed after it.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.correctRegistration, route{id: "correctRegistration", at: "POST /v1/registrations/{id}/correction", tag: tagRegistrations,
			summary:  "Correct the fields that the officer asked for",
			text:     "Only the fields that the officer named. One correction answers one review.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.activateKey, route{id: "activateKey", at: "POST /v1/registrations/{id}/activation", tag: tagRegistrations,
			summary:  "Activate the key by one-time code, after the PIN",
			text:     "The PIN is set on the phone first and never passes through kyso.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.signAcceptance, route{id: "signAcceptance", at: "POST /v1/registrations/{id}/acceptance", tag: tagRegistrations,
			summary:  "Have the phone ask again for the acceptance record",
			text:     "For an acceptance record whose approval expired or was declined.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		on(s.withdraw, route{id: "withdraw", at: "POST /v1/registrations/{id}/withdraw", tag: tagRegistrations,
			summary:  "Take the request back",
			text:     "Possible at any moment before active. What was paid is refunded, a certificate that was issued is revoked.",
			access:   rule{own: registrations, object: access.Registration},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
	}
}

func (s *server) officerRoutes() []route {
	return []route{
		on(s.showDossier, route{id: "showDossier", at: "GET /v1/registrations/{id}/dossier", tag: tagReview,
			summary: "Show all that an officer compares; noted in the audit log",
			text:    "Person, request, corrections and other registrations of the person. Each reading is noted in the audit log under the officer's name.",
			access:  rule{all: officers}, reveals: true,
			problems: []int{http.StatusNotFound}}),
		on(s.claimRegistration, route{id: "claimRegistration", at: "POST /v1/registrations/{id}/claim", tag: tagReview,
			summary:  "Take a dossier for a quarter of an hour, or prolong that",
			text:     "Another officer cannot claim or decide meanwhile.",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.releaseRegistration, route{id: "releaseRegistration", at: "DELETE /v1/registrations/{id}/claim", tag: tagReview, status: http.StatusNoContent,
			summary:  "Give a dossier back",
			text:     "The next officer can claim it.",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound}}),
		on(s.reviewRegistration, route{id: "reviewRegistration", at: "POST /v1/registrations/{id}/review", tag: tagReview,
			summary:  "Decide on a dossier (officer)",
			text:     "approve requires every line of the checklist, ask names the fields, refuse names a reason; a refusal refunds what was paid. The officer must not be the one who wrote what is reviewed.",
			access:   rule{all: officers},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.repairRegistration, route{id: "repairRegistration", at: "POST /v1/registrations/{id}/repair", tag: tagOperations,
			summary:  "Repair a parked registration",
			text:     "For a registration that is parked: retry the step, fix it with corrected data, or cancel. The reason is recorded under the name of the caller.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		on(s.eraseSubject, route{id: "eraseSubject", at: "DELETE /v1/subjects/{id}", tag: tagOperations,
			summary:  "Erase the person behind a registration or a signing, when all of theirs have ended",
			text:     "Erases names, papers, uploads and kept answers of the person, by the person's key. The answer lists what a law requires to keep, with reason and end. Repeating it repeats the answer.",
			access:   rule{all: operators},
			problems: []int{http.StatusNotFound, http.StatusConflict}}),
	}
}
