package app

import (
	"context"
	"fmt"
	"io"
	"slices"

	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Extend returns what has to be appended to a signed file for it to be B-LT or B-LTA: the certificates and revocation data of
// every signature and time-stamp in it, and for B-LTA a document time-stamp over all of that. It may be done again and
// again: each time the last time-stamp's authority is looked up before the next one covers it. The file is parsed in a
// process of its own.
//
// Errors: Invalid for a file without a signature or another level, RevocationUnknown when an issuer says nothing of a
// certificate about which the file is silent, those of the authority, and those of documents.
func Extend(ctx context.Context, src pades.Source, level signing.Level, trust signing.Trust, revocation signing.RevocationSource,
	tsa signing.TimestampAuthority,
) ([]byte, error) {
	if !level.AtLeast(signing.LevelLT) {
		return nil, problem.New(problem.Invalid, "a file is extended to B-LT or B-LTA")
	}
	session := (&pdfchild.Runner{}).Session()
	defer session.Close()
	evidence, err := evidenceOf(ctx, session, src, trust, revocation)
	if err != nil {
		return nil, err
	}
	extended, err := session.Extend(ctx, src, evidence, nil)
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

// ExtendLevel reads a level that a file can be extended to.
func ExtendLevel(name string) (signing.Level, error) {
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

// evidenceOf asks the issuers about every certificate in the file, also about those of which it says something: that is as
// old as the file. Only silence about a certificate of which the file says nothing is an error.
func evidenceOf(ctx context.Context, session *pdfchild.Session, src pades.Source, trust signing.Trust, revocation signing.RevocationSource,
) (pades.Evidence, error) {
	var found pades.Evidence
	for round := range maxRounds {
		have := found
		have.Certificates = slices.Clone(found.Certificates)
		for _, cert := range slices.Concat(trust.Roots, trust.Intermediates) {
			have.Certificates = append(have.Certificates, cert.Raw)
		}
		list, err := session.Needs(ctx, src, pades.NeedsOptions{Have: have, Fresh: round == 0})
		if err != nil || len(list) == 0 {
			return found, err
		}
		for _, need := range list {
			status, err := revocation.Status(ctx, need.Certificate.Raw, need.Issuer.Raw)
			if err != nil {
				if round == 0 {
					continue // asked for again when the file says nothing either
				}
				return found, fmt.Errorf("the status of certificate %x: %w", need.Certificate.SerialNumber, err)
			}
			found.Certificates = append(found.Certificates, need.Certificate.Raw, need.Issuer.Raw)
			if len(status.OCSP) > 0 {
				found.OCSPs = append(found.OCSPs, status.OCSP)
			} else {
				found.CRLs = append(found.CRLs, status.CRL)
			}
		}
	}
	return found, problem.New(problem.RevocationUnknown, "status services keep naming further certificates")
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
