package prepare

import (
	"crypto/x509"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/appearance"
	"kyso/internal/pades/document"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/problem"
)

// Options says what to prepare.
type Options struct {
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

// Prepared is the result of Prepare. Everything but Increment is small and must be stored before the owner is
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

// complete fills in defaults and refuses what cannot be prepared.
func (opt *Options) complete() error {
	if opt.Certificate == nil {
		return problem.New(problem.Invalid, "there is no certificate")
	}
	if opt.SigningTime.IsZero() {
		return problem.New(problem.Invalid, "there is no signing time")
	}
	if opt.HoleSize == 0 {
		opt.HoleSize = defaultHole
	}
	if opt.HoleSize < leastHole || opt.HoleSize > mostHole {
		return problem.New(problem.Invalid, "the hole must have %d to %d bytes", leastHole, mostHole)
	}
	if opt.SignerName == "" {
		opt.SignerName = opt.Certificate.Subject.CommonName
	}
	if err := opt.checkRules(); err != nil {
		return err
	}
	opt.SignerName = norm.NFC.String(opt.SignerName)
	opt.Reason, opt.Location = norm.NFC.String(opt.Reason), norm.NFC.String(opt.Location)
	return nil
}

// Content is what the options say of the appearance.
func (opt *Options) Content() appearance.Content {
	return appearance.Content{SignerName: opt.SignerName, SigningTime: opt.SigningTime, Reason: opt.Reason, Location: opt.Location, Image: opt.Image}
}
