package verify

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"io"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/pdf"
)

// maxContents bounds the hexadecimal digits of one /Contents.
const maxContents = 8 << 20

// checkFormat reads a signature dictionary the strict way. Each rule closes a known way of making readers see a
// valid signature on other bytes (universal forgery, incremental saving, wrapping).
func (v *verifier) checkFormat(s *signature) error {
	value := s.field.Value
	if value.HasDuplicates() || s.field.Field.HasDuplicates() {
		return keyTwice.Err()
	}
	if err := s.checkKind(); err != nil {
		return err
	}
	if s.field.ContentsStart < 0 {
		return contentsElsewhere.Err()
	}
	if err := s.checkByteRange(v.src.Size()); err != nil {
		return err
	}
	der, err := v.readContents(s.field.ContentsStart, s.field.ContentsEnd)
	if err != nil {
		return err
	}
	return s.parseContents(der)
}

// checkKind checks Type, Filter and SubFilter.
func (s *signature) checkKind() error {
	value := s.field.Value
	wantType := pdf.Name("Sig")
	switch value.Get("SubFilter") {
	case pdf.Name("ETSI.CAdES.detached"):
		s.pades = true
	case pdf.Name("adbe.pkcs7.detached"):
	case pdf.Name("adbe.pkcs7.sha1"):
		s.style = digestSigned
	case pdf.Name("adbe.x509.rsa_sha1"):
		s.style = rawValue
	case pdf.Name("ETSI.RFC3161"):
		wantType = "DocTimeStamp"
		s.report.Kind = "document-timestamp"
	case nil:
		return noSubFilter.Err()
	default:
		if _, ok := value.Get("SubFilter").(pdf.Name); !ok {
			return subFilterShape.Err()
		}
		return cms.NotSupported(subFilterUnknown)
	}
	// Filter names the handler; document time-stamps in use leave it out.
	if filter := value.Get("Filter"); filter != nil || wantType == "Sig" {
		if _, ok := filter.(pdf.Name); !ok {
			return filterShape.Err()
		}
	}
	// Type is optional for Sig (ISO 32000-2, table 255).
	if typ := value.Get("Type"); typ != wantType && (typ != nil || wantType != "Sig") {
		return typeMismatch.Err()
	}
	return nil
}

// checkByteRange demands exactly four integers that surround the string of this very dictionary.
func (s *signature) checkByteRange(size int64) error {
	array, ok := s.field.Value.Get("ByteRange").(pdf.Array)
	if !ok || len(array) != 4 {
		return byteRangeShape.Err()
	}
	var br [4]int64
	for i, item := range array {
		if br[i], ok = item.(int64); !ok {
			return byteRangeShape.Err()
		}
	}
	switch {
	case br[0] != 0:
		return byteRangeStart.Err()
	case br[1] != s.field.ContentsStart || br[2] != s.field.ContentsEnd:
		return byteRangeGap.Err()
	case br[3] <= 0 || br[3] > size-br[2]:
		return byteRangeEnd.Err()
	}
	s.end, s.report.ByteRange = br[2]+br[3], br
	return nil
}

// readingError says that the bytes of the file cannot be had.
type readingError struct{ err error }

func (e *readingError) Error() string { return fmt.Sprintf("reading Contents: %v", e.err) }

func (e *readingError) Unwrap() error { return e.err }

// readContents reads the hexadecimal string from the file itself. It lies outside the signed bytes, so there must
// be one way only to write it: digits of one case, no white space.
func (v *verifier) readContents(start, end int64) ([]byte, error) {
	if end-start < 4 || end-start-2 > maxContents {
		return nil, contentsLength.Err()
	}
	token := make([]byte, end-start)
	if n, err := v.src.ReadAt(token, start); n != len(token) {
		return nil, &readingError{err}
	}
	digits := token[1 : len(token)-1]
	if token[0] != '<' || token[len(token)-1] != '>' || len(digits)%2 != 0 {
		return nil, contentsShape.Err()
	}
	if bytes.ContainsAny(digits, "abcdef") && bytes.ContainsAny(digits, "ABCDEF") {
		return nil, contentsCase.Err()
	}
	der := make([]byte, len(digits)/2)
	if _, err := hex.Decode(der, digits); err != nil {
		return nil, contentsShape.Err()
	}
	return der, nil
}

// parseContents parses the CMS. What follows it must be padding.
func (s *signature) parseContents(der []byte) error {
	var rest []byte
	var err error
	if s.report.Kind == "document-timestamp" {
		if s.token, rest, err = cms.ParseToken(der); err != nil {
			return err
		}
		s.cms = s.token.SignedData
	} else if s.style == rawValue {
		if s.cms, rest, err = cms.FromRaw(der, s.certificates()); err != nil {
			return err
		}
	} else if s.cms, rest, err = cms.Parse(der); err != nil {
		return err
	}
	if len(bytes.Trim(rest, "\x00")) > 0 {
		return dataAfterCMS.Err()
	}
	switch {
	case s.token != nil:
	case s.style == digestSigned && (!s.cms.IsData() || len(s.cms.Content) != crypto.SHA1.Size()):
		return noSHA1.Err()
	case s.style != digestSigned && (s.cms.Content != nil || !s.cms.IsData()):
		return cmsNotDetached.Err()
	}
	return nil
}

// certificates returns /Cert of the signature dictionary (table 255): one, or a chain from the signer's on.
func (s *signature) certificates() [][]byte {
	var list [][]byte
	entry := s.field.Value.Get("Cert")
	chain, ok := entry.(pdf.Array)
	if !ok {
		chain = pdf.Array{entry}
	}
	for _, item := range chain {
		if der, ok := item.(pdf.String); ok {
			list = append(list, []byte(der))
		}
	}
	return list
}

// hashAround hashes everything up to end except the gap.
func hashAround(src io.ReaderAt, h crypto.Hash, gapStart, gapEnd, end int64) ([]byte, error) {
	w := h.New()
	buf := make([]byte, 128<<10)
	for _, part := range []*io.SectionReader{
		io.NewSectionReader(src, 0, gapStart), io.NewSectionReader(src, gapEnd, end-gapEnd),
	} {
		n, err := io.CopyBuffer(w, onlyReader{part}, buf)
		if err != nil {
			return nil, err
		}
		if n != part.Size() {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return w.Sum(nil), nil
}

// onlyReader hides WriteTo, so that the buffer is used.
type onlyReader struct{ io.Reader }
