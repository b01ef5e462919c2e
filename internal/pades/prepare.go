package pades

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/appearance"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/problem"
)

const (
	defaultHole = 32 << 10
	leastHole   = 4 << 10
	mostHole    = 4 << 20

	// Room for four numbers of 19 digits, so that no file size changes the length of the text.
	byteRangeLength = len("[0 ") + 3*20 + len("]")
)

// Prepare writes the one incremental update of a signature: field and widget, appearance, signature dictionary
// with an empty hole. It returns the digests that everything later is checked against. The same input gives the
// same bytes. Refusals are those of Inspect, and PlacementInvalid.
func Prepare(src document.Source, opt PrepareOptions) (*Prepared, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	f, err := document.Open(src, opt.Policy)
	if err != nil {
		return nil, err
	}
	var b *builder
	err = document.Settled(f, func() error {
		b = &builder{file: f, opt: opt}
		return b.read()
	})
	if err != nil {
		return nil, err
	}
	if err := b.write(); err != nil {
		return nil, err
	}
	p, err := b.finish(src)
	if err != nil {
		return nil, err
	}
	return p, b.spare(src, p.Increment)
}

// CheckPlacement says whether a signature could be prepared so, as far as that can be seen without its certificate. It writes
// nothing and reads little. Refusals are those of Prepare; those of a place name its field as the API does.
func CheckPlacement(src document.Source, opt PrepareOptions) error {
	if err := opt.checkRules(); err != nil {
		return err
	}
	f, err := document.Open(src, opt.Policy)
	if err != nil {
		return err
	}
	return document.Settled(f, func() error { return (&builder{file: f, opt: opt}).read() })
}

// complete fills in defaults and refuses what cannot be prepared.
func (opt *PrepareOptions) complete() error {
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

// finish writes the increment, fills in the byte range and takes the digests.
func (b *builder) finish(src document.Source) (*Prepared, error) {
	increment, err := b.update.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the update: %w", err)
	}
	start := src.Size() + int64(b.contents.Offset)
	end := start + int64(b.contents.Len())
	total := src.Size() + int64(len(increment))
	p := &Prepared{Increment: increment, Field: b.name, Existing: b.field != nil, Page: b.firstPage(),
		ByteRange: [4]int64{0, start, end, total - end}, HoleOffset: int64(b.contents.Offset) + 1,
		HoleLength: int64(b.contents.Size)}
	text := fmt.Appendf(nil, "[0 %d %d %d]", start, end, total-end)
	copy(increment[b.byteRange.Offset:], text)
	return p, p.digest(src, b.opt)
}

// digest takes H1, H2 and H3. Both digests of the file share everything before the hole.
func (p *Prepared) digest(src document.Source, opt PrepareOptions) error {
	whole, err := document.Hash(src, opt.HashState)
	if err != nil {
		return err
	}
	hole := p.HoleOffset - 1
	after := hole + p.HoleLength + 2
	whole.Write(p.Increment[:hole])
	covered, err := document.CloneHash(whole)
	if err != nil {
		return err
	}
	whole.Write(p.Increment[hole:])
	covered.Write(p.Increment[after:])
	whole.Sum(p.H1[:0])
	covered.Sum(p.H2[:0])
	if opt.Certificate != nil { // a document time-stamp has none of ours
		if p.SignedAttrs, err = cms.SignedAttrs(p.H2[:], opt.Certificate); err != nil {
			return fmt.Errorf("writing the signed attributes: %w", err)
		}
	}
	p.H3 = sha256.Sum256(p.SignedAttrs)
	return nil
}

// content is what the options say of the appearance.
func (opt *PrepareOptions) content() appearance.Content {
	return appearance.Content{SignerName: opt.SignerName, SigningTime: opt.SigningTime, Reason: opt.Reason, Location: opt.Location, Image: opt.Image}
}
