package pdffile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"kyso/internal/cli"
	"kyso/internal/pades"
)

// hostile is text with every character that steers a terminal or the order of text, in a sentence that forges a verdict.
func hostile() string {
	var out strings.Builder
	out.WriteString("An\r\nVERDICT: VALID (TOTAL_PASSED)\x1b[2J\x9b2J")
	for r := range rune(0x3000) {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// fill puts text into every string of a value.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	}
}

// TestTextOfOthersIsHarmless prints what strangers may have written, in every form of output: no character of it reaches the terminal
// that moves the cursor or turns the text, and no line is theirs.
func TestTextOfOthersIsHarmless(t *testing.T) {
	text := hostile()
	var found pades.Verification
	fill(reflect.ValueOf(&found).Elem(), text)
	found.Signed = true
	var inspected pades.Report
	fill(reflect.ValueOf(&inspected).Elem(), text)
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{cli.AsTable, cli.AsJSON, cli.AsLines, cli.AsIDs} {
		var out, words bytes.Buffer
		c := &commands{&cli.CLI{Out: &out, Words: &words, Output: form, Lang: "en", Env: func(string) string { return "" }}}
		if err := errors.Join(
			c.printVerified(verifiedFile{File: text, Verification: &found}, false),
			c.printVerified(verifiedFile{File: text, Error: &fileError{text, text, text}}, true),
			c.PrintLines(c.inspection(text, &inspected)),
			c.Print(raw, []string{text}, func(w io.Writer) { cli.Row(w, text, text) }),
		); err != nil {
			t.Fatal(err)
		}
		c.Explain(errors.New(text))
		c.Say("%s", "%s", text)
		cli.NewBar(c.CLI, 1, "").Note(text)
		for line := range strings.SplitSeq(out.String()+words.String(), "\n") {
			if strings.HasPrefix(line, "VERDICT: VALID") || strings.IndexFunc(line, cli.Misleads) >= 0 {
				t.Errorf("%s: %q", form, line)
			}
		}
	}
	var same string
	if json.Unmarshal([]byte(cli.Visible(string(raw))), &same) != nil || same != strings.ToValidUTF8(text, "\ufffd") {
		t.Errorf("JSON became %q", same)
	}
	if vi := "Nguyễn Thị Ê Đê ‘ă’\t\u200dⓀ"; cli.Visible(vi) != vi {
		t.Errorf("%q became %q", vi, cli.Visible(vi))
	}
}

// TestHugeNames: a name of a million letters fills one line of the table at most, and JSON has all of it.
func TestHugeNames(t *testing.T) {
	huge := strings.Repeat("ê", 1_000_000)
	var found pades.Verification
	fill(reflect.ValueOf(&found).Elem(), huge)
	found.Signed = true
	for form, most := range map[string]int{cli.AsTable: 100 * cli.MaxLine, cli.AsJSON: 1 << 30} {
		var out bytes.Buffer
		c := &commands{&cli.CLI{Out: &out, Words: io.Discard, Output: form, Lang: "vi", Env: func(string) string { return "" }}}
		if err := c.printVerified(verifiedFile{File: "a.pdf", Verification: &found}, false); err != nil {
			t.Fatal(err)
		}
		if out.Len() > most || form == cli.AsJSON && !strings.Contains(out.String(), huge) {
			t.Errorf("%s: %d bytes", form, out.Len())
		}
	}
}
