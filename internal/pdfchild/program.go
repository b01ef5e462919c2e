package pdfchild

import (
	"fmt"
	"os"
	"path/filepath"
)

// programName is the program of the children.
const programName = "kyso-pdf"

// open returns the program that children are started from. It stays open: one that takes its name later, at an upgrade, belongs to
// another release.
func (r *Runner) open() (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		return r.file, nil
	}
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	if r.file, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("%w: the program %s has to be in the folder of this program, or KYSO_PDF_PROGRAM has to name it", err, programName)
	}
	return r.file, nil
}

func (r *Runner) path() (string, error) {
	if r.Program != "" {
		return filepath.Abs(r.Program)
	}
	own, err := os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return "", fmt.Errorf("finding the folder of this program: %w", err)
	}
	return filepath.Join(filepath.Dir(own), programName), nil
}
