package signing

import (
	"context"
	"io"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/process"
)

// RemoteSigner is a remote signing provider (RSSP): it holds keys, asks their owner on a phone and returns
// signature values. Error contract, for every method: problem.ProviderUnavailable for anything that a later try
// may overcome (network, 5xx, 429 with RetryAfter, an answer that makes no sense), problem.ProviderCredentials when
// our account is turned away, problem.SignerUnknown and problem.CertificateInactive when the user or the certificate is, and
// problem.ProviderRefused when the request as such is.
type RemoteSigner interface {
	// Certificates lists what the provider holds for the user, all when serial is empty. The list may be empty.
	Certificates(ctx context.Context, requestID, userID, serial string) ([]Certificate, error)

	// Request hands digests over and makes the provider ask the owner. It is idempotent by req.ID: the same id
	// again never shows a second prompt. A time-out leaves open whether the phone was asked, so the caller tries
	// again with the same id only; the adapter looks at the status first when the provider has no idempotency.
	Request(ctx context.Context, req ApprovalRequest) (Accepted, error)

	// Poll asks once for the answer. It returns a Poll with an empty Outcome while the owner has not decided.
	Poll(ctx context.Context, ref ApprovalRef) (Poll, error)
}

// ApprovalRequest is one prompt on the owner's phone.
type ApprovalRequest struct {
	ID          string // ours, stable over retries
	UserID      string
	Serial      string // of the chosen certificate
	Description string // shown on the phone
	Documents   []DigestToSign
	Retry       bool // this id may already have reached the provider
}

// DigestToSign is one document of an ApprovalRequest.
type DigestToSign struct {
	DocumentID string   // shown on the phone; unique within the request
	Digest     [32]byte // SHA-256 of the signed attributes (H3)
}

// Accepted is the provider's word that the owner is being asked.
type Accepted struct {
	Reference string        // see Approval
	Names     []string      // see Approval
	Window    time.Duration // how long the owner has; zero when the provider does not say
}

// ApprovalRef names a request towards the provider. Reference is empty while the answer to Request is not known.
type ApprovalRef struct{ OurID, Reference, UserID string }

// Poll is one look at a request.
type Poll struct {
	Outcome   Outcome
	Reference string           // takes the place of the one in ApprovalRef from now on; empty keeps that one
	Answers   []ProviderAnswer // as the provider sent them, in its order; the caller proves which is whose
	Message   string           // the provider's own words, redacted; for learning unknown texts
}

// ProviderAnswer is one signature in a provider's answer. What it says of itself may be missing or wrong.
type ProviderAnswer struct {
	DocumentID string // of DigestToSign, perhaps
	Digest     []byte // the digest that it says it is over; nil when it says nothing
	// Values are the readings of the text that came, the likelier first: raw RSA, ECDSA (DER or r‖s) or a whole CMS. There are
	// none when the provider says that it is done and sends nothing.
	Values [][]byte
}

// TimestampAuthority is an RFC 3161 time-stamp authority.
type TimestampAuthority interface {
	// Stamp returns the DER TimeStampToken (CMS ContentInfo) over a SHA-256 digest. The adapter has checked
	// imprint, nonce and status. Errors: problem.ProviderUnavailable, problem.ProviderRefused.
	Stamp(ctx context.Context, digest [32]byte) ([]byte, error)
}

// RevocationSource fetches revocation data from the addresses inside certificates.
type RevocationSource interface {
	// Status returns what is known now about cert, signed by issuer or its OCSP responder: OCSP first, then CRL.
	// problem.RevocationUnknown when neither could be had.
	Status(ctx context.Context, cert, issuer []byte) (Revocation, error)
}

// Revocation is one OCSP answer or CRL, verified by the adapter against the issuer.
type Revocation struct {
	State      RevocationState
	Reason     int       // CRLReason of RFC 5280; 6 is certificateHold
	RevokedAt  time.Time // zero unless revoked
	ThisUpdate time.Time
	NextUpdate time.Time
	OCSP       []byte // DER OCSPResponse; nil when CRL is set
	CRL        []byte // DER CertificateList
}

// RevocationState is what a status service says of a certificate.
type RevocationState string

// The states. On hold is reversible: it must be asked for again at each use.
const (
	RevocationGood    RevocationState = "good"
	RevocationRevoked RevocationState = "revoked"
	RevocationOnHold  RevocationState = "on-hold"
)

// Blobs keeps bytes under keys that are never reused for other bytes. All errors are problem.NotFound or
// unknown; a Put that returned nil survives a crash.
type Blobs interface {
	// Put stores r under key. Writing the same key with the same bytes again is allowed.
	Put(ctx context.Context, key string, r io.Reader) error
	// ReadRange returns length bytes from offset; length -1 means to the end.
	ReadRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Delete removes a blob; one that is not there is removed already.
	Delete(ctx context.Context, key string) error
	// List gives the keys below a folder, and when each was written, until visit fails.
	List(ctx context.Context, folder string, visit func(key string, written time.Time) error) error
}

// Segments keeps what signing appends to documents. What is read is compared with what was stored:
// problem.DigestMismatch.
type Segments interface {
	// Append stores bytes that follow a document, sealed when the document is. The same bytes again do nothing.
	Append(ctx context.Context, doc Upload, data []byte) (Segment, error)
	// ReadSegment reads one segment of a document as a whole.
	ReadSegment(ctx context.Context, doc Upload, s Segment) ([]byte, error)
}

