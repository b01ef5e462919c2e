//go:build !linux

package pdfchild

import (
	"os"
	"syscall"
)

// setLimits does nothing: outside Linux, where kyso is developed and not run, the stack limit, the wall clock and
// the soft memory limit have to do.
func setLimits(_, _ uint64) error { return nil }

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func yield(int) error { return nil }

func executable() (string, error) { return os.Executable() }

func keepFiles() error { return nil }
