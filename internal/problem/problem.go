// Package problem is the error vocabulary of kyso: a closed set of codes that every layer speaks. A code is
// mapped once to Temporal retryability (activities/errors.go) and once to an RFC 9457 response (internal/api).
//
// It imports the standard library only, and knows nothing of HTTP or Temporal.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Code names one kind of failure. Codes are stable: they stand in API answers, search attributes and runbooks.
type Code string

// Kind groups codes by what the caller can do about them.
type Kind string

// The kinds. A code has exactly one.
const (
	KindInvalid  Kind = "invalid"   // the request is wrong; sending it again will not help
	KindNotFound Kind = "not-found" // no such thing
	KindConflict Kind = "conflict"  // the state does not allow it
	KindDenied   Kind = "denied"    // not allowed, or refused by a person
	KindExpired  Kind = "expired"   // too late
	KindUpstream Kind = "upstream"  // an outside party failed; trying again may help
	KindInternal Kind = "internal"  // our own fault or an unknown error
)

// The codes.
const (
	Invalid             Code = "invalid"              // a field is missing or malformed
	TooLarge            Code = "too-large"            // more bytes, pages or documents than allowed
	NotFound            Code = "not-found"            // no record with this id
	Erased              Code = "erased"               // it was there, and was erased with the person's data
	Conflict            Code = "conflict"             // the state does not allow this act
	IdempotencyMismatch Code = "idempotency-mismatch" // the key was used before with another request
	Unauthenticated     Code = "unauthenticated"      // no key or session, or one that is no longer good
	Denied              Code = "denied"               // the caller may not do this
	RateLimited         Code = "rate-limited"         // too many requests; see RetryAfter
	Busy                Code = "busy"                 // all places for such work are taken; see RetryAfter
	StorageFull         Code = "storage-full"         // the disk or the database has no room

	DocumentBroken      Code = "document-broken"         // not a PDF, or damaged beyond repair
	DocumentEncrypted   Code = "document-encrypted"      // needs a password
	DocumentRecipients  Code = "document-for-recipients" // encrypted to certificates
	DocumentCipher      Code = "document-unknown-cipher" // another security handler or algorithm
	DocumentAttached    Code = "document-attachments"    // in clear itself
	DocumentXFA         Code = "document-xfa"            // XFA forms are drawn by script and cannot be signed safely
	DocumentLocked      Code = "document-locked"         // DocMDP or a field lock forbids another signature
	DocumentActive      Code = "document-active-content" // JavaScript or launch actions, refused by configuration
	DocumentMisleading  Code = "document-misleading"     // hidden pages or layers, overlays, fields that show another value; refused by configuration
	DocumentTooComplex  Code = "document-too-complex"    // parsing hit a limit of memory, time or depth
	PlacementInvalid    Code = "placement-invalid"       // no such page, or the box is not on it
	PlacementCovers     Code = "placement-covers"        // the box lies over what earlier signers signed
	CertificateInvalid  Code = "certificate-invalid"     // wrong chain, key usage, algorithm or key size
	CertificateExpired  Code = "certificate-expired"     // outside its validity
	CertificateRevoked  Code = "certificate-revoked"     // revoked or suspended
	CertificateMissing  Code = "certificate-missing"     // the user has none, or not this one
	CertificateInactive Code = "certificate-inactive"    // the provider says that it is not active
	SignerUnknown       Code = "signer-unknown"          // the provider does not know the user
	CertificateDiffers  Code = "certificate-differs"     // the CA issued something else than was ordered
	CertificateOther    Code = "certificate-of-another"  // the provider returned a certificate of another user than the one asked for
	RevocationUnknown   Code = "revocation-unknown"      // no OCSP answer and no CRL could be had
	SignatureInvalid    Code = "signature-invalid"       // the value does not verify against certificate and digest
	DigestMismatch      Code = "digest-mismatch"         // H1, H2 or H3 differ from what was approved
	VerificationFailed  Code = "verification-failed"     // the finished document does not verify
	DeclinedBySigner    Code = "declined-by-signer"      // refused on the phone
	ApprovalExpired     Code = "approval-expired"        // the provider's window ended
	ProviderCredentials Code = "provider-credentials"    // the provider does not accept our account
	ProviderRefused     Code = "provider-refused"        // the provider turned the request down for good
	ProviderUnavailable Code = "provider-unavailable"    // time-out, 5xx, garbage or 429
	OTPWrong            Code = "otp-wrong"               // not the code that was sent
	OTPExpired          Code = "otp-expired"             // the code's time is over, it was used or superseded, or none was sent
	OTPLocked           Code = "otp-locked"              // too many wrong tries for this code
	HandoffUsed         Code = "hand-off-used"           // the one-time link was opened before
	SecondPerson        Code = "second-person-needed"    // the act waits until another person asks for the same
	AlreadyHolder       Code = "already-holder"          // the citizen has an active certificate
	DeadlinePassed      Code = "deadline-passed"         // a deadline passed
	RefusedByOfficer    Code = "refused-by-officer"      // the review ended with no
	Withdrawn           Code = "withdrawn"               // the citizen took the request back
	PaymentUnclear      Code = "payment-unclear"         // the gateway says neither paid nor failed
	GatewayUnavailable  Code = "gateway-unavailable"     // the gateway could not be asked about an open attempt to pay
	AlreadyPaid         Code = "already-paid"            // the money is here; another attempt would be paid twice
	TransactionClaimed  Code = "transaction-claimed"     // a transaction of the gateway that pays another order already
	RefundRefused       Code = "refund-refused"          // the gateway did not take a refund, for now
	ProcessMissing      Code = "process-missing"         // a record that has not ended, without a process
	RecordMissing       Code = "record-missing"          // a process whose record is not there, or is older than it
	CertificateUnpaid   Code = "certificate-unpaid"      // a certificate is in use, or comes to be, and its price is not here
	CertificateLost     Code = "certificate-lost"        // the record is active and its certificate is not in force
	CertificateLeft     Code = "certificate-left"        // a certificate is in force that no record needs
	Internal            Code = "internal"                // unknown; always loud
)

