package pades_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// TestMutations changes our own outputs in more than ten thousand single ways: bits, bytes and blocks everywhere, ByteRange,
// Contents, appended revisions of every object. The last signature or document time-stamp of each file covers it all,
// so none may pass.
func TestMutations(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	now := w.Now.Add(time.Hour)
	accepts := func(file []byte) bool {
		result, err := pades.Verify(bytes.NewReader(file), w.options(ev, now))
		return err == nil && result.Verdict == pades.TotalPassed
	}
	files := map[string][]byte{
		"B-B":            w.signB(onePage("", "")),
		"B-T":            w.signT(onePage("", ""), w.Now),
		"B-LTA":          w.archiveLTA(w.signLT(onePage("", ""), w.Now), w.Now.Add(time.Minute)),
		"twice":          w.signB(w.signB(onePage("", ""))),
		"encrypted":      w.signB(encrypt(t, onePage("", ""), `--encrypt "" owner 256 --`)),
		"object streams": w.signB(encrypt(t, onePage("", ""), `--object-streams=generate`)),
		"certified": w.mustSign(contractForm(), func(o *pades.PrepareOptions) {
			o.Certify, o.Lock = pades.CertifyForms, &pades.Lock{Action: pades.LockAll}
		}),
		"in a field":        w.mustSign(w.mustSign(contractForm(), byName("Bên A")), byName("Bên B")),
		"on all pages":      w.mustSign(w.signB(manyPages(3)), func(o *pades.PrepareOptions) { o.Box.AllPages = true }),
		"encrypted archive": w.archiveLTA(w.signLT(encrypt(t, onePage("", ""), `--object-streams=generate --encrypt "" owner 256 --`), w.Now), w.Now),
	}
	total := 0
	for name, file := range files {
		if !accepts(file) {
			t.Fatalf("%s: the file itself does not pass: %+v", name, w.verifyAt(file, ev, now))
		}
		m := &mutations{t: t, file: file, random: rand.New(rand.NewPCG(20261127, uint64(len(file))))}
		m.hole, m.holeEnd = gap(t, file)
		for what, change := range map[string]func(i int) []byte{
			"bit": m.bit, "byte": m.replaced, "deleted": m.deleted, "inserted": m.inserted, "cut": m.cut, "swapped": m.swapped,
			"ByteRange": m.byteRange, "Contents": m.contents,
		} {
			for i := range map[string]int{"bit": 1000, "byte": 100, "deleted": 60, "inserted": 60, "cut": 60, "swapped": 60, "ByteRange": 120, "Contents": 60}[what] {
				bad := change(i)
				if bytes.Equal(bad, file) {
					continue
				}
				total++
				if accepts(bad) {
					t.Errorf("%s: passes with %s %d", name, what, i)
				}
			}
		}
		total += m.revisions(name, accepts)
	}
	t.Logf("%d mutations of %d files, none passes", total, len(files))
	if total < 10_000 {
		t.Errorf("only %d mutations", total)
	}
}

// mutations makes changed copies of a file.
type mutations struct {
	t             *testing.T
	file          []byte
	hole, holeEnd int // of the last signature, whose digits no digest covers
	random        *rand.Rand
}

// covered draws a place outside the hole.
func (m *mutations) covered() int {
	i := m.random.IntN(len(m.file) - (m.holeEnd - m.hole))
	if i >= m.hole {
		i += m.holeEnd - m.hole
	}
	return i
}

func (m *mutations) bit(int) []byte {
	bad := bytes.Clone(m.file)
	bad[m.covered()] ^= 1 << m.random.IntN(8)
	return bad
}

func (m *mutations) replaced(int) []byte {
	bad := bytes.Clone(m.file)
	bad[m.covered()] = byte(m.random.IntN(256))
	return bad
}

func (m *mutations) deleted(int) []byte {
	at := m.covered()
	return append(bytes.Clone(m.file[:at]), m.file[at+1:]...)
}

func (m *mutations) inserted(int) []byte {
	at := m.covered()
	return append(append(bytes.Clone(m.file[:at]), " %0/\n"[m.random.IntN(5)]), m.file[at:]...)
}

func (m *mutations) cut(i int) []byte {
	if i%2 == 0 {
		return m.file[:len(m.file)-1-i]
	}
	return m.file[:m.random.IntN(len(m.file))]
}

// swapped exchanges two blocks.
func (m *mutations) swapped(int) []byte {
	const block = 24
	bad := bytes.Clone(m.file)
	a, b := m.random.IntN(m.hole-block), m.random.IntN(m.hole-block)
	copy(bad[a:a+block], m.file[b:b+block])
	copy(bad[b:b+block], m.file[a:a+block])
	return bad
}

