package pades_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// encrypt has qpdf encrypt a file; "" in args is an empty password.
func encrypt(t *testing.T, data []byte, args string) []byte {
	t.Helper()
	options := strings.Fields(args)
	for i, word := range options {
		options[i] = strings.Trim(word, `"`)
	}
	return throughQPDF(t, data, options)
}

// TestEncryptedFiles signs files that open without a password, under every kind of encryption, to B-LTA and twice. The
// increment is encrypted as the file is, what was there stays, and the same input gives the same bytes.
func TestEncryptedFiles(t *testing.T) {
	for _, tool := range []string{"pdfsig", "openssl", "qpdf", "mutool"} {
		needTools(t, tool)
	}
	for name, args := range map[string]string{
		"RC4 40":                  `--allow-weak-crypto --encrypt "" owner 40 --`,
		"RC4 128":                 `--allow-weak-crypto --encrypt "" owner 128 --use-aes=n --`,
		"AES 128":                 `--allow-weak-crypto --encrypt "" owner 128 --use-aes=y --`,
		"AES 256 (R5)":            `--allow-weak-crypto --encrypt "" owner 256 --force-R5 --`,
		"AES 256 (R6)":            `--encrypt "" owner 256 --`,
		"AES 256, object streams": `--object-streams=generate --encrypt "" owner 256 --`,
		"AES 128, object streams": `--allow-weak-crypto --object-streams=generate --encrypt "" owner 128 --use-aes=y --`,
		"metadata in clear":       `--allow-weak-crypto --encrypt "" owner 128 --use-aes=y --cleartext-metadata --`,
		"no password at all":      `--encrypt "" "" 256 --`,
		"the owner has none":      `--encrypt user "" 256 --allow-insecure --`,
		"filling in only":         `--encrypt "" owner 256 --modify=annotate --`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			data := encrypt(t, onePage("", ""), args)
			in := w.prepare(data, pades.Box{Page: 1})
			if again := w.prepare(data, pades.Box{Page: 1}); !bytes.Equal(again.Prepared.Increment, in.Prepared.Increment) {
				t.Error("the same file is prepared in another way")
			}
			for _, plain := range []string{"NGUY", "Signature1", "Ngày ký"} {
				if bytes.Contains(in.Prepared.Increment, []byte(plain)) {
					t.Errorf("%q stands in clear in an encrypted file", plain)
				}
			}
			in.Value = w.value(&in.Prepared)
			signed := w.embed(data, w.stamped(in, w.Now))
			judge(t, w, signed, true)
			want(t, w.verify(signed, w.evidence(w.Now)), pades.TotalPassed, "", "B-T")
			archived := w.archiveLTA(w.extend(signed, w.evidence(w.Now)), w.Now.Add(time.Minute))
			judgeArchive(t, w, archived)
			v := w.verifyAt(archived, pades.Evidence{}, w.Now.Add(time.Hour))
			if v.Verdict != pades.TotalPassed || v.Signatures[0].Level != "B-LTA" || v.Signatures[0].Signer != "NGUYỄN THỊ HƯỜNG" {
				t.Errorf("%+v", v)
			}
			twice := w.signB(archived)
			if v := w.verifyAt(twice, w.evidence(w.Now), w.Now.Add(time.Hour)); v.Verdict != pades.TotalPassed || v.Signatures[0].LaterChanges != "signatures" {
				t.Errorf("signed a second time: %+v", v)
			}
			shownAs(t, w, data, twice)
		})
	}
}

// shownAs compares what readers show outside the signature, and that the text of the appearance is there.
func shownAs(t *testing.T, _ *world, before, after []byte) {
	t.Helper()
	text := func(file []byte) string {
		path := filepath.Join(t.TempDir(), "file.pdf")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("pdftotext", "-layout", path, "-").CombinedOutput()
		if err != nil {
			t.Errorf("pdftotext: %v: %s", err, out)
		}
		return string(out)
	}
	first := strings.TrimSpace(text(before))
	if shown := text(after); !strings.Contains(shown, first) || !strings.Contains(shown, "NGUYỄN THỊ HƯỜNG") {
		t.Errorf("shown before: %q; now: %q", first, shown)
	}
}

// What needs a password, or forbids every change, is refused before anybody is asked.
func TestEncryptedFilesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		want problem.Code
	}{
		"a password":      {`--encrypt user owner 256 --`, problem.DocumentEncrypted},
		"a weak password": {`--allow-weak-crypto --encrypt user owner 40 --`, problem.DocumentEncrypted},
		"no changes":      {`--encrypt "" owner 256 --modify=none --`, problem.DocumentLocked},
	} {
		data := encrypt(t, onePage("", ""), c.args)
		if _, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); problem.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// An increment that changes the encryption, or what the first ID says, is seen.
func TestEncryptionIsNotChangedLater(t *testing.T) {
	w := newWorld(t)
	signed := w.signB(encrypt(t, onePage("", ""), `--encrypt "" owner 256 --`))
	other := revise(t, signed, func(f *pdf.File, u *pdf.Update) {
		ref, ok := f.Trailer().Get("Encrypt").(pdf.Ref)
		if !ok {
			t.Fatal("the encryption dictionary is not an object of its own")
		}
		d, err := f.Dict(ref)
		if err != nil {
			t.Fatal(err)
		}
		u.Set(ref, with(d, "P", int64(-4)))
	})
	v, err := pades.Verify(bytes.NewReader(other), w.options(w.evidence(w.Now), w.Now))
	if err == nil && (v.Verdict == pades.TotalPassed || v.Signatures[0].LaterChanges != "other") {
		t.Errorf("other permissions: %+v", v)
	}
}
