package pades_test

import (
	"bytes"
	"fmt"
	"testing"

	"kyso/internal/pades"
)

// evilText is page content that nobody signed.
const evilText = "BT /F1 30 Tf 60 400 Td (999.999.999) Tj ET"

// evilNum is the object that holds it in the files of this test.
const evilNum = 6

// moveEntry writes another offset and generation into the row of an object in the first table of a file.
func moveEntry(t *testing.T, file []byte, num, offset, generation int) []byte {
	t.Helper()
	old := fmt.Sprintf("%010d 00000 n\r\n", bytes.Index(file, fmt.Appendf(nil, "\n%d 0 obj\n", num))+1)
	if bytes.Count(file, []byte(old)) != 1 {
		t.Fatalf("no row %q", old)
	}
	return bytes.Replace(file, []byte(old), fmt.Appendf(nil, "%010d %05d n\r\n", offset, generation), 1)
}

// inObjectStream is a file of a page whose font lies, by a cross-reference stream, in object stream 50, which is not there.
func inObjectStream(t *testing.T) []byte {
	t.Helper()
	file := onePage("/Resources<</Font<</F1 7 0 R>>>>", "")
	prev := bytes.Index(file, []byte("xref\n"))
	at := len(file)
	return fmt.Appendf(file, "60 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n",
		stream(fmt.Sprintf("/Type/XRef/W[1 2 1]/Index[7 1]/Size 99/Root 1 0 R/Prev %d", prev), "\x02\x00\x32\x00"), at)
}

// longTable is a file of a page with content that no entry leads to, by a cross-reference stream that goes on for length bytes; its
// last row is that of the content.
func longTable(length int) []byte {
	file := onePage("/Contents[4 0 R 6 0 R]", "")
	prev, at := bytes.Index(file, []byte("xref\n")), len(file)
	rows := (length - 8) / 8
	return fmt.Appendf(file, "60 0 obj\n<</Type/XRef/W[1 4 3]/Index[60 1 1000 %06d 6 1]/Size 99/Root 1 0 R/Prev %d/Length %06d>>\nstream\n\x01%c%c%c%c\x00\x00\x00\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n",
		rows-1, prev, length, 0, 0, byte(at>>8)&0x7f, byte(at)&0x7f, at)
}

// TestWhatFollowsTheSignedBytes: an entry that stays the same can lead to another object once bytes follow. In each file a page has
// content or a font that readers do not find when it is signed, and find when a revision without any change came behind it.
func TestWhatFollowsTheSignedBytes(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	const far, tableLength = 90_000, 100_000
	page := func(content string) []byte { return onePage("/Contents[4 0 R 6 0 R]", "", content) }
	pad := func(file []byte, to int, more string) []byte {
		return fmt.Appendf(append(file, bytes.Repeat([]byte(" "), to-len(file))...), "%s", more)
	}
	long := func(length int) []byte {
		return page(fmt.Sprintf("<</Length %05d>>\nstream\n0 g\nendstream", length))
	}
	body := bytes.Index(long(far), []byte("0 g\n"))
	for name, c := range map[string]struct {
		file  []byte
		later func(signed []byte) []byte // what is appended
	}{
		"an offset behind the end": {moveEntry(t, page("null"), evilNum, far, 0), func(signed []byte) []byte {
			return reviseRaw(t, pad(signed, far, "6 0 obj\n"+stream("", evilText)+"\nendobj\n"), nil)
		}},
		"a stream that goes on": {long(far - body), func(signed []byte) []byte {
			return reviseRaw(t, pad(append(signed, evilText...), far, "endstream\nendobj\n"), nil)
		}},
		"an object stream that comes": {inObjectStream(t), func(signed []byte) []byte {
			return reviseRaw(t, signed, map[int]string{50: stream("/Type/ObjStm/N 1/First 4", "7 0 <</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>")})
		}},
		"a cross-reference stream that goes on": {longTable(tableLength), func(signed []byte) []byte {
			at := len(signed) + 1
			start := bytes.Index(signed, []byte("stream\n\x01")) + len("stream\n")
			more := pad(fmt.Appendf(signed, "\n6 0 obj\n%s\nendobj\n", stream("", evilText)), start+tableLength-8, "\x01")
			more = append(more, 0, byte(at>>16), byte(at>>8), byte(at), 0, 0, 0)
			return reviseRaw(t, append(more, "\nendstream\nendobj\n"...), nil)
		}},
		"another generation": {moveEntry(t, page(stream("", evilText)), evilNum, bytes.Index(page(stream("", evilText)), []byte("6 0 obj")), 1), func(signed []byte) []byte {
			return reviseRaw(t, signed, map[int]string{evilNum: stream("", evilText)})
		}},
		"a reference to another generation": {onePage("/Contents[4 0 R 6 1 R]", "", stream("", evilText)), func(signed []byte) []byte {
			return reviseRaw(t, signed, map[int]string{pageNum: "<</Type/Page/Parent 2 0 R/Contents[4 0 R 6 0 R]>>"})
		}},
	} {
		signed := w.signB(c.file)
		if !w.accepts(signed, ev) {
			t.Errorf("%s: the file as signed is not accepted: %+v", name, w.verify(signed, ev))
		}
		revised := c.later(bytes.Clone(signed))
		if v := w.verify(revised, ev); v.Verdict == pades.TotalPassed {
			t.Errorf("%s: accepted as %s", name, v.Signatures[0].LaterChanges)
		}
		if !bytes.HasPrefix(revised, signed) {
			t.Errorf("%s: the signed bytes were changed", name)
		}
	}
}
