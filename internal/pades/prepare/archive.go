package prepare

import (
	"kyso/internal/pades/document"
	"kyso/internal/pades/geometry"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// archiveHole is the room for a document time-stamp. Tokens with their chain have 3 to 10 KB.
const archiveHole = 16 << 10

// Archive is what pades.PrepareArchive does.
func Archive(src document.Source, hashState []byte) (*Prepared, error) {
	f, err := document.OpenSigned(src)
	if err != nil {
		return nil, err
	}
	var b *builder
	err = document.Settled(f, func() error {
		b = &builder{file: f, archive: true, opt: Options{Box: geometry.Box{Page: 1, Invisible: true}, HoleSize: archiveHole, HashState: hashState}}
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

// archiveSignature returns the dictionary of a document time-stamp.
func archiveSignature(byteRange, contents *pdf.Slot) *pdf.Dict {
	return pdf.NewDict("Type", pdf.Name("DocTimeStamp"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.RFC3161"),
		"ByteRange", byteRange, "Contents", contents)
}
