package pades

import (
	"crypto/x509"

	"kyso/internal/finding"
	"kyso/internal/pades/appearance"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/inspect"
	"kyso/internal/pades/trust"
)

type (
	// Source is a document that is read by range.
	Source = document.Source
	// Policy bounds what is accepted.
	Policy = document.Policy
	// Evidence is validation material: DER certificates, OCSP responses and CRLs.
	Evidence = dss.Evidence
	// CertificateStatus is what is known of a certificate at some time.
	CertificateStatus = trust.CertificateStatus
	// Certification says that the first signature of a file certifies it, and what is allowed afterwards.
	Certification = form.Certification
	// Lock says which form fields may not change once the signature is there.
	Lock = form.Lock
	// LockAction says what the fields of a Lock are.
	LockAction = form.LockAction
	// Report is what Inspect found in a file that may be signed.
	Report = inspect.Report
	// FieldReport is a signature field that the file brings along.
	FieldReport = inspect.FieldReport
	// FindingCode names a kind of Finding.
	FindingCode = inspect.FindingCode
	// Finding is one sentence about a file or a signature. Those of Inspect say what may make the file look otherwise later, or on
	// another screen, than it does to the person who is asked to sign. Files that were prepared for a shadow attack have one (Mainka,
	// Mladenov, Rohlmann: Shadow Attacks, NDSS 2021); honest files may have one, too.
	Finding = finding.Finding
	// Box says where the visible signature stands on a page.
	Box = geometry.Box
	// PageSize is the size of a page as shown.
	PageSize = geometry.PageSize
)

// MaxWidgets is on how many pages one signature may be shown.
const MaxWidgets = geometry.MaxWidgets

// MaxFileBytes is the longest file that is signed, extended or verified: 2 GiB.
const MaxFileBytes = document.MaxFileBytes

// CheckSize refuses a file that is longer, without reading it.
func CheckSize(src Source) error { return document.CheckSize(src) }

// ParseCertificate is x509.ParseCertificate for keys that are for RSASSA-PSS only, too.
func ParseCertificate(der []byte) (*x509.Certificate, error) { return cms.ParseCertificate(der) }

// The certificate statuses.
const (
	CertificateGood        = trust.CertificateGood
	CertificateRevoked     = trust.CertificateRevoked
	CertificateOnHold      = trust.CertificateOnHold
	CertificateExpired     = trust.CertificateExpired
	CertificateNotYetValid = trust.CertificateNotYetValid
	CertificateUnknown     = trust.CertificateUnknown
)

// PreviewOptions say how a visible signature would look.
type PreviewOptions struct {
	Width, Height float64 // of the box, points; both at least 1
	PrepareOptions
}

// Preview returns a PDF of one page that shows what Prepare would draw into a box of this size: the same code draws it.
// Of the embedded options SignerName, SigningTime, Reason, Location and Image are used. Errors: problem.PlacementInvalid
// when the box is too small for its text, problem.Invalid.
func Preview(opt PreviewOptions) ([]byte, error) {
	return appearance.Preview(opt.Width, opt.Height, opt.content())
}

// Unprintable returns the first letter of a text that a visible signature cannot show; "" when it can show all.
func Unprintable(text string) (string, error) { return appearance.Unprintable(text) }

// The certifications. Validation data and document time-stamps may always be added.
const (
	Approval            = form.Approval // no certification
	CertifyNoChanges    = form.CertifyNoChanges
	CertifyForms        = form.CertifyForms        // filling in forms and signing
	CertifyFormsAndNote = form.CertifyFormsAndNote // and annotations
)

// The actions of a lock.
const (
	LockAll     = form.LockAll
	LockInclude = form.LockInclude // the fields named
	LockExclude = form.LockExclude // all but the fields named
)

// The kinds of finding that Inspect reports.
const (
	HiddenPage      = inspect.HiddenPage
	HiddenLayer     = inspect.HiddenLayer
	ReplacedContent = inspect.ReplacedContent
	Overlay         = inspect.Overlay
	ValueMismatch   = inspect.ValueMismatch
	RedrawnFields   = inspect.RedrawnFields
	NotExamined     = cover.CodeNotExamined

	BytesBeforeHeader = inspect.BytesBeforeHeader
	BytesAfterEnd     = inspect.BytesAfterEnd
	UsageRights       = inspect.UsageRights
	XFACopy           = inspect.XFACopy

	CoversSigned    = cover.CodeCoversSigned
	CoversSignature = cover.CodeCoversSignature
	NewField        = inspect.NewField
)

// Inspect decides whether the file may be signed and reports what is on it. A refusal is a problem: one of
// DocumentBroken, DocumentEncrypted, DocumentXFA, DocumentLocked, DocumentActive, DocumentMisleading, DocumentTooComplex,
// TooLarge.
// It reads untrusted bytes: run it where it may be killed.
func Inspect(src Source, policy Policy) (*Report, error) { return inspect.File(src, policy) }
