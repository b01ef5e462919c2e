package pades_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// TestCorpus signs every PDF that comes with pdfcpu's module, or those below the folder KYSO_CORPUS, and lets other
// programs judge the result. Each file is signed and accepted, or refused with a code.
func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	needTools(t, "pdfsig", "qpdf", "mutool", "pdftoppm")
	signer := newTestSigner(t)
	var files []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".pdf") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 400 && os.Getenv("KYSO_CORPUS") == "" {
		t.Fatalf("found %d files under %s, want hundreds", len(files), dir)
	}
	if testing.Short() {
		for i := range len(files) / 10 {
			files[i] = files[10*i]
		}
		files = files[:len(files)/10]
	}
	results := make([]corpusResult, len(files))
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2)
	work := t.TempDir()
	for i, path := range files {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = judgeFile(signer, path, filepath.Join(work, fmt.Sprintf("%d.pdf", i)))
			results[i].name = strings.TrimPrefix(path, dir+string(filepath.Separator))
		})
	}
	wait.Wait()
	table := corpusTable(results)
	t.Log("\n" + table)
	if name := os.Getenv("KYSO_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	signed := 0
	for _, r := range results {
		if r.fault != "" {
			t.Errorf("%s: %s", r.name, r.fault)
		}
		if r.code == "" {
			signed++
		}
	}
	if signed*10 < len(files)*9 && os.Getenv("KYSO_CORPUS") == "" {
		t.Errorf("only %d of %d files were signed", signed, len(files))
	}
}

// corpusResult is one line of the table.
type corpusResult struct {
	name, outcome, fault string
	code                 problem.Code // of a refusal
	took                 time.Duration
	increment            int
	earlier              int
	allocated            uint64 // bytes, by Inspect, Prepare and Embed together
	compared             int    // pages rendered before and after
}

// corpusDir returns the folder with pdfcpu's test files and samples.
func corpusDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KYSO_CORPUS"); dir != "" {
		return dir
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pdfcpu/pdfcpu").Output()
	if err != nil {
		t.Fatalf("finding pdfcpu's module: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "pkg")
}

// needTools skips when a judge is not installed, and fails in CI, where nothing may be left out.
func needTools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed (scripts/test-tools.sh installs it)", name)
			}
			t.Skipf("%s is not installed (scripts/test-tools.sh installs it)", name)
		}
	}
}

// judgeFile inspects, prepares and signs one file, writes it to out and asks the judges.
func judgeFile(signer *testSigner, path, out string) (r corpusResult) {
	data, err := os.ReadFile(path)
	if err != nil {
		r.fault = err.Error()
		return r
	}
	signed, report, err := r.measure(signer, data)
	if r.took > 10*time.Second {
		r.fault = fmt.Sprintf("took %v", r.took)
	}
	if err != nil {
		r.code, r.outcome = problem.CodeOf(err), "refused: "+err.Error()
		if r.code == problem.Internal {
			r.fault = err.Error()
		}
		return r
	}
	r.increment, r.earlier = len(signed)-len(data), report.Signatures
	if !bytes.HasPrefix(signed, data) {
		r.fault = "the original is not a prefix"
		return r
	}
	if err := os.WriteFile(out, signed, 0o600); err != nil {
		r.fault = err.Error()
		return r
	}
	defer os.Remove(out)
	if fault := judgeSignatures(path, out, report.Signatures); fault != "" {
		r.fault = fault
		return r
	}
	if fault := judgeWithMutool(path, out); fault != "" {
		r.fault = fault
		return r
	}
	if r.compared, err = samePixels(path, out, report); err != nil {
		r.fault = err.Error()
		return r
	}
	if before, after := qpdfCheck(path), qpdfCheck(out); after.worse(before) {
		r.fault = fmt.Sprintf("qpdf: before %v, after %v", before, after)
		return r
	}
	r.outcome = "signed, accepted"
	if r.earlier > 0 {
		r.outcome = fmt.Sprintf("signed, accepted, %d earlier unchanged", r.earlier)
	}
	return r
}

// measuring keeps signatures apart, so that what one allocates can be told.
var measuring sync.Mutex

