// Package evidence finds out what verifiers of a signature will want to know and asks the issuers for it: OCSP answers and CRLs
// about the certificates of signers and time-stamp authorities, up to the roots.
//
// It may import internal/finding, internal/pades, internal/signing and internal/problem.
package evidence

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"kyso/internal/finding"
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
	Budget    Budget // the zero value means that of Silence
}

// Budget bounds what one file may cause in total, whatever it holds.
type Budget struct {
	Requests int
	Bytes    int64         // of answers
	Time     time.Duration // of waiting for answers
}

// The budgets. A signature of ours needs up to six answers (signer, authority, their issuers, responders), each from up to
// six addresses; a certificate list may have 20 MiB. A caller that needs only the verdict gets less than one that needs the answers.
var (
	ofStrangers = Budget{Requests: 24, Bytes: 40 << 20, Time: 20 * time.Second}
	ofOurs      = Budget{Requests: 60, Bytes: 100 << 20, Time: 2 * time.Minute}
)

func (r Rule) budget() Budget {
	switch {
	case r.Budget != Budget{}:
		return r.Budget
	case r.Silence == OnlyMentions:
		return ofStrangers
	}
	return ofOurs
}

// Findings about an issuer that did not answer.
var (
	statusMissing = finding.Define("revocation-status-missing", "Chưa biết trạng thái thu hồi của chứng thư số “{subject}” (số sê-ri {serial}): {why}.",
		"The revocation status of the certificate “{subject}” (serial number {serial}) is not known: {why}.")
	notAnchored = finding.Define("not-anchored", "chuỗi chứng thư số không dẫn tới gốc tin cậy, nên không hỏi đơn vị cấp", "its chain ends at no trusted root, so its issuer is not asked")
	timeSpent   = finding.Define("time-spent", "đã hết thời gian hỏi dành cho một tệp", "the time for questions about one file is used up")
)

// nameOf names a certificate for a reader.
func nameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	return cert.Subject.String()
}

// Gather asks until nothing is missing, or nothing new comes. missing is who did not answer, when the rule lets that pass. The
// errors are those of needs, of status, and problem.RevocationUnknown when answers name new responders without end.
//
// Only chains that end at a root of the rule are asked about: the addresses in others are strangers'. All questions of
// one call share one budget.
func Gather(ctx context.Context, src pades.Source, needs Needs, status Status, rule Rule) (found pades.Evidence, missing []pades.Finding, err error) {
	budget := rule.budget()
	asking, cancel := context.WithTimeout(signing.WithBudget(ctx, signing.NewBudget(budget.Requests, budget.Bytes)), budget.Time)
	defer cancel()
	var roots [][]byte
	for _, root := range rule.Trust.Roots {
		roots = append(roots, root.Raw)
	}
	for round := range maxRounds {
		have := found
		have.Certificates = slices.Clone(found.Certificates)
		for _, c := range slices.Concat(rule.Trust.Intermediates, rule.Trust.Roots) {
			have.Certificates = append(have.Certificates, c.Raw)
		}
		list, err := needs(ctx, src, pades.NeedsOptions{Have: have, ByteRange: rule.ByteRange, Roots: roots, Fresh: rule.Fresh && round == 0})
		if err != nil || len(list) == 0 {
			return found, missing, err
		}
		missing, err = askAll(asking, status, list, &found, rule.fatal(round))
		if ctx.Err() != nil {
			return found, missing, ctx.Err()
		}
		if err != nil {
			return found, missing, err
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

// fatal reports whether the round must have every answer.
func (r Rule) fatal(round int) bool {
	return r.Silence == Fatal || r.Silence == FatalIfNew && (!r.Fresh || round > 0)
}

// askAll adds the answers to found. missing is who did not answer; when silence is fatal, the first is the error.
func askAll(ctx context.Context, status Status, list []pades.Need, found *pades.Evidence, fatal bool) (missing []pades.Finding, err error) {
	for _, need := range list {
		answer, err := ask(ctx, status, need)
		if err == nil {
			add(found, need, answer)
			continue
		}
		if fatal { // the error goes into histories and logs: no name
			return missing, fmt.Errorf("the status of certificate %x: %w", need.Certificate.SerialNumber, err)
		}
		missing = append(missing, statusMissing.Say("subject", nameOf(need.Certificate), "serial", need.Certificate.SerialNumber.Text(16), "why", err))
	}
	return missing, nil
}

// ask asks about one certificate, while there is time.
func ask(ctx context.Context, status Status, need pades.Need) (signing.Revocation, error) {
	switch {
	case !need.Anchored:
		return signing.Revocation{}, problem.Wrap(problem.RevocationUnknown, notAnchored.Err(), "no responder is asked")
	case ctx.Err() != nil:
		return signing.Revocation{}, problem.Wrap(problem.RevocationUnknown, timeSpent.Err(), "no responder is asked any more")
	}
	return status(ctx, need.Certificate.Raw, need.Issuer.Raw)
}

func add(found *pades.Evidence, need pades.Need, answer signing.Revocation) {
	found.Certificates = append(found.Certificates, need.Certificate.Raw, need.Issuer.Raw)
	if len(answer.OCSP) > 0 {
		found.OCSPs = append(found.OCSPs, answer.OCSP)
	} else {
		found.CRLs = append(found.CRLs, answer.CRL)
	}
}
