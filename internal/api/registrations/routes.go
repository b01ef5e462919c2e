// Package registrations is the registration of certificates: the requests of VNeID, what citizens and officers do, payments, and
// erasure.
package registrations

import (
	"net/http"
	"slices"
	"sync"

	"kyso/internal/access"
	"kyso/internal/api/kernel"
	"kyso/internal/api/view"
)

// Handler answers what is about registrations.
type Handler struct {
	*kernel.Kernel
	*kernel.Files
	*view.Views
	*Options
	asking sync.Map // attempts to pay that the gateway is being asked about for a browser
}

// Routes are what belongs to registering certificates.
func (s *Handler) Routes() []kernel.Route {
	return slices.Concat(s.intakeRoutes(), s.registrationDoors(), s.paymentRoutes(), s.citizenRoutes(), s.officerRoutes())
}

// intakeRoutes are where the parties post that send citizens' requests.
func (s *Handler) intakeRoutes() []kernel.Route {
	var list []kernel.Route
	for _, in := range s.Intakes {
		signed := []kernel.OperationOption{kernel.WithBody("application/json", in.Signed)}
		list = append(list,
			kernel.On(s.receiveRequest(in), kernel.Route{ID: "receive" + in.Title + "Request", At: "POST /v1/" + in.Name + "/requests", Tag: kernel.TagWebhooks, Status: http.StatusAccepted,
				Summary: "Take a citizen's request from " + in.Title,
				Text:    in.Title + " calls this. The signature covers time and body; a request id that was taken before is answered as the first time. The registration starts, and the citizen comes with the one-time token.",
				Access:  kernel.Rule{Open: true}, Party: in.Name,
				Problems: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusRequestEntityTooLarge}, With: signed}),
			kernel.On(s.receiveToken(in), kernel.Route{ID: "receive" + in.Title + "Token", At: "POST /v1/" + in.Name + "/tokens", Tag: kernel.TagWebhooks,
				Summary: "Take a fresh one-time token from " + in.Title + " for an earlier request",
				Text:    in.Title + " calls this when the citizen opens the link again after the token was used or has expired.",
				Access:  kernel.Rule{Open: true}, Party: in.Name,
				Problems: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge}, With: signed}))
	}
	return list
}

// registrationDoors are the doors of outside parties, and what all callers read.
func (s *Handler) registrationDoors() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.listPackages, kernel.Route{ID: "listPackages", At: "GET /v1/packages", Tag: kernel.TagRegistrations,
			Summary: "List what can be bought",
			Text:    "Prices are in dong.",
			Access:  kernel.Rule{Open: true}}),
		kernel.On(s.listRegistrations, kernel.Route{ID: "listRegistrations", At: "GET /v1/registrations", Tag: kernel.TagRegistrations,
			Summary: "List registrations, newest first",
			Text:    "Owners see their own, officers and operators see all. Pages go on with next.",
			Access:  kernel.Rule{Own: kernel.Registrations, All: kernel.Readers}}),
		kernel.On(s.getRegistration, kernel.Route{ID: "getRegistration", At: "GET /v1/registrations/{id}", Tag: kernel.TagRegistrations,
			Summary:  "Show a registration",
			Text:     "State, person, papers, payments, review and what comes next.",
			Access:   kernel.Rule{Own: kernel.Registrations, All: kernel.Readers, Object: access.Registration},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.streamRegistrationEvents, kernel.Route{ID: "streamRegistrationEvents", At: "GET /v1/registrations/{id}/events", Tag: kernel.TagRegistrations,
			Summary: "Follow a registration (server-sent events)",
			Text:    "The stream sends what happened after Last-Event-ID (or after), then each transition as it happens, and ends after the final one.",
			Access:  kernel.Rule{Own: kernel.Registrations, All: kernel.Readers, Object: access.Registration}, Answer: kernel.AnswerEvents,
			Problems: []int{http.StatusNotFound}, With: []kernel.OperationOption{kernel.WithEvents("RegistrationTransition")}}),
		kernel.On(s.getPaperContent, kernel.Route{ID: "getPaperContent", At: "GET /v1/registrations/{id}/documents/{name}/content", Tag: kernel.TagRegistrations,
			Summary: "Download a paper, sealed or signed once it is",
			Text:    "name is request, contract or acceptance. Ranges and conditional requests work.",
			Access:  kernel.Rule{Own: kernel.Registrations, All: kernel.Officers, Object: access.Registration}, Reveals: true, Answer: kernel.AnswerFile,
			Problems: []int{http.StatusNotFound}}),
	}
}