// Upload is a stored file as segments: the uploaded bytes, then one segment for each incremental update.
type Upload struct {
	ID        string
	Name      string // as the user gave it, NFC; personal data
	Size      int64  // bytes of all segments
	SHA256    string // hex, of all segments
	HashState []byte // marshalled SHA-256 state after all segments (encoding.BinaryMarshaler)
	Segments  []Segment
	CreatedAt time.Time

	// KeyID names the key that seals its segments: the id of the upload that the document began with. It is empty for
	// documents of earlier releases, which lie in clear until they are sealed.
	KeyID string
	// Key is that key. It is stored under the key of the person only.
	Key []byte `json:"-"`
	// SubjectID is the person whose key wraps Key; empty until a signing names its signer.
	SubjectID string
}

// Has reports with problem.DigestMismatch that a file is not the one with the hex digest that the record of a signing or
// registration holds. A record without a digest says nothing.
func (u Upload) Has(sha256 string) error {
	if sha256 != "" && u.SHA256 != sha256 {
		return problem.New(problem.DigestMismatch, "a stored file is not the one of its record")
	}
	return nil
}

// Segment is a run of bytes of an Upload.
type Segment struct {
	Key    string `json:"key"`
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"` // hex, of this segment
}

// SealedFolder is where sealed segments lie: its name in a key is the mark of a sealed segment.
const SealedFolder = "sealed"

// Sealed reports whether the segment is sealed under the key of its document. Others lie in clear.
func (s Segment) Sealed() bool { return strings.HasPrefix(s.Key, SealedFolder+"/") }

// Records is the store as the activities of a signing see it. problem.NotFound for an unknown id. Every write is
// idempotent: the same call again changes nothing.
type Records interface {
	Signing(ctx context.Context, id string) (Signing, error)
	Upload(ctx context.Context, id string) (Upload, error)
	SaveUpload(ctx context.Context, upload Upload) error

	// Move records transitions, all of them or none. Seq makes each idempotent: the same seq with the same status again does nothing,
	// with another status it is problem.Conflict. It sets Status, UpdatedAt and, for a final status, FinishedAt.
	Move(ctx context.Context, id string, list ...Transition) error
	// Transitions returns the transitions with a Seq above after, oldest first. Error: problem.NotFound when after is 0 and there is no
	// such signing.
	Transitions(ctx context.Context, id string, after int) ([]Transition, error)

	// SaveCertificates replaces the list that was looked up for the signing.
	SaveCertificates(ctx context.Context, id string, list []Certificate) error
	Certificates(ctx context.Context, id string) ([]Certificate, error)
	ChooseCertificate(ctx context.Context, id, fingerprint string) error

	SavePlacement(ctx context.Context, id string, index int, p Placement) error
	SavePrepared(ctx context.Context, id string, index int, p Prepared) error

	// SaveApproval records the request before it is sent (AcceptedAt zero) and again when it was accepted.
	SaveApproval(ctx context.Context, id string, a Approval) error

	// SaveValue records a signature value as it came, used or late. One value per document and request id: a
	// second different value for the same key is problem.Conflict.
	SaveValue(ctx context.Context, id string, v SignatureValue) error
	Values(ctx context.Context, id string) ([]SignatureValue, error)

	// SaveEvidence keeps revocation data, time-stamp tokens and check results with the signing (Circular
	// 15/2025: to be stored with the document). Idempotent by Kind and Digest. What is saved in one call costs one row.
	SaveEvidence(ctx context.Context, id string, list ...Evidence) error
	Evidence(ctx context.Context, id string) ([]Evidence, error)

	// SaveSigned links the signed file (an Upload) to its document.
	SaveSigned(ctx context.Context, id string, index int, uploadID string, level Level) error

	// RenewSigned exchanges the signed file of a document for one that continues it with a further archive time-stamp. It
	// does nothing when that was done before; problem.Conflict when the file is another than from.
	RenewSigned(ctx context.Context, id string, index int, from, to string) error

	// OpenIncident and CloseIncident keep the record of a parked step. Both are idempotent by incident id.
	OpenIncident(ctx context.Context, in process.Incident) error
	CloseIncident(ctx context.Context, in process.Incident) error
}

// SignatureValue is one value that a provider returned.
type SignatureValue struct {
	RequestID  string // Approval.OurID
	Index      int    // document
	Value      []byte
	ReceivedAt time.Time
	Use        Use
}

// Use says what became of a value: one value, one use.
type Use string

// The uses.
const (
	UsePending  Use = "pending"  // received, not yet embedded
	UseEmbedded Use = "embedded" // in the delivered document
	UseLate     Use = "late"     // came after cancel or expiry; never used
	UseRejected Use = "rejected" // does not verify
)

// CertificateCheck is the kind of evidence that the results of one look at a certificate's path are.
const CertificateCheck = "certificate-check"

// Evidence is a piece of proof kept with the documents.
type Evidence struct {
	Kind   string // "ocsp", "crl", "timestamp", CertificateCheck, "certificate"
	Index  int    // document, -1 for the whole signing
	Digest string // hex SHA-256 of Data
	Data   []byte
	At     time.Time
}
