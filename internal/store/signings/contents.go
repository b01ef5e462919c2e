package signings

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"kyso/internal/problem"
	"kyso/internal/store/kernel"
)

// What many signings have in common is public: certificates of authorities, of OCSP responders and of time-stamp authorities, and
// revocation lists. It lies in contents, compressed and in clear, once by its digest. What is personal or drawn for one signing stays
// in the signing's own rows: compressed against the content that they name, then sealed.

// content is something public. The zero content is none.
type content struct {
	data   []byte
	digest [sha256.Size]byte
}

func newContent(data []byte) content { return content{data, sha256.Sum256(data)} }

// id is what rows name a content by: the first 63 bits of its digest, so that a reference takes eight bytes, not 64. Zero for none.
func (c content) id() int64 {
	if len(c.data) == 0 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(c.digest[:]) >> 1)
}

// mostCommon bounds what is taken out of one piece of data: deflate looks 32 KiB back and no further.
const mostCommon = 24 << 10

// commonOf returns the certificates within data that are public, wherever they lie in it, as one content. The order is that of their
// digests, so that the same certificates are the same content.
func commonOf(data ...[]byte) content {
	found := map[[sha256.Size]byte][]byte{}
	for _, one := range data {
		for i := 0; i+4 < len(one); i++ {
			if one[i] != 0x30 || one[i+1] != 0x82 { // SEQUENCE, its length in two bytes
				continue
			}
			end := i + 4 + int(binary.BigEndian.Uint16(one[i+2:]))
			if end > len(one) {
				continue
			}
			if cert, err := x509.ParseCertificate(one[i:end]); err == nil {
				if public(cert) {
					found[sha256.Sum256(cert.Raw)] = cert.Raw
				}
				i = end - 1
			}
		}
	}
	var digests [][sha256.Size]byte
	for digest := range found {
		digests = append(digests, digest)
	}
	slices.SortFunc(digests, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	var all []byte
	for _, digest := range digests {
		if len(all)+len(found[digest]) <= mostCommon {
			all = append(all, found[digest]...)
		}
	}
	if len(all) == 0 {
		return content{}
	}
	return newContent(all)
}

// public reports whether a certificate is one of an authority or of its services. All others are taken for certificates of people.
func public(cert *x509.Certificate) bool {
	return cert.IsCA || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageTimeStamping)
}

// pack compresses data against a content. What it returns begins with the content's digest, so that once it is sealed no other content
// can take the place of this one.
func pack(data []byte, with content) ([]byte, error) {
	out := bytes.NewBuffer(nil)
	if with.id() != 0 {
		out.Write(with.digest[:])
	}
	err := deflate(out, data, with.data)
	return out.Bytes(), err
}

// unpack is the inverse of pack: with is the content that the row names.
func unpack(packed []byte, with content) ([]byte, error) {
	if with.id() != 0 {
		if !bytes.HasPrefix(packed, with.digest[:]) {
			return nil, problem.New(problem.DigestMismatch, "a record names another content than the one it was made with")
		}
		packed = packed[sha256.Size:]
	}
	return inflate(packed, with.data)
}

// writers are used again: one takes most of a megabyte.
var writers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, flate.BestCompression) // fails for an unknown level only
	return w
}}

// deflate compresses data as what follows a text that the reader knows. A writer that is used again cannot be given a dictionary, so
// the text goes through it first, and what that gives is dropped: a flush ends at a whole byte.
func deflate(out *bytes.Buffer, data, known []byte) error {
	w, start := writers.Get().(*flate.Writer), out.Len()
	defer writers.Put(w)
	w.Reset(out)
	if len(known) > 0 {
		if _, err := w.Write(known); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		out.Truncate(start)
	}
	_, err := w.Write(data)
	return errors.Join(err, w.Close())
}

// mostUnpacked bounds what one record may unpack to. Revocation lists of large authorities have tens of megabytes.
const mostUnpacked = 256 << 20

