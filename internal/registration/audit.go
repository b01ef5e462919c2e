package registration

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"kyso/internal/problem"
)

// FirstPrev stands in the first audit entry where the others have the hash of the entry before.
var FirstPrev = strings.Repeat("0", 64)

// Digest returns the hash that an entry has to carry. Times count in microseconds of UTC, the precision that both
// databases keep.
func (e AuditEntry) Digest() string {
	fields, err := json.Marshal([]any{e.Seq, e.At.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), e.Kind, e.Object, e.Actor, e.Detail, e.Prev})
	if err != nil { // strings and numbers only
		panic(err)
	}
	sum := sha256.Sum256(fields)
	return hex.EncodeToString(sum[:])
}

// VerifyAudit checks that entries continue the chain after prev (FirstPrev at the start). The error is
// problem.VerificationFailed and names the first entry that does not fit.
func VerifyAudit(prev string, after int64, entries []AuditEntry) error {
	for _, e := range entries {
		switch {
		case e.Seq != after+1:
			return problem.New(problem.VerificationFailed, "entry %d follows entry %d", e.Seq, after)
		case e.Prev != prev:
			return problem.New(problem.VerificationFailed, "entry %d does not continue the chain", e.Seq)
		case e.Hash != e.Digest():
			return problem.New(problem.VerificationFailed, "entry %d was changed", e.Seq)
		}
		prev, after = e.Hash, e.Seq
	}
	return nil
}
