package verify

import (
	"fmt"

	"kyso/internal/pades/changes"
)

// Harmed is what pades.Harmed does.
func Harmed(before, after *Verification, newField bool) string {
	now := make(map[[4]int64]*SignatureReport, len(after.Signatures))
	for i := range after.Signatures {
		now[after.Signatures[i].ByteRange] = &after.Signatures[i]
	}
	for i := range before.Signatures {
		was := &before.Signatures[i]
		if was.ByteRange == [4]int64{} {
			continue // it had no shape before
		}
		is := now[was.ByteRange]
		if is == nil {
			return fmt.Sprintf("signature %d of the file is gone", i+1)
		}
		if newField && is.Intact && is.LaterChanges == string(changes.NewSignatureField) && is.Verdict != TotalFailed {
			continue
		}
		if worse(is.Verdict, was.Verdict) || was.Intact && !is.Intact || changedMore(is, was) {
			return fmt.Sprintf("signature %d of the file was %s and is %s %s", i+1, was.Verdict, is.Verdict, is.SubIndication)
		}
	}
	return ""
}

// changedMore reports whether more was done after a signature than before, other than adding signatures and what validates them.
func changedMore(is, was *SignatureReport) bool {
	kind := changes.Kind(is.LaterChanges)
	return kind != changes.ValidationData && kind != changes.Signatures && changes.Worse(kind, changes.Kind(was.LaterChanges))
}