func (s *Handler) citizenRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.handOff, kernel.Route{ID: "handOff", At: "POST /v1/hand-off", Tag: kernel.TagRegistrations,
			Summary: "Come from VNeID with a one-time token",
			Text:    "The registration belongs to the caller from then on. A token can be used once, and by its user again when the answer was lost.",
			Access:  kernel.Rule{Own: kernel.Registrations}, Cost: kernel.ClassEnter,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.sendCode, kernel.Route{ID: "sendCode", At: "POST /v1/registrations/{id}/code", Tag: kernel.TagRegistrations, Status: http.StatusAccepted,
			Summary:  "Send a one-time code",
			Text:     "purpose says what the code proves. Another code can be asked for after resend_after; five wrong tries lock it.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.openAccount, kernel.Route{ID: "openAccount", At: "POST /v1/registrations/{id}/account", Tag: kernel.TagRegistrations,
			Summary:  "Prove the phone and open the account, or log in",
			Text:     "The code proves the phone. With an account of that phone the password logs in.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.choosePackage, kernel.Route{ID: "choosePackage", At: "POST /v1/registrations/{id}/package", Tag: kernel.TagRegistrations,
			Summary:  "Order a package",
			Text:     "A package whose price is 0 needs no payment.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.pay, kernel.Route{ID: "pay", At: "POST /v1/registrations/{id}/pay", Tag: kernel.TagRegistrations,
			Summary:  "Begin an attempt to pay",
			Text:     "The answer holds the address of the payment gateway. Another attempt is refused while an earlier one may be paid.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.consentToContract, kernel.Route{ID: "consentToContract", At: "POST /v1/registrations/{id}/contract", Tag: kernel.TagRegistrations,
			Summary:  "Agree to the contract by one-time code",
			Text:     "The code is the consent; the contract is sealed after it.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.correctRegistration, kernel.Route{ID: "correctRegistration", At: "POST /v1/registrations/{id}/correction", Tag: kernel.TagRegistrations,
			Summary:  "Correct the fields that the officer asked for",
			Text:     "Only the fields that the officer named. One correction answers one review.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.activateKey, kernel.Route{ID: "activateKey", At: "POST /v1/registrations/{id}/activation", Tag: kernel.TagRegistrations,
			Summary:  "Activate the key by one-time code, after the PIN",
			Text:     "The PIN is set on the phone first and never passes through kyso.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.signAcceptance, kernel.Route{ID: "signAcceptance", At: "POST /v1/registrations/{id}/acceptance", Tag: kernel.TagRegistrations,
			Summary:  "Have the phone ask again for the acceptance record",
			Text:     "For an acceptance record whose approval expired or was declined.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.withdraw, kernel.Route{ID: "withdraw", At: "POST /v1/registrations/{id}/withdraw", Tag: kernel.TagRegistrations,
			Summary:  "Take the request back",
			Text:     "Possible at any moment before active. What was paid is refunded, a certificate that was issued is revoked.",
			Access:   kernel.Rule{Own: kernel.Registrations, Object: access.Registration},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable}}),
		kernel.On(s.linkRegistration, kernel.Route{ID: "linkRegistration", At: "POST /v1/registrations/{id}/resume-link", Tag: kernel.TagAccess,
			Summary: "Make a one-time link to a registration for another device",
			Text:    "The link is valid for a day and can be used once. Only the owner and the administrator make one.",
			Access:  kernel.Rule{Own: kernel.Registrations, Admin: true, Object: access.Registration}, Secret: true,
			Problems: []int{http.StatusNotFound}}),
	}
}

func (s *Handler) officerRoutes() []kernel.Route {
	return []kernel.Route{
		kernel.On(s.showDossier, kernel.Route{ID: "showDossier", At: "GET /v1/registrations/{id}/dossier", Tag: kernel.TagReview,
			Summary: "Show all that an officer compares; noted in the audit log",
			Text:    "Person, request, corrections and other registrations of the person. Each reading is noted in the audit log under the officer's name.",
			Access:  kernel.Rule{All: kernel.Officers}, Reveals: true,
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.claimRegistration, kernel.Route{ID: "claimRegistration", At: "POST /v1/registrations/{id}/claim", Tag: kernel.TagReview,
			Summary:  "Take a dossier for a quarter of an hour, or prolong that",
			Text:     "Another officer cannot claim or decide meanwhile.",
			Access:   kernel.Rule{All: kernel.Officers},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.releaseRegistration, kernel.Route{ID: "releaseRegistration", At: "DELETE /v1/registrations/{id}/claim", Tag: kernel.TagReview, Status: http.StatusNoContent,
			Summary:  "Give a dossier back",
			Text:     "The next officer can claim it.",
			Access:   kernel.Rule{All: kernel.Officers},
			Problems: []int{http.StatusNotFound}}),
		kernel.On(s.reviewRegistration, kernel.Route{ID: "reviewRegistration", At: "POST /v1/registrations/{id}/review", Tag: kernel.TagReview,
			Summary:  "Decide on a dossier (officer)",
			Text:     "approve requires every line of the checklist, ask names the fields, refuse names a reason; a refusal refunds what was paid. The officer must not be the one who wrote what is reviewed.",
			Access:   kernel.Rule{All: kernel.Officers},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.repairRegistration, kernel.Route{ID: "repairRegistration", At: "POST /v1/registrations/{id}/repair", Tag: kernel.TagOperations,
			Summary:  "Repair a parked registration",
			Text:     "For a registration that is parked: retry the step, fix it with corrected data, or cancel. The reason is recorded under the name of the caller.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable}}),
		kernel.On(s.eraseSubject, kernel.Route{ID: "eraseSubject", At: "DELETE /v1/subjects/{id}", Tag: kernel.TagOperations,
			Summary:  "Erase the person behind a registration or a signing, when all of theirs have ended",
			Text:     "Erases names, papers, uploads and kept answers of the person, by the person's key. The answer lists what a law requires to keep, with reason and end. Repeating it repeats the answer.",
			Access:   kernel.Rule{All: kernel.Operators},
			Problems: []int{http.StatusNotFound, http.StatusConflict}}),
	}
}
