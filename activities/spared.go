package activities

import (
	"context"
	"slices"

	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// spared demands that no signature which the uploaded file brought along is judged worse than before, with the same trust at
// the same moment.
func (a *Signing) spared(ctx context.Context, pdf PDF, doc signing.Document, result *pades.Verification, opt pades.VerifyOptions) error {
	earlier := slices.ContainsFunc(result.Signatures, func(r pades.SignatureReport) bool {
		return r.ByteRange != [4]int64{} && r.ByteRange[2]+r.ByteRange[3] <= doc.Size
	})
	if !earlier {
		return nil
	}
	upload, err := a.uploaded(ctx, doc)
	if err != nil {
		return err
	}
	src, err := a.Open(ctx, upload)
	if err != nil {
		return err
	}
	before, err := pdf.Verify(ctx, src, opt)
	if err != nil {
		return err
	}
	if why := pades.Harmed(before, result, doc.Placement != nil && doc.Placement.AllowNewField); why != "" {
		return problem.New(problem.VerificationFailed, "our signature harms an earlier one: %s", why)
	}
	return nil
}
