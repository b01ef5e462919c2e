package registration

import (
	"context"
	"time"

	"kyso/internal/limit"
	"kyso/internal/page"
	"kyso/internal/process"
)

// The error contract of every outside party: problem.ProviderUnavailable for what a later try may overcome (network,
// 5xx, 429 with RetryAfter, garbage), problem.ProviderCredentials when our account is turned away,
// problem.ProviderRefused when the request as such is. Every call is idempotent by the id that it carries.

// Intake is a party that sends citizens' requests, and the two calls by which it does so. Both read what the party posted and prove
// that it is the party's. Errors: problem.SignatureInvalid for what is not, or not of now; problem.TooLarge; problem.Invalid, with
// its field, for another form.
type Intake struct {
	Name   string // in addresses and in the audit log
	Title  string // for people
	Signed string // how its calls prove themselves, for the contract of the API
	// Request reads a request for a certificate. Whether person and consents will do is not judged here.
	Request func(header map[string][]string, body []byte) (Request, error)
	// Token reads a fresh one-time token for a request of before.
	Token func(header map[string][]string, body []byte) (Handoff, error)
}

// VNeID is told how a registration stands.
type VNeID interface {
	// Report is idempotent by request id and status.
	Report(ctx context.Context, r Report) error
}

// Report is what VNeID shows under registered certificates.
type Report struct {
	RequestID string
	Issuer    string // code of the CA that issues
	Status    Status // a final one; the client has VNeID's word for it
	Serial    string
	NotBefore time.Time
	NotAfter  time.Time
}

// SMS sends a text to a phone. requestID makes it idempotent: a duplicate is a success.
type SMS interface {
	Send(ctx context.Context, requestID, phone, text string) error
}

// Serials keeps the serial numbers of certificates that were accepted.
type Serials interface {
	// TakeSerial says that a registration's certificate has a serial number of an issuer. It is problem.Conflict when
	// another registration's has: an issuer may use a number once (RFC 5280 §4.1.2.2). issuer is the hex SHA-256 of the
	// issuer's name, serial is lower-case hex. Idempotent.
	TakeSerial(ctx context.Context, issuer, serial, registrationID string) error
	// TakenSerials returns the serial numbers that a registration has taken, in the order of their text.
	TakenSerials(ctx context.Context, registrationID string) ([]string, error)
}

// CA is the certification authority together with its remote key service (RSSP).
type CA interface {
	// HasActive reports whether the citizen holds an active certificate of this CA.
	HasActive(ctx context.Context, idNumber string) (bool, error)
	// CreateKey makes a key pair for the citizen at the RSSP and returns its id and public key (PKIX DER).
	CreateKey(ctx context.Context, requestID, idNumber string) (Key, error)
	// CSR returns a PKCS #10 request for the subject, signed by the key.
	CSR(ctx context.Context, keyID string, subject Subject) ([]byte, error)
	// Issue asks for the certificate. Pending means: ask again with the same requestID; the CA may take days.
	Issue(ctx context.Context, requestID string, csr []byte, months int) (Issuance, error)
	// Install puts the certificate next to its key, inactive.
	Install(ctx context.Context, keyID string, certificate []byte) error
	// StartActivation makes the phone ask for a PIN, which never leaves it.
	StartActivation(ctx context.Context, keyID string) error
	// KeyState tells where a key stands.
	KeyState(ctx context.Context, keyID string) (KeyState, error)
	// Activate makes the key usable, after PIN and OTP.
	Activate(ctx context.Context, keyID string) error
	// Revoke revokes a certificate and disables its key; one that is revoked already is a success.
	Revoke(ctx context.Context, requestID, serial string, reason int) error
	// DestroyKey destroys a key without an active certificate.
	DestroyKey(ctx context.Context, keyID string) error
}

// Keys is a CA as the comparison of the books asks it.
type Keys interface {
	// FindKey returns the key that a request of CreateKey made, with its certificate. problem.NotFound when there is none.
	FindKey(ctx context.Context, requestID string) (MadeKey, error)
	// Revoke and DestroyKey are as in CA.
	Revoke(ctx context.Context, requestID, serial string, reason int) error
	DestroyKey(ctx context.Context, keyID string) error
}

// MadeKey is a key that a CA made, and how its certificate stands.
type MadeKey struct {
	ID          string
	State       KeyState
	Serial      string // lower-case hex; empty without a certificate
	Certificate CertificateStatus
}

// CertificateStatus is how a CA says that a certificate stands.
type CertificateStatus string

// The statuses of a certificate.
const (
	CertificateNone     CertificateStatus = "" // there is none
	CertificateActive   CertificateStatus = "active"
	CertificateInactive CertificateStatus = "inactive" // in force, its key does not sign yet
	CertificateRevoked  CertificateStatus = "revoked"
	CertificateExpired  CertificateStatus = "expired"
)

// InForce reports whether a certificate is to be revoked when it is not needed.
func (s CertificateStatus) InForce() bool {
	return s == CertificateActive || s == CertificateInactive
}

