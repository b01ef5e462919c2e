package pades_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/cms/cmstest"
)

// accepts reports whether a verifier would let a file pass.
func (w *world) accepts(file []byte, ev pades.Evidence) bool {
	result, err := pades.Verify(bytes.NewReader(file), w.options(ev, w.Now))
	return err == nil && result.Verdict == pades.TotalPassed
}

// TestEveryBitCounts flips bits over the whole of a signed file, at a stride that is no multiple of any structure.
func TestEveryBitCounts(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signT(onePage("", ""), w.Now)
	if !w.accepts(file, ev) {
		t.Fatalf("the file itself is not accepted: %+v", w.verify(file, ev))
	}
	hole, holeEnd := gap(t, file)
	tried := 0
	for i := 0; i < len(file); i += 13 {
		if i > hole && i < holeEnd {
			continue
		}
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		tried++
		if w.accepts(bad, ev) {
			t.Errorf("bit %d of byte %d does not count: %q", i%8, i, file[max(0, i-10):min(len(file), i+10)])
		}
	}
	for i := hole + 1; i < holeEnd-1; i += 4001 { // the padding
		if file[i] == '0' && strings.Trim(string(file[i:holeEnd-1]), "0") == "" {
			bad := bytes.Clone(file)
			bad[i] = '1'
			tried++
			if w.accepts(bad, ev) {
				t.Errorf("the padding may be changed at %d", i)
			}
		}
	}
	if tried < 500 {
		t.Fatalf("only %d bits were tried", tried)
	}
}

// TestEveryBitOfTheCMS flips bits inside /Contents, which no digest covers. The signer's certificate, attributes and
// value must not change; what is only luggage (issuers, a time-stamp that anybody may strip) may be damaged, but then
// the conclusion must be the same or less.
func TestEveryBitOfTheCMS(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signT(onePage("", ""), w.Now)
	original := want(t, w.verify(file, ev), pades.TotalPassed, "", "B-T")
	hole, _ := gap(t, file)
	_, der := dissect(t, file)
	certificate := bytes.Index(der, w.signer.Cert.Raw)
	beforeTSA, _, _ := bytes.Cut(der, w.TSA.Cert.Raw)
	signerInfo := bytes.LastIndex(beforeTSA, w.CA.Cert.RawSubject)
	luggage := bytes.LastIndex(der, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 2, 14}) // id-aa-signatureTimeStampToken
	if certificate < 0 || signerInfo < certificate || luggage < signerInfo {
		t.Fatal("the parts of the CMS were not found")
	}
	for i := 0; i < len(der); i += 3 {
		bad := bytes.Clone(file)
		changed := der[i] ^ 1<<(i%8)
		hex.Encode(bad[hole+1+2*i:], []byte{changed})
		result, err := pades.Verify(bytes.NewReader(bad), w.options(ev, w.Now))
		if err != nil || result.Verdict != pades.TotalPassed {
			continue
		}
		now := result.Signatures[0]
		same := now.Fingerprint == original.Fingerprint && now.Intact && now.Signer == original.Signer &&
			(now.TimestampTime.Equal(original.TimestampTime) || now.TimestampTime.IsZero() && now.Level == "B-B")
		if !same {
			t.Errorf("bit %d of byte %d makes the verifier say %+v", i%8, i, now)
		}
		if i >= certificate && i < certificate+len(w.signer.Cert.Raw) || i >= signerInfo && i < luggage {
			t.Errorf("bit %d of byte %d of the signer's part does not count", i%8, i)
		}
	}
}

// gap returns where the string of /Contents begins and ends.
func gap(t *testing.T, file []byte) (start, end int) {
	t.Helper()
	at := bytes.LastIndex(file, []byte("/ByteRange"))
	var zero, rest int
	text := string(file[at : at+200])
	if _, err := fmt.Sscanf(text[strings.IndexByte(text, '['):], "[%d %d %d %d]", &zero, &start, &end, &rest); err != nil {
		t.Fatal(err)
	}
	return start, end
}