// byteRange writes other numbers, in the room of the old ones where they fit.
func (m *mutations) byteRange(i int) []byte {
	at := bytes.LastIndex(m.file, []byte("/ByteRange"))
	open := at + bytes.IndexByte(m.file[at:], '[')
	end := open + bytes.IndexByte(m.file[open:], ']')
	var r [4]int
	if _, err := fmt.Sscanf(string(m.file[open:end]), "[%d %d %d %d", &r[0], &r[1], &r[2], &r[3]); err != nil {
		m.t.Fatal(err)
	}
	steps := []int{1, -1, 2, -2, 10, -10, 64, -64, 1000, -1000, 1 << 20, -1 << 20, 1 << 40, -(1 << 40), r[1], -r[1], r[3], -r[3], len(m.file), 1 << 62}
	var text string
	if i < 4*len(steps) {
		r[i%4] += steps[i/4]
		text = fmt.Sprintf("[%d %d %d %d", r[0], r[1], r[2], r[3])
	} else {
		forms := []string{"[0 %d", "[0 %[1]d %[2]d", "[0 %[1]d %[2]d %[3]d 0", "[0 %[1]d %[2]d %[3]d 0 0", "[%[1]d 0 %[2]d %[3]d", "[0 %[1]d 0 %[3]d", "[0.0 %[1]d %[2]d %[3]d", "[ ", "null ",
			"[0 %[1]d %[2]d %[3]d.5", "[0 %[3]d %[2]d %[1]d", "[-0 %[1]d %[2]d -%[3]d"}
		text = fmt.Sprintf(forms[i%len(forms)], r[1], r[2], r[3])
		text, _, _ = strings.Cut(text, "%!(EXTRA")
	}
	room := end - open
	if len(text) < room {
		text += strings.Repeat(" ", room-len(text))
	}
	return bytes.Join([][]byte{m.file[:open], []byte(text), m.file[end:]}, nil)
}

// contents changes the form of the hexadecimal string, or its padding; what is inside the CMS has a test of its own.
func (m *mutations) contents(i int) []byte {
	bad := bytes.Clone(m.file)
	padding := m.holeEnd - 2 // the last digit
	switch i % 6 {
	case 0:
		bad[m.hole] = " (0["[i/6%4]
	case 1:
		bad[m.holeEnd-1] = " )0]"[i/6%4]
	case 2:
		bad[padding-i] = " \n\t\r\f\x00"[i/6%6]
	case 3:
		bad[padding-i] = "123456789af"[i/6%11]
	case 4:
		bad[padding-i] = "gxZ/%>"[i/6%6]
	case 5: // the CMS begins with a length; make it reach further, or not far enough
		bad[m.hole+5+i/6%4] = "0f"[i/24%2]
	}
	return bad
}

// revisions appends a revision for each object of the file, which replaces it, and returns how many there were.
func (m *mutations) revisions(name string, accepts func([]byte) bool) int {
	f, err := pdf.Open(bytes.NewReader(m.file), int64(len(m.file)), pdf.Limits{})
	if err != nil {
		m.t.Fatal(err)
	}
	tried := 0
	for num := 1; num < f.NextNumber(); num++ {
		object, err := f.Get(num)
		if err != nil || object == nil {
			continue
		}
		was, err := pdf.Append(nil, stripped(object))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, replacement := range replacements(object) {
			if now, err := pdf.Append(nil, replacement); err == nil && bytes.Equal(was, now) {
				continue // the same again is no change
			}
			tried++
			if accepts(revise(m.t, m.file, func(_ *pdf.File, u *pdf.Update) { u.Set(pdf.Ref{Num: num}, replacement) })) {
				m.t.Errorf("%s: passes with object %d replaced by %T", name, num, replacement)
			}
		}
	}
	return tried
}

// stripped is an object without the data of a stream.
func stripped(o pdf.Object) pdf.Object {
	if s, ok := o.(*pdf.Stream); ok {
		return s.Dict
	}
	return o
}

// replacements are other objects in the place of one.
func replacements(o pdf.Object) []pdf.Object {
	list := []pdf.Object{nil, int64(7), pdf.Array{}, pdf.NewDict("Type", pdf.Name("Catalog"))}
	switch v := o.(type) {
	case *pdf.Dict:
		for _, key := range v.Keys() {
			list = append(list, with(v, key, nil))
		}
		list = append(list, with(v, "Kyso", int64(1)), with(v, "AA", pdf.NewDict("O", pdf.NewDict("S", pdf.Name("JavaScript"), "JS", pdf.String("app.alert(1)")))))
	case pdf.Array:
		list = append(list, append(append(pdf.Array{}, v...), int64(1)))
	}
	return list
}