// Key is a key pair at the RSSP.
type Key struct {
	ID        string
	PublicKey []byte // PKIX DER
}

// Subject is what a certificate says of its owner.
type Subject struct {
	CommonName string // FULL NAME in upper case, NFC
	UID        string // CCCD:079095012345
	Province   string // ST
	Locality   string // L
	Email      string // optional
}

// Issuance is the CA's answer.
type Issuance struct {
	Pending     bool
	Certificate []byte   // DER
	Chain       [][]byte // issuer first
}

// KeyState is where a key at the RSSP stands.
type KeyState string

// The states of a key.
const (
	KeyCreated     KeyState = "created"
	KeyInstalled   KeyState = "installed"
	KeyAwaitingPIN KeyState = "awaiting-pin"
	KeyPINSet      KeyState = "pin-set"
	KeyActive      KeyState = "active"
	KeyLocked      KeyState = "locked" // too many wrong PINs
	KeyDisabled    KeyState = "disabled"
)

// Sealed is a paper with the provider's seal.
type Sealed struct {
	PDF []byte
	// Archived says that it is at B-LTA. Else it is at B-T: the authority or the status of a certificate could not be had a second
	// time, and no process waits for that.
	Archived bool
}

// Sealer puts the provider's seal on a contract, and keeps it provable.
type Sealer interface {
	// Seal returns the sealed file, with the seal at box (page, x, y, width, height). The time-stamp is fetched inside; sealing again gives another valid file, so
	// the caller records the first.
	Seal(ctx context.Context, pdf []byte, reason string, box [5]float64) (Sealed, error)
	// Archive returns a sealed file with what proves its last time-stamp, as it is now, and an archive time-stamp over all of it
	// (B-LTA). Each call puts one more.
	Archive(ctx context.Context, pdf []byte) ([]byte, error)
}