func (r *corpusResult) measure(signer *testSigner, data []byte) ([]byte, *pades.Report, error) {
	measuring.Lock()
	defer measuring.Unlock()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	signed, report, err := signer.sign(data, pades.PrepareOptions{Reason: "Kiểm tra chữ ký số", Location: "Đà Nẵng"})
	r.took = time.Since(start)
	runtime.ReadMemStats(&after)
	r.allocated = after.TotalAlloc - before.TotalAlloc - uint64(len(signed)) // the whole file is this test's own copy
	return signed, report, err
}

// judgeWithMutool demands that MuPDF finds our signature whole and nothing after it. It says nothing of files whose pages it
// cannot find, and is wrong about those that do not begin with %PDF-: it leaves out what comes before and then looks for the
// signed ranges in the rest.
func judgeWithMutool(before, after string) string {
	out, err := exec.Command("mutool", "sign", "-v", after).CombinedOutput()
	if bytes.Contains(out, []byte("The document is unchanged since signing.")) {
		return ""
	}
	if _, unreadable := exec.Command("mutool", "pages", before).CombinedOutput(); unreadable != nil || junkFirst(before) {
		return ""
	}
	return fmt.Sprintf("mutool: %v %s", err, out[max(0, len(out)-300):])
}

// samePixels renders the first pages and the last one before and after, and demands that only a box of the size of a signature
// looks different. Poppler draws some soft masks otherwise once a page has an annotation; then MuPDF decides.
func samePixels(before, after string, report *pades.Report) (pages int, err error) {
	numbers := []int{report.Pages}
	for n := 1; n < report.Pages && n <= 3; n++ {
		numbers = append(numbers, n)
	}
	for _, n := range numbers {
		signed := n == report.Pages || samePage(before, n, report.Pages)
		drawn, fault := comparePage(before, after, n, signed, popplerDraw)
		if drawn && fault != nil {
			drawn, fault = comparePage(before, after, n, signed, mupdfDraw)
		}
		if fault != nil {
			return pages, fault
		}
		if drawn {
			pages++
		}
	}
	return pages, nil
}

// junkFirst reports whether a file begins with something else than its header.
func junkFirst(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var head [5]byte
	_, err = io.ReadFull(file, head[:])
	return err == nil && string(head[:]) != "%PDF-"
}

const dpi = 40

// samePage reports whether two places of the page tree hold one page object.
func samePage(path string, a, b int) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	f, err := pdf.Open(bytes.NewReader(data), int64(len(data)), pdf.Limits{})
	if err != nil {
		return false
	}
	one, err1 := f.Page(a)
	other, err2 := f.Page(b)
	return err1 == nil && err2 == nil && one != nil && other != nil && one.Ref == other.Ref
}

// comparePage reports whether a page could be drawn, and what is wrong with it.
func comparePage(before, after string, page int, signed bool, draw func(path, page string) []string) (drawn bool, fault error) {
	a, b := renderGray(draw(before, strconv.Itoa(page))), renderGray(draw(after, strconv.Itoa(page)))
	if a == nil {
		return false, nil
	}
	if b == nil || a.Rect != b.Rect {
		return true, fmt.Errorf("page %d has another size, or is not drawn any more", page)
	}
	box := difference(a, b)
	long, short := max(box.Dx(), box.Dy()), min(box.Dx(), box.Dy())
	if !signed && !box.Empty() || long > 203*dpi/72+3 || short > 67*dpi/72+3 {
		return true, fmt.Errorf("page %d looks different in %v", page, box)
	}
	return true, nil
}

func popplerDraw(path, page string) []string {
	return []string{"pdftoppm", "-q", "-gray", "-r", strconv.Itoa(dpi), "-f", page, "-l", page, path}
}

func mupdfDraw(path, page string) []string {
	return []string{"mutool", "draw", "-q", "-r", strconv.Itoa(dpi), "-c", "gray", "-F", "pgm", "-o", "-", path, page}
}

var pgmHeader = regexp.MustCompile(`^P5\s+(?:#.*\s+)*(\d+)\s+(\d+)\s+255\s`)

// renderGray runs a renderer that writes one page as PGM; nil when it cannot.
func renderGray(command []string) *image.Gray {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
	header := pgmHeader.FindSubmatch(out)
	if err != nil || header == nil {
		return nil
	}
	width, _ := strconv.Atoi(string(header[1]))
	height, _ := strconv.Atoi(string(header[2]))
	pixels := out[len(header[0]):]
	if len(pixels) < width*height {
		return nil
	}
	return &image.Gray{Pix: pixels, Stride: width, Rect: image.Rect(0, 0, width, height)}
}

