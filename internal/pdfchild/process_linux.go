package pdfchild

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// childAttributes gives the child a process group of its own, so that a terminal's signals pass it by, and lets
// the kernel end it with the parent.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// niceness is what a child in the background adds to that of its parent: it gets a tenth of a core that others want as well (sched(7)).
const niceness = 10

// yield gives every thread of a child, which leads a process group, the lower priority. Threads that it makes later inherit it.
func yield(child int) error {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	own = 20 - own // as the system call answers
	return syscall.Setpriority(syscall.PRIO_PGRP, child, min(own+niceness, 19))
}

// pathOf names an open program: what is started is this very file, even when another one took its name since.
func pathOf(program *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", program.Fd()) }

const (
	sysCloseRange  = 436 // the same number on every architecture
	closeRangeFlag = 4   // CLOSE_RANGE_CLOEXEC
)

// keepFiles sees to it that children inherit no open file. Go opens its own that way; what this process itself
// inherited, from a shell or a service manager, it would hand on.
var keepFiles = sync.OnceValue(func() error {
	_, _, errno := syscall.RawSyscall(sysCloseRange, 3, 1<<31-1, closeRangeFlag)
	if errno != 0 && errno != syscall.ENOSYS { // Linux before 5.11
		return fmt.Errorf("close_range: %w", errno)
	}
	return nil
})