// Records is the store as activities and doors see it. problem.NotFound for an unknown id. Every write is idempotent.
type Records interface {
	// CreateRegistration stores VNeID's request: subject key, person, consents, the digest of the hand-off token, the
	// registration in StatusRequested, and the audit entries of the consents. The same RequestID with the same Digest
	// returns the stored registration; with another digest problem.Conflict. A subject (person) is found again by the keyed digest of the id number.
	CreateRegistration(ctx context.Context, id string, r Request) (Registration, error)
	Registration(ctx context.Context, id string) (Registration, error)
	// Registrations lists newest first, or by due time; see Filter.
	Registrations(ctx context.Context, f Filter) ([]Registration, error)
	Consents(ctx context.Context, id string) ([]Consent, error)

	// ResolveHandoff takes a one-time token: the first use returns the registration id; a later one is
	// problem.HandoffUsed and returns the id too, an unknown one problem.NotFound, an expired one
	// problem.DeadlinePassed.
	ResolveHandoff(ctx context.Context, token string, now time.Time) (string, error)

	// Change loads a registration, lets fn change its Facts, and stores them, in one transaction with the row locked. fn may
	// be called again and must have no other effect. Fields outside Facts are not stored, except
	// Issued.Certificate, which is sealed apart.
	Change(ctx context.Context, id string, fn func(*Registration) error) error
	// Move records a transition and its audit entry. The same seq with the same status again does nothing.
	Move(ctx context.Context, id string, t Transition) error
	Transitions(ctx context.Context, id string, after int) ([]Transition, error)

	// Person returns who registers; problem.NotFound once the subject was erased.
	Person(ctx context.Context, registrationID string) (Person, error)
	// Correct changes fields of the person (names as in the JSON of Person, and email of the account), keeping who
	// changed what in the audit log without the values. The correction id makes it idempotent.
	// AgreeFix notes that an operator asks for identity fields to be corrected so, and reports whether two operators ask
	// exactly that. Another wish takes the place of the one before. Only a digest of the fields is kept.
	AgreeFix(ctx context.Context, registrationID, actor string, fields map[string]string, now time.Time) (bool, error)
	//
	// A correction of a round is the only one; another is problem.Conflict, and changes nothing.
	Correct(ctx context.Context, registrationID string, round Round, correctionID, actor string, fields map[string]string) error

	// Payments.
	//
	// CreatePayment is idempotent by TxnRef. The waits begin with the attempt, while it is open and the order is.
	CreatePayment(ctx context.Context, p Payment, waits ...process.Wait) error
	Payment(ctx context.Context, txnRef string) (Payment, error)
	Payments(ctx context.Context, registrationID string) ([]Payment, error)
	// KeepReference keeps what the gateway gave when the payment was begun, until the gateway decides it.
	KeepReference(ctx context.Context, txnRef string, reference Reference) error
	// ApplyNotice records a gateway's word: it returns the payment after it and whether it changed anything. Amount
	// must be the payment's, else problem.Invalid; the word of another gateway is problem.NotFound; a decided payment is left
	// alone (fresh false). A transaction that pays another attempt makes it PaymentReview.
	ApplyNotice(ctx context.Context, n PaymentNotice) (p Payment, fresh bool, err error)
	// MarkRefund records the id of a refund before it is asked for (at zero), and its success (at set).
	MarkRefund(ctx context.Context, txnRef, refundID string, at time.Time) error

	// One-time codes. See internal/account for the rules.
	SaveCode(ctx context.Context, c Code, digits string) error // supersedes older codes of the same registration and purpose
	// AskCode is SaveCode for a person who asks: it counts the code in the same transaction, and refuses one within gap of
	// the last one of registration and purpose. Errors: problem.RateLimited with RetryAfter.
	AskCode(ctx context.Context, c Code, digits string, gap time.Duration, limits ...limit.Limit) error
	Code(ctx context.Context, id string) (Code, error)
	// CodeToSend returns phone and digits of a code that was not sent; problem.Conflict when it was sent, superseded or used.
	CodeToSend(ctx context.Context, id string) (phone, digits string, err error)
	MarkCodeSent(ctx context.Context, id string, at time.Time) error // forgets the digits
	// UseCode accepts digits once, atomically, for the newest code of registration and purpose: problem.OTPWrong, OTPExpired, OTPLocked (5 wrong tries).
	UseCode(ctx context.Context, registrationID string, purpose Purpose, binding, digits string, now time.Time) (Code, error)
	LastCode(ctx context.Context, registrationID string, purpose Purpose) (Code, error) // problem.NotFound when there is none

	// Accounts.
	AccountByPhone(ctx context.Context, phone string) (Account, error)
	Account(ctx context.Context, id string) (Account, error)
	SaveAccount(ctx context.Context, a Account) error // create or update by id; another account on the phone is problem.Conflict

	// SaveReview keeps an officer's words sealed; idempotent by review id. The review of a round is the only one; another is
	// problem.Conflict, and is not kept.
	SaveReview(ctx context.Context, registrationID string, round Round, r Review, publicNote, internalNote string) error
	// DropReview takes out a review that its process refused. One that it took stays.
	DropReview(ctx context.Context, registrationID, reviewID string) error
	// ReviewNotes returns the words of a review.
	ReviewNotes(ctx context.Context, reviewID string) (publicNote, internalNote string, err error)

	// Claim gives a dossier to an officer until a time, or prolongs what the officer has; problem.Conflict while another
	// officer has it. Release gives it back; whoever does not have it changes nothing.
	Claim(ctx context.Context, registrationID, officer string, now, until time.Time) (Claim, error)
	Release(ctx context.Context, registrationID, officer string) error
	// Claims returns those that have not ended, by registration.
	Claims(ctx context.Context, now time.Time) (map[string]Claim, error)
	// Corrections returns what was changed in a dossier, old and new, oldest first, for officers. Those whose person was erased
	// and those of before changes were kept are left out.
	Corrections(ctx context.Context, registrationID string) ([]Correction, error)
	// Editors returns who corrected the person's data or sent one of the two requests of a correction, from the audit log.
	Editors(ctx context.Context, registrationID string) ([]string, error)
	// Reviews returns the decisions so far, oldest first.
	Reviews(ctx context.Context, registrationID string) ([]Review, error)
	// NoteAccess keeps in the audit log that a caller looked at a person's data.
	NoteAccess(ctx context.Context, registrationID, actor, what string, at time.Time) error

	// Incidents of registrations.
	OpenRegistrationIncident(ctx context.Context, in process.Incident) error
	CloseRegistrationIncident(ctx context.Context, in process.Incident) error
}

// Filter narrows a list of registrations. Zero values do not narrow.
type Filter struct {
	Status        Status
	IDNumber      string // compared by a keyed digest
	Owner         string // of whom it has to be; see internal/access
	AttentionOnly bool
	Running       bool // only those that have not ended
	Before        time.Time
	// ClaimedBy and Unclaimed narrow to what an officer works on, or no officer does, at the time ClaimsAt.
	ClaimedBy string
	Unclaimed bool
	ClaimsAt  time.Time
	// DueFirst lists by the last change, oldest first, so that what waits longest comes first; with ChangedBefore only
	// what has not changed since.
	DueFirst      bool
	ChangedBefore time.Time
	After         page.Cursor // goes on behind this row; its time is the last change with DueFirst, else the creation
	Limit         int         // default 50, at most 500
}

// AuditEntry is one link of the audit chain: Hash is SHA-256 over Prev and the canonical JSON of the other fields.
type AuditEntry struct {
	Seq    int64     `json:"seq"` // from 1, without gaps
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`   // consent, transition, payment, refund, code-accepted, correction, review, claim, access, incident, erasure, key
	Object string    `json:"object"` // registration id, or another opaque id
	Actor  string    `json:"actor"`  // opaque id; empty for the process
	Detail string    `json:"detail"` // states, codes and digests; no personal data
	Prev   string    `json:"prev"`   // hex; of the entry before, 64 zeros for the first
	Hash   string    `json:"hash"`   // hex
}
