package main

import "syscall"

// ownGroup lets a child not hear the terminal's Ctrl-C, and die with this process however that ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
