package verify

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"kyso/internal/pades/cms"
)

// style is what the value of a signature is over.
type style uint8

const (
	detached     style = iota // a CMS over the signed bytes
	digestSigned              // adbe.pkcs7.sha1: a CMS over their SHA-1 digest, which it holds
	rawValue                  // adbe.x509.rsa_sha1: a bare PKCS #1 value over the signed bytes
)

// checkDigest hashes the signed bytes and verifies digest and value. HASH_FAILURE is said only of a digest that was computed and
// differs.
func (v *verifier) checkDigest(s *signature) error {
	if s.token != nil {
		return v.checkTokenDigest(s)
	}
	r, signer := s.report, &s.cms.Signer
	r.Algorithm = signer.Algorithm.String()
	sum, same, err := v.contentDigest(s)
	if err != nil {
		return err
	}
	if !same || signer.SignedAttrs != nil && !cms.SameDigest(signer.MessageDigest, sum) {
		r.fail(TotalFailed, subHash, bytesChanged.Say())
		return nil
	}
	if s.cert = s.cms.Certificate(v.pool.Certs); s.cert == nil {
		v.noCertificate(s)
		return nil
	}
	r.setCertificate(s.cert)
	err = v.checkValue(s, sum)
	if _, ok := errors.AsType[cms.Unsupported](err); ok {
		r.fail(Indeterminate, subGeneric, notJudged.Say("why", err))
		return nil
	}
	if err != nil {
		r.fail(TotalFailed, subSignature, valueFails.Say())
		return nil //nolint:nilerr // the finding is in the report
	}
	r.Intact = true
	return nil
}

// noCertificate says why nothing can be said of the signer: the certificate is of a kind that is not known here, or not there.
func (v *verifier) noCertificate(s *signature) {
	if why := s.cms.WhyUnreadable(v.pool.Unreadable); why != nil {
		s.report.failAs(Indeterminate, subNoCertificate, whyUnreadable, signerUnreadable.Say("why", why))
		return
	}
	s.report.fail(Indeterminate, subNoCertificate, noSignerFound.Say())
}

// contentDigest returns the digest of what the signer signed, with the signer's algorithm. same is false when the signed bytes
// are not those of the digest that the CMS holds.
func (v *verifier) contentDigest(s *signature) (sum []byte, same bool, err error) {
	h := s.cms.Signer.DigestAlgorithm
	if s.style == digestSigned {
		h = crypto.SHA1
	}
	if sum, err = v.hash(s, h); err != nil || s.style != digestSigned {
		return sum, true, err
	}
	same = cms.SameDigest(sum, s.cms.Content)
	w := s.cms.Signer.DigestAlgorithm.New()
	w.Write(s.cms.Content)
	return w.Sum(nil), same, nil
}

func (v *verifier) hash(s *signature, h crypto.Hash) ([]byte, error) {
	sum, err := hashAround(v.src, h, s.field.ContentsStart, s.field.ContentsEnd, s.end)
	if err != nil {
		return nil, fmt.Errorf("hashing the signed bytes: %w", err)
	}
	return sum, nil
}

// checkValue verifies the signature value: over the signed attributes or, as ISO 32000 allows it, over the content itself.
func (v *verifier) checkValue(s *signature, sum []byte) error {
	signer := &s.cms.Signer
	if signer.SignedAttrs != nil {
		return signer.Verify(s.cert)
	}
	err := signer.VerifyContent(s.cert, sum)
	if err == nil || s.style != rawValue {
		return err
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} { // later versions of PDF allow them (table 257 of 1.7)
		if sum, err = v.hash(s, h); err != nil {
			return err
		}
		if err = signer.SetHash(h); err != nil {
			return err
		}
		if err = signer.VerifyContent(s.cert, sum); err == nil {
			s.report.Algorithm = signer.Algorithm.String()
			return nil
		}
	}
	return err
}

// checkTokenDigest is checkDigest for a document time-stamp.
func (v *verifier) checkTokenDigest(s *signature) error {
	r := s.report
	r.Algorithm = s.cms.Signer.Algorithm.String()
	sum, err := v.hash(s, s.token.Hash)
	if err != nil {
		return err
	}
	var cert *x509.Certificate
	if cert, err = s.token.VerifyDigest(sum, v.pool.Certs); err == nil {
		s.cert, r.Intact = cert, true
		r.setCertificate(cert)
		return nil
	}
	verdict, sub := TotalFailed, subSignature
	switch {
	case errors.Is(err, cms.ErrDigest):
		sub = subHash
	case errors.Is(err, cms.ErrAttributes):
		sub = subFormat
	case errors.Is(err, cms.ErrNoAuthority):
		v.noCertificate(s)
		return nil
	case errors.Is(err, cms.ErrNotForStamps):
		verdict, sub = Indeterminate, subChain
	}
	if _, ok := errors.AsType[cms.Unsupported](err); ok {
		verdict, sub = Indeterminate, subGeneric
	}
	if verdict == Indeterminate {
		r.fail(verdict, sub, stampNotJudged.Say("why", err))
		return nil
	}
	r.Time.Stamp = StampInvalid
	r.fail(verdict, sub, stampFails.Say("why", err))
	return nil
}
