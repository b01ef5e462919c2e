package workflows

import (
	"time"

	"kyso/activities"
	"kyso/internal/process"
	"kyso/internal/registration"
)

// Updates of Registration, besides UpdateRepair. SignalNudge tells it that the store holds news, such as an IPN.
// An update carries the id of a recorded decision; see process.Recorded.
const (
	UpdateHandOff        = "hand-off"        // HandOff: the one-time token was used
	UpdateSendCode       = "send-code"       // SendCode: a one-time code is recorded, send it
	UpdateAccount        = "account"         // AccountReady: the phone is proven and the account exists
	UpdatePackage        = "package"         // ChoosePackage
	UpdatePay            = "pay"             // Pay: begin an attempt to pay
	UpdateConsent        = "consent"         // CodeUsed: the code for the contract was accepted
	UpdateReview         = "review"          // ReviewMade: an officer decided
	UpdateCorrect        = "correct"         // Corrected: the named fields are recorded
	UpdateActivate       = "activate"        // CodeUsed: the code for the activation was accepted
	UpdateSignAcceptance = "sign-acceptance" // SignAcceptance: ask the phone again
	UpdateWithdraw       = "withdraw"        // Withdraw
)

// RegistrationInput starts a Registration. The process takes RegistrationID and the decision of Again, and everything else from
// the store and the worker's configuration: the other fields are for workers of releases that believed them.
type RegistrationInput struct {
	RegistrationID string             `json:"registration_id"`
	Issuer         string             `json:"issuer"` // a configured code; empty for another
	Deadlines      RegistrationLimits `json:"deadlines"`
	Again          *Again             `json:"again,omitempty"` // resume from the record
}

// RegistrationLimits are how long each wait may take, and what is done about money.
type RegistrationLimits = registration.Limits

// RegistrationResult is how a Registration ended.
type RegistrationResult struct {
	Status registration.Status `json:"status"`
	Reason string              `json:"reason,omitempty"`
}

// RegistrationStatus is what the status query and every update return.
type RegistrationStatus struct {
	RegistrationID string              `json:"registration_id"`
	Status         registration.Status `json:"status"`
	Step           string              `json:"step"`
	Seq            int                 `json:"seq"`            // counts the transitions so far
	Owed           int                 `json:"owed,omitempty"` // of the last of them, those that the store may not hold yet
	Attention      *process.Attention  `json:"attention,omitempty"`
	Deadline       time.Time           `json:"deadline,omitzero"`
	// TxnRef is the attempt to pay that is open now.
	TxnRef string `json:"txn_ref,omitempty"`
	// Attempts are those to pay that this run began, with when each ends at the gateway.
	Attempts []activities.PaymentOpened `json:"attempts,omitempty"`
	// Issuing says that a key may exist at the CA.
	Issuing bool `json:"issuing,omitempty"`
	// SigningID is the signing of the acceptance record that runs now.
	SigningID string `json:"signing_id,omitempty"`
	// Told says that the process polls nothing: what it waits for at a party has a process.Wait.
	Told bool `json:"told,omitempty"`
}

// Recorded is how many transitions the store must hold.
func (s RegistrationStatus) Recorded() int { return s.Seq - s.Owed }

// HandOff is the argument of UpdateHandOff.
type HandOff struct{ process.Recorded }

// SendCode is the argument of UpdateSendCode.
type SendCode struct {
	process.Recorded
	CodeID string `json:"code_id"`
}

// AccountReady is the argument of UpdateAccount.
type AccountReady struct {
	process.Recorded
	AccountID string `json:"account_id"`
}

// ChoosePackage is the argument of UpdatePackage.
type ChoosePackage struct {
	process.Recorded
	Code string `json:"code"`
}

// Pay is the argument of UpdatePay. The answer's TxnRef names the attempt.
type Pay struct{ process.Recorded }

// CodeUsed is the argument of UpdateConsent and UpdateActivate.
type CodeUsed struct {
	process.Recorded
	CodeID string `json:"code_id"`
}

// ReviewMade is the argument of UpdateReview.
type ReviewMade struct {
	process.Recorded
	Review registration.Review `json:"review"`
}

// Corrected is the argument of UpdateCorrect.
type Corrected struct {
	process.Recorded
	CorrectionID string `json:"correction_id"`
}

// SignAcceptance is the argument of UpdateSignAcceptance.
type SignAcceptance struct{ process.Recorded }

// Withdraw is the argument of UpdateWithdraw.
type Withdraw struct {
	process.Recorded
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
}

// RegistrationRepairResult says what became of a repair of a registration.
type RegistrationRepairResult struct {
	Outcome string             `json:"outcome"` // as in RepairResult
	Status  RegistrationStatus `json:"status"`
}

// RefundInput starts a Refund.
type RefundInput struct {
	TxnRef         string `json:"txn_ref"`
	RegistrationID string `json:"registration_id"`
	Gateway        string `json:"gateway,omitempty"` // at which it was begun; empty means registration.FirstGateway
}

// RegistrationInputOf is what the process of a new registration begins with.
func RegistrationInputOf(r registration.Registration, limits RegistrationLimits) RegistrationInput {
	return RegistrationInput{RegistrationID: r.ID, Issuer: r.Issuer, Deadlines: limits}
}

// The steps of a registration, as they stand in KysoStep and in incidents.
const (
	StepHandOff     = "hand-off"
	StepAccount     = "account"
	StepSendCode    = "send-code"
	StepCheckHolder = "check-holder"
	StepPackage     = "package"
	StepPayment     = "payment"
	StepPapers      = "write-papers"
	StepContract    = "contract"
	StepSeal        = "seal-contract"
	StepReview      = "review"
	StepCorrection  = "correction"
	StepKey         = "create-key"
	StepIssue       = "issue"
	StepInstall     = "install"
	StepPIN         = "set-pin"
	StepActivation  = "activation-code"
	StepActivate    = "activate"
	StepAcceptance  = "sign-acceptance"
	StepRevoke      = "revoke"
	StepSettle      = "settle-payment"
	StepRefund      = "refund"
	StepReport      = "report"
)
