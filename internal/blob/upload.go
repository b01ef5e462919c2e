package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// headerWithin is where readers look for %PDF-: ISO 32000-1 wants it first, and its Annex H notes that Acrobat
// takes it anywhere in the first 1024 bytes. Files like that exist.
const headerWithin = 1024

// Upload stores the bytes of r as a new upload of one segment and returns its record, which the caller saves. The
// bytes are hashed while they are written, on another processor, and the state of the hash is kept, so that later
// increments are hashed without reading the document again.
//
// Errors: problem.TooLarge above maxSize bytes, problem.DocumentBroken when r does not begin like a PDF. Nothing
// is stored then.
func Upload(ctx context.Context, blobs signing.Blobs, name string, r io.Reader, maxSize int64) (signing.Upload, error) {
	source := newSource(r, maxSize)
	first, err := source.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return signing.Upload{}, fmt.Errorf("receiving an upload: %w", err)
	}
	if first == nil || !bytes.Contains(first.data[:min(len(first.data), headerWithin)], []byte("%PDF-")) {
		return signing.Upload{}, problem.New(problem.DocumentBroken, "the file does not begin like a PDF")
	}
	id := strings.ToLower(rand.Text())
	key := "uploads/" + id
	sum, err := putAndHash(ctx, blobs, key, source, first)
	if err != nil {
		return signing.Upload{}, fmt.Errorf("receiving an upload: %w", err)
	}
	state, err := sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return signing.Upload{}, fmt.Errorf("keeping the state of a hash: %w", err)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	return signing.Upload{
		ID: id, Name: norm.NFC.String(name), Size: source.size, SHA256: digest, HashState: state,
		Segments:  []signing.Segment{{Key: key, Length: source.size, SHA256: digest}},
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}, nil
}

// putAndHash writes and hashes the same chunks side by side.
func putAndHash(ctx context.Context, blobs signing.Blobs, key string, source *source, first *chunk) (hash.Hash, error) {
	sum := sha256.New()
	toHash := make(chan *chunk, chunks)
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for c := range toHash {
			sum.Write(c.data)
			source.release(c)
		}
	})
	err := blobs.Put(ctx, key, &feed{source: source, toHash: toHash, first: first})
	close(toHash)
	hashing.Wait()
	return sum, err
}
