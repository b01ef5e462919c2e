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
	"strconv"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// othersRow is what three programs say of one signature.
type othersRow struct {
	file, field string
	report      pades.SignatureReport
	pdfsig      string // "" when pdfsig does not list it
	mutool      string
}

// TestSignaturesOfOthers holds our verdict on every signature in the samples of pdfcpu, or in the signed files below the folder
// KYSO_CORPUS, against those of pdfsig and MuPDF. A verifier that cries forgery at honest files is worse than none: where we say
// TOTAL_FAILED and another says valid, the reason must stand in explained; where another finds other bytes, so must we.
func TestSignaturesOfOthers(t *testing.T) {
	needTools(t, "pdfsig", "mutool")
	dir := corpusDir(t)
	var rows []othersRow
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pdf") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte("ByteRange")) {
			return err
		}
		found, err := judgeOthers(path, data)
		if err != nil {
			t.Logf("%s: %v", path, err)
		}
		for _, row := range found {
			row.file = strings.TrimPrefix(path, dir+string(filepath.Separator))
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 5 {
		t.Fatalf("only %d signatures were found under %s", len(rows), dir)
	}
	table := othersTable(rows)
	t.Log("\n" + table)
	if name := os.Getenv("KYSO_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range rows {
		checkFindings(t, &pades.Verification{Signatures: []pades.SignatureReport{row.report}})
		if why := row.disagrees(); why != "" && os.Getenv("KYSO_CORPUS") == "" {
			t.Errorf("%s, %s: %s: %q", row.file, row.field, why, row.report.Problems)
		}
	}
}

// disagrees says where the judges contradict each other about what was signed; whom to trust is another question.
func (r *othersRow) disagrees() string {
	valid := r.pdfsig == "Signature is Valid." || strings.HasPrefix(r.mutool, "The document is unchanged") || strings.HasPrefix(r.mutool, "The signature is valid")
	invalid := r.pdfsig == "Signature is Invalid." || r.pdfsig == "Digest Mismatch."
	switch {
	case r.report.Verdict == pades.TotalFailed && valid:
		return "we say TOTAL_FAILED, another says valid"
	case r.report.Intact && invalid && !valid:
		return "we say intact, another says invalid"
	}
	return ""
}

// judgeOthers asks all three about one file.
func judgeOthers(path string, data []byte) ([]othersRow, error) {
	f, err := pdf.Open(bytes.NewReader(data), int64(len(data)), pdf.Limits{})
	if err != nil || f.Locked() {
		return nil, err
	}
	fields, err := f.SignatureFields()
	if err != nil {
		return nil, err
	}
	v, err := pades.Verify(bytes.NewReader(data), pades.VerifyOptions{Now: time.Now()})
	if err != nil {
		return nil, err
	}
	poppler, mupdf := pdfsigByRange(path), mutoolByObject(path)
	objects := map[string]int{}
	for _, field := range fields {
		objects[field.Name] = field.Ref.Num
	}
	var rows []othersRow
	for _, report := range v.Signatures {
		rows = append(rows, othersRow{field: report.Field, report: report,
			pdfsig: poppler[report.ByteRange], mutool: mupdf[objects[report.Field]]})
	}
	return rows, nil
}

var (
	pdfsigRanges = regexp.MustCompile(`Signed Ranges: \[(\d+) - (\d+)\], \[(\d+) - (\d+)\]`)
	pdfsigValid  = regexp.MustCompile(`Signature Validation: (.*)`)
	mutoolStart  = regexp.MustCompile(`(?m)^Verifying signature (\d+):$`)
)

// pdfsigByRange is what pdfsig says of the signatures of a file, by their /ByteRange.
func pdfsigByRange(path string) map[[4]int64]string {
	out := map[[4]int64]string{}
	for _, block := range pdfsig(path) {
		numbers, verdict := pdfsigRanges.FindStringSubmatch(block), pdfsigValid.FindStringSubmatch(block)
		if numbers == nil || verdict == nil {
			continue
		}
		var r [4]int64
		for i, text := range numbers[1:] {
			r[i], _ = strconv.ParseInt(text, 10, 64)
		}
		out[[4]int64{r[0], r[1], r[2], r[3] - r[2]}] = verdict[1]
	}
	return out
}

// mutoolByObject is what MuPDF says, by the object number of the field.
func mutoolByObject(path string) map[int]string {
	text, _ := exec.Command("mutool", "sign", "-v", path).CombinedOutput()
	out := map[int]string{}
	starts := mutoolStart.FindAllSubmatchIndex(text, -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		num, _ := strconv.Atoi(string(text[at[2]:at[3]]))
		for line := range strings.SplitSeq(string(text[at[1]:end]), "\n") {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "Distinguished name") && !strings.HasPrefix(line, "Certificate error") {
				out[num] = line
			}
		}
	}
	return out
}

func othersTable(rows []othersRow) string {
	sort.SliceStable(rows, func(i, k int) bool { return rows[i].file < rows[k].file })
	var out strings.Builder
	out.WriteString("| file | field | kyso | intact | later changes | pdfsig | mutool | disagreement | problems |\n|---|---|---|---|---|---|---|---|---|\n")
	counts, disagree := map[string]int{}, 0
	for _, r := range rows {
		verdict := string(r.report.Verdict) + " " + r.report.SubIndication
		counts[verdict]++
		why := r.disagrees()
		if why != "" {
			disagree++
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %v | %s | %s | %s | %s | %s |\n", r.file, r.field, verdict, r.report.Intact,
			r.report.LaterChanges, r.pdfsig, r.mutool, why, strings.Join(r.report.Problems, " "))
	}
	fmt.Fprintf(&out, "\n%d signatures, %d disagreements\n", len(rows), disagree)
	kinds := make([]string, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(&out, "%s: %d\n", kind, counts[kind])
	}
	return out.String()
}
