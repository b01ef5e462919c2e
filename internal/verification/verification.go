// Package verification judges and extends signed PDF files as a relying party on the network does, and writes reports of what it
// found. Files are parsed in other processes.
package verification

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/signing"
)

// Record judges a file at the time now, as Verify does, and returns what is kept of that, but for what only the caller knows.
func Record(ctx context.Context, pdf *pdfchild.Runner, src pades.Source, trust signing.Trust, revocation signing.RevocationSource, now time.Time) (signing.Verification, error) {
	var out signing.Verification
	found, err := verify(ctx, pdf, src, trust, revocation, pades.VerifyOptions{Now: now, Material: true})
	if err != nil {
		return out, err
	}
	var certificates []*x509.Certificate
	if m := found.Material; m != nil {
		out.Material = signing.Material(*m)
		for _, der := range m.Certificates {
			if c, err := x509.ParseCertificate(der); err == nil {
				certificates = append(certificates, c)
			}
		}
	}
	found.Material = nil
	for _, c := range slices.Concat(trust.Roots, trust.Intermediates) {
		out.Trust = append(out.Trust, signing.Fingerprint(c.Raw))
	}
	out.People = signing.CitizensIn(certificates)
	out.Report, err = json.Marshal(found)
	return out, err
}

// Verify judges a file at the time now. The present status of its certificates is asked of revocation; nil asks
// no party, and without a trusted root no responder is asked either. What could not be had is a finding: it stays unknown, and the verdict says so too. pdf parses
// the file.
func Verify(ctx context.Context, pdf *pdfchild.Runner, src pades.Source, trust signing.Trust, revocation signing.RevocationSource, now time.Time) (*pades.Verification, error) {
	return verify(ctx, pdf, src, trust, revocation, pades.VerifyOptions{Now: now})
}

func verify(ctx context.Context, pdf *pdfchild.Runner, src pades.Source, trust signing.Trust, revocation signing.RevocationSource, opts pades.VerifyOptions) (*pades.Verification, error) {
	if err := pades.CheckSize(src); err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	var missing []pades.Finding
	opts.Roots, opts.Intermediates, opts.Removed = trust.Roots, trust.Intermediates, trust.Removed
	if revocation != nil && len(trust.Roots) > 0 {
		// A file that cannot be read needs nothing here; what is wrong with it is said below, and better.
		opts.Evidence, missing, _ = evidence.Gather(ctx, src, pdf.Needs, revocation.Status, evidence.Rule{Trust: trust, Fresh: true, Silence: evidence.OnlyMentions})
	}
	found, err := pdf.Verify(ctx, src, opts)
	if err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	for _, finding := range missing {
		found.Note(finding)
	}
	return found, nil
}
