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
// It knows no network and no clock. This package is the face: each phase has a room of its name, and all stand on the rooms below
// them, which know nothing of phases (document, form, geometry, appearance, structure, cover, changes, trust, dss) nor, lower still,
// of signatures in files (drawn, pdf, cms, font).
package pades

import (
	"crypto/x509"

	"kyso/internal/pades/appearance"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/pades/embed"
	"kyso/internal/pades/extend"
	"kyso/internal/pades/inspect"
	"kyso/internal/pades/prepare"
	"kyso/internal/pades/verify"
)

// Inspect decides whether the file may be signed and reports what is on it. A refusal is a problem: one of
// DocumentBroken, DocumentEncrypted, DocumentXFA, DocumentLocked, DocumentActive, DocumentMisleading, DocumentTooComplex,
// TooLarge.
// It reads untrusted bytes: run it where it may be killed.
func Inspect(src Source, policy Policy) (*Report, error) { return inspect.File(src, policy) }

// Prepare writes the one incremental update of a signature: field and widget, appearance, signature dictionary
// with an empty hole. It returns the digests that everything later is checked against. The same input gives the
// same bytes. Refusals are those of Inspect, and PlacementInvalid.
func Prepare(src Source, opt PrepareOptions) (*Prepared, error) { return prepare.Signature(src, opt) }

// CheckPlacement says whether a signature could be prepared so, as far as that can be seen without its certificate. It writes
// nothing and reads little. Refusals are those of Prepare; those of a place name its field as the API does.
func CheckPlacement(src Source, opt PrepareOptions) error { return prepare.Placement(src, opt) }

// Preview returns a PDF of one page that shows what Prepare would draw into a box of this size: the same code draws it.
// Of the embedded options SignerName, SigningTime, Reason, Location and Image are used. Errors: problem.PlacementInvalid
// when the box is too small for its text, problem.Invalid.
func Preview(opt PreviewOptions) ([]byte, error) {
	return appearance.Preview(opt.Width, opt.Height, opt.Content())
}

// Unprintable returns the first letter of a text that a visible signature cannot show; "" when it can show all.
func Unprintable(text string) (string, error) { return appearance.Unprintable(text) }

// Embed checks the value and everything it stands on, and fills the hole. Nothing is taken on trust from Prepare:
// H1, H2 and H3 are computed again from the stored increment and the hash state of the source
// (problem.DigestMismatch), the signed attributes must hold H2 and name the certificate, and the value must
// verify with the certificate's key (problem.SignatureInvalid). A signature that outgrows the hole is
// problem.TooLarge.
//
// The same input gives the same bytes. The source is not read: the cost does not depend on it.
//
// For B-T it is called twice: without a time-stamp to learn SignatureValue, then with the token over it.
func Embed(in EmbedInput) (*Embedded, error) { return embed.Signature(in) }

// SignatureValue verifies a provider's value as Embed does, without assembling anything. It returns the bytes that
// will stand in the CMS, over whose SHA-256 a time-stamp is taken, and the name of the algorithm.
func SignatureValue(p *Prepared, cert *x509.Certificate, value []byte) (signature []byte, algorithm string, err error) {
	return embed.Value(p, cert, value)
}

// Extend appends a document security store (EN 319 142-1 §5.4.2) with the evidence that the file does not hold
// yet; an existing store keeps all its entries. There is no /VRI: it is optional, and validators exist that give
// up on it. With nothing to add the increment is empty.
//
// hashState is the SHA-256 state after all of src; nil means that the file is read once.
func Extend(src Source, ev Evidence, hashState []byte) (*Extended, error) {
	return extend.File(src, ev, hashState)
}

// Needs lists what is still missing: the certificates of signers and time-stamp authorities in the file, their
// issuers, and the OCSP responders that do not carry id-pkix-ocsp-nocheck, as far as neither the file nor opt.Have
// holds an OCSP answer or CRL about them. Roots need nothing. The caller fetches, adds to Have and asks again,
// because an answer may name a responder that is itself in question.
func Needs(src Source, opt NeedsOptions) ([]Need, error) { return extend.Needs(src, opt) }

// PrepareArchive writes the increment of a document time-stamp (ISO 32000-2, 12.8.5; EN 319 142-1, 5.4.3) with an empty hole.
// A time-stamp over H2 fills it: see EmbedArchive. No person is asked for anything, and no lock forbids it: a certification
// that allows no changes allows validation data and time-stamps. The same input gives the same bytes.
//
// hashState is the SHA-256 state after all of src; nil means that the file is read once.
func PrepareArchive(src Source, hashState []byte) (*Prepared, error) {
	return prepare.Archive(src, hashState)
}

// EmbedArchive fills the hole of PrepareArchive with a time-stamp token over H2. A token over other bytes is
// problem.VerificationFailed; stored bytes that are not those of PrepareArchive are problem.DigestMismatch.
//
// hashState is the SHA-256 state after the sourceSize bytes that the increment follows.
func EmbedArchive(p Prepared, sourceSize int64, hashState, token []byte) (*Extended, error) {
	return embed.Archive(p, sourceSize, hashState, token)
}

// Verify says what a relying party may conclude about every signature and document time-stamp of a file, along the
// lines of EN 319 102-1. It is strict where readers are known to be fooled: a signature counts only when its
// ByteRange leaves out exactly the hexadecimal string of its own /Contents and nothing else, and later revisions may
// only add validation data, time-stamps and further signatures.
//
// The error is for files that cannot be examined at all; everything else is a verdict.
func Verify(src Source, opt VerifyOptions) (*Verification, error) { return verify.File(src, opt) }

// Harmed compares what was said of the signatures of a file with what is said of them after something was appended. It returns ""
// when no verdict got worse, else what did, without the names that others gave to their fields. newField says that the caller asked
// for a field of its own after a certification, and took what that does to it.
func Harmed(before, after *Verification, newField bool) string {
	return verify.Harmed(before, after, newField)
}

// CheckSize refuses a file that is longer, without reading it.
func CheckSize(src Source) error { return document.CheckSize(src) }

// ParseCertificate is x509.ParseCertificate for keys that are for RSASSA-PSS only, too.
func ParseCertificate(der []byte) (*x509.Certificate, error) { return cms.ParseCertificate(der) }
