// Package pdftest builds the program of PDF processes for tests.
package pdftest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Variable is the setting that names the program.
const Variable = "KYSO_PDF_PROGRAM"

// Program returns kyso-pdf of this tree, or what KYSO_PDF_PROGRAM names.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Setenv has the programs that tests assemble or start find kyso-pdf. It is for TestMain: processes that a test starts inherit it and
// build nothing.
func Setenv() {
	path, err := program()
	if err == nil {
		err = os.Setenv(Variable, path)
	}
	if err != nil {
		panic(err)
	}
}

var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	return Build("kyso/internal/pdfchild/kyso-pdf")
})

// Build compiles a program of this tree into the cache of its user and returns its path. All tests of a tree share one file, which
// changes as a whole: children of the one before go on.
func Build(of string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "kyso", fmt.Sprintf("test-%x", sha256.Sum256([]byte(root)))[:21])
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close() // and so unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(folder, filepath.Base(of))
	build := exec.CommandContext(context.Background(), "go", "build", "-o", path+".new", of)
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as make builds it
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", of, err, out)
	}
	return path, os.Rename(path+".new", path)
}

// moduleRoot is where go.mod lies: the folder of a test's package, or one above it.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("no go.mod above the folder of this test")
		}
		folder = above
	}
}
