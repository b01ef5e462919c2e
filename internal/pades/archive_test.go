package pades_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// archiveLTA appends a document time-stamp as kyso writes it.
func (w *world) archiveLTA(file []byte, at time.Time) []byte {
	w.T.Helper()
	p, err := pades.PrepareArchive(bytes.NewReader(file), nil)
	if err != nil {
		w.T.Fatal(err)
	}
	state := hashState(w.T, file)
	out, err := pades.EmbedArchive(*p, int64(len(file)), state, w.Stamp(signedBytes(file, p), at))
	if err != nil {
		w.T.Fatal(err)
	}
	whole := append(bytes.Clone(file), out.Increment...)
	if sha256.Sum256(whole) != out.SHA256 {
		w.T.Errorf("the digest of the archived file is wrong")
	}
	return whole
}

// TestArchive writes B-LTA, and renews it when the first time-stamp's authority is about to end: the signature stays valid
// long after every certificate of its time.
func TestArchive(t *testing.T) {
	for _, tool := range []string{"pdfsig", "openssl", "qpdf", "mutool"} {
		needTools(t, tool)
	}
	w := newWorld(t)
	long := w.signLT(onePage("", ""), w.Now)
	archived := w.archiveLTA(long, w.Now.Add(time.Minute))
	v := w.verifyAt(archived, pades.Evidence{}, w.Now.Add(time.Hour))
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != 2 || v.Signatures[0].Level != "B-LTA" || v.Signatures[0].LaterChanges != "validation-data" {
		t.Fatalf("%+v", v)
	}
	if stamp := v.Signatures[1]; stamp.Kind != "document-timestamp" || !stamp.CoversAll || stamp.Field != "Timestamp1" {
		t.Errorf("%+v", stamp)
	}
	judgeArchive(t, w, archived)

	// Renewed: the evidence about the authority first, then a second time-stamp over it.
	renewed := w.archiveLTA(w.extend(archived, w.evidence(w.Now.Add(24*time.Hour))), w.Now.Add(25*time.Hour))
	v = w.verifyAt(renewed, pades.Evidence{}, w.Now.Add(26*time.Hour))
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != 3 || v.Signatures[0].Level != "B-LTA" || v.Signatures[2].Field != "Timestamp2" {
		t.Fatalf("%+v", v)
	}
	judgeArchive(t, w, renewed)
	// A time-stamp before the revocation data does not archive it.
	if v := w.verifyAt(w.extend(w.archiveLTA(w.signT(onePage("", ""), w.Now), w.Now), w.evidence(w.Now)), pades.Evidence{}, w.Now.Add(time.Hour)); v.Signatures[0].Level != "B-LT" {
		t.Errorf("time-stamp before validation data: level %s, want B-LT", v.Signatures[0].Level)
	}
}

// judgeArchive asks programs that others wrote about the signature and about the last document time-stamp.
func judgeArchive(t *testing.T, w *world, file []byte) {
	t.Helper()
	dir := t.TempDir()
	content, der := dissect(t, file)
	_, padding, err := cms.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"archived.pdf": file, "content": content, "token.der": der[:len(der)-len(padding)],
		"root.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Root.Cert.Raw}),
		"ca.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.CA.Cert.Raw})} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, command := range map[string]string{
		"Signature is Valid":                        "pdfsig -nocert archived.pdf",
		"No syntax or stream encoding errors found": "qpdf --check archived.pdf",
		"Verification: OK":                          "openssl ts -verify -token_in -in token.der -data content -CAfile root.pem -untrusted ca.pem",
		"The signature is valid but there have been edits since signing": "mutool sign -v archived.pdf",
	} {
		args := strings.Fields(command)
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

// TestArchiveOfACertifiedFile: a certification that forbids every change allows validation data and time-stamps.
func TestArchiveOfACertifiedFile(t *testing.T) {
	w := newWorld(t)
	params := pdf.NewDict("Type", pdf.Name("TransformParams"), "V", pdf.Name("1.2"), "P", int64(1))
	value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"),
		"Reference", pdf.Array{pdf.NewDict("TransformMethod", pdf.Name("DocMDP"), "TransformParams", params)})
	certified := w.extend(w.appendField(onePage("", ""), value, w.detached), w.evidence(w.Now))
	v := w.verifyAt(w.archiveLTA(certified, w.Now.Add(time.Minute)), pades.Evidence{}, w.Now.Add(time.Hour))
	if v.Verdict != pades.TotalPassed || v.Signatures[0].LaterChanges != "validation-data" {
		t.Errorf("%+v", v)
	}
}

// What is stored between the two phases is checked, and a token has to be over these very bytes.
func TestEmbedArchiveRefuses(t *testing.T) {
	w := newWorld(t)
	file := w.signLT(onePage("", ""), w.Now)
	if _, err := pades.PrepareArchive(bytes.NewReader(onePage("", "")), nil); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("a file without a signature: %v", err)
	}
	good, err := pades.PrepareArchive(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pades.PrepareArchive(bytes.NewReader(file), hashState(t, file))
	if err != nil || !bytes.Equal(good.Increment, again.Increment) || good.H2 != again.H2 {
		t.Errorf("the same file is prepared in another way: %v", err)
	}
	token, state := w.Stamp(signedBytes(file, good), w.Now), hashState(t, file)
	for name, c := range map[string]struct {
		change func(p *pades.Prepared)
		token  []byte
		want   problem.Code
	}{
		"token over other bytes": {func(*pades.Prepared) {}, w.Stamp([]byte("other"), w.Now), problem.VerificationFailed},
		"no token":               {func(*pades.Prepared) {}, []byte("not DER"), problem.VerificationFailed},
		"token with a tail":      {func(*pades.Prepared) {}, append(bytes.Clone(token), 0), problem.VerificationFailed},
		"another increment":      {func(p *pades.Prepared) { p.Increment[10] ^= 1 }, token, problem.DigestMismatch},
		"another range":          {func(p *pades.Prepared) { p.ByteRange[1]-- }, token, problem.DigestMismatch},
		"hole outside":           {func(p *pades.Prepared) { p.HoleOffset = int64(len(p.Increment)) }, token, problem.DigestMismatch},
	} {
		p := *good
		p.Increment = bytes.Clone(good.Increment)
		c.change(&p)
		if _, err := pades.EmbedArchive(p, int64(len(file)), state, c.token); problem.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
