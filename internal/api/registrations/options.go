package registrations

import (
	"context"
	"time"

	"kyso/internal/account"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/workflows"
)

// Workflows is what the API asks of registrations; *workflows.Client is the real one.
type Workflows interface {
	StartRegistration(ctx context.Context, in workflows.RegistrationInput) error
	StartRefund(ctx context.Context, in workflows.RefundInput) error
	HandOff(ctx context.Context, id, updateID string) (workflows.RegistrationStatus, error)
	SendsCodesApart(ctx context.Context, id string) (bool, error)
	SendCode(ctx context.Context, codeID string) error
	SendCodeFromWithin(ctx context.Context, id, updateID string, in workflows.SendCode) (workflows.RegistrationStatus, error)
	AccountReady(ctx context.Context, id, updateID string, in workflows.AccountReady) (workflows.RegistrationStatus, error)
	ChoosePackage(ctx context.Context, id, updateID string, in workflows.ChoosePackage) (workflows.RegistrationStatus, error)
	Pay(ctx context.Context, id, updateID string) (workflows.RegistrationStatus, error)
	ConsentToContract(ctx context.Context, id, updateID string, in workflows.CodeUsed) (workflows.RegistrationStatus, error)
	Review(ctx context.Context, id, updateID string, in registration.Review) (workflows.RegistrationStatus, error)
	Correct(ctx context.Context, id, updateID string, in workflows.Corrected) (workflows.RegistrationStatus, error)
	Activate(ctx context.Context, id, updateID string, in workflows.CodeUsed) (workflows.RegistrationStatus, error)
	SignAcceptance(ctx context.Context, id, updateID string) (workflows.RegistrationStatus, error)
	Withdraw(ctx context.Context, id, updateID string, in workflows.Withdraw) (workflows.RegistrationStatus, error)
	RepairRegistration(ctx context.Context, id, updateID string, in process.Repair) (workflows.RegistrationRepairResult, error)
	RepairRefund(ctx context.Context, txnRef, updateID string, in process.Repair) (workflows.RegistrationRepairResult, error)
	NudgeRegistration(ctx context.Context, id string) error
	NudgeRefund(ctx context.Context, txnRef string) error
	RegistrationStatus(ctx context.Context, id string) (workflows.RegistrationStatus, error)
}

// Accounts makes and checks one-time codes and accounts; *account.Service is the real one.
type Accounts interface {
	NewCode(ctx context.Context, registrationID string, purpose registration.Purpose, phone, binding string) (registration.Code, error)
	UseCode(ctx context.Context, registrationID string, purpose registration.Purpose, binding, digits string) (registration.Code, error)
	Open(ctx context.Context, registrationID, email, password string) (registration.Account, bool, error)
}

// Options is what registering certificates needs besides the rest of Options. All of it is required.
type Options struct {
	Records   registration.Records
	Workflows Workflows
	Accounts  Accounts
	// CheckRequest judges and normalises what VNeID sent; its warnings are for the log.
	CheckRequest func(r registration.Request, now time.Time) (registration.Request, []string, error)
	// Input judges corrections.
	Input account.Input
	// Phone returns a number in E.164. Error: problem.Invalid.
	Phone    func(string) (string, error)
	Packages []registration.Package
	Issuers  []string // codes of the CAs that VNeID may send a citizen's request for
	Limits   workflows.RegistrationLimits
	// Intakes are the parties that send requests, each at its own addresses, and Handoffs keeps their fresh tokens.
	Intakes  []registration.Intake
	Handoffs registration.Handoffs
	// Doors are where payment parties reach us, by their names.
	Doors map[string]registration.PaymentDoor
	// AskPayment asks the gateway now how an attempt stands. It changes nothing.
	AskPayment func(ctx context.Context, p registration.Payment) (registration.PaymentNotice, error)
	// Begin opens the page to which the citizen's browser is sent to pay.
	Begin func(ctx context.Context, p registration.Payment, payer registration.Payer) (registration.Opened, error)
	// Erase erases the person behind a registration or a signing. Errors: problem.NotFound; problem.Conflict while a process
	// of the person runs. Sent again, it repeats its answer.
	Erase func(ctx context.Context, id, actor string) (registration.Erasure, error)
}

// Complete reports whether every required field is there.
func (o *Options) Complete() bool {
	return o.Records != nil && o.Workflows != nil && o.Accounts != nil && o.CheckRequest != nil && o.Phone != nil &&
		len(o.Packages) > 0 && len(o.Issuers) > 0 && len(o.Intakes) > 0 && o.Handoffs != nil && len(o.Doors) > 0 && o.AskPayment != nil && o.Begin != nil
}
