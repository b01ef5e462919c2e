package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
)

// A transition is recorded when the store holds what it says has happened, whatever a process believes. A transition that is
// recorded already is not looked at again.

// slack is how far a worker's clock may be behind Temporal's, whose timers end waits.
const slack = 5 * time.Minute

// notYet is the error of a transition without its facts.
func notYet(to any, what string) error {
	return problem.New(problem.Conflict, "the record cannot become %s: %s", to, what)
}

// registrationFacts say for each status what has to be recorded before a registration gets it. The statuses that end one follow
// from the reason with which it was closed.
var registrationFacts = map[registration.Status]struct {
	holds func(registration.Registration) bool
	lacks string
}{
	registration.StatusHandedOff:    {func(r registration.Registration) bool { return !r.HandedOffAt.IsZero() }, "the citizen has not come"},
	registration.StatusAccountReady: {func(r registration.Registration) bool { return r.AccountID != "" }, "there is no account"},
	registration.StatusAwaitingPayment: {func(r registration.Registration) bool { return r.Package != "" && r.PriceVND > 0 },
		"nothing is ordered that costs anything"},
	registration.StatusAwaitingConsent: {func(r registration.Registration) bool {
		return r.Contract != nil && (r.PriceVND == 0 || r.PaidRef != "")
	}, "there is no contract, or it is not paid"},
	registration.StatusInReview: {func(r registration.Registration) bool {
		return r.Consent != nil && r.Contract != nil && r.Contract.SealedID != ""
	}, "the contract is not agreed to and sealed"},
	registration.StatusNeedsMore: {func(r registration.Registration) bool {
		return r.Review != nil && r.Review.Decision == registration.DecisionAsk
	}, "no officer asked for more"},
	registration.StatusIssuing: {func(r registration.Registration) bool {
		return r.Review != nil && r.Review.Decision == registration.DecisionApprove && r.Consent != nil && (r.PriceVND == 0 || r.PaidRef != "")
	}, "no officer approved it"},
	registration.StatusActivating: {func(r registration.Registration) bool {
		return r.Issued != nil && r.Issued.Serial != "" && r.Activation != nil
	}, "no certificate is installed"},
	registration.StatusAccepting: {func(r registration.Registration) bool {
		return r.Activation != nil && !r.Activation.ActivatedAt.IsZero()
	}, "the key is not active"},
	registration.StatusActive: {func(r registration.Registration) bool {
		return r.Acceptance != nil && r.Acceptance.SignedID != ""
	}, "the acceptance record is not signed"},
}

// registrationEnds are the reasons with which a registration is closed that then ends so. One that ends as cancelled may have been
// closing for any: an operator gave it up.
var registrationEnds = map[registration.Status]problem.Code{registration.StatusRefused: problem.RefusedByOfficer,
	registration.StatusIneligible: problem.AlreadyHolder, registration.StatusWithdrawn: problem.Withdrawn, registration.StatusExpired: problem.DeadlinePassed}

// moves returns the registration as it stands, and Conflict unless the store holds the facts of its next transition.
func (a *Registration) moves(ctx context.Context, in MoveInput) (registration.Registration, error) {
	r, err := a.Records.Registration(ctx, in.RegistrationID)
	if err == nil && in.Transition.Seq > r.Seq {
		err = a.holdsFor(ctx, r, in.Transition)
	}
	return r, err
}

func (a *Registration) holdsFor(ctx context.Context, r registration.Registration, t registration.Transition) error {
	to := t.Status
	if facts, known := registrationFacts[to]; known {
		if !facts.holds(r) {
			return notYet(to, facts.lacks)
		}
		return nil
	}
	if to == registration.StatusClosing {
		return a.closes(ctx, r, t)
	}
	return a.ends(ctx, r, to)
}

// ends returns an error unless the store holds why a registration that closes ends so, and its certificate is revoked.
func (a *Registration) ends(ctx context.Context, r registration.Registration, to registration.Status) error {
	var ok bool
	lacks := "it was closed for another reason"
	reason, err := a.reason(ctx, r)
	if err != nil {
		return err
	}
	if want, known := registrationEnds[to]; known {
		ok = reason == string(want)
	} else {
		ok, err = givenUp(ctx, a.Decisions, aboutRegistration(r.ID))
		lacks = "no operator gave it up"
	}
	if _, unknown := a.issuer(r); ok && unknown == nil && r.Issued != nil && r.Issued.Serial != "" && r.RevokedAt.IsZero() {
		ok, lacks = false, "its certificate is not revoked"
	}
	if err == nil && !ok {
		err = notYet(to, lacks)
	}
	return err
}

// closes returns an error unless the store holds why a registration is closed.
func (a *Registration) closes(ctx context.Context, r registration.Registration, t registration.Transition) error {
	var ok bool
	var err error
	switch problem.Code(t.Detail) {
	case problem.RefusedByOfficer:
		ok = r.Review != nil && r.Review.Decision == registration.DecisionRefuse
	case problem.AlreadyHolder: // before anything is ordered, and the CA is the one to say so
		if ok = r.Status == registration.StatusHandedOff; ok && !r.Holds { // a worker of an earlier release asked and noted nothing
			ok, err = a.holds(ctx, r)
		}
	case problem.DeadlinePassed:
		until := a.waitsUntil(r)
		ok = !until.IsZero() && !a.Now().Add(slack).Before(until)
	case problem.Withdrawn:
		ok, err = took(ctx, a.Decisions, aboutRegistration(r.ID), "withdraw", func(in struct{ Actor string }) bool { return in.Actor == t.Actor })
	default:
		ok, err = givenUp(ctx, a.Decisions, aboutRegistration(r.ID))
	}
	if err == nil && !ok {
		err = notYet(t.Status, fmt.Sprintf("nothing is recorded that closes it (%q)", t.Detail))
	}
	return err
}

