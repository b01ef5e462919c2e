// Package embed verifies the value that comes back for a prepared signature, and fills the hole with its CMS.
package embed

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
	"kyso/internal/pades/prepare"
	"kyso/internal/problem"
)

// Signature is what pades.Embed does.
func Signature(in Input) (*Embedded, error) {
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

// Value is what pades.SignatureValue does.
func Value(p *prepare.Prepared, cert *x509.Certificate, value []byte) (signature []byte, algorithm string, err error) {
	match, err := matchValue(p, cert, value)
	if err != nil {
		return nil, "", err
	}
	return match.Signature, match.Algorithm.String(), nil
}

// checkHole checks that the stored numbers fit each other and the increment.
func checkHole(p *prepare.Prepared, sourceSize int64) error {
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
func checkDigests(p *prepare.Prepared, state []byte) (beforeHole hash.Hash, err error) {
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
func matchValue(p *prepare.Prepared, cert *x509.Certificate, value []byte) (*cms.Match, error) {
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
func assemble(in *Input, match *cms.Match) ([]byte, error) {
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

// Input is what Embed needs: what Prepare returned, as it was stored, and the value.
type Input struct {
	Prepared    prepare.Prepared
	SourceSize  int64  // size of the file that was prepared
	HashState   []byte // marshalled SHA-256 state after all of the source; required
	Value       []byte // as the provider sent it: raw RSA (PKCS#1 v1.5 or PSS), ECDSA (DER or r‖s), or a CMS
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // issuers to put next to it, without the root if preferred
	Timestamp   []byte              // DER TimeStampToken over SHA-256 of SignatureValue; nil for B-B
}

// Embedded is a filled increment.
type Embedded struct {
	Increment      []byte
	SignatureValue []byte   // the bytes inside the CMS; a time-stamp is taken over their SHA-256
	Algorithm      string   // such as "RSASSA-PKCS1-v1_5 with SHA-256"
	SHA256         [32]byte // of the whole signed file
	HashState      []byte   // marshalled state after the whole signed file
}
