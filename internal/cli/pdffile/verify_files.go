package pdffile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"kyso/internal/cli"
	"kyso/internal/finding"
	"kyso/internal/pades"
	"kyso/internal/problem"
)

// stdinPDF stands for a PDF that comes through a pipe, as - does for ids in other commands.
const stdinPDF = "-"

// maxStdin bounds what is taken from a pipe: it waits on disk.
const maxStdin = 1 << 30

// Outcomes of a file that has no verdict.
const (
	unsigned   = "UNSIGNED"
	unreadable = "UNREADABLE"
)

// verifiedFile is one file with its report, or with the reason why there is none.
type verifiedFile struct {
	File string `json:"file"`
	*pades.Verification
	Error *fileError `json:"error,omitempty"`
}

// fileError says why a file could not be read.
type fileError struct {
	Code string `json:"code"`
	VI   string `json:"vi"`
	EN   string `json:"en"`
}

// Error implements error.
func (e *fileError) Error() string { return e.EN }

func (f *verifiedFile) fail(err error) {
	if err == nil {
		return
	}
	f.Verification = nil
	if said, ok := errors.AsType[*fileError](err); ok {
		f.Error = said
		return
	}
	code := problem.CodeOf(err)
	text := code.Text()
	if e, ok := errors.AsType[*problem.Error](err); ok && e.VI != "" { // it names the limit
		text.VI, text.EN = e.VI, e.Message
	}
	f.Error = &fileError{Code: string(code), VI: text.VI, EN: text.EN}
}

// outcome is the verdict, or why there is none.
func (f *verifiedFile) outcome() string {
	switch {
	case f.Error != nil:
		return unreadable
	case !f.Signed:
		return unsigned
	}
	return string(f.Verdict)
}

// covered reports whether a signature lies over what was signed before it. Each signature is valid then: no verdict says it.
func (f verifiedFile) covered() bool {
	return f.Verification != nil && slices.ContainsFunc(f.Signatures, func(s pades.SignatureReport) bool {
		return slices.ContainsFunc(s.Findings, func(found finding.Finding) bool {
			return found.Code == pades.CoversSigned || found.Code == pades.CoversSignature
		})
	})
}

// worst lists outcomes with their exit codes, the worst first.
var worst = []struct {
	outcome string
	code    int
}{
	{string(pades.TotalFailed), cli.ExitFailed},
	{unreadable, cli.ExitUnreadable},
	{unsigned, cli.ExitUnsigned},
	{string(pades.Indeterminate), cli.ExitIndeterminate},
}

// verdicts is what became of all files.
type verdicts struct {
	several bool
	strict  bool // what is signed over is no success
	files   []verifiedFile
}

func (v *verdicts) add(f verifiedFile) { v.files = append(v.files, f) }

func (v *verdicts) number(outcome string) int {
	n := 0
	for i := range v.files {
		if v.files[i].outcome() == outcome {
			n++
		}
	}
	return n
}

func (v *verdicts) exit() int {
	for _, bad := range worst {
		if v.number(bad.outcome) > 0 {
			return bad.code
		}
	}
	if v.strict && slices.ContainsFunc(v.files, verifiedFile.covered) {
		return cli.ExitCovered
	}
	return cli.ExitOK
}

// pdfFile is a file, or a copy of stdin that goes with it.
type pdfFile struct {
	fileSource
	temporary bool
}

