package problem

// Cause says who can free a process that a code has stopped.
type Cause string

// The causes. A code has exactly one.
const (
	// CauseParty is an outside party that does not serve for now. The process asks it again by itself, slowly.
	CauseParty Cause = "party"
	// CauseSigner is the signer or requester: a document, a certificate, a decision. Until the owner is asked for an approval it
	// ends a signing as a refusal with the code's own text. Later the process waits for an operator.
	CauseSigner Cause = "signer"
	// CauseOperator needs a person who operates kyso: trying the same again changes nothing.
	CauseOperator Cause = "operator"
)

var causes = map[Code]Cause{
	RateLimited: CauseParty, RevocationUnknown: CauseParty, ProviderUnavailable: CauseParty, GatewayUnavailable: CauseParty,
	PaymentUnclear: CauseParty, RefundRefused: CauseParty,

	TooLarge: CauseSigner, DocumentBroken: CauseSigner, DocumentEncrypted: CauseSigner, DocumentXFA: CauseSigner,
	DocumentLocked: CauseSigner, DocumentActive: CauseSigner, DocumentMisleading: CauseSigner, DocumentTooComplex: CauseSigner,
	PlacementInvalid: CauseSigner, CertificateInvalid: CauseSigner, CertificateExpired: CauseSigner, CertificateRevoked: CauseSigner,
	CertificateMissing: CauseSigner, CertificateInactive: CauseSigner, SignerUnknown: CauseSigner,
	CertificateOther: CauseSigner,
	DeclinedBySigner: CauseSigner, ApprovalExpired: CauseSigner, OTPWrong: CauseSigner, OTPExpired: CauseSigner, OTPLocked: CauseSigner,
	HandoffUsed: CauseSigner, AlreadyHolder: CauseSigner, AlreadyPaid: CauseSigner, DeadlinePassed: CauseSigner, Withdrawn: CauseSigner,

	ProcessMissing: CauseOperator, RecordMissing: CauseOperator,
	Invalid: CauseOperator, NotFound: CauseOperator, Conflict: CauseOperator, IdempotencyMismatch: CauseOperator,
	Unauthenticated: CauseOperator, Denied: CauseOperator, SignatureInvalid: CauseOperator, DigestMismatch: CauseOperator,
	VerificationFailed: CauseOperator, ProviderCredentials: CauseOperator, ProviderRefused: CauseOperator, CertificateDiffers: CauseOperator,
	SecondPerson: CauseOperator, RefusedByOfficer: CauseOperator, Erased: CauseOperator, TransactionClaimed: CauseOperator, Internal: CauseOperator,
}

// Cause returns who can free a process that the code has stopped; for an unknown code CauseOperator.
func (c Code) Cause() Cause {
	if cause, ok := causes[c]; ok {
		return cause
	}
	return CauseOperator
}
