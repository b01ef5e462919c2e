package app

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"kyso/internal/signing"
)

// trustBundle is the trusted certificates as the files of KYSO_TRUST and the changes in the store say now: each use looks whether
// a file was changed or a change was made, and reads them again then. Whoever takes a CA out of the file or the list takes it out
// of every program, without a restart.
//
// Files that cannot be read, or hold no root, change nothing: the certificates from before stay, the log says so at each use of
// another state of the files, and `kyso doctor` names the fault. A file that is replaced by renaming is never seen half-written.
// A store that cannot be asked is an error: what was trusted before is not taken for what is trusted now.
type trustBundle struct {
	paths   string
	log     *slog.Logger
	records signing.TrustRecords // nil means the files alone
	noted   func(signing.Trust)  // of a change; may be nil

	mu      sync.Mutex
	seen    string // state of the files that was read or refused last
	files   []*x509.Certificate
	version int // of the changes that trust was made with
	trust   *signing.Trust
}

// openTrust reads the files a first time, when a fault is an error.
func openTrust(paths string, log *slog.Logger) (*trustBundle, error) {
	b := &trustBundle{paths: paths, log: log, seen: filesNow(paths)}
	trust, err := ReadTrust(paths)
	b.files = slices.Concat(trust.Roots, trust.Intermediates)
	return b, err
}

// note has each change that is read from now on noted.
func (b *trustBundle) note(changed func(signing.Trust)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noted = changed
}

// Now returns whom the files and the changes trust now.
func (b *trustBundle) Now(ctx context.Context) (signing.Trust, error) {
	version := 0
	if b.records != nil {
		var err error
		if version, err = b.records.TrustVersion(ctx); err != nil {
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
func (b *trustBundle) read(ctx context.Context) (signing.Trust, error) {
	var changes []signing.TrustChange
	first, version := b.trust == nil, 0
	b.trust = nil
	if b.records != nil {
		var err error
		if changes, version, err = b.records.TrustChanges(ctx); err != nil {
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
func (b *trustBundle) Files() []*x509.Certificate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.look() {
		b.version = -1 // the next use lays the changes over them
	}
	return b.files
}

// look reads the files again when they changed, and reports whether others are trusted now.
func (b *trustBundle) look() bool {
	now := filesNow(b.paths)
	if now == b.seen {
		return false
	}
	b.seen = now
	trust, err := ReadTrust(b.paths)
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

// trustDesk changes the list of trusted certificates.
func (a *App) trustDesk() *signing.TrustDesk {
	return &signing.TrustDesk{Files: a.bundle.Files, Records: a.Store.Trusted()}
}