// resign prepares data, lets change alter the increment (keeping its length) and signs the result honestly: what a
// forger with a key, or a careless writer, could make. The digests fit; only the structure is wrong.
func (w *world) resign(t *testing.T, old, replacement string) []byte {
	t.Helper()
	data := onePage("", "")
	in := w.prepare(data, pades.Box{Invisible: true})
	if len(old) != len(replacement) || bytes.Count(in.Prepared.Increment, []byte(old)) != 1 {
		t.Fatalf("%q cannot be replaced by %q", old, replacement)
	}
	in.Prepared.Increment = bytes.Replace(in.Prepared.Increment, []byte(old), []byte(replacement), 1)
	w.redigest(data, &in)
	return w.embed(data, in)
}

// TestUniversalForgery breaks the signature dictionary in the ways of the USF attacks. The digests are made to fit,
// so that nothing but the strict reading can refuse.
func TestUniversalForgery(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	data := onePage("", "")
	in := w.prepare(data, pades.Box{Invisible: true})
	p := in.Prepared
	byteRange := fmt.Sprintf("/ByteRange [0 %d %d %d]", p.ByteRange[1], p.ByteRange[2], p.ByteRange[3])
	if !bytes.Contains(p.Increment, []byte(byteRange)) {
		byteRange = strings.Replace(byteRange, " [", "[", 1)
	}
	room := len(byteRange)
	for room < len(byteRange)+20 && p.Increment[bytes.Index(p.Increment, []byte(byteRange))+room] == ' ' {
		room++
	}
	full := byteRange + strings.Repeat(" ", room-len(byteRange))
	pad := func(s string) string { return s + strings.Repeat(" ", room-len(s)) }
	n := func(format string, args ...any) string { return pad(fmt.Sprintf("/ByteRange["+format+"]", args...)) }
	a, b, c := p.ByteRange[1], p.ByteRange[2], p.ByteRange[3]
	cases := map[string][2]string{
		"as it is":               {full, full},
		"ByteRange of one":       {full, n("0")},
		"ByteRange of three":     {full, n("0 %d %d", a, b)},
		"ByteRange of five":      {full, n("0 %d %d %d 0", a, b, c)},
		"ByteRange empty":        {full, n("")},
		"ByteRange null":         {full, pad("/ByteRange null")},
		"ByteRange a number":     {full, pad("/ByteRange 0")},
		"ByteRange a name":       {full, pad("/ByteRange/X")},
		"ByteRange renamed":      {full, pad(fmt.Sprintf("/ByteRanze[0 %d %d %d]", a, b, c))},
		"ByteRange of reals":     {full, n("0 %d.0 %d %d", a, b, c)},
		"ByteRange of a string":  {full, n("0 (%d) %d %d", a, b, c)},
		"ByteRange negative":     {full, n("0 %d %d -%d", a, b, c)},
		"ByteRange huge":         {full, n("0 %d %d 9223372036854775807", a, b)},
		"ByteRange overflow":     {full, n("0 %d %d 9223372036854775808", a, b)},
		"ByteRange starts late":  {full, n("1 %d %d %d", a-1, b, c)},
		"ByteRange short":        {full, n("0 %d %d %d", a, b, c-1)},
		"ByteRange short by 100": {full, n("0 %d %d %d", a, b, c-100)},
		"ByteRange long":         {full, n("0 %d %d %d", a, b, c+1)},
		"gap one wider left":     {full, n("0 %d %d %d", a-1, b, c)},
		"gap one wider right":    {full, n("0 %d %d %d", a, b+1, c-1)},
		"gap one narrower":       {full, n("0 %d %d %d", a+1, b, c)},
		"gap narrower right":     {full, n("0 %d %d %d", a, b-1, c+1)},
		"gap missing":            {full, n("0 %d %d %d", b, b, c)},
		"gap elsewhere":          {full, n("0 %d %d %d", a-500, b-500, c+500)},
		"ranges swapped":         {full, n("%d %d 0 %d", b, c, a)},
		"ranges overlap":         {full, n("0 %d 0 %d", a, b+c)},
		"Contents renamed":       {"/Contents <", "/Kontents <"},
		"SubFilter unknown":      {"/ETSI.CAdES.detached", "/ETSI.CAdES.detachee"},
		"SubFilter of a stamp":   {"/ETSI.CAdES.detached", "/ETSI.RFC3161       "},
		"SubFilter SHA-1":        {"/ETSI.CAdES.detached", "/adbe.pkcs7.sha1    "},
		"SubFilter a string":     {"/ETSI.CAdES.detached", "(ETSI.CAdES.detache)"},
		"SubFilter renamed":      {"/SubFilter", "/SubFilger"},
		"Filter renamed":         {"/Filter", "/Fitler"},
		"Filter a string":        {"/Adobe.PPKLite", "(Adobe.PPKLit)"},
		"Type of a stamp":        {"/Type/Sig/Filter", "/Type/DTS/Filter"},
		"V renamed":              {"/V ", "/W "},
		"FT text":                {"/FT/Sig", "/FT/Txt"},
		"SubFilter twice":        {"/M(D:", "/SubFilter/ETSI.CAdES.detached%"},
	}
	for name, c := range cases {
		old, replacement := c[0], c[1]
		if !bytes.Contains(p.Increment, []byte(old)) {
			old, replacement = spaced(p.Increment, old, replacement)
		}
		if len(old) != len(replacement) || bytes.Count(p.Increment, []byte(old)) != 1 {
			if name == "SubFilter twice" {
				continue // has a test of its own
			}
			t.Fatalf("%s: %q cannot be replaced", name, old)
		}
		file := w.resign(t, old, replacement)
		if got := w.accepts(file, ev); got != (name == "as it is") {
			t.Errorf("%s: accepted %v", name, got)
		}
	}
}

