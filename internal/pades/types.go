package pades

import (
	"kyso/internal/finding"
	"kyso/internal/pades/cover"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/embed"
	"kyso/internal/pades/extend"
	"kyso/internal/pades/form"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/inspect"
	"kyso/internal/pades/prepare"
	"kyso/internal/pades/trust"
	"kyso/internal/pades/verify"
)

// What every phase takes.
type (
	// Source is a document that is read by range.
	Source = document.Source
	// Policy bounds what is accepted. The zero value means the defaults.
	Policy = document.Policy
	// Finding is one sentence about a file or a signature. Those of Inspect say what may make the file look otherwise later, or on
	// another screen, than it does to the person who is asked to sign. Files that were prepared for a shadow attack have one (Mainka,
	// Mladenov, Rohlmann: Shadow Attacks, NDSS 2021); honest files may have one, too.
	Finding = finding.Finding
	// FindingCode names a kind of Finding.
	FindingCode = inspect.FindingCode
)

// MaxFileBytes is the longest file that is signed, extended or verified: 2 GiB.
const MaxFileBytes = document.MaxFileBytes

// What Inspect finds.
type (
	// Report is what Inspect found in a file that may be signed.
	Report = inspect.Report
	// FieldReport is a signature field that the file brings along.
	FieldReport = inspect.FieldReport
	// PageSize is the size of a page as shown, in points.
	PageSize = geometry.PageSize
)

// The kinds of Finding that Inspect reports.
const (
	HiddenPage        = inspect.HiddenPage
	HiddenLayer       = inspect.HiddenLayer
	ReplacedContent   = inspect.ReplacedContent
	Overlay           = inspect.Overlay
	ValueMismatch     = inspect.ValueMismatch
	RedrawnFields     = inspect.RedrawnFields
	NotExamined       = cover.CodeNotExamined
	BytesBeforeHeader = inspect.BytesBeforeHeader
	BytesAfterEnd     = inspect.BytesAfterEnd
	UsageRights       = inspect.UsageRights
	XFACopy           = inspect.XFACopy
	CoversSigned      = cover.CodeCoversSigned
	CoversSignature   = cover.CodeCoversSignature
	NewField          = inspect.NewField
)

// What Prepare takes and returns.
type (
	// PrepareOptions says what to prepare.
	PrepareOptions = prepare.Options
	// Prepared is the result of Prepare. Everything but Increment is small and must be stored before the owner is asked to approve.
	Prepared = prepare.Prepared
	// Box says where the visible signature stands on the page as a reader sees it.
	Box = geometry.Box
	// Certification says that the first signature of a file certifies it, and what is allowed afterwards (12.8.2.2).
	Certification = form.Certification
	// Lock says which form fields may not change once the signature is there (12.8.2.4).
	Lock = form.Lock
	// LockAction says what the fields of a Lock are.
	LockAction = form.LockAction
)

// MaxWidgets is on how many pages one signature may be shown.
const MaxWidgets = geometry.MaxWidgets

// The certifications. Validation data and document time-stamps may always be added.
const (
	Approval            = form.Approval // no certification
	CertifyNoChanges    = form.CertifyNoChanges
	CertifyForms        = form.CertifyForms        // filling in forms and signing
	CertifyFormsAndNote = form.CertifyFormsAndNote // and annotations
)

// The actions of a Lock.
const (
	LockAll     = form.LockAll
	LockInclude = form.LockInclude // the fields named
	LockExclude = form.LockExclude // all but the fields named
)

// PreviewOptions say how a visible signature would look.
type PreviewOptions struct {
	Width, Height float64 // of the box, points; both at least 1
	PrepareOptions
}

// What Embed and Extend take and return.
type (
	// EmbedInput is what Embed needs: what Prepare returned, as it was stored, and the value.
	EmbedInput = embed.Input
	// Embedded is a filled increment.
	Embedded = embed.Embedded
	// Extended is an increment that adds a document security store or a document time-stamp.
	Extended = document.Extended
	// Evidence is validation material: DER certificates, OCSP responses and CRLs.
	Evidence = dss.Evidence
	// Need is a certificate whose revocation status must be known before a file reaches B-LT.
	Need = extend.Need
	// NeedsOptions says what is asked of Needs.
	NeedsOptions = extend.NeedsOptions
)

// What Verify takes and finds.
type (
	// VerifyOptions says whom to trust and what is known.
	VerifyOptions = verify.Options
	// Verification is what Verify found.
	Verification = verify.Verification
	// Verdict is the main indication of ETSI EN 319 102-1.
	Verdict = verify.Verdict
	// SignatureReport is the finding on one signature or document time-stamp.
	SignatureReport = verify.SignatureReport
	// CertificateReport is what a checking software has to show of a certificate (Circular 15/2025/TT-BKHCN, 6.4.b).
	CertificateReport = verify.CertificateReport
	// NameReport is what a name in a certificate says.
	NameReport = verify.NameReport
	// TimeReport says when a signature was made, and who says so.
	TimeReport = verify.TimeReport
	// TimeSource is who says when a signature was made.
	TimeSource = verify.TimeSource
	// StampState is what became of a time-stamp.
	StampState = verify.StampState
	// CertificateStatus is what is known of a certificate at some time.
	CertificateStatus = trust.CertificateStatus
)

// The verdicts.
const (
	TotalPassed   = verify.TotalPassed
	Indeterminate = verify.Indeterminate
	TotalFailed   = verify.TotalFailed
)

// The sources of a time.
const (
	ByTimestamp         = verify.ByTimestamp         // of the signature itself
	ByDocumentTimestamp = verify.ByDocumentTimestamp // over the signature
	ByClaim             = verify.ByClaim             // the signer, in /M
	ByNone              = verify.ByNone
)

// The states of a time-stamp.
const (
	StampValid     = verify.StampValid
	StampNotJudged = verify.StampNotJudged
	StampInvalid   = verify.StampInvalid
	StampUnknown   = verify.StampUnknown
)

// The certificate statuses.
const (
	CertificateGood        = trust.CertificateGood
	CertificateRevoked     = trust.CertificateRevoked
	CertificateOnHold      = trust.CertificateOnHold
	CertificateExpired     = trust.CertificateExpired
	CertificateNotYetValid = trust.CertificateNotYetValid
	CertificateUnknown     = trust.CertificateUnknown
)
