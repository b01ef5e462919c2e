package pades_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
)

var oidPSS = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}

// TestForeignJudges signs with every kind of value at every level and asks programs that others wrote.
func TestForeignJudges(t *testing.T) {
	for _, tool := range []string{"pdfsig", "openssl", "qpdf", "mutool"} {
		needTools(t, tool)
	}
	for _, kind := range cmstest.ValueKinds(t) {
		t.Run(kind.Name, func(t *testing.T) {
			w := newWorld(t)
			w.signer = w.Signer(kind.Key, nil)
			data := onePage("", "")
			in := w.prepare(data, pades.Box{Page: 1})
			in.Value = kind.Value(t, w.signer, in.Prepared.SignedAttrs, signedBytes(data, &in.Prepared))
			b := w.embed(data, in)
			judge(t, w, b, true)
			bt := w.embed(data, w.stamped(in, w.Now))
			judge(t, w, bt, true)
			blt := w.extend(bt, w.evidence(w.Now))
			judge(t, w, blt, false)
			report := want(t, w.verify(blt, pades.Evidence{}), pades.TotalPassed, "", "B-LT")
			if report.Algorithm != kind.Algorithm {
				t.Errorf("algorithm %s, want %s", report.Algorithm, kind.Algorithm)
			}
			want(t, w.verify(bt, w.evidence(w.Now)), pades.TotalPassed, "", "B-T")
			want(t, w.verify(b, w.evidence(w.Now)), pades.TotalPassed, "", "B-B")
		})
	}
}

// signedBytes is what the ByteRange covers.
func signedBytes(data []byte, p *pades.Prepared) []byte {
	whole := append(bytes.Clone(data), p.Increment...)
	return append(bytes.Clone(whole[:p.ByteRange[1]]), whole[p.ByteRange[2]:]...)
}

// judge asks all programs about one file. total says that nothing follows the signed revision.
func judge(t *testing.T, w *world, file []byte, total bool) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, der := dissect(t, file)
	write("signed.pdf", file)
	write("content", content)
	write("cms.der", der)
	write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Root.Cert.Raw}))
	write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.CA.Cert.Raw}))
	run := func(command ...string) string {
		t.Helper()
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
		return string(out)
	}
	wants := func(out string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%q is missing in:\n%s", text, out)
			}
		}
	}
	sig := run("pdfsig", "-nocert", "signed.pdf")
	wants(sig, "Signature is Valid", "ETSI.CAdES.detached")
	if total {
		wants(sig, "Total document signed")
	}
	wants(run("qpdf", "--check", "signed.pdf"), "No syntax or stream encoding errors found")
	wants(run("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "cms.der", "-content", "content",
		"-CAfile", "root.pem", "-certfile", "ca.pem", "-purpose", "any", "-out", os.DevNull), "CAdES Verification successful")
	unchanged := "The document is unchanged since signing."
	if !total {
		unchanged = "The signature is valid but there have been edits since signing."
	}
	if !bytes.Contains(der, oidPSS) { // mutool 1.21 cannot read RSASSA-PSS
		wants(run("mutool", "sign", "-v", "signed.pdf"), unchanged)
	}
	sd, _, err := cms.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range sd.Signer.Timestamps {
		write("token.der", token)
		write("value", sd.Signer.Signature)
		wants(run("openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "value", "-CAfile", "root.pem",
			"-untrusted", "ca.pem"), "Verification: OK")
	}
}

// dissect takes the signed bytes and the CMS out of a file by its last /ByteRange, without this module's reader.
func dissect(t *testing.T, file []byte) (content, der []byte) {
	t.Helper()
	at := bytes.LastIndex(file, []byte("/ByteRange"))
	list := file[at+bytes.IndexByte(file[at:], '[')+1:]
	fields := strings.Fields(string(list[:bytes.IndexByte(list, ']')]))
	var br [4]int
	for i := range br {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		br[i] = n
	}
	content = append(bytes.Clone(file[:br[1]]), file[br[2]:br[2]+br[3]]...)
	der, err := hex.DecodeString(string(file[br[1]+1 : br[2]-1]))
	if err != nil {
		t.Fatal(err)
	}
	var element asn1.RawValue
	if _, err := asn1.Unmarshal(der, &element); err != nil {
		t.Fatal(err)
	}
	return content, element.FullBytes
}
