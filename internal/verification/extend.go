package verification

import (
	"context"
	"io"
	"slices"

	"kyso/internal/evidence"
	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Extend returns what has to be appended to a signed file for it to be B-LT or B-LTA: the certificates and revocation data of
// every signature and time-stamp in it, and for B-LTA a document time-stamp over all of that. It may be done again and
// again: each time the last time-stamp's authority is looked up before the next one covers it. pdf parses the file.
//
// Errors: Invalid for a file without a signature or another level, RevocationUnknown when an issuer says nothing of a
// certificate about which the file is silent, those of the authority, and those of documents.
func Extend(ctx context.Context, pdf *pdfchild.Runner, src pades.Source, level signing.Level, trust signing.Trust, revocation signing.RevocationSource,
	tsa signing.TimestampAuthority,
) ([]byte, error) {
	if _, err := Level(string(level)); err != nil {
		return nil, err
	}
	session := pdf.Session()
	defer session.Close()
	found, _, err := evidence.Gather(ctx, src, session.Needs, revocation.Status, evidence.Rule{Trust: trust, Fresh: true, Silence: evidence.FatalIfNew})
	if err != nil {
		return nil, err
	}
	extended, err := session.Extend(ctx, src, found, nil)
	if err != nil || level == signing.LevelLT {
		return incrementOf(extended), err
	}
	long := &appended{src, extended.Increment}
	prepared, err := session.PrepareArchive(ctx, long, extended.HashState)
	if err != nil {
		return nil, err
	}
	token, err := tsa.Stamp(ctx, prepared.H2)
	if err != nil {
		return nil, err
	}
	archived, err := pades.EmbedArchive(*prepared, long.Size(), extended.HashState, token)
	if err != nil {
		return nil, err
	}
	return slices.Concat(extended.Increment, archived.Increment), nil
}

// Level reads a level that a file can be extended to.
func Level(name string) (signing.Level, error) {
	level := signing.Level(name)
	if !level.Valid() || !level.AtLeast(signing.LevelLT) {
		return "", problem.New(problem.Invalid, "a file is extended to B-LT or B-LTA")
	}
	return level, nil
}

func incrementOf(e *pades.Extended) []byte {
	if e == nil {
		return nil
	}
	return e.Increment
}

// appended is a file followed by bytes.
type appended struct {
	file pades.Source
	tail []byte
}

// Size implements pades.Source.
func (a *appended) Size() int64 { return a.file.Size() + int64(len(a.tail)) }

// ReadAt implements io.ReaderAt.
func (a *appended) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if rest := a.file.Size() - off; rest > 0 {
		var err error
		if n, err = a.file.ReadAt(p[:min(int64(len(p)), rest)], off); int64(n) < min(int64(len(p)), rest) {
			return n, err
		}
	}
	if at := off + int64(n) - a.file.Size(); n < len(p) && at < int64(len(a.tail)) {
		n += copy(p[n:], a.tail[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
