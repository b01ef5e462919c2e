package pdffile

import (
	"testing"

	"kyso/internal/cli"
	"kyso/internal/finding"
	"kyso/internal/pades"
)

func TestStrictEndsWithTwelveForWhatIsSignedOver(t *testing.T) {
	file := func(verdict pades.Verdict, codes ...string) verifiedFile {
		var found []finding.Finding
		for _, code := range codes {
			found = append(found, finding.Finding{Code: code})
		}
		return verifiedFile{Verification: &pades.Verification{Signed: true, Verdict: verdict, Signatures: []pades.SignatureReport{{}, {Findings: found}}}}
	}
	clean, over := file(pades.TotalPassed, "sha-1"), file(pades.TotalPassed, pades.CoversSigned)
	for name, c := range map[string]struct {
		files         []verifiedFile
		plain, strict int
	}{
		"nothing is covered":           {[]verifiedFile{clean}, cli.ExitOK, cli.ExitOK},
		"content is covered":           {[]verifiedFile{clean, over}, cli.ExitOK, cli.ExitCovered},
		"a signature is covered":       {[]verifiedFile{file(pades.TotalPassed, pades.CoversSignature)}, cli.ExitOK, cli.ExitCovered},
		"another cannot be determined": {[]verifiedFile{over, file(pades.Indeterminate)}, cli.ExitIndeterminate, cli.ExitIndeterminate},
		"another cannot be read":       {[]verifiedFile{over, {Error: &fileError{}}}, cli.ExitUnreadable, cli.ExitUnreadable},
		"a covered one fails":          {[]verifiedFile{file(pades.TotalFailed, pades.CoversSigned)}, cli.ExitFailed, cli.ExitFailed},
	} {
		if got := (&verdicts{files: c.files}).exit(); got != c.plain {
			t.Errorf("%s: %d, not %d", name, got, c.plain)
		}
		if got := (&verdicts{files: c.files, strict: true}).exit(); got != c.strict {
			t.Errorf("%s, --strict: %d, not %d", name, got, c.strict)
		}
	}
}
