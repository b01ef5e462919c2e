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
	"kyso/internal/vault"
)

// headerWithin is where readers look for %PDF-: ISO 32000-1 requires it first, and its Annex H notes that Acrobat
// takes it anywhere in the first 1024 bytes. Files like that exist.
const headerWithin = 1024

// Upload stores the bytes of r as a new upload of one segment and returns its record, which the caller saves. The
// bytes are hashed while they are written, on another processor, and the state of the hash is kept, so that later
// increments are hashed without reading the document again. A sealed one lies under a key of its own, which is in the
// record; an upload that is not sealed lies in clear, for workers of the release before.
//
// Errors: problem.TooLarge above maxSize bytes, problem.DocumentBroken when r does not begin like a PDF. Nothing
// is stored then.
func Upload(ctx context.Context, blobs signing.Blobs, name string, r io.Reader, maxSize int64, sealed bool) (signing.Upload, error) {
	source := newSource(r, maxSize)
	first, err := source.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return signing.Upload{}, fmt.Errorf("receiving an upload: %w", err)
	}
	if first == nil || !bytes.Contains(first.data[:min(len(first.data), headerWithin)], []byte("%PDF-")) {
		return signing.Upload{}, problem.New(problem.DocumentBroken, "the file does not begin like a PDF")
	}
	out := signing.Upload{ID: strings.ToLower(rand.Text()), Name: norm.NFC.String(name)}
	key := "uploads/" + out.ID
	if sealed {
		out.KeyID, out.Key = out.ID, vault.NewKey()
		key = sealedKey(out.KeyID, out.ID)
	}
	sum, err := putAndHash(ctx, blobs, key, out.Key, source, first)
	if err != nil {
		return signing.Upload{}, fmt.Errorf("receiving an upload: %w", err)
	}
	state, err := sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return signing.Upload{}, fmt.Errorf("keeping the state of a hash: %w", err)
	}
	out.Size, out.SHA256, out.HashState = source.size, hex.EncodeToString(sum.Sum(nil)), state
	out.Segments = []signing.Segment{{Key: key, Length: out.Size, SHA256: out.SHA256}}
	out.CreatedAt = time.Now().UTC().Truncate(time.Microsecond)
	return out, nil
}

// sealedKey is where a segment of a document lies: all of them in the document's own folder, so that they can be removed
// together. name stands for the same bytes for ever.
func sealedKey(keyID, name string) string { return signing.SealedFolder + "/" + keyID + "/" + name }

// putAndHash writes and hashes the same chunks side by side.
func putAndHash(ctx context.Context, blobs signing.Blobs, key string, secret []byte, source *source, first *chunk) (hash.Hash, error) {
	sum := sha256.New()
	toHash := make(chan *chunk, chunks)
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for c := range toHash {
			sum.Write(c.data)
			source.release(c)
		}
	})
	err := put(ctx, blobs, key, secret, &feed{source: source, toHash: toHash, first: first})
	close(toHash)
	hashing.Wait()
	return sum, err
}
