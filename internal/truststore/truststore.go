// Package truststore keeps whom this installation trusts: the certificates in the files of KYSO_TRUST, with the changes in the
// store over them.
package truststore

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"kyso/internal/pemfile"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Bundle is the trusted certificates as the files of KYSO_TRUST and the changes in the store say now: each use looks whether
// a file was changed or a change was made, and reads them again then. Whoever takes a CA out of the file or the list takes it out
// of every program, without a restart.
//
// Files that cannot be read, or hold no root, change nothing: the certificates from before stay, the log says so at each use of
// another state of the files, and `kyso doctor` names the fault. A file that is replaced by renaming is never seen half-written.
// A store that cannot be asked is an error: what was trusted before is not taken for what is trusted now.
type Bundle struct {
	// Records are the changes; nil means the files alone. Set them before the first use.
	Records signing.TrustRecords

	paths string
	log   *slog.Logger
	noted func(signing.Trust) // of a change; may be nil

	mu      sync.Mutex
	seen    string // state of the files that was read or refused last
	files   []*x509.Certificate
	version int // of the changes that trust was made with
	trust   *signing.Trust
}

// Open reads the files a first time, when a fault is an error.
func Open(paths string, log *slog.Logger) (*Bundle, error) {
	b := &Bundle{paths: paths, log: log, seen: filesNow(paths)}
	trust, err := Read(paths)
	b.files = slices.Concat(trust.Roots, trust.Intermediates)
	return b, err
}

// Note has each change that is read from now on noted.
func (b *Bundle) Note(changed func(signing.Trust)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noted = changed
}

// Now returns whom the files and the changes trust now.
func (b *Bundle) Now(ctx context.Context) (signing.Trust, error) {
	version := 0
	if b.Records != nil {
		var err error
		if version, err = b.Records.TrustVersion(ctx); err != nil {
			return signing.Trust{}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.look() && b.trust != nil && version == b.version {
		return *b.trust, nil
	}
	return b.read(ctx)
}

// read lays the changes over the files. Nothing is kept of what could not be read.
func (b *Bundle) read(ctx context.Context) (signing.Trust, error) {
	var changes []signing.TrustChange
	first, version := b.trust == nil, 0
	b.trust = nil
	if b.Records != nil {
		var err error
		if changes, version, err = b.Records.TrustChanges(ctx); err != nil {
			return signing.Trust{}, err
		}
	}
	list, err := signing.ListTrust(b.files, changes)
	if err != nil {
		return signing.Trust{}, err
	}
	trust := signing.TrustOf(list)
	b.trust, b.version = &trust, version
	if first {
		return trust, nil
	}
	b.log.Info("the trusted certificates were read again", "roots", len(trust.Roots), "issuers", len(trust.Intermediates), "removed", len(trust.Removed))
	if b.noted != nil {
		b.noted(trust)
	}
	return trust, nil
}

// Files returns what the files hold now.
func (b *Bundle) Files() []*x509.Certificate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.look() {
		b.version = -1 // the next use lays the changes over them
	}
	return b.files
}

// look reads the files again when they changed, and reports whether others are trusted now.
func (b *Bundle) look() bool {
	now := filesNow(b.paths)
	if now == b.seen {
		return false
	}
	b.seen = now
	trust, err := Read(b.paths)
	if err != nil {
		b.log.Error("the trusted certificates were changed and cannot be read; those from before stay", "error", err.Error())
		return false
	}
	b.files = slices.Concat(trust.Roots, trust.Intermediates)
	return true
}

// filesNow tells states of files apart: their sizes and times, and for a file that was replaced another time of its change.
func filesNow(paths string) string {
	var state strings.Builder
	for path := range strings.SplitSeq(paths, ",") {
		info, err := os.Stat(strings.TrimSpace(path))
		if err != nil {
			state.WriteString("gone;")
			continue
		}
		fmt.Fprintf(&state, "%d %d %d;", info.Size(), info.ModTime().UnixNano(), inode(info))
	}
	return state.String()
}

// Read reads PEM bundles, whose paths are separated by commas: self-signed certificates are trusted roots, the others are issuers
// that answers of providers may leave out.
func Read(paths string) (signing.Trust, error) {
	var trust signing.Trust
	var certificates []*x509.Certificate
	for path := range strings.SplitSeq(paths, ",") {
		more, err := pemfile.Certificates(strings.TrimSpace(path))
		if err != nil {
			return trust, fmt.Errorf("reading the trusted certificates: %w", err)
		}
		certificates = append(certificates, more...)
	}
	for _, cert := range certificates {
		if cert.CheckSignatureFrom(cert) == nil {
			trust.Roots = append(trust.Roots, cert)
		} else {
			trust.Intermediates = append(trust.Intermediates, cert)
		}
	}
	if len(trust.Roots) == 0 {
		return trust, problem.New(problem.Invalid, "%s holds no self-signed certificate, so nothing would be trusted", paths)
	}
	return trust, nil
}

// Digest names a set of trusted certificates.
func Digest(trust signing.Trust) string {
	sum := sha256.New()
	for _, c := range slices.Concat(trust.Roots, trust.Intermediates) {
		sum.Write(c.Raw)
	}
	for _, c := range trust.Removed {
		sum.Write(c.Raw[:1])
		sum.Write(c.Raw)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
