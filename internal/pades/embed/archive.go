package embed

import (
	"encoding/hex"
	"fmt"

	"kyso/internal/pades/cms"
	"kyso/internal/pades/document"
	"kyso/internal/pades/prepare"
	"kyso/internal/problem"
)

// Archive is what pades.EmbedArchive does.
func Archive(p prepare.Prepared, sourceSize int64, hashState, token []byte) (*document.Extended, error) {
	if err := checkHole(&p, sourceSize); err != nil {
		return nil, err
	}
	beforeHole, err := checkDigests(&p, hashState)
	if err != nil {
		return nil, err
	}
	parsed, rest, err := cms.ParseToken(token)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow it", len(rest))
	}
	if err == nil {
		_, err = parsed.VerifyDigest(p.H2[:], nil)
	}
	if err != nil {
		return nil, problem.Wrap(problem.VerificationFailed, err, "the archive time-stamp cannot be embedded")
	}
	if int64(hex.EncodedLen(len(token))) > p.HoleLength {
		return nil, problem.New(problem.TooLarge, "the archive time-stamp has %d bytes and does not fit", len(token))
	}
	out := &document.Extended{Increment: append([]byte(nil), p.Increment...)}
	hex.Encode(out.Increment[p.HoleOffset:], token)
	beforeHole.Write(out.Increment[p.HoleOffset-1:])
	out.SHA256, out.HashState, err = document.SumAndState(beforeHole)
	return out, err
}