// Close removes what was made for it.
func (f pdfFile) Close() error {
	err := f.File.Close()
	if f.temporary {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// openPDF opens a file, or takes one from stdin. Its errors say in both languages what is wrong.
func (c *commands) openPDF(path string) (pdfFile, error) {
	if path == stdinPDF {
		return c.spool()
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pdfFile{}, &fileError{"no-file", "không có tệp này", "there is no such file"}
	case err != nil:
		return pdfFile{}, &fileError{"no-access", "không mở được tệp", "the file cannot be opened"}
	case info.IsDir():
		return pdfFile{}, &fileError{"is-a-folder", "đây là thư mục; hãy chỉ ra từng tệp PDF trong đó", "it is a folder; name the PDF files in it"}
	case !info.Mode().IsRegular():
		return pdfFile{}, &fileError{"not-a-file", "đây không phải là tệp thường; hãy đưa nội dung qua đường ống với -", "it is no regular file; pipe its content to -"}
	}
	source, err := openFile(path)
	if err != nil {
		return pdfFile{}, &fileError{"no-access", "không mở được tệp", "the file cannot be opened"}
	}
	return pdfFile{source, false}, nil
}

// spool writes stdin to a temporary file, because a PDF is read from its end.
func (c *commands) spool() (pdfFile, error) {
	file, err := os.CreateTemp("", "kyso-verify-*.pdf")
	if err != nil {
		return pdfFile{}, &fileError{"no-space", "không tạo được tệp tạm cho dữ liệu từ đường ống", "no temporary file can be made for what is piped in"}
	}
	out := pdfFile{fileSource{file, 0}, true}
	out.size, err = io.Copy(file, io.LimitReader(c.In, maxStdin+1))
	switch {
	case err != nil:
		err = &fileError{"stdin-broken", "không đọc hết được dữ liệu từ đường ống", "what is piped in cannot be read to its end"}
	case out.size > maxStdin:
		err = &fileError{"stdin-too-large", "dữ liệu từ đường ống vượt quá 1 GiB; hãy chỉ ra tên tệp", "more than 1 GiB is piped in; name the file instead"}
	case out.size == 0:
		err = &fileError{"stdin-empty", "không có dữ liệu nào từ đường ống", "nothing is piped in"}
	}
	if err != nil {
		_ = out.Close() // it was only a copy
		return pdfFile{}, err
	}
	return out, nil
}

// printVerified writes the report of one file, as far as the form allows it before the last one is there.
func (c *commands) printVerified(f verifiedFile, several bool) error {
	if f.Error != nil {
		c.Say("Lỗi: %s: %s (%s)", "Error: %s: %s (%s)", f.File, c.Text(f.Error.VI, f.Error.EN), f.Error.Code)
	}
	switch c.Output {
	case cli.AsIDs:
		return c.PrintLines([]string{f.outcome() + "\t" + f.File})
	case cli.AsLines:
		return c.PrintJSON(f)
	case cli.AsJSON:
		if !several && f.Error == nil {
			return c.PrintJSON(f.Verification)
		}
		return nil // of several, all are printed at the end
	}
	lines := []string{f.File, c.Text("KẾT LUẬN: KHÔNG ĐỌC ĐƯỢC TỆP", "VERDICT: THE FILE CANNOT BE READ") + " (" + unreadable + ")"}
	if f.Error == nil {
		lines = cli.Shortened(c.report(f.File, f.Verification))
	}
	if several {
		lines = append(lines, "")
	}
	return c.PrintLines(lines)
}

// printTally ends the output for several files.
func (c *commands) printTally(v *verdicts) error {
	switch {
	case !v.several:
		return nil
	case c.Output == cli.AsJSON:
		return c.PrintJSON(v.files)
	case c.Output != cli.AsTable:
		return nil
	}
	return c.PrintLines([]string{fmt.Sprintf(c.Text("%d tệp: %d hợp lệ, %d không hợp lệ, %d chưa đủ căn cứ, %d không có chữ ký, %d không đọc được",
		"%d files: %d valid, %d invalid, %d cannot be determined, %d not signed, %d cannot be read"), len(v.files),
		v.number(string(pades.TotalPassed)), v.number(string(pades.TotalFailed)), v.number(string(pades.Indeterminate)), v.number(unsigned), v.number(unreadable))})
}

func count(list []string, item string) int {
	n := 0
	for _, one := range list {
		if one == item {
			n++
		}
	}
	return n
}