func inflate(packed, known []byte) ([]byte, error) {
	r := flate.NewReaderDict(bytes.NewReader(packed), known)
	data, err := io.ReadAll(io.LimitReader(r, mostUnpacked+1))
	if err == nil && len(data) > mostUnpacked {
		err = problem.New(problem.Internal, "a record unpacks to more than %d bytes", mostUnpacked)
	}
	return data, errors.Join(err, r.Close())
}

const (
	// contentIsFresh is how long a content that was used may be used again without a note of it, so that signings do not queue at the
	// rows that they have in common.
	contentIsFresh = 24 * time.Hour
	// contentStays is how long a content stays that was used. It is longer than contentIsFresh by more than any transaction takes and any
	// clock is wrong, so the sweep never deletes what a transaction that is under way has just found.
	contentStays = 48 * time.Hour
)

// use makes sure that a content is there, and stays until the transaction has ended.
func (s Records) use(ctx context.Context, tx *sql.Tx, c content) error {
	if c.id() == 0 {
		return nil
	}
	digest, now := hex.EncodeToString(c.digest[:]), s.Now()
	var stored string
	var used time.Time
	err := tx.QueryRowContext(ctx, `SELECT digest, used_at FROM contents WHERE id = $1`, c.id()).Scan(&stored, kernel.Into(&used))
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case stored != digest:
		return kernel.Conflict("two contents have one id")
	case used.After(now.Add(-contentIsFresh)):
		return nil
	}
	packed, err := pack(c.data, content{})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO contents (id, digest, data, used_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at`, c.id(), digest, packed, kernel.At(now))
	return err
}

// openedContents remembers the contents of one answer: its rows name few.
type openedContents map[int64]content

// open gives the content of a row: what contents has under its id.
func (o openedContents) open(id sql.NullInt64, packed []byte) (content, error) {
	if !id.Valid || id.Int64 == 0 {
		return content{}, nil
	}
	if c, ok := o[id.Int64]; ok {
		return c, nil
	}
	if packed == nil {
		return content{}, problem.New(problem.DigestMismatch, "a content is missing")
	}
	data, err := inflate(packed, nil)
	if err != nil {
		return content{}, fmt.Errorf("reading a content: %w", err)
	}
	c := newContent(data)
	if c.id() != id.Int64 {
		return c, problem.New(problem.DigestMismatch, "a content has changed")
	}
	o[id.Int64] = c
	return c, nil
}

// SweepContents deletes contents that no record names any more, the longest unused first, and returns how many it looked at: one that is
// still named counts as used now, so that no round looks at it again soon.
func SweepContents(ctx context.Context, b *kernel.Base, limit int) (int, error) {
	now := b.Now()
	before := kernel.At(now.Add(-contentStays))
	var ids []int64
	err := b.Write(ctx, "deleting contents without a record", func(tx *sql.Tx) error {
		ids = nil
		rows, err := tx.QueryContext(ctx, `SELECT id FROM contents WHERE used_at < $1 ORDER BY used_at, id LIMIT $2`, before, limit)
		err = kernel.Each(rows, err, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		slices.Sort(ids) // as writers take them
		for _, id := range ids {
			if err == nil {
				err = sweepContent(ctx, tx, id, before, now)
			}
		}
		return err
	})
	return len(ids), err
}

// sweepContent asks for the time again in the statement that deletes: who used the content meanwhile has moved it.
func sweepContent(ctx context.Context, tx *sql.Tx, id int64, before any, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM contents WHERE id = $1 AND used_at < $2
		AND NOT EXISTS (SELECT 1 FROM evidence WHERE shared <> 0 AND shared = $1) AND NOT EXISTS (SELECT 1 FROM certificates WHERE shared <> 0 AND shared = $1)`, id, before)
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE contents SET used_at = $1 WHERE id = $2 AND used_at < $3`, kernel.At(now), id, before)
	}
	return err
}
