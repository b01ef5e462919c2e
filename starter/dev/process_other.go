//go:build !linux

package main

import "syscall"

// ownGroup lets a child not hear the terminal's Ctrl-C. Only Linux can also let it die with this process.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
