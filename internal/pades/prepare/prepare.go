// Package prepare writes the incremental update of a signature or of a document time-stamp, with an empty hole for its value
// (ISO 32000-2, 12.7.5.5 and 12.8; ETSI EN 319 142-1).
package prepare

import (
	"crypto/sha256"
	"fmt"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
)

const (
	defaultHole = 32 << 10
	leastHole   = 4 << 10
	mostHole    = 4 << 20

	// Room for four numbers of 19 digits, so that no file size changes the length of the text.
	byteRangeLength = len("[0 ") + 3*20 + len("]")
)

// Signature is what pades.Prepare does.
func Signature(src document.Source, opt Options) (*Prepared, error) {
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

// Placement is what pades.CheckPlacement does.
func Placement(src document.Source, opt Options) error {
	if err := opt.checkRules(); err != nil {
		return err
	}
	f, err := document.Open(src, opt.Policy)
	if err != nil {
		return err
	}
	return document.Settled(f, func() error { return (&builder{file: f, opt: opt}).read() })
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
func (p *Prepared) digest(src document.Source, opt Options) error {
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
