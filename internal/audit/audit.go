// Package audit keeps the audit log provable: it signs checkpoints of the chain, copies them out of the database, and
// compares chain, checkpoints and copy. It also collects what is noted outside of a transaction.
//
// The chain alone shows that an entry was changed or taken out. That its end was cut off, that it was emptied or that
// an older copy was put back shows only against something that was said before and kept elsewhere: the checkpoints.
//
// It imports the standard library, the domain and internal/problem.
package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"kyso/internal/problem"
	"kyso/internal/registration"
)

// Entry is one link of the chain.
type Entry = registration.AuditEntry

// Head is the newest entry: its number and its hash.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Checkpoint is a signed statement of what the chain ended with at a time.
type Checkpoint struct {
	Number    int64     `json:"number"`   // from 1, without gaps
	Seq       int64     `json:"seq"`      // of the newest entry; 0 when there was none
	Hash      string    `json:"hash"`     // of the newest entry
	At        time.Time `json:"at"`       // UTC, whole microseconds
	Previous  string    `json:"previous"` // Digest of the checkpoint before; empty in the first
	Key       string    `json:"key"`      // KeyID of the key that signed
	Signature []byte    `json:"signature"`
}

// signed is what the signature covers.
func (c Checkpoint) signed() []byte {
	text, err := json.Marshal([]any{"kyso audit checkpoint", c.Number, c.Seq, c.Hash, c.At.UTC().Format(time.RFC3339Nano), c.Previous, c.Key})
	if err != nil { // strings and numbers only
		panic(err)
	}
	return text
}

// Digest is what the next checkpoint names this one by.
func (c Checkpoint) Digest() string {
	sum := sha256.Sum256(c.signed())
	return hex.EncodeToString(sum[:])
}

// Sign returns the checkpoint with its key and signature.
func Sign(key ed25519.PrivateKey, c Checkpoint) Checkpoint {
	c.At = c.At.UTC().Truncate(time.Microsecond)
	c.Key = KeyID(key.Public().(ed25519.PublicKey))
	c.Signature = ed25519.Sign(key, c.signed())
	return c
}

// SignedBy reports whether the checkpoint carries a signature of the key.
func (c Checkpoint) SignedBy(key ed25519.PublicKey) bool {
	return ed25519.Verify(key, c.signed(), c.Signature)
}

// KeyID is a short name of a public key: the first 16 hex digits of its SHA-256.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// EncodeKey writes a public key as text: its 32 bytes in base64.
func EncodeKey(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// DecodeKey reads what EncodeKey wrote. Errors are problem.Invalid.
func DecodeKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, problem.New(problem.Invalid, "a public key of the audit log is 32 bytes in base64")
	}
	return key, nil
}

// Log is the store of the chain.
type Log interface {
	// Note writes entries down that are chained later; their Seq, Prev and Hash are not read. Noting the same entries
	// twice chains them twice.
	Note(ctx context.Context, entries ...Entry) error
	// Chain takes what waits into the chain, oldest first, and returns how many entries it took. It takes a bounded
	// number at a time: 0 means that nothing is left.
	Chain(ctx context.Context) (int, error)
	Entries(ctx context.Context, after int64, limit int) ([]Entry, error) // oldest first
	Head(ctx context.Context) (Head, error)
	// SaveCheckpoint stores a checkpoint; problem.Conflict when its number is taken.
	SaveCheckpoint(ctx context.Context, c Checkpoint) error
	Checkpoints(ctx context.Context, after int64, limit int) ([]Checkpoint, error) // by number, oldest first
	LastCheckpoint(ctx context.Context) (Checkpoint, error)                        // zero when there is none
}
