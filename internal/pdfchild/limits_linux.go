package pdfchild

import (
	"fmt"
	"sync"
	"syscall"
)

// maxFiles leaves room for the three pipes and what the Go runtime opens for itself.
const maxFiles = 16

// setLimits limits this process, and can be called again for a new allowance of CPU time.
//
// Memory is limited by RLIMIT_DATA and not by RLIMIT_AS: the Go runtime reserves address space by the gigabyte
// that it never uses. RLIMIT_NPROC is left alone: it counts the threads of the whole user, so that a small value
// would hit the runtime of this process first.
func setLimits(memory, cpuSeconds uint64) error {
	if raceEnabled { // the race detector maps terabytes
		memory = 0
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return fmt.Errorf("getrusage: %w", err)
	}
	used := uint64(usage.Utime.Sec+usage.Stime.Sec) + 1
	for _, limit := range []struct {
		name     string
		resource int
		value    uint64
		soft     bool // to be raised again by the next call
	}{
		{"core", syscall.RLIMIT_CORE, 0, false},
		{"file size", syscall.RLIMIT_FSIZE, 0, false},
		{"files", syscall.RLIMIT_NOFILE, maxFiles, false},
		{"data", syscall.RLIMIT_DATA, memory, false},
		{"CPU", syscall.RLIMIT_CPU, used + cpuSeconds, true},
	} {
		if limit.resource == syscall.RLIMIT_DATA && memory == 0 {
			continue
		}
		if err := lower(limit.resource, limit.value, limit.soft); err != nil {
			return fmt.Errorf("limit of %s: %w", limit.name, err)
		}
	}
	return nil
}

// lower sets a limit, never above the hard one that is there.
func lower(resource int, value uint64, soft bool) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(resource, &now); err != nil {
		return err
	}
	next := syscall.Rlimit{Cur: min(value, now.Max), Max: min(value, now.Max)}
	if soft {
		next.Max = now.Max
	}
	return syscall.Setrlimit(resource, &next)
}

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

// executable is this very program, even when its file was replaced by a newer one since.
func executable() (string, error) { return "/proc/self/exe", nil }

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
