package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// flowSigners is how many people sign in turn: making their keys is the sandbox's work, and done before.
const flowSigners = 50

func flowSigner(i int) string { return fmt.Sprintf("ICA.0790957%05d", i%flowSigners) }

// cpu is the processor time that was used, in seconds.
func cpu(who int) float64 {
	var used syscall.Rusage
	if syscall.Getrusage(who, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// idlers is how many people do not look at their phones.
const idlers = 2_000

func idler(i int) string { return fmt.Sprintf("ICA.0790958%05d", i%idlers) }

// residentMB is the resident memory of a process.
func residentMB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kb >> 10
		}
	}
	return 0
}