// class is what follows from a code alone.
type class struct {
	kind  Kind
	cause Cause
}

var classes = map[Code]class{
	Invalid:             {KindInvalid, CauseOperator},
	TooLarge:            {KindInvalid, CauseSigner},
	NotFound:            {KindNotFound, CauseOperator},
	Erased:              {KindNotFound, CauseOperator},
	Conflict:            {KindConflict, CauseOperator},
	IdempotencyMismatch: {KindConflict, CauseOperator},
	Unauthenticated:     {KindDenied, CauseOperator},
	Denied:              {KindDenied, CauseOperator},
	RateLimited:         {KindUpstream, CauseParty},
	Busy:                {KindUpstream, CauseParty},
	StorageFull:         {KindUpstream, CauseParty},
	DocumentBroken:      {KindInvalid, CauseSigner},
	DocumentEncrypted:   {KindInvalid, CauseSigner},
	DocumentRecipients:  {KindInvalid, CauseSigner},
	DocumentCipher:      {KindInvalid, CauseSigner},
	DocumentAttached:    {KindInvalid, CauseSigner},
	DocumentXFA:         {KindInvalid, CauseSigner},
	DocumentLocked:      {KindInvalid, CauseSigner},
	DocumentActive:      {KindInvalid, CauseSigner},
	DocumentMisleading:  {KindInvalid, CauseSigner},
	DocumentTooComplex:  {KindInvalid, CauseSigner},
	PlacementInvalid:    {KindInvalid, CauseSigner},
	PlacementCovers:     {KindInvalid, CauseSigner},
	CertificateInvalid:  {KindDenied, CauseSigner},
	CertificateExpired:  {KindExpired, CauseSigner},
	CertificateRevoked:  {KindDenied, CauseSigner},
	CertificateMissing:  {KindNotFound, CauseSigner},
	CertificateInactive: {KindDenied, CauseSigner},
	SignerUnknown:       {KindNotFound, CauseSigner},
	CertificateDiffers:  {KindConflict, CauseOperator},
	CertificateOther:    {KindDenied, CauseSigner},
	RevocationUnknown:   {KindUpstream, CauseParty},
	SignatureInvalid:    {KindConflict, CauseOperator},
	DigestMismatch:      {KindConflict, CauseOperator},
	VerificationFailed:  {KindConflict, CauseOperator},
	DeclinedBySigner:    {KindDenied, CauseSigner},
	ApprovalExpired:     {KindExpired, CauseSigner},
	ProviderCredentials: {KindDenied, CauseOperator},
	ProviderRefused:     {KindDenied, CauseOperator},
	ProviderUnavailable: {KindUpstream, CauseParty},
	OTPWrong:            {KindDenied, CauseSigner},
	OTPExpired:          {KindExpired, CauseSigner},
	OTPLocked:           {KindDenied, CauseSigner},
	HandoffUsed:         {KindConflict, CauseSigner},
	SecondPerson:        {KindConflict, CauseOperator},
	AlreadyHolder:       {KindConflict, CauseSigner},
	DeadlinePassed:      {KindExpired, CauseSigner},
	RefusedByOfficer:    {KindDenied, CauseOperator},
	Withdrawn:           {KindDenied, CauseSigner},
	PaymentUnclear:      {KindConflict, CauseParty},
	GatewayUnavailable:  {KindUpstream, CauseParty},
	AlreadyPaid:         {KindConflict, CauseSigner},
	TransactionClaimed:  {KindConflict, CauseOperator},
	RefundRefused:       {KindDenied, CauseParty},
	ProcessMissing:      {KindConflict, CauseOperator},
	RecordMissing:       {KindConflict, CauseOperator},
	CertificateUnpaid:   {KindConflict, CauseOperator},
	CertificateLost:     {KindConflict, CauseOperator},
	CertificateLeft:     {KindConflict, CauseOperator},
	Internal:            {KindInternal, CauseOperator},
}

