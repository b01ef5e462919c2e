package pades

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/pades/dss"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/pades/trust"
	"kyso/internal/problem"
)

// archiveHole is the room for a document time-stamp. Tokens with their chain have 3 to 10 KB.
const archiveHole = 16 << 10

// PrepareArchive writes the increment of a document time-stamp (ISO 32000-2, 12.8.5; EN 319 142-1, 5.4.3) with an empty hole.
// A time-stamp over H2 fills it: see EmbedArchive. Nobody is asked for anything, and no lock forbids it: a certification
// that allows no changes allows validation data and time-stamps. The same input gives the same bytes.
//
// hashState is the SHA-256 state after all of src; nil means that the file is read once.
func PrepareArchive(src document.Source, hashState []byte) (*Prepared, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	var b *builder
	err = document.Settled(f, func() error {
		b = &builder{file: f, archive: true, opt: PrepareOptions{Box: geometry.Box{Page: 1, Invisible: true}, HoleSize: archiveHole, HashState: hashState}}
		return b.read()
	})
	if err != nil {
		return nil, err
	}
	if b.form.Signed() == 0 {
		return nil, problem.New(problem.Invalid, "the file holds no signature that could be archived")
	}
	if err := b.write(); err != nil {
		return nil, err
	}
	return b.finish(src)
}

// EmbedArchive fills the hole of PrepareArchive with a time-stamp token over H2. A token over other bytes is
// problem.VerificationFailed; stored bytes that are not those of PrepareArchive are problem.DigestMismatch.
//
// hashState is the SHA-256 state after the sourceSize bytes that the increment follows.
func EmbedArchive(p Prepared, sourceSize int64, hashState, token []byte) (*Extended, error) {
	if err := checkHole(&p, sourceSize); err != nil {
		return nil, err
	}
	beforeHole, err := checkDigests(&p, hashState)
	if err != nil {
		return nil, err
	}
	parsed, rest, err := cms.ParseToken(token)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow it", len(rest))
	}
	if err == nil {
		_, err = parsed.VerifyDigest(p.H2[:], nil)
	}
	if err != nil {
		return nil, problem.Wrap(problem.VerificationFailed, err, "the archive time-stamp cannot be embedded")
	}
	if int64(hex.EncodedLen(len(token))) > p.HoleLength {
		return nil, problem.New(problem.TooLarge, "the archive time-stamp has %d bytes and does not fit", len(token))
	}
	out := &Extended{Increment: append([]byte(nil), p.Increment...)}
	hex.Encode(out.Increment[p.HoleOffset:], token)
	beforeHole.Write(out.Increment[p.HoleOffset-1:])
	out.SHA256, out.HashState, err = document.SumAndState(beforeHole)
	return out, err
}

// archiveSignature returns the dictionary of a document time-stamp.
func archiveSignature(byteRange, contents *pdf.Slot) *pdf.Dict {
	return pdf.NewDict("Type", pdf.Name("DocTimeStamp"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.RFC3161"),
		"ByteRange", byteRange, "Contents", contents)
}

// archived reports whether a trusted document time-stamp covers the signature together with everything that is needed to
// judge its certificate (B-LTA; EN 319 142-1, 6.3).
func (v *verifier) archived(s *signature, at time.Time) bool {
	chain, err := v.pool.Chain(s.cert, at, v.anchors)
	if err != nil {
		return false
	}
	for _, proof := range v.poes {
		if proof.end > s.end && v.carries(proof.end, chain, at) {
			return true
		}
	}
	return false
}

// carries reports whether the first end bytes of the file hold the certificates of a chain and what is known of them.
func (v *verifier) carries(end int64, chain []*x509.Certificate, at time.Time) bool {
	earlier, err := pdf.Open(io.NewSectionReader(v.src, 0, end), end, pdf.Limits{})
	if err != nil {
		return false
	}
	store, err := dss.Read(earlier)
	if err != nil {
		return false
	}
	held := trust.NewPool()
	held.Add(store, true)
	for _, other := range v.signatures {
		if other.cms != nil && other.end <= end {
			held.AddSignedData(other.cms)
		}
	}
	for i, cert := range chain[:len(chain)-1] {
		if !held.Carried(cert) || !held.StatusAt(cert, chain[i+1], at, v.now).InFile {
			return false
		}
	}
	return true
}
