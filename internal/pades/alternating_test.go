package pades_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kyso/internal/pades"
)

// otherSigners are programs of others that sign with the key of a world's signer.
type otherSigners struct {
	*world
	t        *testing.T
	dir, nss string
}

func newOtherSigners(t *testing.T) *otherSigners {
	t.Helper()
	needTools(t, "openssl", "certutil", "pk12util", "pdfsig", "mutool")
	o := &otherSigners{world: newWorld(t), t: t, dir: t.TempDir()}
	o.nss = "sql:" + filepath.Join(o.dir, "nss")
	key, err := x509.MarshalPKCS8PrivateKey(o.signer.Key)
	if err != nil {
		t.Fatal(err)
	}
	o.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	o.write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.signer.Cert.Raw}))
	o.write("chain.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: o.CA.Cert.Raw}))
	if err := os.Mkdir(filepath.Join(o.dir, "nss"), 0o700); err != nil {
		t.Fatal(err)
	}
	o.run("openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-certfile", "chain.pem", "-name", "signer", "-passout", "pass:kyso", "-out", "signer.p12")
	o.run("certutil", "-N", "-d", o.nss, "--empty-password")
	o.run("pk12util", "-i", "signer.p12", "-d", o.nss, "-W", "kyso")
	return o
}

func (o *otherSigners) write(name string, data []byte) string {
	o.t.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}

func (o *otherSigners) run(name string, args ...string) {
	o.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// by lets a program sign in.pdf into out.pdf. It must append.
func (o *otherSigners) by(file []byte, name string, args ...string) []byte {
	o.t.Helper()
	o.write("in.pdf", file)
	o.run(name, args...)
	signed, err := os.ReadFile(filepath.Join(o.dir, "out.pdf"))
	if err != nil || len(signed) <= len(file) || !bytes.HasPrefix(signed, file) {
		o.t.Fatalf("%s wrote %d bytes for %d: %v", name, len(signed), len(file), err)
	}
	return signed
}

// mutool signs into an empty field, pdfsig into one or, with "-add-signature", into a new one.
func (o *otherSigners) mutool(file []byte, field int) []byte {
	return o.by(file, "mutool", "sign", "-s", "signer.p12", "-P", "kyso", "-o", "out.pdf", "in.pdf", fmt.Sprint(field))
}

func (o *otherSigners) pdfsig(file []byte, where ...string) []byte {
	return o.by(file, "pdfsig", append([]string{"in.pdf", "out.pdf", "-nssdir", o.nss, "-nss-pwd", "", "-nick", "signer", "-reason", "agreed"}, where...)...)
}

// allGood demands that kyso, Poppler and MuPDF take all n signatures for good.
func (o *otherSigners) allGood(what string, file []byte, n int) {
	o.t.Helper()
	path := o.write("signed.pdf", file)
	v := o.verify(file, o.evidence(o.Now))
	if len(v.Signatures) != n {
		o.t.Fatalf("%s: kyso finds %d signatures, not %d", what, len(v.Signatures), n)
	}
	poppler, mupdf, objects := pdfsigByRange(path), mutoolByObject(path), map[string]int{}
	for _, field := range signatureFields(o.t, file) {
		objects[field.Name] = field.Ref.Num
	}
	for _, s := range v.Signatures {
		p, m := poppler[s.ByteRange], mupdf[objects[s.Field]]
		// MuPDF 1.21 signs with SHA-1, of which nothing more can be said.
		good := s.Verdict == pades.TotalPassed || s.SubIndication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE" && fmt.Sprint(s.Problems) == "[The signature uses SHA-1.]"
		later := s.LaterChanges == "signatures" || s.CoversAll && s.LaterChanges == ""
		if !good || !later || p != "Signature is Valid." || !strings.HasPrefix(m, "The document is unchanged") && !strings.HasPrefix(m, "The signature is valid") {
			o.t.Errorf("%s, %s: %s %s, later changes %q, %q; pdfsig %q; mutool %q", what, s.Field, s.Verdict, s.SubIndication, s.LaterChanges, s.Problems, p, m)
		}
	}
}

// TestTwentySignersOfThreePrograms: kyso, MuPDF and Poppler sign one file in turns, in fields that are there and in new ones. After
// each, all three take all signatures for good.
func TestTwentySignersOfThreePrograms(t *testing.T) {
	o := newOtherSigners(t)
	const rounds = 4
	var list strings.Builder
	var fields []string
	for i := range 3 * rounds {
		x, y := 20+i%3*190, 640-i/3*50
		fields = append(fields, fmt.Sprintf("<</Type/Annot/Subtype/Widget/FT/Sig/T(f%d)/Rect[%d %d %d %d]/P 3 0 R/F 4>>", i, x, y, x+170, y+40))
		fmt.Fprintf(&list, "%d 0 R ", 6+i)
	}
	file := onePage("/Annots["+list.String()+"]", "/AcroForm<</Fields["+list.String()+"]/DA(/Helv 0 Tf 0 g)>>", fields...)
	for round := range rounds {
		first := 3 * round
		for i, sign := range []func() []byte{
			func() []byte {
				return o.mustSign(file, func(p *pades.PrepareOptions) {
					p.Box = pades.Box{Page: 1, X: 20 + float64(round)*140, Y: 100, Width: 130, Height: 50}
				})
			},
			func() []byte { return o.mutool(file, 6+first) },
			func() []byte {
				return o.pdfsig(file, "-add-signature", "-new-signature-field-name", fmt.Sprintf("p%d", round))
			},
			func() []byte { return o.mustSign(file, byName(fmt.Sprintf("f%d", first+1))) },
			func() []byte { return o.pdfsig(file, "-etsi", "-sign", fmt.Sprintf("f%d", first+2)) },
		} {
			file = sign()
			n := 5*round + i + 1
			o.allGood(fmt.Sprintf("after %d", n), file, n)
		}
	}
}

// TestOthersAddTheirFields: Poppler adds its field to the form that our signature leaves. It loses what it adds to a form that stands
// in the catalog itself.
func TestOthersAddTheirFields(t *testing.T) {
	o := newOtherSigners(t)
	for name, file := range map[string][]byte{
		"no form":               onePage("", ""),
		"a form in the catalog": onePage("", "/AcroForm<</Fields[]>>"),
		"a form of its own":     onePage("", "/AcroForm 6 0 R", "<</Fields[]>>"),
	} {
		o.allGood(name, o.pdfsig(o.signB(file), "-add-signature"), 2)
	}
}
