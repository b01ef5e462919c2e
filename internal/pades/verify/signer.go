package verify

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/trust"
)

// checkSigner judges an intact signature: attributes, algorithms, time, chain and revocation.
func (v *verifier) checkSigner(s *signature) {
	r := s.report
	v.checkAttributes(s)
	at, stamped, stampsInFile := v.provenTime(s)
	chain := v.checkChain(s.cert, at)
	r.ChainTrusted = chain.trusted
	r.CertificateThen = chain.leaf.Status
	r.CertificateNow, r.StatusMade = v.pool.StatusNow(s.cert, chain.issuer, v.now)
	if chain.sub != "" {
		r.fail(Indeterminate, chain.sub, chain.problem.Say())
	}
	if !s.pades || !s.cms.Signer.HasSigningCertificateV2() {
		return
	}
	switch {
	case stamped && stampsInFile && chain.trusted && chain.inFile:
		r.Level = "B-LT"
		if v.archived(s, at) {
			r.Level = "B-LTA"
		}
	case stamped:
		r.Level = "B-T"
	default:
		r.Level = "B-B"
	}
}

// checkAttributes checks what the CMS promises beyond its cryptography.
func (v *verifier) checkAttributes(s *signature) {
	r, signer := s.report, &s.cms.Signer
	if weakHash(signer.DigestAlgorithm) || weakHash(signer.Algorithm.Hash) || s.style == digestSigned {
		r.fail(Indeterminate, subCrypto, usesSHA1.Say())
	}
	if signer.SignedAttrs != nil && !signer.SignedContentType.Equal(s.cms.ContentType) {
		r.fail(TotalFailed, subFormat, otherContentType.Say())
	}
	if s.pades && !signer.HasSigningCertificate() {
		r.fail(Indeterminate, subConstraints, certificateOpen.Say())
	}
	if use := s.cert.KeyUsage; use != 0 && use&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		r.fail(Indeterminate, subChain, notForSigning.Say())
	}
}

// provenTime returns the earliest time at which the signature provably existed: by its own time-stamps, by document
// time-stamps over it, else now; and whether there is a time-stamp at all. A time-stamp that is broken makes the
// signature suspect; one whose authority is not trusted proves nothing.
func (v *verifier) provenTime(s *signature) (at time.Time, stamped, inFile bool) {
	r := s.report
	at, inFile = v.now, true
	r.claimed()
	v.coveredBy(s)
	if proof := v.provenBy(s.end); proof != nil { // a document time-stamp makes B-T too (EN 319 142-1 §6.3)
		at, stamped, inFile = proof.at, true, proof.inFile
		r.TimestampTime = proof.at
		r.stamped(TimeReport{At: proof.at, By: ByDocumentTimestamp, Authority: proof.authority, Stamp: StampValid})
	}
	own := false
	for _, der := range s.cms.Signer.Timestamps {
		token, rest, err := cms.ParseToken(der)
		if err != nil || len(rest) > 0 {
			r.fail(Indeterminate, subConstraints, stampUnreadable.Say())
			r.stamped(TimeReport{Stamp: StampInvalid})
			continue
		}
		v.pool.AddSignedData(token.SignedData)
		cert, err := token.VerifyMessage(s.cms.Signer.Signature, v.pool.Certs)
		stamp := TimeReport{At: token.Time, By: ByTimestamp, Authority: v.authorityOf(token), Stamp: StampNotJudged}
		if err != nil {
			said := stampUnjudged
			if !unjudged(err) {
				said, stamp.Stamp = stampBroken, StampInvalid
			}
			r.fail(Indeterminate, subConstraints, said.Say("why", err))
			r.stamped(stamp)
			continue
		}
		chain := v.checkAuthority(token, cert, v.controlTime(s.end))
		if chain.sub != "" {
			r.note(stampProves.Say("why", chain.problem))
			r.stamped(stamp)
			if chain.sub == subTryLater {
				stamped, inFile, own = true, false, true // the level says what the file carries, not what it proves
				r.fail(Indeterminate, subTryLater, stampStatus.Say())
			}
			continue
		}
		stamped, inFile, own = true, chain.inFile && (inFile || !own), true
		stamp.Stamp = StampValid
		r.stamped(stamp)
		if token.Time.Before(at) {
			at = token.Time
		}
		if r.TimestampTime.IsZero() || token.Time.Before(r.TimestampTime) {
			r.TimestampTime = token.Time
		}
	}
	return at, stamped, inFile
}

// unjudged reports whether an error says that a token could not be judged, and nothing against it.
func unjudged(err error) bool {
	_, ok := errors.AsType[cms.Unsupported](err)
	return ok || errors.Is(err, cms.ErrNoAuthority)
}

// provenBy returns the earliest proof of existence by a document time-stamp for everything before end, nil when there
// is none.
func (v *verifier) provenBy(end int64) *poe {
	var first *poe
	for i, p := range v.poes {
		if p.end > end && (first == nil || p.at.Before(first.at)) {
			first = &v.poes[i]
		}
	}
	return first
}

// controlTime is the time until which the key behind something before end must have been sound: when it was proven to
// exist, else now.
func (v *verifier) controlTime(end int64) time.Time {
	if proof := v.provenBy(end); proof != nil {
		return proof.at
	}
	return v.now
}

// checkAuthority judges the certificate of a time-stamp authority. control is the time at which the token itself
// provably existed: until then the authority's key must have been sound.
func (v *verifier) checkAuthority(token *cms.Token, cert *x509.Certificate, control time.Time) chainResult {
	if token.Time.After(v.now.Add(trust.ClockSkew)) {
		return chainResult{sub: subConstraints, problem: stampFuture}
	}
	signer := &token.SignedData.Signer
	if weakHash(token.Hash) || weakHash(signer.DigestAlgorithm) || weakHash(signer.Algorithm.Hash) {
		return chainResult{sub: subCrypto, problem: stampSHA1}
	}
	r := v.checkChain(cert, token.Time)
	if r.sub != "" {
		return r
	}
	if control.After(cert.NotAfter) {
		r.sub, r.problem = subExpired, authorityExpired
		return r
	}
	// A retired authority is revoked with a reason; with none, or with a lost key, a thief may have made the token
	// since (RFC 3161 §4).
	const unspecified, keyCompromise, caCompromise = 0, 1, 2
	later := v.pool.StatusAt(cert, r.issuer, control, v.now)
	if later.Status == trust.CertificateRevoked {
		switch later.Reason {
		case unspecified, keyCompromise, caCompromise:
			r.sub, r.problem = subRevoked, authorityRevoked
		}
	}
	return r
}

// checkDocumentTimestamp judges an intact document time-stamp and keeps it as a proof of existence.
func (v *verifier) checkDocumentTimestamp(s *signature) {
	r := s.report
	chain := v.checkAuthority(s.token, s.cert, v.controlTime(s.end))
	r.ChainTrusted = chain.trusted
	r.CertificateThen = chain.leaf.Status
	r.CertificateNow, r.StatusMade = v.pool.StatusNow(s.cert, chain.issuer, v.now)
	if chain.sub != "" {
		r.fail(Indeterminate, chain.sub, chain.problem.Say())
	}
	if r.Verdict != TotalPassed {
		return
	}
	r.TimestampTime, r.Time.Stamp = s.token.Time, StampValid
	v.poes = append(v.poes, poe{end: s.end, at: s.token.Time, inFile: chain.inFile, authority: r.Time.Authority})
}

func weakHash(h crypto.Hash) bool { return h == crypto.SHA1 }
