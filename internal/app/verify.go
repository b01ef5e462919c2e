package app

import (
	"context"
	"fmt"
	"time"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/provider"
	"kyso/internal/signing"
)

func (a *App) revocation() *provider.Revocation {
	return &provider.Revocation{Rewrite: a.Config.RevocationRewrite, AllowPrivate: a.Config.RevocationPrivate}
}

// Verify judges a file as a relying party does who is on the network: with the configured trust, and asking the
// issuers for what the file does not say about its certificates.
func (a *App) Verify(ctx context.Context, src pades.Source) (*pades.Verification, error) {
	trust, err := a.Trust(ctx)
	if err != nil {
		return nil, err
	}
	return Verify(ctx, src, trust, a.revocation(), time.Now())
}

// Verify judges a file at the time now. The present status of its certificates is asked of revocation; nil asks
// nobody, and without a trusted root nobody is asked either. What could not be had is a finding: it stays unknown, and the verdict says so too. The file is parsed in a
// process of its own.
func Verify(ctx context.Context, src pades.Source, trust signing.Trust, revocation signing.RevocationSource, now time.Time) (*pades.Verification, error) {
	if err := pades.CheckSize(src); err != nil {
		return nil, fmt.Errorf("verifying: %w", err) // before a process is started for it
	}
	var missing []pades.Finding
	runner := &pdfchild.Runner{}
	opts := pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Removed: trust.Removed, Now: now}
	if revocation != nil && len(trust.Roots) > 0 {
		// A file that cannot be read needs nothing here; what is wrong with it is said below, and better.
		opts.Evidence, missing, _ = evidence.Gather(ctx, src, runner.Needs, revocation.Status, evidence.Rule{Trust: trust, Fresh: true, Silence: evidence.OnlyMentions})
	}
	found, err := runner.Verify(ctx, src, opts)
	if err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	for _, finding := range missing {
		found.Note(finding)
	}
	return found, nil
}
