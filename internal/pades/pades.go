// Package pades writes and checks PDF signatures (PAdES, ETSI EN 319 142-1) in phases that may lie days apart:
//
//	Inspect  → is this a file we may sign, and what is on it
//	Prepare  → one incremental update with field, appearance, ByteRange and an empty hole; all digests
//	           … the owner of the key approves, somewhere else, hours later …
//	Embed    → verify the value against certificate and digests, fill the hole
//	Extend   → append what later verifiers need (certificates, OCSP answers, CRLs)
//	Verify   → what a relying party may conclude
//
// The original file is read by range and never loaded, copied or rewritten: the cost of a signature does not grow
// with the file when the SHA-256 state of its bytes is given.
//
// It knows no network and no clock. It imports the standard library, internal/finding, internal/problem, its own subpackages, x/text
// for normal forms, and go-fonts for the fonts of appearances.
package pades

import (
	"crypto/x509"
	"time"

	"kyso/internal/finding"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/trust"
)

// PrepareOptions says what to prepare.
type PrepareOptions struct {
	Policy document.Policy
	Box    geometry.Box

	// An empty signature field of the file to sign into, by its fully qualified name or by its number in Report.Fields. It has
	// its own place, and Box must be zero. Without either a new field is added.
	Field       string
	FieldNumber int

	Certify form.Certification // only of a file without signatures

	// EmptyFields are signature fields that a certification brings along for the signers to come, in this order: Table 257 lists
	// signing among what it may permit, and not to add a field. Each has a place; kyso names them.
	EmptyFields []geometry.Box

	// AllowNewField adds a field of its own to a file whose certification lets others sign (P = 2 or 3) and has no field for them.
	// Some verifiers call that a change that was not permitted.
	AllowNewField bool

	// AllowCover lets the box lie over what earlier signers signed.
	AllowCover bool

	Lock *form.Lock // nil locks nothing; a field that brings a lock along keeps that

	Certificate *x509.Certificate // of the signer; its digest goes into the signed attributes
	SigningTime time.Time         // /M, and "Ngày ký" in the appearance, shown in GMT+7
	SignerName  string            // NFC is applied; empty means the certificate's common name
	Reason      string
	Location    string
	Image       []byte // PNG or JPEG shown at the left of the appearance; optional

	HoleSize  int    // bytes reserved for the CMS; 0 means 32 KiB
	HashState []byte // marshalled SHA-256 state after all of the source; nil means that Prepare reads it all once
}

// Prepared is the result of Prepare. Everything but Increment is small and must be stored before anybody is
// asked to approve.
type Prepared struct {
	Increment   []byte // the bytes to append, with the hole filled with '0'
	Field       string // name of the signature field
	Existing    bool   // the field is one of the file's own
	Page        int    // 1-based
	ByteRange   [4]int64
	HoleOffset  int64 // of the first hex digit of /Contents, inside Increment
	HoleLength  int64 // hex digits
	SignedAttrs []byte
	H1          [32]byte // SHA-256 of the prepared file: source and Increment
	H2          [32]byte // SHA-256 over the ByteRange
	H3          [32]byte // SHA-256 of SignedAttrs; this is what is signed
}

// EmbedInput is what Embed needs: what Prepare returned, as it was stored, and the value.
type EmbedInput struct {
	Prepared    Prepared
	SourceSize  int64  // size of the file that was prepared
	HashState   []byte // marshalled SHA-256 state after all of the source; required
	Value       []byte // as the provider sent it: raw RSA (PKCS#1 v1.5 or PSS), ECDSA (DER or r‖s), or a CMS
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // issuers to put beside it, without the root if preferred
	Timestamp   []byte              // DER TimeStampToken over SHA-256 of SignatureValue; nil for B-B
}

// Embedded is a filled increment.
type Embedded struct {
	Increment      []byte
	SignatureValue []byte   // the bytes inside the CMS; a time-stamp is taken over their SHA-256
	Algorithm      string   // such as "RSASSA-PKCS1-v1_5 with SHA-256"
	SHA256         [32]byte // of the whole signed file
	HashState      []byte   // marshalled state after the whole signed file
}