// Codes returns every code, for tables and tests.
func Codes() []Code {
	all := make([]Code, 0, len(classes))
	for code := range classes {
		all = append(all, code)
	}
	return all
}

// Kind returns the group of the code; an unknown code is KindInternal.
func (c Code) Kind() Kind {
	if class, ok := classes[c]; ok {
		return class.kind
	}
	return KindInternal
}

// Error is a failure with a code. Message is for people who operate kyso, in English, without personal data:
// it is stored in workflow histories.
type Error struct {
	Code       Code
	Message    string
	Field      string        // path of the field that is wrong, inside what was asked for; empty when it is none
	VI         string        // what is wrong with the field, for citizens; it stands in no history
	RetryAfter time.Duration // from the outside party (HTTP Retry-After); zero when it said nothing
	Err        error         // the cause, if any
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// OfField returns an Error about one field of what was asked for: what is wrong with it, in English and in Vietnamese.
func OfField(code Code, field, en, vi string) *Error {
	return &Error{Code: code, Message: en, Field: field, VI: vi}
}

// Within returns an error as it is said one level up: the path of its field begins with the name of what holds it.
func Within(holder string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Field == "" {
		return err
	}
	moved := *e
	moved.Field = holder + "." + e.Field
	return &moved
}

// FieldOf returns the path of the field that an error is about, empty when it is about none.
func FieldOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Field
	}
	return ""
}

// Wrap returns an Error with a cause. The cause's text becomes part of Error(); it must not hold personal data.
func Wrap(code Code, err error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Err: err}
}

// CodeOf returns the code of the first Error in err's chain: Internal when there is none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// RetryAfterOf returns the pause that an outside party asked for, zero when it did not.
func RetryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
