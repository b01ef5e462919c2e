package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode"

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
	for _, form := range []string{asTable, asJSON, asLines, asIDs} {
		var out, words bytes.Buffer
		c := &cli{out: &out, words: &words, output: form, lang: "en", env: func(string) string { return "" }}
		if err := errors.Join(
			c.printVerified(verifiedFile{File: text, Verification: &found}, false),
			c.printVerified(verifiedFile{File: text, Error: &fileError{text, text, text}}, true),
			c.printLines(c.inspection(text, &inspected)),
			c.print(raw, []string{text}, func(w io.Writer) { row(w, text, text) }),
		); err != nil {
			t.Fatal(err)
		}
		c.explain(errors.New(text))
		c.say("%s", "%s", text)
		(&bar{words: &words, redraws: false}).note(text)
		for line := range strings.SplitSeq(out.String()+words.String(), "\n") {
			if strings.HasPrefix(line, "VERDICT: VALID") || strings.IndexFunc(line, misleads) >= 0 {
				t.Errorf("%s: %q", form, line)
			}
		}
	}
	var same string
	if json.Unmarshal([]byte(visible(string(raw))), &same) != nil || same != strings.ToValidUTF8(text, "\ufffd") {
		t.Errorf("JSON became %q", same)
	}
	if vi := "Nguyễn Thị Ê Đê ‘ă’\t\u200dⓀ"; visible(vi) != vi {
		t.Errorf("%q became %q", vi, visible(vi))
	}
}

// TestHugeNames: a name of a million letters fills one line of the table at most, and JSON has all of it.
func TestHugeNames(t *testing.T) {
	huge := strings.Repeat("ê", 1_000_000)
	var found pades.Verification
	fill(reflect.ValueOf(&found).Elem(), huge)
	found.Signed = true
	for form, most := range map[string]int{asTable: 100 * maxLine, asJSON: 1 << 30} {
		var out bytes.Buffer
		c := &cli{out: &out, words: io.Discard, output: form, lang: "vi", env: func(string) string { return "" }}
		if err := c.printVerified(verifiedFile{File: "a.pdf", Verification: &found}, false); err != nil {
			t.Fatal(err)
		}
		if out.Len() > most || form == asJSON && !strings.Contains(out.String(), huge) {
			t.Errorf("%s: %d bytes", form, out.Len())
		}
	}
}
