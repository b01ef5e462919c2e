package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"

	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/vault"
)

// put stores r under key, sealed when there is a secret.
func put(ctx context.Context, blobs signing.Blobs, key string, secret []byte, r io.Reader) error {
	if secret == nil {
		return blobs.Put(ctx, key, r)
	}
	stream, err := vault.NewStream(secret, key)
	if err != nil {
		return err
	}
	return blobs.Put(ctx, key, stream.Seal(r))
}

// Append implements signing.Segments. A segment is named by its digest, so that a try that makes other bytes never
// overwrites what a record points to.
func (b *Blobs) Append(ctx context.Context, doc signing.Upload, data []byte) (signing.Segment, error) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	s := signing.Segment{Key: "increments/" + digest[:2] + "/" + digest, Length: int64(len(data)), SHA256: digest}
	if doc.KeyID != "" {
		s.Key = sealedKey(doc.KeyID, digest)
	}
	return s, put(ctx, b, s.Key, doc.Key, bytes.NewReader(data))
}

// ReadSegment implements signing.Segments.
func (b *Blobs) ReadSegment(ctx context.Context, doc signing.Upload, s signing.Segment) ([]byte, error) {
	doc.Segments = []signing.Segment{s}
	if err := CheckClear(ctx, b, doc); err != nil {
		return nil, err
	}
	stream := Stream(ctx, b, doc, 0, s.Length)
	data, err := io.ReadAll(stream)
	return data, errors.Join(err, stream.Close())
}

// OpenDocument returns a reader over a stored document whose every byte is compared with what was stored: sealed
// segments chunk by chunk as they are read; those that lie in clear, from earlier releases, as a whole before anything
// is read. A record whose segments are not those of its digest is not read at all. Errors: problem.DigestMismatch, also
// from the reader.
func OpenDocument(ctx context.Context, blobs signing.Blobs, doc signing.Upload) (*SegmentReader, error) {
	if err := checkSegments(doc); err != nil {
		return nil, err
	}
	if err := CheckClear(ctx, blobs, doc); err != nil {
		return nil, err
	}
	return NewSegmentReader(ctx, blobs, doc), nil
}

// checkSegments compares what a record says of a document with what it says of the segments.
func checkSegments(doc signing.Upload) error {
	size := int64(0)
	for _, s := range doc.Segments {
		size += s.Length
	}
	one := len(doc.Segments) == 1 && doc.Segments[0].SHA256 != ""
	if size != doc.Size || one && doc.Segments[0].SHA256 != doc.SHA256 {
		return problem.New(problem.DigestMismatch, "the segments of a document are not those of its record")
	}
	return nil
}

// CheckClear compares the segments of a document that lie in clear with their digests.
func CheckClear(ctx context.Context, blobs signing.Blobs, doc signing.Upload) error {
	for _, s := range doc.Segments {
		if s.Sealed() {
			continue
		}
		one := doc
		one.Segments = []signing.Segment{s}
		stream, sum := Stream(ctx, blobs, one, 0, -1), sha256.New()
		_, err := io.Copy(sum, stream)
		if err = errors.Join(err, stream.Close()); err != nil {
			return err
		}
		want := s.SHA256
		if want == "" {
			want = path.Base(s.Key) // of an increment that is known by its key only
		}
		if hex.EncodeToString(sum.Sum(nil)) != want {
			return problem.New(problem.DigestMismatch, "the stored bytes of a document are not those that were stored")
		}
	}
	return nil
}

// SealDocument seals the segments of a document that lie in clear, under its key, and returns them all. What lay in
// clear stays where it was: whoever records the answer deletes it. It may be repeated.
func SealDocument(ctx context.Context, blobs signing.Blobs, doc signing.Upload) ([]signing.Segment, error) {
	if err := CheckClear(ctx, blobs, doc); err != nil {
		return nil, err
	}
	out := make([]signing.Segment, 0, len(doc.Segments))
	for _, s := range doc.Segments {
		if !s.Sealed() {
			one := doc
			one.Segments = []signing.Segment{s}
			stream := Stream(ctx, blobs, one, 0, -1)
			key := sealedKey(doc.KeyID, path.Base(s.Key))
			err := put(ctx, blobs, key, doc.Key, stream)
			if err = errors.Join(err, stream.Close()); err != nil {
				return nil, err
			}
			s.Key = key
		}
		out = append(out, s)
	}
	return out, nil
}