// Extended is an increment that adds a document security store.
type Extended struct {
	Increment []byte
	SHA256    [32]byte
	HashState []byte
}

// VerifyOptions says whom to trust and what is known.
type VerifyOptions struct {
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
	Removed       []*x509.Certificate // CAs through which no chain may lead, nor through another certificate of their key that is not listed
	Now           time.Time
	Evidence      dss.Evidence // fetched by the caller; used beside what the file carries
	Material      bool         // have Verification.Material filled
}

// Verdict is the main indication of ETSI EN 319 102-1.
type Verdict string

// The indications.
const (
	TotalPassed   Verdict = "TOTAL_PASSED"
	Indeterminate Verdict = "INDETERMINATE"
	TotalFailed   Verdict = "TOTAL_FAILED"
)

// Verification is what Verify found.
type Verification struct {
	Verdict    Verdict           `json:"verdict" enum:"TOTAL_PASSED,INDETERMINATE,TOTAL_FAILED" doc:"The worst of all signatures; INDETERMINATE when there is none"`
	Signed     bool              `json:"signed" doc:"false: the file holds no signature, and there is nothing to judge"`
	Signatures []SignatureReport `json:"signatures"`
	Findings   []finding.Finding `json:"findings,omitempty" doc:"What is to be said of the file and of what could not be found out"`
	Warnings   []string          `json:"warnings,omitempty" doc:"Deprecated: the English texts of findings"`

	// Material is what the verdict rests on, from the file and from the caller, when VerifyOptions.Material asks for it: the
	// certificates of the chains that were looked at, and the statements about them whose signatures hold.
	Material *dss.Evidence `json:"material,omitempty" hidden:"true"`
}

// SignatureReport is the finding on one signature or document time-stamp.
type SignatureReport struct {
	Field          string    `json:"field"`
	Kind           string    `json:"kind"` // "signature" or "document-timestamp"
	Verdict        Verdict   `json:"verdict"`
	SubIndication  string    `json:"sub_indication,omitempty"` // ETSI words, such as HASH_FAILURE or REVOKED
	WhyVI          string    `json:"why_vi,omitempty"`         // SubIndication in words
	WhyEN          string    `json:"why_en,omitempty"`
	Level          string    `json:"level,omitempty"`  // B-B, B-T, B-LT
	Signer         string    `json:"signer,omitempty"` // common name
	Issuer         string    `json:"issuer,omitempty"`
	Serial         string    `json:"serial,omitempty"`
	Fingerprint    string    `json:"fingerprint,omitempty"`    // SHA-256, hex
	CertificateEnd time.Time `json:"certificate_end,omitzero"` // of its validity
	Algorithm      string    `json:"algorithm,omitempty"`
	Reason         string    `json:"reason,omitempty"`
	Location       string    `json:"location,omitempty"`
	ByteRange      [4]int64  `json:"byte_range,omitzero"` // of a signature that is well formed
	Certifies      int       `json:"certifies,omitempty"` // P of a certification signature (ISO 32000-2, 12.8.2.2); 0 when it is none

	Certificate *CertificateReport `json:"certificate,omitempty"`
	Time        TimeReport         `json:"time"`

	ClaimedTime   time.Time `json:"claimed_time,omitzero"`   // /M
	TimestampTime time.Time `json:"timestamp_time,omitzero"` // genTime of a valid time-stamp
	Intact        bool      `json:"intact"`                  // digest and value verify
	CoversAll     bool      `json:"covers_all"`              // to the last byte of the file
	LaterChanges  string    `json:"later_changes,omitempty"` // a changes.Kind, such as "signatures"; "" when nothing follows

	ChainTrusted    bool                    `json:"chain_trusted"`
	CertificateThen trust.CertificateStatus `json:"certificate_then"` // at the best known signing time
	CertificateNow  trust.CertificateStatus `json:"certificate_now"`
	StatusMade      time.Time               `json:"status_made,omitzero"` // when the OCSP answer or CRL was made (thisUpdate) that CertificateNow rests on
	Findings        []finding.Finding       `json:"findings,omitempty" doc:"What is to be said of the signature"`
	Problems        []string                `json:"problems,omitempty" doc:"Deprecated: the English texts of findings"`

	why string // the key of meanings that says the reason in words
}
