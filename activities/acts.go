package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// ActInput is the act of a person on a registration, by the decision that the message carries.
type ActInput struct {
	Take    decision.Take `json:"take"`
	Attempt int           `json:"attempt,omitempty"` // to pay, which the act begins
	Watched bool          `json:"watched,omitempty"` // as in OpenPaymentInput
}

// Acted is what was decided, and what stands in the record since.
type Acted struct {
	Decided
	PriceVND int64          `json:"price_vnd,omitempty"` // of what was ordered
	Opened   *PaymentOpened `json:"opened,omitempty"`    // the attempt to pay
}

// RecordAct takes a decision as TakeDecision does, and records the act in the registration. Key: decision, object and taker, and
// that of the act. Errors: Denied when nothing that fits is recorded, and those of the act.
func (a *Registration) RecordAct(ctx context.Context, in ActInput) (Acted, error) {
	acted, err := a.recordAct(ctx, in)
	return acted, fail(err)
}

func (a *Registration) recordAct(ctx context.Context, in ActInput) (Acted, error) {
	d, err := a.Decisions.Take(ctx, in.Take, a.Now())
	if err != nil {
		return Acted{}, err
	}
	acted := Acted{Decided: Decided{Actor: d.Actor, Content: d.Content}}
	var act struct {
		AccountID string              `json:"account_id"`
		Code      string              `json:"code"`
		CodeID    string              `json:"code_id"`
		Review    registration.Review `json:"review"`
	}
	if err := json.Unmarshal(d.Content, &act); err != nil {
		return acted, fmt.Errorf("reading a decision: %w", err)
	}
	id := in.Take.Object
	switch in.Take.Kind {
	case "hand-off":
		err = a.handOff(ctx, id)
	case "account":
		err = a.bindAccount(ctx, AccountInput{id, act.AccountID})
	case "package":
		var ordered Ordered
		ordered, err = a.order(ctx, PackageInput{id, act.Code})
		acted.PriceVND = ordered.PriceVND
	case "pay":
		var opened PaymentOpened
		opened, err = a.openPayment(ctx, OpenPaymentInput{id, in.Attempt, in.Watched})
		acted.Opened = &opened
	case "consent":
		err = a.noteCode(ctx, CodeCheck{id, act.CodeID, registration.PurposeContract})
	case "activate":
		err = a.noteCode(ctx, CodeCheck{id, act.CodeID, registration.PurposeActivation})
	case "review":
		err = a.noteReview(ctx, ReviewInput{id, act.Review})
	default:
		err = problem.New(problem.Internal, "no act is recorded by %s", in.Take.Kind)
	}
	return acted, err
}

// RecordHandOff notes when the citizen came. Key: the registration. Error: Denied when it was not decided.
func (a *Registration) RecordHandOff(ctx context.Context, id string) error {
	if err := decided[struct{}](ctx, a.Decisions, aboutRegistration(id), "hand-off", nil); err != nil {
		return fail(err)
	}
	return fail(a.handOff(ctx, id))
}

func (a *Registration) handOff(ctx context.Context, id string) error {
	return a.Records.Change(ctx, id, func(r *registration.Registration) error {
		if r.HandedOffAt.IsZero() {
			r.HandedOffAt = a.Now().UTC()
		}
		return nil
	})
}

// AccountInput names an account that is to belong to a registration.
type AccountInput struct {
	RegistrationID string `json:"registration_id"`
	AccountID      string `json:"account_id"`
}

// RecordAccount binds the account to the registration. Key: the registration. Errors: Denied when the account is
// another person's.
func (a *Registration) RecordAccount(ctx context.Context, in AccountInput) error {
	err := decided(ctx, a.Decisions, aboutRegistration(in.RegistrationID), "account", func(d AccountInput) bool { return d.AccountID == in.AccountID })
	if err != nil {
		return fail(err)
	}
	return fail(a.bindAccount(ctx, in))
}

