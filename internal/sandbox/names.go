package sandbox

import (
	"kyso/internal/sandbox/ca"
	"kyso/internal/sandbox/esms"
	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
	"kyso/internal/sandbox/rssp769"
	"kyso/internal/sandbox/vneid"
	"kyso/internal/sandbox/vnpay"
)

// A program with a World imports no party: these are the names that it uses.
type (
	// Effect is one line of the ledger.
	Effect = kernel.Effect
	// EffectKind names what an outside party did.
	EffectKind = kernel.EffectKind
	// Fault is one misbehaviour of a wire.
	Fault = kernel.Fault
	// RequestRecord is one line of the request log.
	RequestRecord = kernel.RequestRecord

	// PhoneRequest is a request for approval as the phone shows it.
	PhoneRequest = rssp769.PhoneRequest
	// PhoneDocument is one document of a PhoneRequest.
	PhoneDocument = rssp769.PhoneDocument
	// PhoneKey is a key of the key service as the phone shows it.
	PhoneKey = rssp769.PhoneKey
	// Decision is the end of a PhoneRequest.
	Decision = rssp769.Decision
	// Message is a text message in the inbox of a phone.
	Message = esms.Message
	// Citizen is a person as VNeID knows them.
	Citizen = people.Citizen
	// RegisteredCertificate is a line of VNeID's list.
	RegisteredCertificate = vneid.RegisteredCertificate
	// Payment is a payment at VNPay.
	Payment = vnpay.Payment
)

// The accounts that the parties know, and the names of the CAs.
const (
	DefaultSPID         = rssp769.DefaultSPID
	DefaultSPPassword   = rssp769.DefaultSPPassword
	DefaultWindow       = rssp769.DefaultWindow
	DefaultCAKey        = ca.DefaultKey
	DefaultSecondCAKey  = ca.DefaultSecondKey
	DefaultVNeIDSecret  = vneid.DefaultSecret
	DefaultTmnCode      = vnpay.DefaultTmnCode
	DefaultVNPaySecret  = vnpay.DefaultSecret
	DefaultSMSAPIKey    = esms.DefaultAPIKey
	DefaultSMSSecretKey = esms.DefaultSecretKey

	FirstIssuer      = pki.FirstIssuer
	SecondIssuer     = pki.SecondIssuer
	SecondIssuerPath = ca.SecondPath
)

// The effects.
const (
	EffectPush        = kernel.EffectPush
	EffectDecision    = kernel.EffectDecision
	EffectSign        = kernel.EffectSign
	EffectTimestamp   = kernel.EffectTimestamp
	EffectOCSP        = kernel.EffectOCSP
	EffectCRL         = kernel.EffectCRL
	EffectWebhook     = kernel.EffectWebhook
	EffectCertificate = kernel.EffectCertificate
	EffectKey         = kernel.EffectKey
	EffectKeyState    = kernel.EffectKeyState
	EffectIssue       = kernel.EffectIssue
	EffectRevoke      = kernel.EffectRevoke
	EffectSMS         = kernel.EffectSMS
	EffectCharge      = kernel.EffectCharge
	EffectRefund      = kernel.EffectRefund
	EffectIPN         = kernel.EffectIPN
	EffectReport      = kernel.EffectReport
)

// What a phone decides, and Knobs.Decision without one.
const (
	Approved = rssp769.Approved
	Declined = rssp769.Declined
	Expired  = rssp769.Expired

	DecisionApprove = rssp769.DecisionApprove
	DecisionDecline = rssp769.DecisionDecline
	DecisionNever   = rssp769.DecisionNever
)

// Errors of the phone and control methods.
var (
	ErrNotFound = kernel.ErrNotFound
	ErrDecided  = kernel.ErrDecided
	ErrInvalid  = kernel.ErrInvalid
)

// PaymentSettings are the variables with which kyso finds the payment gateway, under the address of the parties; a browser comes back
// to a page of kyso.
func PaymentSettings(parties, page string) []string { return vnpay.Settled(parties, page) }

// IPNAddress is where the payment gateway tells kyso's API.
func IPNAddress(api string) string { return api + vnpay.IPNPath }
