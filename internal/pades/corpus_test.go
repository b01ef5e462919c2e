package pades_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

// TestCorpus signs every PDF that comes with pdfcpu's module, or those below the folder KYSO_CORPUS, and lets other
// programs judge the result. Each file is signed and accepted, or refused with a code.
func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	needTools(t, "pdfsig", "qpdf")
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
				t.Fatalf("%s is not installed (Debian: poppler-utils, qpdf)", name)
			}
			t.Skipf("%s is not installed (Debian: poppler-utils, qpdf)", name)
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
	start := time.Now()
	signed, report, err := signer.sign(data, pades.PrepareOptions{Reason: "Kiểm tra chữ ký số", Location: "Đà Nẵng"})
	r.took = time.Since(start)
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
	out.WriteString("| file | result | ms | bytes added |\n|---|---|---|---|\n")
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
		fmt.Fprintf(&out, "| %s | %s | %.2f | %d |\n", r.name, outcome, float64(r.took.Microseconds())/1000, r.increment)
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
	return out.String() + "\n"
}
