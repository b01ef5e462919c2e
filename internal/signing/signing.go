// Package signing is the domain of remote signing: what a signing is, which states it may pass through, and
// which outside parties it needs (ports.go). It does no I/O and imports the standard library,
// internal/process and internal/problem only.
package signing

import (
	"time"

	"kyso/internal/process"
)

// MaxDocuments is how many documents one approval on the phone may cover. A provider may take fewer.
const MaxDocuments = 50

// Level is a PAdES baseline level of ETSI EN 319 142-1.
type Level string

// The levels that kyso writes.
const (
	LevelB  Level = "B-B"  // signature with the certificate chain
	LevelT  Level = "B-T"  // plus a time-stamp over the signature value
	LevelLT Level = "B-LT" // plus certificates and revocation data in the document security store

	// LevelLTA is B-LTA: plus a time-stamp over all of it, which can be renewed for ever.
	LevelLTA Level = "B-LTA"
)

// Valid reports whether l is a level that kyso writes.
func (l Level) Valid() bool { return l == LevelB || l == LevelT || l == LevelLT || l == LevelLTA }

// AtLeast reports whether l includes other.
func (l Level) AtLeast(other Level) bool { return l.rank() >= other.rank() }

func (l Level) rank() int {
	switch l {
	case LevelT:
		return 1
	case LevelLT:
		return 2
	case LevelLTA:
		return 3
	}
	return 0
}

// Placement says where the visible signature stands on a page as a reader sees it, that is after /Rotate and
// inside the CropBox. The zero value is the default box in the lower right corner of the last page.
type Placement struct {
	Page   int     `json:"page,omitempty" doc:"1 is the first page, 0 the last"`
	X      float64 `json:"x,omitempty"` // points from the left edge of the page as shown
	Y      float64 `json:"y,omitempty"` // points from the bottom edge of the page as shown
	Width  float64 `json:"width,omitempty" doc:"0 with height 0: the default box"`
	Height float64 `json:"height,omitempty"`
	// Invisible signatures have no box.
	Invisible bool `json:"invisible,omitempty" doc:"No visible signature; the fields above are ignored"`

	Pages    []int `json:"pages,omitempty" maxItems:"1000" doc:"The same box on several pages, by one signature: 1 is the first page, 0 the last"`
	AllPages bool  `json:"all_pages,omitempty" doc:"The same box on every page"`

	// FieldNumber is an empty signature field of the file to sign into, 1 for the first in the order of its form. Its name may be
	// personal data and stays in the file. The fields above must then be zero.
	FieldNumber int `json:"field_number,omitempty" minimum:"0" doc:"An empty signature field of the file to sign into, by the number that the inspection gives"`

	Certify int  `json:"certify,omitempty" minimum:"0" maximum:"3" doc:"The first signature certifies: 1 allows no changes, 2 forms and signatures, 3 annotations, too"`
	LockAll bool `json:"lock_all,omitempty" doc:"No form field may change afterwards: the last signature"`

	EmptyFields   []Area `json:"empty_fields,omitempty" maxItems:"20" doc:"Empty signature fields that a certification of kind 2 or 3 brings along for the signers to come, in their order"`
	AllowNewField bool   `json:"allow_new_field,omitempty" doc:"Add a signature field to a file that is certified and has no empty one. Some programs call the file changed then"`
	AllowCover    bool   `json:"allow_cover,omitempty" doc:"Let the box lie over what earlier signers signed"`
}

// Area is a place on a page for a signer to come, measured as in Placement. It has no name: one would be that of a person.
type Area struct {
	Page   int     `json:"page,omitempty" minimum:"0" doc:"1 is the first page, 0 the last"`
	X      float64 `json:"x" minimum:"0"`
	Y      float64 `json:"y" minimum:"0"`
	Width  float64 `json:"width" minimum:"0"`
	Height float64 `json:"height" minimum:"0"`
}

// Signing is one request to sign 1 to MaxDocuments documents under one approval. UserID, Reason and Location are
// personal data: the store seals them, and they never enter a workflow.
type Signing struct {
	ID          string
	Provider    string // name of the remote signing provider, as configured
	UserID      string // as the provider's Front checked it
	Serial      string // certificate asked for, lower-case hex; empty takes the only usable one or asks
	Level       Level
	Reason      string
	Location    string
	Certificate string // SHA-256 of the chosen certificate, hex; empty until chosen
	Status      Status
	Attention   process.Attention // zero when nothing is wrong
	Approval    Approval          // zero until the provider accepted the request
	CreatedAt   time.Time
	UpdatedAt   time.Time
	FinishedAt  time.Time // zero while running
	ErasedAt    time.Time // when the signer was erased; then there is no personal data
	Documents   []Document
}

