package app

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"kyso/internal/signing"
)

// trustBundle is the trusted certificates as the files of KYSO_TRUST hold them now: each use looks whether a file was changed,
// and reads them again then. Whoever takes a CA out of the file takes it out of every program, without a restart.
//
// Files that cannot be read, or hold no root, change nothing: the certificates from before stay, the log says so at each use of
// another state of the files, and `kyso doctor` names the fault. A file that is replaced by renaming is never seen half-written.
type trustBundle struct {
	paths string
	log   *slog.Logger
	noted func(signing.Trust) // of a change; may be nil

	mu    sync.Mutex
	seen  string // state of the files that was read or refused last
	trust signing.Trust
}

// openTrust reads the files a first time, when a fault is an error.
func openTrust(paths string, log *slog.Logger) (*trustBundle, error) {
	b := &trustBundle{paths: paths, log: log, seen: filesNow(paths)}
	var err error
	b.trust, err = ReadTrust(paths)
	return b, err
}

// note has each change that is read from now on noted.
func (b *trustBundle) note(changed func(signing.Trust)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noted = changed
}

// Now returns whom the files name now.
func (b *trustBundle) Now() signing.Trust {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := filesNow(b.paths)
	if now == b.seen {
		return b.trust
	}
	b.seen = now
	trust, err := ReadTrust(b.paths)
	if err != nil {
		b.log.Error("the trusted certificates were changed and cannot be read; those from before stay", "error", err.Error())
		return b.trust
	}
	b.trust = trust
	b.log.Info("the trusted certificates were read again", "roots", len(trust.Roots), "issuers", len(trust.Intermediates))
	if b.noted != nil {
		b.noted(trust)
	}
	return trust
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