func (a *Registration) bindAccount(ctx context.Context, in AccountInput) error {
	account, err := a.Records.Account(ctx, in.AccountID)
	if err != nil {
		return err
	}
	return a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		if account.SubjectID != r.SubjectID {
			return problem.New(problem.Denied, "the account belongs to another person")
		}
		r.AccountID = account.ID
		return nil
	})
}

// PackageInput names a package.
type PackageInput struct {
	RegistrationID string `json:"registration_id"`
	Code           string `json:"code"`
}

// Ordered is what was ordered.
type Ordered struct {
	PriceVND int64 `json:"price_vnd"`
}

// RecordPackage orders a package: price and months stay as they are now. Key: the registration. Errors: Invalid for
// an unknown code, Conflict when another package was ordered.
func (a *Registration) RecordPackage(ctx context.Context, in PackageInput) (Ordered, error) {
	err := decided(ctx, a.Decisions, aboutRegistration(in.RegistrationID), "package", func(d PackageInput) bool { return d.Code == in.Code })
	if err != nil {
		return Ordered{}, fail(err)
	}
	ordered, err := a.order(ctx, in)
	return ordered, fail(err)
}

func (a *Registration) order(ctx context.Context, in PackageInput) (ordered Ordered, err error) {
	err = a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		if r.Package != "" && r.Package != in.Code {
			return problem.New(problem.Conflict, "another package was ordered")
		}
		if r.Package == "" {
			p, err := a.plan(in.Code)
			if err != nil {
				return err
			}
			r.Package, r.PriceVND, r.Months = p.Code, p.PriceVND, p.Months
		}
		ordered = Ordered{PriceVND: r.PriceVND}
		return nil
	})
	return ordered, err
}

// CodeCheck names a one-time code that must have been accepted.
type CodeCheck struct {
	RegistrationID string               `json:"registration_id"`
	CodeID         string               `json:"code_id"`
	Purpose        registration.Purpose `json:"purpose"`
}

// RecordCodeUse notes an accepted code as the citizen's consent to the contract, or for the activation. It believes
// the store alone. Key: the code. Errors: Denied when the code was not accepted for this.
func (a *Registration) RecordCodeUse(ctx context.Context, in CodeCheck) error {
	return fail(a.noteCode(ctx, in))
}

func (a *Registration) noteCode(ctx context.Context, in CodeCheck) error {
	code, err := a.Records.Code(ctx, in.CodeID)
	if err != nil {
		return err
	}
	if code.RegistrationID != in.RegistrationID || code.Purpose != in.Purpose || code.UsedAt.IsZero() {
		return problem.New(problem.Denied, "the code was not accepted for this")
	}
	return a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		switch {
		case in.Purpose == registration.PurposeActivation && r.Activation != nil:
			r.Activation.CodeID = code.ID
		case in.Purpose == registration.PurposeContract && r.Contract != nil && code.Binding == r.Contract.SHA256:
			r.Consent = &registration.Consented{CodeID: code.ID, SHA256: r.Contract.SHA256, At: code.UsedAt}
		default:
			return problem.New(problem.Denied, "the code was not made for this")
		}
		return nil
	})
}

// ReviewInput is a decision to note.
type ReviewInput struct {
	RegistrationID string              `json:"registration_id"`
	Review         registration.Review `json:"review"`
}

// RecordReview notes the decision that the process turned on. Key: the review's id. Error: Denied when no officer decided so.
func (a *Registration) RecordReview(ctx context.Context, in ReviewInput) error {
	err := decided(ctx, a.Decisions, aboutRegistration(in.RegistrationID), "review", func(d ReviewInput) bool {
		return d.Review.ID == in.Review.ID && d.Review.Decision == in.Review.Decision && d.Review.Officer == in.Review.Officer
	})
	if err != nil {
		return fail(err)
	}
	return fail(a.noteReview(ctx, in))
}

func (a *Registration) noteReview(ctx context.Context, in ReviewInput) error {
	return a.Records.Change(ctx, in.RegistrationID, func(r *registration.Registration) error {
		if r.Review == nil || r.Review.ID != in.Review.ID {
			r.Review = &in.Review
			r.Reviews++
		}
		return nil
	})
}
