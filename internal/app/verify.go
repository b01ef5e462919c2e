package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/provider"
	"kyso/internal/signing"
)

// maxRounds bounds the asking for revocation data: an answer may name a responder that is in question itself.
const maxRounds = 3

func (a *App) revocation() *provider.Revocation {
	return &provider.Revocation{Rewrite: a.Config.RevocationRewrite, AllowPrivate: a.Config.RevocationPrivate}
}

// Verify judges a file as a relying party does who is on the network: with the configured trust, and asking the
// issuers for what the file does not say about its certificates.
func (a *App) Verify(ctx context.Context, src pades.Source) (*pades.Verification, error) {
	found, _, err := Verify(ctx, src, a.Trust, a.revocation(), time.Now())
	return found, err
}

// Verify judges a file at the time now. The present status of its certificates is asked of revocation; nil asks
// nobody. What could not be had is in missing: it stays unknown, and the verdict says so too. The file is parsed in a
// process of its own.
func Verify(ctx context.Context, src pades.Source, trust signing.Trust, revocation signing.RevocationSource, now time.Time,
) (found *pades.Verification, missing []error, err error) {
	runner := &pdfchild.Runner{}
	opts := pades.VerifyOptions{Roots: trust.Roots, Intermediates: trust.Intermediates, Now: now}
	if revocation != nil {
		opts.Evidence, missing = gather(ctx, runner.Needs, src, trust, revocation)
	}
	if found, err = runner.Verify(ctx, src, opts); err != nil {
		return nil, missing, fmt.Errorf("verifying: %w", err)
	}
	return found, missing, nil
}

// needs is pades.Needs, here or in a child.
type needs func(context.Context, pades.Source, pades.NeedsOptions) ([]pades.Need, error)

// gather asks for what is missing until nothing is, or nothing new comes. A file that cannot be read needs nothing
// here; Verify says better what is wrong with it.
func gather(ctx context.Context, ask needs, src pades.Source, trust signing.Trust, revocation signing.RevocationSource,
) (ev pades.Evidence, missing []error) {
	// A file below B-LT seldom carries the root, which says whom to ask about the issuing CA.
	for _, cert := range slices.Concat(trust.Roots, trust.Intermediates) {
		ev.Certificates = append(ev.Certificates, cert.Raw)
	}
	for round := range maxRounds {
		// First about everybody: what the file says of its certificates is as old as the file.
		list, err := ask(ctx, src, pades.NeedsOptions{Have: ev, Fresh: round == 0})
		if err != nil || len(list) == 0 {
			return ev, missing
		}
		missing = nil
		for _, need := range list {
			status, err := revocation.Status(ctx, need.Certificate.Raw, need.Issuer.Raw)
			switch {
			case err != nil:
				missing = append(missing, fmt.Errorf("the status of certificate %x: %w", need.Certificate.SerialNumber, err))
			case len(status.OCSP) > 0:
				ev.OCSPs = append(ev.OCSPs, status.OCSP)
			default:
				ev.CRLs = append(ev.CRLs, status.CRL)
			}
		}
		if len(missing) == len(list) {
			return ev, missing
		}
	}
	return ev, missing
}
