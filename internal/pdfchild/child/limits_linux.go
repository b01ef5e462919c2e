package child

import (
	"fmt"
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
