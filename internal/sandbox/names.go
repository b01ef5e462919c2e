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

// Effect and the types below are what a program with a World uses most; it has to import no party.
type (
	Effect        = kernel.Effect
	EffectKind    = kernel.EffectKind
	Fault         = kernel.Fault
	RequestRecord = kernel.RequestRecord

	PhoneRequest          = rssp769.PhoneRequest
	PhoneDocument         = rssp769.PhoneDocument
	PhoneKey              = rssp769.PhoneKey
	Decision              = rssp769.Decision
	Message               = esms.Message
	Citizen               = people.Citizen
	RegisteredCertificate = vneid.RegisteredCertificate
	Payment               = vnpay.Payment
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