// Document is one file of a signing.
type Document struct {
	Index     int        // 0-based place in the signing
	UploadID  string     // the uploaded file
	Name      string     // file name as the user gave it; personal data
	Size      int64      // bytes before signing
	SHA256    string     // hex digest of the uploaded bytes
	Placement *Placement // nil until placed
	Prepared  *Prepared  // nil until prepared
	SignedID  string     // id of the signed file; empty until signed
	// SignedSHA256 is the hex digest of the whole signed file.
	SignedSHA256 string
	Level        Level // level reached; empty until signed
}

// Prepared is what must be stored before the owner is asked for approval and recomputed before anything is
// embedded. H1, H2 and H3 are hex SHA-256 digests.
type Prepared struct {
	H1             string // of the whole prepared file
	H2             string // over the ByteRange
	H3             string // of SignedAttrs; this is what the provider signs
	ByteRange      [4]int64
	SignedAttrs    []byte // exact DER bytes of the CMS signed attributes, as SET OF (tag 0x31)
	Increment      string // blob key of the incremental update with its empty hole
	IncrementLen   int64
	FieldName      string // of a field that we added, for workers of the release before; empty for one of the file's own
	HoleOffset     int64  // offset of the first hex digit of /Contents inside the increment
	HoleLen        int64  // hex digits
	RevocationNote string // what the certificate check before signing found; no personal data
}

// Approval is the request that the provider accepted.
type Approval struct {
	OurID string // our id of the request, made from the signing id and the business attempt
	// Reference is what the provider's client has to know of the request. That client alone makes and reads it; the store seals
	// it, since it may hold secrets. A zero one in SaveApproval leaves what is stored.
	Reference  string
	Names      []string // by which a webhook of the provider may speak of the request, besides OurID; SaveApproval adds them, nothing returns them
	ShortCode  string   // shown on our page and on the phone, so that the two can be compared
	AcceptedAt time.Time
	ExpiresAt  time.Time // the end of the provider's own window
	Outcome    Outcome   // empty while waiting
	// Watched says that the store has a process.Wait for the answer, which began with StatusAwaitingApproval. SaveApproval leaves it
	// alone. Processes of earlier releases ask by themselves.
	Watched bool
}

// ApprovalWait is the wait of a signing for the answer of its owner.
func ApprovalWait(id, provider string, a Approval) process.Wait {
	return process.Wait{Kind: process.WaitApproval, Record: id, Party: process.SignerParty(provider), Workflow: process.SigningWorkflowID(id),
		BeganAt: a.AcceptedAt, EndsAt: a.ExpiresAt, NextAt: a.AcceptedAt, Pause: process.PauseAt(0, 0)}
}

// LateWait is the watch for a value that comes after the end of a signing.
func LateWait(id, provider string, a Approval, endedAt time.Time) process.Wait {
	return process.Wait{Kind: process.WaitLate, Record: id, Party: process.SignerParty(provider), BeganAt: endedAt, EndsAt: LateUntil(a.ExpiresAt, endedAt),
		NextAt: endedAt, Pause: process.PauseLate}
}

// LateWatch is how long after the end of the provider's window a cancelled or expired request is watched for a
// value that must not be used.
const LateWatch = 2 * time.Minute

// LateUntil is when watching for a late value ends, by the end of the provider's window and the end of the signing. A request whose
// acceptance was never learnt has no window; it is watched from the end of its signing.
func LateUntil(expiresAt, endedAt time.Time) time.Time {
	if expiresAt.IsZero() {
		return endedAt.Add(5*time.Minute + LateWatch)
	}
	return expiresAt.Add(LateWatch)
}

// Outcome is a provider's final answer to a request.
type Outcome string

// The final answers.
const (
	OutcomeApproved Outcome = "approved"
	OutcomeDeclined Outcome = "declined"
	OutcomeExpired  Outcome = "expired"
)

// Certificate is one certificate that a provider holds for a user. Subject is personal data.
type Certificate struct {
	Fingerprint string    // SHA-256 of DER, hex: the id used in workflows
	Serial      string    // lower-case hex
	Subject     string    // common name from the parsed certificate, NFC
	Issuer      string    // common name of the issuer
	NotBefore   time.Time // UTC
	NotAfter    time.Time
	DER         []byte
	Chain       [][]byte // issuer first, DER; may be incomplete
}

// ShortCode returns the code that is shown on the page and on the phone for a prepared digest: the first 8 hex
// digits of H3 in two groups, upper case. It is derived and not drawn, so the two screens can only agree when
// they speak of the same bytes.
func ShortCode(h3 string) string {
	if len(h3) < 8 {
		return ""
	}
	upper := []byte(h3[:8])
	for i, c := range upper {
		if c >= 'a' && c <= 'f' {
			upper[i] = c - 'a' + 'A'
		}
	}
	return string(upper[:4]) + "-" + string(upper[4:])
}
