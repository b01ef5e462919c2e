package pades

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/problem"
)

// Embed checks the value and everything it stands on, and fills the hole. Nothing is taken on trust from Prepare:
// H1, H2 and H3 are computed again from the stored increment and the hash state of the source
// (problem.DigestMismatch), the signed attributes must hold H2 and name the certificate, and the value must
// verify with the certificate's key (problem.SignatureInvalid). A signature that outgrows the hole is
// problem.TooLarge.
//
// The same input gives the same bytes. The source is not read: the cost does not depend on it.
//
// For B-T it is called twice: without a time-stamp to learn SignatureValue, then with the token over it.
func Embed(in EmbedInput) (*Embedded, error) {
	p := &in.Prepared
	if err := checkHole(p, in.SourceSize); err != nil {
		return nil, err
	}
	beforeHole, err := checkDigests(p, in.HashState)
	if err != nil {
		return nil, err
	}
	match, err := matchValue(p, in.Certificate, in.Value)
	if err != nil {
		return nil, err
	}
	signature, err := assemble(&in, match)
	if err != nil {
		return nil, err
	}
	if int64(hex.EncodedLen(len(signature))) > p.HoleLength {
		return nil, problem.New(problem.TooLarge, "the signature of %d bytes does not fit the hole of %d",
			len(signature), p.HoleLength/2)
	}
	out := &Embedded{
		Increment:      bytes.Clone(p.Increment),
		SignatureValue: match.Signature,
		Algorithm:      match.Algorithm.String(),
	}
	hex.Encode(out.Increment[p.HoleOffset:], signature)
	beforeHole.Write(out.Increment[p.HoleOffset-1:])
	if out.SHA256, out.HashState, err = document.SumAndState(beforeHole); err != nil {
		return nil, err
	}
	return out, nil
}

// SignatureValue verifies a provider's value as Embed does, without assembling anything. It returns the bytes that
// will stand in the CMS, over whose SHA-256 a time-stamp is taken, and the name of the algorithm.
func SignatureValue(p *Prepared, cert *x509.Certificate, value []byte) (signature []byte, algorithm string, err error) {
	match, err := matchValue(p, cert, value)
	if err != nil {
		return nil, "", err
	}
	return match.Signature, match.Algorithm.String(), nil
}

// checkHole checks that the stored numbers fit each other and the increment.
func checkHole(p *Prepared, sourceSize int64) error {
	size := int64(len(p.Increment))
	start, end := p.HoleOffset, p.HoleOffset+p.HoleLength
	if sourceSize <= 0 || start < 1 || p.HoleLength < 2 || p.HoleLength%2 != 0 || end < start || end >= size {
		return problem.New(problem.DigestMismatch, "the stored hole lies outside the increment")
	}
	if p.Increment[start-1] != '<' || p.Increment[end] != '>' {
		return problem.New(problem.DigestMismatch, "the stored hole is not a hexadecimal string")
	}
	want := [4]int64{0, sourceSize + start - 1, sourceSize + end + 1, size - end - 1}
	if p.ByteRange != want {
		return problem.New(problem.DigestMismatch, "the stored ByteRange does not surround the hole")
	}
	return nil
}

// checkDigests computes H1, H2 and H3 again and returns the hash state of everything before the hole. The bytes
// before the hole are hashed once for all three digests of the file.
func checkDigests(p *Prepared, state []byte) (beforeHole hash.Hash, err error) {
	beforeHole, err = document.ResumeHash(state)
	if err != nil {
		return nil, err
	}
	hole, end := p.HoleOffset-1, p.HoleOffset+p.HoleLength+1
	beforeHole.Write(p.Increment[:hole])
	whole, err := document.CloneHash(beforeHole)
	if err != nil {
		return nil, err
	}
	around, err := document.CloneHash(beforeHole)
	if err != nil {
		return nil, err
	}
	whole.Write(p.Increment[hole:])
	around.Write(p.Increment[end:])
	h3 := sha256.Sum256(p.SignedAttrs)
	switch {
	case !bytes.Equal(whole.Sum(nil), p.H1[:]):
		return nil, problem.New(problem.DigestMismatch, "H1: the prepared file is not the one that was approved")
	case !bytes.Equal(around.Sum(nil), p.H2[:]):
		return nil, problem.New(problem.DigestMismatch, "H2: the signed bytes are not those that were approved")
	case h3 != p.H3:
		return nil, problem.New(problem.DigestMismatch, "H3: the signed attributes are not those that were approved")
	}
	return beforeHole, nil
}

// matchValue checks what the signed attributes say before it verifies the value over them.
func matchValue(p *Prepared, cert *x509.Certificate, value []byte) (*cms.Match, error) {
	if cert == nil {
		return nil, problem.New(problem.Invalid, "no certificate")
	}
	attrs, err := cms.ParseSignedAttrs(p.SignedAttrs)
	if err != nil {
		return nil, problem.Wrap(problem.DigestMismatch, err, "stored signed attributes")
	}
	if !cms.SameDigest(attrs.MessageDigest, p.H2[:]) {
		return nil, problem.New(problem.DigestMismatch, "H2: the signed attributes are about other bytes")
	}
	if !attrs.HasSigningCertificateV2() || !attrs.IsSigningCertificate(cert) {
		return nil, problem.New(problem.DigestMismatch, "the signed attributes name another certificate")
	}
	match, err := cms.MatchValue(cert, p.SignedAttrs, value)
	if err != nil {
		return nil, fmt.Errorf("checking the signature value: %w", err)
	}
	return match, nil
}

// assemble builds the CMS. A provider that signed attributes of its own keeps its certificates and, when we bring
// no time-stamp, its time-stamp.
func assemble(in *EmbedInput, match *cms.Match) ([]byte, error) {
	parts := cms.Parts{
		SignedAttrs: match.SignedAttrs, Signature: match.Signature, Algorithm: match.Algorithm,
		Certificate: in.Certificate, Certificates: in.Chain, Timestamp: in.Timestamp,
	}
	if match.Foreign != nil {
		parts.Certificates = append(append([]*x509.Certificate{}, in.Chain...), match.Foreign.Certificates...)
		if stamps := match.Foreign.Signer.Timestamps; len(parts.Timestamp) == 0 && len(stamps) == 1 {
			parts.Timestamp = stamps[0]
		}
	}
	if len(parts.Timestamp) > 0 {
		token, rest, err := cms.ParseToken(parts.Timestamp)
		if err == nil && len(rest) > 0 {
			err = errors.New("bytes follow the time-stamp token")
		}
		if err == nil {
			_, err = token.VerifyMessage(match.Signature, in.Chain)
		}
		if err != nil {
			return nil, problem.Wrap(problem.VerificationFailed, err, "the time-stamp cannot be embedded")
		}
	}
	signature, err := cms.Assemble(parts)
	if err != nil {
		return nil, problem.Wrap(problem.Internal, err, "assembling the signature")
	}
	return signature, nil
}