// handOffPatience is how long a citizen has to come, where nothing else is configured.
const handOffPatience = 7 * 24 * time.Hour

// waitsUntil is when the wait ends that a registration stands in; zero for one that only an officer or the CA ends. That for
// the citizen to come is not recorded: it may have begun under a longer or a shorter limit than that of now.
func (a *Registration) waitsUntil(r registration.Registration) time.Time {
	if !r.Deadline.IsZero() || r.Status != registration.StatusRequested {
		return r.Deadline
	}
	patience := handOffPatience
	if a.Limits.HandOff > 0 {
		patience = min(patience, a.Limits.HandOff)
	}
	return r.CreatedAt.Add(patience)
}

// givenUp reports whether an operator gave a process up: by a repair, or when it was closed without a process. Temporal's cancel
// ends a process of an earlier release, which has recorded no beginning.
func givenUp(ctx context.Context, records decision.Records, about decision.Object) (bool, error) {
	ok, err := took(ctx, records, about, "repair", func(in struct{ Action string }) bool { return in.Action == "cancel" })
	if err == nil && !ok {
		ok, err = took(ctx, records, about, decision.Resume, func(in decision.Resumption) bool { return in.Close })
	}
	for _, kind := range []string{decision.Start, decision.Resume} {
		if err != nil || ok {
			return ok, err
		}
		var begun []decision.Decision
		if begun, err = records.Taken(ctx, about, kind); len(begun) > 0 {
			return false, err
		}
	}
	return err == nil, err
}

// signingFacts are registrationFacts for a signing. A refusal is found in a document or a certificate, before the phone is asked,
// and a certificate is chosen and a box placed by whoever asked: these need no facts.
var signingFacts = map[signing.Status]struct {
	holds func(signing.Signing) bool
	lacks string
}{
	signing.StatusAwaitingPlacement: {func(s signing.Signing) bool { return s.Certificate != "" }, "no certificate is chosen"},
	signing.StatusPreparing:         {func(s signing.Signing) bool { return s.Certificate != "" && placedAll(s) }, "no certificate is chosen, or a box is not placed"},
	signing.StatusRequested: {func(s signing.Signing) bool {
		return !slices.ContainsFunc(s.Documents, func(d signing.Document) bool { return d.Prepared == nil })
	}, "a document is not prepared"},
	signing.StatusAwaitingApproval: {func(s signing.Signing) bool { return !s.Approval.AcceptedAt.IsZero() }, "the provider has not taken the request"},
	signing.StatusCompleting:       {func(s signing.Signing) bool { return s.Approval.Outcome == signing.OutcomeApproved }, "the owner has not approved"},
	signing.StatusDeclined:         {func(s signing.Signing) bool { return s.Approval.Outcome == signing.OutcomeDeclined }, "the owner has not declined"},
	signing.StatusSigned: {func(s signing.Signing) bool {
		return !slices.ContainsFunc(s.Documents, func(d signing.Document) bool { return d.SignedID == "" })
	}, "a document is not delivered"},
}

func placedAll(s signing.Signing) bool {
	return !slices.ContainsFunc(s.Documents, func(d signing.Document) bool { return d.Placement == nil })
}

// choicePatience is how long a person may take to choose a certificate or to place a box.
const choicePatience = 24 * time.Hour

// moves returns how many of the transitions the store holds the facts of, and Conflict when these are not all. Facts stand in the
// record, and not in its status, so that one look at it serves for transitions that follow each other.
func (a *Signing) moves(ctx context.Context, in Work) (hold int, err error) {
	s, err := a.Records.Signing(ctx, in.SigningID)
	if err != nil {
		return 0, err
	}
	list, err := a.Records.Transitions(ctx, s.ID, 0)
	for _, t := range in.Moves {
		if err == nil && t.Seq <= len(list) {
			err = a.watchAgain(ctx, s, t)
		} else if err == nil {
			err = a.mayMove(ctx, s, list, t)
			list = append(list, t)
		}
		if err != nil {
			return hold, err
		}
		hold++
	}
	return hold, err
}

// mayMove returns Conflict unless the store holds the facts of a signing's next transition, which follows those of the list.
func (a *Signing) mayMove(ctx context.Context, s signing.Signing, list []signing.Transition, t signing.Transition) (err error) {
	to := t.Status
	if facts, known := signingFacts[to]; known && !facts.holds(s) {
		return notYet(to, facts.lacks)
	}
	ok := true
	switch {
	case to == signing.StatusCancelled:
		if ok, err = a.cancelled(ctx, s.ID); err == nil && !ok {
			ok, err = givenUp(ctx, a.Decisions, aboutSigning(s.ID))
		}
	case to == signing.StatusExpired && s.Approval.OurID != "":
		ok = s.Approval.Outcome == signing.OutcomeExpired
	case to == signing.StatusExpired:
		ok = len(list) > 0 && !a.Now().Add(slack).Before(list[len(list)-1].At.Add(choicePatience))
	}
	if err == nil && !ok {
		err = notYet(to, "nothing is recorded that ends it")
	}
	return err
}
