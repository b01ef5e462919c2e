package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"kyso/internal/process"
)

const idleName = "Idleness"

var registerIdleness = activity.RegisterOptions{Name: idleName}

func idleness(context.Context) error { return nil }

// BenchmarkKyso prints one table: what flows cost beside workflows that do nothing on the same engine, and what requests cost beside what
// they cannot do without. What is compared runs in turns, so that other load on the machine meets both. KYSO_FLOWS is how many signings
// make a turn (200, so that its beginning and its end, when fewer run at once, are a small part), registrations a quarter of it. A single
// part runs as BenchmarkKyso/many. KYSO_PROFILES names a folder for CPU profiles of engine, worker and API.
func BenchmarkKyso(b *testing.B) {
	began := time.Now()
	w, c := startBench(b)
	for i := range flowSigners {
		must(b, c.knobs(b.Context(), flowSigner(i), map[string]any{"decision": "approve"}))
	}
	t := &table{}
	n := setting("KYSO_FLOWS", 200)
	for _, part := range []struct {
		name string
		run  func(b *testing.B)
	}{
		{"signing", func(b *testing.B) {
			w.compareFlows(b, t, "signing, headless, B-LT", n, func(i int) string { return process.SigningWorkflowID(w.signsHeadless(b, c, flowSigner(i))) })
		}},
		{"registration", func(b *testing.B) {
			w.compareFlows(b, t, "registration, paid", n/4, func(i int) string {
				return process.RegistrationWorkflowID(w.registers(b, fmt.Sprintf("001302%06d", 900_000+i), "PS1"))
			})
		}},
		{"list", func(b *testing.B) { w.listBesideGets(b, t, c) }},
		{"upload", func(b *testing.B) { w.uploadBesideHashing(b, t) }},
		{"gets", func(b *testing.B) { w.getsBesideInspections(b, t, c) }},
		{"many", func(b *testing.B) { w.manyInOneCommand(b, t) }},
		{"parked", func(b *testing.B) { w.parkedBeside(b, t, c) }},
	} {
		b.Run(part.name, part.run)
	}
	t.notef("Ratio of rates: flows per second over those of the row, %d at once. A no-op of equal shape has as many processes, activities, local "+
		"activities, timers, signals and updates; it changes no search attributes, sets no markers and carries no data, so the difference is kyso's. "+
		"Sandbox, people: the outside parties and those who press buttons, which share the machine with what they measure; in the rows of no-ops, "+
		"their worker.", benchAtOnce)
	t.notef("The table took %.0f s.", time.Since(began).Seconds())
	fmt.Printf("\n%s\n", t) // a benchmark's log is cut after ten lines
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// table is what a benchmark prints.
type table struct {
	flows, rows, notes []string
}

func (t *table) rowf(what, format string, args ...any) {
	t.rows = append(t.rows, fmt.Sprintf("| %s | %s |", what, fmt.Sprintf(format, args...)))
}

func (t *table) notef(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *table) String() string {
	var out strings.Builder
	out.WriteString("| flow | per second | CPU of one, ms | engine | worker | API | PDF processes | PostgreSQL | sandbox, people | ratio of rates | ratio of CPU without PDF and sandbox |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	out.WriteString(strings.Join(t.flows, "\n"))
	if len(t.rows) > 0 {
		out.WriteString("\n\n| what | figure |\n|---|---|\n" + strings.Join(t.rows, "\n"))
	}
	return out.String() + "\n\n" + strings.Join(t.notes, "\n")
}

// measured is what n flows took.
type measured struct {
	n    int
	took time.Duration
	used usage
}

func (m measured) plus(o measured) measured {
	return measured{m.n + o.n, m.took + o.took, m.used.plus(o.used)}
}

func (m measured) perSecond() float64 { return float64(m.n) / max(m.took.Seconds(), 1e-9) }

// each is the processor time of one flow, in milliseconds.
func (m measured) each(seconds float64) float64 { return seconds * 1000 / float64(max(m.n, 1)) }

func (m measured) row(name string, ratio, cpuRatio string) string {
	u := m.used
	return fmt.Sprintf("| %s | %.1f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %s | %s |", name, m.perSecond(), m.each(u.total()), m.each(u.engine), m.each(u.worker),
		m.each(u.api), m.each(u.pdf), m.each(u.database), m.each(u.here), ratio, cpuRatio)
}

// turns is how often each side of a comparison runs.
const turns = 2

// benchAtOnce is how many flows run at the same time: enough for people and polls not to be what is waited for.
const benchAtOnce = 30

// turn runs n flows, many at once.
func (w *benchWorld) turn(n int, flow func(i int)) measured {
	before, began := w.used(), time.Now()
	next := make(chan int)
	var all sync.WaitGroup
	for range min(n, benchAtOnce) {
		all.Go(func() {
			for i := range next {
				flow(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return measured{n, time.Since(began), w.used().minus(before)}
}

// compareFlows runs a flow, workflows that do nothing in the shapes of its processes, and workflows of six activities, in turns.
func (w *benchWorld) compareFlows(b *testing.B, t *table, name string, n int, flow func(i int) string) {
	b.Helper()
	y := newYardstick(b, w)
	started := 0
	w.turn(8, func(i int) { flow(1000*n + i) }) // caches and pollers
	shapes := w.shapesOf(b, func() string { return flow(999 * n) })
	var ours, same, six measured
	for range turns {
		at := started
		ours = ours.plus(w.turn(n, func(i int) { flow(at + i) }))
		started += n
		same = same.plus(w.turn(n, func(i int) { y.run(b, y.n+i, shapes...) }))
		y.n += n
		six = six.plus(w.turn(n, func(i int) { y.run(b, y.n+i, sixActivities) }))
		y.n += n
	}
	// The no-op's worker is in this process.
	compared := func(m measured) (string, string) {
		return fmt.Sprintf("%.2f", ours.perSecond()/m.perSecond()),
			fmt.Sprintf("%.2f", ours.each(ours.used.total()-ours.used.pdf-ours.used.here)/m.each(m.used.total()))
	}
	r1, c1 := compared(same)
	r2, c2 := compared(six)
	t.flows = append(t.flows, ours.row(name, "", ""), same.row("no-op of equal shape", r1, c1), six.row("no-op of six activities", r2, c2))
	s, own := together(shapes), shapes[0]
	t.notef("%s: %d events and %d bytes in its own history; in all %d processes %d events, %d bytes, %d workflow tasks; %s; %d other markers, "+
		"%d changes of search attributes.", name, own.Events, own.Bytes, len(shapes), s.Events, s.Bytes, s.Tasks, s, s.Markers, s.Searches)
}

// medianOf runs something several times.
func medianOf(n int, do func()) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		do()
		took[i] = time.Since(began)
	}
	return median(took)
}

// listBesideGets compares a page of 50 signings with single ones.
func (w *benchWorld) listBesideGets(b *testing.B, t *table, c *client) {
	b.Helper()
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	get := func(path string, out any) { must(b, c.do(b.Context(), http.MethodGet, c.api+path, "", nil, out)) }
	get("/v1/signings?limit=50", &page)
	if len(page.Items) != 50 {
		t.notef("The page of 50 signings has %d: KYSO_FLOWS is small.", len(page.Items))
	}
	var lists, gets []time.Duration
	var listCPU, getCPU float64
	for range 20 { // turns
		before := w.used()
		lists = append(lists, medianOf(5, func() { get("/v1/signings?limit=50", nil) }))
		between := w.used()
		gets = append(gets, medianOf(50, func() { get("/v1/signings/"+page.Items[len(gets)%len(page.Items)].ID, nil) }))
		listCPU, getCPU = listCPU+between.minus(before).api/5, getCPU+w.used().minus(between).api/50
	}
	t.rowf("a list of 50 signings in single GETs", "%.1f (CPU of the API: %.1f); a GET takes %.2f ms", float64(median(lists))/float64(median(gets)), listCPU/getCPU, ms(median(gets)))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// uploadBesideHashing compares an upload of 10 MB with hashing the same bytes.
func (w *benchWorld) uploadBesideHashing(b *testing.B, t *table) {
	b.Helper()
	pdf := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("kyso "), 2<<20)...)
	var uploads, hashes []time.Duration
	before := w.used()
	for i := range 12 {
		uploads = append(uploads, medianOf(1, func() {
			_, err := w.uploads(b.Context(), fmt.Sprintf("lớn %d.pdf", i), pdf)
			must(b, err)
		}))
		hashes = append(hashes, medianOf(3, func() { _ = sha256.Sum256(pdf) }))
	}
	used := w.used().minus(before)
	t.rowf("an upload of 10 MB beside hashing it", "%.1f (%.0f ms; CPU of the API: %.1f)", float64(median(uploads))/float64(median(hashes)), ms(median(uploads)),
		used.api/12/median(hashes).Seconds())
}

// getsBesideInspections compares GETs on an idle API with those while one caller has twenty inspections wait.
func (w *benchWorld) getsBesideInspections(b *testing.B, t *table, c *client) {
	b.Helper()
	pdf, err := samplePDF()
	must(b, err)
	d, err := w.uploads(b.Context(), testFile, pdf)
	must(b, err)
	gets := func(n int) []time.Duration {
		took := make([]time.Duration, n)
		for i := range took {
			began := time.Now()
			must(b, c.do(b.Context(), http.MethodGet, c.api+"/v1/documents/"+d.ID, "", nil, nil))
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		return took
	}
	gets(50)
	idle := gets(500)
	ctx, stop := context.WithCancel(b.Context())
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			for ctx.Err() == nil {
				// Some are refused when too many wait, which is an answer as well.
				_ = c.do(ctx, http.MethodGet, c.api+"/v1/documents/"+d.ID+"/inspection", "", nil, nil)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	busy := gets(500)
	stop()
	callers.Wait()
	t.rowf("p99 of a GET beside 20 waiting inspections", "%.1f × idle (%.1f ms; idle %.1f ms); median %.1f × idle", float64(busy[495])/float64(idle[495]), ms(busy[495]), ms(idle[495]),
		float64(busy[250])/float64(idle[250]))
}

// manyInOneCommand signs KYSO_MANY documents (1,000) with one command of the real program.
func (w *benchWorld) manyInOneCommand(b *testing.B, t *table) {
	b.Helper()
	count, folder := setting("KYSO_MANY", 1000), b.TempDir()
	starter := filepath.Join(folder, "kyso")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", starter, "..").CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	pdf, err := samplePDF()
	must(b, err)
	args := []string{"sign", "--out", filepath.Join(folder, "signed"), "--user", flowSigner(0)}
	for i := range count {
		file := filepath.Join(folder, fmt.Sprintf("hợp đồng %04d.pdf", i))
		must(b, os.WriteFile(file, append(bytes.Clone(pdf), fmt.Sprintf("%% %d\n", i)...), 0o600))
		args = append(args, file)
	}
	cmd := exec.CommandContext(b.Context(), starter, args...)
	cmd.Env = append(os.Environ(), "KYSO_URL="+w.Addresses.API, "KYSO_API_KEY="+w.Addresses.APIKey, "KYSO_LANG=en")
	before, began := w.used(), time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	m := measured{count, time.Since(began), w.used().minus(before)}
	own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	t.rowf(fmt.Sprintf("%d documents in one command", count), "%.1f per second; CPU of one %.0f ms: engine %.0f, worker %.0f, API %.0f, PDF processes %.0f, sandbox %.0f, command %.1f",
		m.perSecond(), m.each(m.used.total()+own.Seconds()), m.each(m.used.engine), m.each(m.used.worker), m.each(m.used.api), m.each(m.used.pdf), m.each(m.used.here), m.each(own.Seconds()))
}

func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // a map of texts
	}
	return text
}
