// Package evidence finds out what verifiers of a signature will want to know and asks the issuers for it: OCSP answers and CRLs
// about the certificates of signers and time-stamp authorities, up to the roots.
//
// It may import internal/pades, internal/signing and internal/problem.
package evidence

import (
	"context"
	"fmt"
	"slices"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// maxRounds bounds how often an answer may name a responder that is itself in question.
const maxRounds = 4

// Needs is pades.Needs, here or in a child process.
type Needs func(ctx context.Context, src pades.Source, opt pades.NeedsOptions) ([]pades.Need, error)

// Status asks an issuer about a certificate; both are DER. See signing.RevocationSource.
type Status func(ctx context.Context, cert, issuer []byte) (signing.Revocation, error)

// Silence says what it means when an issuer does not answer.
type Silence int

// What silence means.
const (
	Fatal        Silence = iota // the file must have an answer
	FatalIfNew                  // an answer that the file holds already will do
	OnlyMentions                // it stays unknown
)

// Rule says what to ask.
type Rule struct {
	Trust     signing.Trust // whose issuers answers may leave out
	ByteRange [4]int64      // of the one signature in question; the zero value asks about all
	Fresh     bool          // ask also about what the file knows: that is as old as the file
	Silence   Silence
}

// Gather asks until nothing is missing, or nothing new comes. missing is who did not answer, when the rule lets that pass. The
// errors are those of needs, of status, and problem.RevocationUnknown when answers name new responders without end.
func Gather(ctx context.Context, src pades.Source, needs Needs, status Status, rule Rule) (found pades.Evidence, missing []error, err error) {
	for round := range maxRounds {
		have := found
		have.Certificates = slices.Clone(found.Certificates)
		for _, c := range slices.Concat(rule.Trust.Intermediates, rule.Trust.Roots) {
			have.Certificates = append(have.Certificates, c.Raw)
		}
		list, err := needs(ctx, src, pades.NeedsOptions{Have: have, ByteRange: rule.ByteRange, Fresh: rule.Fresh && round == 0})
		if err != nil || len(list) == 0 {
			return found, missing, err
		}
		missing = nil
		for _, need := range list {
			answer, err := status(ctx, need.Certificate.Raw, need.Issuer.Raw)
			if err != nil {
				err = fmt.Errorf("the status of certificate %x: %w", need.Certificate.SerialNumber, err)
				if rule.Silence == Fatal || rule.Silence == FatalIfNew && (!rule.Fresh || round > 0) {
					return found, missing, err
				}
				missing = append(missing, err)
				continue
			}
			add(&found, need, answer)
		}
		if rule.Silence == OnlyMentions && len(missing) == len(list) {
			return found, missing, nil
		}
	}
	if rule.Silence == OnlyMentions {
		return found, missing, nil
	}
	return found, missing, problem.New(problem.RevocationUnknown, "status services keep naming further certificates")
}

func add(found *pades.Evidence, need pades.Need, answer signing.Revocation) {
	found.Certificates = append(found.Certificates, need.Certificate.Raw, need.Issuer.Raw)
	if len(answer.OCSP) > 0 {
		found.OCSPs = append(found.OCSPs, answer.OCSP)
	} else {
		found.CRLs = append(found.CRLs, answer.CRL)
	}
}
