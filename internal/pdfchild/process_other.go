//go:build !linux

package pdfchild

import (
	"os"
	"syscall"
)

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func yield(int) error { return nil }

func pathOf(program *os.File) string { return program.Name() }

func keepFiles() error { return nil }
