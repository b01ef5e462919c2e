package verify

import (
	"crypto/x509"
	"time"

	"kyso/internal/finding"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/trust"
)

// Options says whom to trust and what is known.
type Options struct {
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
	Removed       []*x509.Certificate // CAs through which no chain may lead, nor through another certificate of their key that is not listed
	Now           time.Time
	Evidence      dss.Evidence // fetched by the caller; used together with what the file carries
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
