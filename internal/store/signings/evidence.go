package signings

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store/kernel"
)

// evidenceRow is the row id under which evidence is sealed.
func evidenceRow(signingID, kind, digest string) string { return signingID + "/" + kind + "/" + digest }

// packedEvidence is the kind of a row that holds several pieces of evidence.
const packedEvidence = "pack"

// piece is signing.Evidence within a pack. Its digest is that of its data.
type piece struct {
	Kind  []byte
	Index int
	At    int64 // microseconds since 1970
	Data  []byte
	Whole bool // the data is the content that the row names
}

// SaveEvidence implements signing.Records. What is saved in one call lies in one row.
func (s Records) SaveEvidence(ctx context.Context, id string, list ...signing.Evidence) error {
	k, err := s.OpenKeys(ctx)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Kind == "" || e.Kind == packedEvidence || e.Digest != kernel.PlainDigest(e.Data) || e.At.IsZero() {
			return problem.New(problem.Invalid, "evidence has a kind, a time and the digest of its data")
		}
	}
	return s.changeOf(ctx, "saving evidence", id, k, func(tx *sql.Tx, k *kernel.Keys) error {
		if s.AsBefore {
			return saveEvidenceAsBefore(ctx, tx, k, id, list)
		}
		return s.savePacks(ctx, tx, k, id, list)
	})
}

func saveEvidenceAsBefore(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, list []signing.Evidence) error {
	for _, e := range list {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO evidence (signing_id, kind, digest, position, data, at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (signing_id, kind, digest) DO NOTHING`,
			id, e.Kind, e.Digest, e.Index, k.Sealed("evidence", "data", evidenceRow(id, e.Kind, e.Digest), e.Data), kernel.At(e.At))
		if err != nil {
			return err
		}
	}
	return nil
}

// savePacks writes one row for each revocation list, which is a content as a whole, and one for all the rest.
func (s Records) savePacks(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, list []signing.Evidence) error {
	var rest []piece
	var found [][]byte
	var at time.Time
	for _, e := range list {
		p := piece{Kind: []byte(e.Kind), Index: e.Index, At: e.At.UnixMicro(), Data: e.Data}
		if revocationList(e.Data) {
			p.Data, p.Whole = nil, true
			if err := s.savePack(ctx, tx, k, id, []piece{p}, newContent(e.Data), e.At); err != nil {
				return err
			}
			continue
		}
		rest, found, at = append(rest, p), append(found, e.Data), e.At
	}
	if len(rest) == 0 {
		return nil
	}
	return s.savePack(ctx, tx, k, id, rest, commonOf(found...), at)
}

// revocationList reports whether data is a CRL: its issuer publishes it.
func revocationList(data []byte) bool {
	_, err := x509.ParseRevocationList(data)
	return err == nil
}

// savePack writes pieces of evidence as one row. The same pieces again are the same row.
func (s Records) savePack(ctx context.Context, tx *sql.Tx, k *kernel.Keys, id string, pieces []piece, common content, at time.Time) error {
	if err := s.use(ctx, tx, common); err != nil {
		return err
	}
	data, err := asn1.Marshal(pieces)
	if err != nil {
		return fmt.Errorf("packing evidence: %w", err)
	}
	packed, err := pack(data, common)
	if err != nil {
		return fmt.Errorf("packing evidence: %w", err)
	}
	name := kernel.PlainDigest(data)[:32] // it tells apart the few rows of one signing
	_, err = tx.ExecContext(ctx, `
		INSERT INTO evidence (signing_id, kind, digest, position, data, at, shared) VALUES ($1, $2, $3, 0, $4, $5, $6)
		ON CONFLICT (signing_id, kind, digest) DO NOTHING`,
		id, packedEvidence, name, k.Sealed("evidence", "data", evidenceRow(id, packedEvidence, name), packed), kernel.At(at), common.id())
	return err
}

// Evidence implements signing.Records, oldest first.
func (s Records) Evidence(ctx context.Context, id string) ([]signing.Evidence, error) {
	var list []signing.Evidence
	contents := openedContents{}
	err := s.readSealed(ctx, "listing evidence", id, evidenceTable, func(row kernel.Scanner) (func(*kernel.Keys) error, error) {
		e, err := scanEvidence(row, contents)
		return func(k *kernel.Keys) error { return e.open(k, id, &list) }, err
	})
	return inOrder(list), err
}

// sealedEvidence is a row of evidence as it lies there.
type sealedEvidence struct {
	signing.Evidence
	data, common []byte
	shared       sql.NullInt64
	contents     openedContents
}

func scanEvidence(row kernel.Scanner, contents openedContents) (sealedEvidence, error) {
	e := sealedEvidence{contents: contents}
	err := row.Scan(&e.Kind, &e.Digest, &e.Index, &e.data, kernel.Into(&e.At), &e.shared, &e.common)
	return e, err
}

// open adds what the row of a signing holds to a list.
func (e sealedEvidence) open(k *kernel.Keys, id string, list *[]signing.Evidence) error {
	data, err := k.Open("evidence", "data", evidenceRow(id, e.Kind, e.Digest), e.data)
	if err != nil {
		return err
	}
	with, err := e.contents.open(e.shared, e.common)
	if err != nil {
		return err
	}
	more, err := unpackEvidence(e.Evidence, data, e.shared.Valid, with)
	*list = append(*list, more...)
	return err
}

var evidenceTable = sealedTable{table: `evidence f ON f.signing_id = s.id LEFT JOIN contents c ON c.id = f.shared`,
	columns: `COALESCE(f.kind, ''), COALESCE(f.digest, ''), COALESCE(f.position, 0), f.data, f.at, f.shared, c.data`}

// unpackEvidence reads what a row holds: one piece of evidence of the release before, or a pack.
func unpackEvidence(e signing.Evidence, data []byte, packed bool, with content) ([]signing.Evidence, error) {
	if !packed {
		e.Data = data
		return []signing.Evidence{e}, nil
	}
	data, err := unpack(data, with)
	if err != nil {
		return nil, err
	}
	var pieces []piece
	if _, err := asn1.Unmarshal(data, &pieces); err != nil {
		return nil, fmt.Errorf("reading evidence.data: %w", err)
	}
	var list []signing.Evidence
	for _, p := range pieces {
		if p.Whole {
			p.Data = with.data
		}
		list = append(list, signing.Evidence{Kind: string(p.Kind), Index: p.Index, Digest: kernel.PlainDigest(p.Data), Data: p.Data, At: time.UnixMicro(p.At).UTC()})
	}
	return list, nil
}

// inOrder sorts evidence by time and leaves out what an attempt that was repeated saved again.
func inOrder(list []signing.Evidence) []signing.Evidence {
	slices.SortStableFunc(list, func(a, b signing.Evidence) int {
		if n := a.At.Compare(b.At); n != 0 {
			return n
		}
		return strings.Compare(a.Kind+"/"+a.Digest, b.Kind+"/"+b.Digest)
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(e signing.Evidence) bool {
		name := e.Kind + "/" + e.Digest
		again := seen[name]
		seen[name] = true
		return again
	})
}
