// Package document opens the files that are signed, extended and verified, and refuses what no phase can handle; it hashes them
// without reading them twice, and shows them with an increment behind them.
//
// It imports the standard library, internal/problem and internal/pades/pdf only.
package document

import (
	"fmt"
	"io"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// Source is a document that is read by range.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Policy bounds what is accepted. The zero value means the defaults.
type Policy struct {
	MaxSize             int64 `json:"max_size,omitempty"`  // bytes; default 256 MiB
	MaxPages            int   `json:"max_pages,omitempty"` // default 20,000
	RefuseActiveContent bool  `json:"refuse_active_content,omitempty"`
	RefuseHiddenContent bool  `json:"refuse_hidden_content,omitempty"` // refuse what a Finding says may mislead the signer
}

// withDefaults fills in the bounds.
func (p Policy) withDefaults() Policy {
	if p.MaxSize <= 0 {
		p.MaxSize = 256 << 20
	}
	if p.MaxPages <= 0 {
		p.MaxPages = 20000
	}
	return p
}

// MaxFileBytes is the longest file that is signed, extended or verified: 2 GiB. Offsets of longer ones do not fit into the 31 bits
// that many readers and validators keep them in, so that others could not verify what we sign; and verifying reads the file once
// for each signature.
const MaxFileBytes = 2 << 30

// CheckSize refuses a file that is longer than MaxFileBytes, without reading it.
func CheckSize(src Source) error {
	if src.Size() > MaxFileBytes {
		return problem.OfField(problem.TooLarge, "", fmt.Sprintf("the file has %d bytes, and at most %d can be handled", src.Size(), int64(MaxFileBytes)),
			fmt.Sprintf("Tệp có %d byte; tối đa %d byte (2 GiB)", src.Size(), int64(MaxFileBytes)))
	}
	return nil
}

// Open applies the checks that every phase repeats: size, structure, encryption.
func Open(src Source, policy Policy) (*pdf.File, error) {
	policy = policy.withDefaults()
	if err := CheckSize(src); err != nil {
		return nil, err
	}
	if src.Size() > policy.MaxSize {
		return nil, problem.New(problem.TooLarge, "the file has more than %d bytes", policy.MaxSize)
	}
	f, err := pdf.Open(src, src.Size(), pdf.Limits{Pages: policy.MaxPages})
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	if err := Readable(f); err != nil {
		return nil, err
	}
	if f.AttachmentsLocked() {
		return nil, problem.New(problem.DocumentAttached, "the attachments of the file are encrypted, so that the signer cannot see all that is signed")
	}
	if existing, _ := f.MaySign(); !existing {
		return nil, problem.New(problem.DocumentLocked, "the owner of the encrypted file allows neither to fill in fields nor to sign (ISO 32000-2, table 22, bits 6 and 9)")
	}
	count, err := f.PageCount()
	if err != nil {
		return nil, fmt.Errorf("counting the pages: %w", err)
	}
	if count > policy.MaxPages {
		return nil, problem.New(problem.TooLarge, "the file has more than %d pages", policy.MaxPages)
	}
	return f, nil
}

// Readable says why a file cannot be read, when it is encrypted.
func Readable(f *pdf.File) error {
	switch f.LockedBy() {
	case pdf.NoBarrier:
		return nil
	case pdf.NeedsPassword:
		return problem.New(problem.DocumentEncrypted, "the file is encrypted and does not open without a password")
	case pdf.NeedsCertificate:
		return problem.New(problem.DocumentRecipients, "the file is encrypted to the certificates of its recipients")
	}
	return problem.New(problem.DocumentCipher, "the file is encrypted by a security handler or with an algorithm that is not known here")
}

// Settled does something again when it found the file damaged on the way: what was read before the file was scanned and after
// that do not go together.
func Settled(f *pdf.File, do func() error) error {
	before := f.Rebuilt()
	err := do()
	if f.Rebuilt() == before {
		return err
	}
	return do()
}

// OpenSigned opens a file that must be whole: validation data is appended to signed files, and a signed file with
// damaged cross-references is not one that we wrote.
func OpenSigned(src Source) (*pdf.File, error) {
	if err := CheckSize(src); err != nil {
		return nil, err
	}
	f, err := pdf.Open(src, src.Size(), pdf.Limits{})
	if err != nil {
		return nil, fmt.Errorf("opening the signed file: %w", err)
	}
	if err := Readable(f); err != nil {
		return nil, err
	}
	if f.Rebuilt() {
		return nil, problem.New(problem.DocumentBroken, "the cross-references of the file are damaged")
	}
	f.KeepAsIs()
	return f, nil
}

// DeclarePAdES names the extension whose structures we write (7.12; ETSI EN 319 142-1 recommends it). PDF 2.0 has
// them itself. A catalog that is not written anyway is left alone.
func DeclarePAdES(f *pdf.File, root *pdf.Dict) {
	extensions, ok := root.Get("Extensions").(*pdf.Dict)
	if f.Version() >= "2.0" || !ok && root.Get("Extensions") != nil || extensions.Get("ESIC") != nil {
		return
	}
	extensions = extensions.Clone()
	extensions.Set("ESIC", pdf.NewDict("BaseVersion", pdf.Name("1.7"), "ExtensionLevel", int64(1)))
	root.Set("Extensions", extensions)
}