// difference is the smallest rectangle outside which two pictures are equal.
func difference(a, b *image.Gray) (box image.Rectangle) {
	for y := range a.Rect.Dy() {
		rowA, rowB := a.Pix[y*a.Stride:][:a.Stride], b.Pix[y*b.Stride:][:b.Stride]
		if bytes.Equal(rowA, rowB) {
			continue
		}
		for x := range rowA {
			if rowA[x] != rowB[x] {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

var (
	pdfsigBlock   = regexp.MustCompile(`(?m)^Signature #\d+:`)
	pdfsigVerdict = regexp.MustCompile(`(?m)^  - (Signature Validation: .*|Signing Time: .*|Signer Certificate Common Name: .*)$`)
)

// pdfsig returns what it says of each signature.
func pdfsig(path string) []string {
	out, _ := exec.Command("pdfsig", "-nocert", path).CombinedOutput()
	blocks := pdfsigBlock.Split(string(out), -1)
	return blocks[1:]
}

// judgeSignatures demands that the newest signature is valid and covers the file, and that pdfsig says of the
// earlier ones what it said before.
func judgeSignatures(before, after string, earlier int) string {
	now := pdfsig(after)
	covering := 0
	for _, block := range now {
		if strings.Contains(block, "Signature is Valid.") && strings.Contains(block, "- Total document signed") {
			covering++
		}
	}
	if covering != 1 {
		return fmt.Sprintf("pdfsig finds %d valid signatures of the total document: %v", covering, now)
	}
	if earlier == 0 {
		return ""
	}
	kept := map[string]int{}
	for _, block := range now {
		kept[fmt.Sprint(pdfsigVerdict.FindAllString(block, -1))]++
	}
	for _, block := range pdfsig(before) {
		verdict := fmt.Sprint(pdfsigVerdict.FindAllString(block, -1))
		if kept[verdict]--; kept[verdict] < 0 {
			return "an earlier signature is judged otherwise than before: " + verdict
		}
	}
	return ""
}

// qpdfResult is what qpdf --check says: its exit code (0 clean, 3 warnings, 2 errors) and how many warnings.
type qpdfResult struct{ exit, warnings int }

func qpdfCheck(path string) qpdfResult {
	cmd := exec.Command("qpdf", "--check", path)
	out, _ := cmd.CombinedOutput()
	return qpdfResult{cmd.ProcessState.ExitCode(), bytes.Count(out, []byte("WARNING:"))}
}

func (r qpdfResult) worse(than qpdfResult) bool {
	severity := map[int]int{0: 0, 3: 1, 2: 2}
	return severity[r.exit] > severity[than.exit] || r.warnings > than.warnings
}

func corpusTable(results []corpusResult) string {
	sort.Slice(results, func(i, k int) bool { return results[i].name < results[k].name })
	var out strings.Builder
	counts := map[string]int{}
	out.WriteString("| file | result | ms | bytes added | KB allocated | pages compared |\n|---|---|---|---|---|---|\n")
	var longest time.Duration
	var most uint64
	compared := 0
	for _, r := range results {
		outcome := r.outcome
		if r.fault != "" {
			outcome = "FAULT: " + r.fault
		}
		kind, _, _ := strings.Cut(outcome, ":")
		if r.code != "" {
			kind = "refused: " + string(r.code)
		}
		counts[strings.SplitN(kind, ",", 3)[0]]++
		longest, most, compared = max(longest, r.took), max(most, r.allocated), compared+r.compared
		fmt.Fprintf(&out, "| %s | %s | %.2f | %d | %d | %d |\n", r.name, outcome, float64(r.took.Microseconds())/1000, r.increment, r.allocated>>10, r.compared)
	}
	out.WriteString("\n")
	kinds := make([]string, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	fmt.Fprintf(&out, "%d files", len(results))
	for _, kind := range kinds {
		fmt.Fprintf(&out, "; %s: %d", kind, counts[kind])
	}
	fmt.Fprintf(&out, "\nlongest %v; most allocated for one file %d MB; %d pages rendered before and after\n", longest.Round(time.Millisecond), most>>20, compared)
	return out.String()
}
