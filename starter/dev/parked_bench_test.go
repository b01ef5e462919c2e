package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kyso/internal/apiclient"
)

// flowSigners is how many people sign in turn: making their keys is the sandbox's work, and done before.
const flowSigners = 50

func flowSigner(i int) string { return fmt.Sprintf("ICA.0790957%05d", i%flowSigners) }

// signers makes people whose phones approve by themselves.
func (w *World) signers(b *testing.B, c *client, n int) {
	b.Helper()
	for i := range n {
		must(b, c.knobs(context.Background(), flowSigner(i), map[string]any{"decision": "approve"}))
	}
}

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

// BenchmarkParked fills a world with signings that wait for phones, KYSO_PARKED of them (3,000 when not set), and prints what
// they cost: memory of the worker and of the rest, and how long a new signing takes beside an empty server.
func BenchmarkParked(b *testing.B) {
	parked := 3_000
	if n, err := strconv.Atoi(os.Getenv("KYSO_PARKED")); err == nil {
		parked = n
	}
	data := b.TempDir()
	w, err := Start(context.Background(), Options{Data: data, NoWorker: true, SandboxInMemory: true})
	must(b, err)
	defer func() { must(b, w.Close()) }()
	p, err := startWorkerProcess(context.Background(), data)
	must(b, err)
	defer p.kill()
	c := newClient(w.Addresses)
	pdf, err := samplePDF()
	must(b, err)
	uploaded, err := c.upload(context.Background(), testFile, bytes.NewReader(pdf))
	must(b, err)
	w.signers(b, c, flowSigners)
	w.newFlows(b, c, "warm-up", 20)
	w.newFlows(b, c, "empty", 200)
	b.Logf("memory when empty: worker %d MB, server, API and sandbox %d MB", residentMB(p.cmd.Process.Pid), residentMB(os.Getpid()))
	for i := range idlers {
		must(b, c.knobs(context.Background(), idler(i), map[string]any{"decision": "never", "window_s": 86_400}))
	}
	began := time.Now()
	var ids sync.Map
	inParallel(parked, func(i int) bool {
		s, err := c.sign(context.Background(), apiclient.SigningRequest{User: idler(i), Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: &apiclient.Placement{}}}})
		must(b, err)
		ids.Store(s.ID, true)
		if (i+1)%1000 == 0 {
			b.Logf("%d started after %.0f s", i+1, time.Since(began).Seconds())
		}
		return true
	})
	for n := 0; n < parked; time.Sleep(time.Second) {
		n = 0
		ids.Range(func(id, _ any) bool {
			s, err := c.signing(context.Background(), id.(string))
			must(b, err)
			if s.Status != "awaiting-approval" {
				return false
			}
			ids.Delete(id)
			return true
		})
		ids.Range(func(any, any) bool { n--; return true })
		n += parked
	}
	b.Logf("%d wait for their phones after %.0f s", parked, time.Since(began).Seconds())
	b.Logf("memory with %d parked: worker %d MB, server, API and sandbox %d MB; Temporal's database %d MB", parked, residentMB(p.cmd.Process.Pid),
		residentMB(os.Getpid()), size(b, filepath.Join(data, "temporal.db"))>>20)
	idleCPU(b, p.cmd.Process.Pid)
	w.newFlows(b, c, "beside the parked", 200)
}

// idlers is how many people do not look at their phones.
const idlers = 2_000

func idler(i int) string { return fmt.Sprintf("ICA.0790958%05d", i%idlers) }

// idleCPU prints how much of a core waiting takes.
func idleCPU(b *testing.B, worker int) {
	const over = 30 * time.Second
	own, others := cpu(syscall.RUSAGE_SELF), processCPU(worker)
	time.Sleep(over)
	b.Logf("waiting takes %.2f cores: %.2f of them in the worker", (cpu(syscall.RUSAGE_SELF)-own+processCPU(worker)-others)/over.Seconds(),
		(processCPU(worker)-others)/over.Seconds())
}

// processCPU is the processor time of another process, in seconds.
func processCPU(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // ticks of 10 ms
}

// newFlows signs n times, two at once, and prints how long one takes from the request to the signed file.
func (w *World) newFlows(b *testing.B, c *client, when string, n int) {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var two sync.WaitGroup
	for half := range 2 {
		two.Go(func() {
			for i := half; i < n; i += 2 {
				began := time.Now()
				w.signsHeadless(b, c, flowSigner(i))
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	two.Wait()
	slices.Sort(took)
	b.Logf("a new signing, %s: median %.2f s, p99 %.2f s", when, took[n/2].Seconds(), took[n*99/100].Seconds())
}

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

func size(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	must(b, err)
	return info.Size()
}
