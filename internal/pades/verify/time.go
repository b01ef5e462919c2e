package verify

import (
	"crypto/x509"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/pades/cms"
)

// authorityName names whose certificate made a time-stamp; "" when it cannot be told.
func authorityName(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	if name := norm.NFC.String(cert.Subject.CommonName); name != "" {
		return name
	}
	return norm.NFC.String(cert.Subject.String())
}

// readTime says what a signature tells of its time before anything is judged.
func (v *verifier) readTime(s *signature) {
	s.report.claimed()
	if s.token != nil {
		s.report.Time = TimeReport{At: s.token.Time, By: ByDocumentTimestamp, Authority: v.authorityOf(s.token), Stamp: StampNotJudged}
		return
	}
	if s.cms == nil {
		s.report.Time.Stamp = StampUnknown
		return
	}
	for _, der := range s.cms.Signer.Timestamps {
		token, _, err := cms.ParseToken(der)
		if err != nil {
			s.report.stamped(TimeReport{Stamp: StampInvalid})
			continue
		}
		s.report.stamped(TimeReport{At: token.Time, By: ByTimestamp, Authority: v.authorityOf(token), Stamp: StampNotJudged})
	}
}

// authorityOf names the authority of a token that is not judged.
func (v *verifier) authorityOf(token *cms.Token) string {
	return authorityName(token.SignedData.Certificate(v.pool.Certs))
}

// stamped takes in what a time-stamp says. A valid one counts before one that is not judged, that before a broken one; of valid ones
// the earliest.
func (r *SignatureReport) stamped(by TimeReport) {
	rank := map[StampState]int{"": 0, StampInvalid: 1, StampNotJudged: 2, StampValid: 3}
	have, is := rank[r.Time.Stamp], rank[by.Stamp]
	switch {
	case is < have || is == have && !by.At.Before(r.Time.At):
	case by.Stamp == StampInvalid: // the signer's claim stays
		r.Time.Stamp, r.Time.Authority = by.Stamp, by.Authority
	default:
		r.Time = by
	}
}

// claimed says what the signer claims, before any time-stamp is asked.
func (r *SignatureReport) claimed() {
	if r.Time = (TimeReport{By: ByNone}); !r.ClaimedTime.IsZero() {
		r.Time = TimeReport{At: r.ClaimedTime, By: ByClaim}
	}
}

// coveredBy takes in the document time-stamps over a signature, as far as they are judged.
func (v *verifier) coveredBy(s *signature) {
	for _, over := range v.signatures {
		if over.token != nil && over.end > s.end && over.report.Intact {
			s.report.stamped(over.report.Time)
		}
	}
}
