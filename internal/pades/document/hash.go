package document

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"io"

	"kyso/internal/problem"
)

// Hash returns SHA-256 after all bytes of the source: continued from the stored state or, without one, by
// reading the source once.
func Hash(src Source, state []byte) (hash.Hash, error) {
	if state != nil {
		return ResumeHash(state)
	}
	h := sha256.New()
	// The wrapping keeps io.CopyBuffer to the buffer given.
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(src, 0, src.Size())},
		make([]byte, 256<<10))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	if n != src.Size() {
		return nil, fmt.Errorf("reading the file: %w", io.ErrUnexpectedEOF)
	}
	return h, nil
}

// ResumeHash continues a SHA-256 whose state was stored.
func ResumeHash(state []byte) (hash.Hash, error) {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return nil, problem.Wrap(problem.Invalid, err, "resuming the hash of the source")
	}
	return h, nil
}

// CloneHash returns a hash that goes on from the same state.
func CloneHash(h hash.Hash) (hash.Hash, error) {
	clone, err := h.(hash.Cloner).Clone()
	if err != nil {
		return nil, fmt.Errorf("cloning a hash: %w", err)
	}
	return clone, nil
}

// SumAndState returns the digest so far and the state from which hashing can go on.
func SumAndState(h hash.Hash) (sum [32]byte, state []byte, err error) {
	state, err = h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return sum, nil, fmt.Errorf("storing the state of a hash: %w", err)
	}
	h.Sum(sum[:0])
	return sum, state, nil
}