// spaced tries the spellings "/Key /Name" for "/Key/Name".
func spaced(text []byte, old, replacement string) (string, string) {
	for i := 1; i < len(old); i++ {
		if old[i] == '/' {
			if s := old[:i] + " " + old[i:]; bytes.Contains(text, []byte(s)) {
				return s, replacement[:i] + " " + replacement[i:]
			}
		}
	}
	return old, replacement
}

// TestContentsVariants replaces the string of /Contents, which lies outside the signed bytes.
func TestContentsVariants(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := w.signB(onePage("", ""))
	start, end := gap(t, file)
	size := end - start
	text := func(s string) []byte { return []byte("<" + s + strings.Repeat("0", max(0, size-2-len(s))) + ">") }
	signature := strings.TrimRight(string(file[start+1:end-1]), "0")
	if len(signature)%2 == 1 {
		signature += "0"
	}
	other := &world{PKI: w.PKI, signer: w.Signer(cmstest.RSAKey(t, "other", 2048), nil)}
	_, stranger := dissect(t, other.signB(onePage("", "")))
	_, another := dissect(t, w.signB(onePage("/Rotate 90", "")))
	mixed := []byte(signature)
	for i, c := range mixed {
		if c >= 'a' && c <= 'f' {
			mixed[i] = c - 32
			break
		}
	}
	for name, contents := range map[string][]byte{
		"as it is":                 {},
		"empty":                    text(""),
		"zero":                     text("00"),
		"null object":              []byte("null" + strings.Repeat(" ", size-4)),
		"number":                   []byte("0" + strings.Repeat(" ", size-1)),
		"literal string":           append(append([]byte("("), bytes.Repeat([]byte("x"), size-2)...), ')'),
		"reference":                []byte("1 0 R" + strings.Repeat(" ", size-5)),
		"string cut short":         []byte("<" + signature + ">" + strings.Repeat(" ", size-2-len(signature))),
		"string and a key":         []byte("<" + signature + ">/X<" + strings.Repeat("0", size-6-len(signature)) + ">"),
		"string and a comment":     []byte("<" + signature + ">%" + strings.Repeat("0", size-3-len(signature))),
		"white space inside":       text(signature[:20] + " " + signature[20:]),
		"both cases":               text(string(mixed)),
		"data behind":              text(signature + "00ff"),
		"twice":                    text(signature + signature),
		"of another file":          text(hex.EncodeToString(another)),
		"of another signer":        text(hex.EncodeToString(stranger)),
		"without its first byte":   text(signature[2:]),
		"without its last byte":    text(signature[:len(signature)-2]),
		"a number inside a string": text("0201" + "01"),
	} {
		bad := bytes.Clone(file)
		if copy(bad[start:end], contents) != len(contents) || len(contents) != 0 && len(contents) != size {
			t.Fatalf("%s has %d bytes, want %d", name, len(contents), size)
		}
		if got := w.accepts(bad, ev); got != (name == "as it is") {
			t.Errorf("%s: accepted %v", name, got)
		}
	}
}
