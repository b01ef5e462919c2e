package pades_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		if options[i] = strings.Trim(word, `"`); word == "ATTACHED" {
			options[i] = filepath.Join(t.TempDir(), "attached.txt")
			if err := os.WriteFile(options[i], []byte("phụ lục"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
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
		"the attachments, too":    `--encrypt "" owner 256 -- --add-attachment ATTACHED --`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			data := encrypt(t, onePage("", ""), args)
			if report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); err != nil || len(report.Findings) > 0 {
				t.Fatalf("%+v, %v", report, err)
			}
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

// What cannot be read says why: in Inspect, before anybody is asked, in Prepare, and in Verify. Of a file with encrypted attachments
// all that is not attached is read, so that its signatures are judged.
func TestEncryptedFilesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	empty := `--encrypt "" owner 256 --`
	for name, c := range map[string]struct {
		data []byte
		want problem.Code
	}{
		"a password":      {encrypt(t, onePage("", ""), `--encrypt user owner 256 --`), problem.DocumentEncrypted},
		"a weak password": {encrypt(t, onePage("", ""), `--allow-weak-crypto --encrypt user owner 40 --`), problem.DocumentEncrypted},
		"no changes":      {encrypt(t, onePage("", ""), `--encrypt "" owner 256 --modify=none --`), problem.DocumentLocked},
		"recipients": {encryptedBy("/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/CF<</DefaultCryptFilter<</CFM/AESV2/Recipients[<00>]>>>>" +
			"/StmF/DefaultCryptFilter/StrF/DefaultCryptFilter"), problem.DocumentRecipients},
		"recipients, old":        {encryptedBy("/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.s3/V 1/Recipients[<00>]"), problem.DocumentRecipients},
		"recipients, by Entrust": {encryptedBy("/Filter/Entrust.PPKEF/SubFilter/adbe.pkcs7.s4/V 2/Recipients[<00>]"), problem.DocumentRecipients},
		"another handler":        {encryptedBy("/Filter/FOPN_fLock/V 1"), problem.DocumentCipher},
		"a later version":        {exchanged(t, empty, "/V 5", "/V 9"), problem.DocumentCipher},
		"another cipher":         {exchanged(t, empty, "/AESV3", "/AESV9"), problem.DocumentCipher},
		"no such crypt filter":   {exchanged(t, empty, "/StmF /StdCF", "/StmF /OtCF_"), problem.DocumentCipher},
		"attachments": {encryptedBy("/Filter/Standard/V 4/R 4/P -4/CF<</StdCF<</CFM/AESV2/AuthEvent/EFOpen>>>>/StmF/Identity/StrF/Identity/EFF/StdCF" +
			"/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) + ")"), problem.DocumentAttached},
		"attachments for recipients": {encryptedBy("/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/CF<</DefEmbeddedFile<</CFM/AESV2/Recipients[<00>]>>>>" +
			"/StmF/Identity/StrF/Identity/EFF/DefEmbeddedFile"), problem.DocumentAttached},
		"attachments in another cipher": {encryptedBy("/Filter/Standard/V 5/R 6/P -4/CF<</Other<</CFM/Later>>>>/EFF/Other"), problem.DocumentAttached},
	} {
		t.Run(name, func(t *testing.T) {
			_, inspected := pades.Inspect(bytes.NewReader(c.data), pades.Policy{})
			_, prepared := pades.Prepare(bytes.NewReader(c.data), pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now})
			placed := pades.CheckPlacement(bytes.NewReader(c.data), pades.PrepareOptions{})
			for _, err := range []error{inspected, prepared, placed} {
				if problem.CodeOf(err) != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
			}
			v, err := pades.Verify(bytes.NewReader(c.data), w.options(pades.Evidence{}, w.Now))
			switch c.want {
			case problem.DocumentLocked, problem.DocumentAttached:
				if err != nil || len(v.Signatures) > 0 {
					t.Errorf("what can be read is not judged: %+v, %v", v, err)
				}
			default:
				if problem.CodeOf(err) != c.want {
					t.Errorf("verified: %v, want %s", err, c.want)
				}
			}
		})
	}
}

// encryptedBy is a file that says to be encrypted so; what is in it is in clear.
func encryptedBy(dictionary string) []byte {
	return bytes.Replace(onePage("", ""), []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Encrypt<<"+dictionary+">>"), 1)
}

// exchanged is an encrypted file in which one word of the same length was exchanged.
func exchanged(t *testing.T, args, from, to string) []byte {
	t.Helper()
	data := encrypt(t, onePage("", ""), args)
	changed := bytes.Replace(data, []byte(from), []byte(to), 1)
	if bytes.Equal(changed, data) || len(from) != len(to) {
		t.Fatalf("%q is not there", from)
	}
	return changed
}

// TestPermissions holds what is signed against table 22 of ISO 32000-2: bit 6, or bit 9 from revision 3 on, allows to sign into a
// field that is there; bits 4 and 6 together allow to add one. The bits 3 and 11 decide nothing.
func TestPermissions(t *testing.T) {
	needTools(t, "qpdf")
	w := newWorld(t)
	plain := onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</Type/Annot/Subtype/Widget/FT/Sig/T(empty)/Rect[50 50 150 90]/P 3 0 R>>")
	yes := func(b bool) string { return map[bool]string{true: "y", false: "n"}[b] }
	for kind, begin := range map[string]string{
		"R2": `--allow-weak-crypto --encrypt "" owner 40`, "R3": `--allow-weak-crypto --encrypt "" owner 128 --use-aes=n`,
		"R4": `--allow-weak-crypto --encrypt "" owner 128 --use-aes=y`, "R5": `--allow-weak-crypto --encrypt "" owner 256 --force-R5`,
		"R6": `--encrypt "" owner 256`,
	} {
		for bits := range 16 {
			bit4, bit6, bit9, others := bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0
			args := fmt.Sprintf("%s --modify-other=%s --annotate=%s --form=%s --assemble=%s --", begin, yes(bit4), yes(bit6), yes(bit9), yes(others))
			if kind == "R2" {
				bit9 = false // revision 2 does not know it
				args = fmt.Sprintf("%s --modify=%s --annotate=%s --print=%s --", begin, yes(bit4), yes(bit6), yes(others))
			}
			data := encrypt(t, plain, args)
			existing, added := bit6 || bit9, bit4 && bit6
			check := func(what string, allowed bool, err error) {
				if allowed && err != nil || !allowed && problem.CodeOf(err) != problem.DocumentLocked {
					t.Errorf("%s, bits 4: %v, 6: %v, 9: %v: %s: %v, want allowed %v", kind, bit4, bit6, bit9, what, err, allowed)
				}
			}
			report, err := pades.Inspect(bytes.NewReader(data), pades.Policy{})
			check("inspected", existing, err)
			if err == nil && len(report.Fields) != 1 {
				t.Errorf("%+v", report)
			}
			for _, field := range []string{"", "empty"} {
				opt := pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now, Field: field}
				_, err := pades.Prepare(bytes.NewReader(data), opt)
				check("prepared, field "+field, map[bool]bool{true: added, false: existing}[field == ""], err)
				check("placed, field "+field, map[bool]bool{true: added, false: existing}[field == ""], pades.CheckPlacement(bytes.NewReader(data), opt))
			}
		}
	}
	// A file that has no empty field and takes no new one is refused at once.
	data := encrypt(t, onePage("", ""), `--encrypt "" owner 256 --modify=annotate --`)
	if _, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); problem.CodeOf(err) != problem.DocumentLocked {
		t.Errorf("no field at all: %v", err)
	}
	// Who holds the owner's password, which is empty here, may do everything.
	data = encrypt(t, plain, `--encrypt user "" 256 --allow-insecure --modify=none --`)
	if _, err := pades.Inspect(bytes.NewReader(data), pades.Policy{}); err != nil {
		t.Errorf("opened as its owner: %v", err)
	}
	// /P alone is not believed: /Perms repeats it under the key.
	data = encrypt(t, plain, `--encrypt "" owner 256 --modify=none --`)
	if raised := regexp.MustCompile(`/P -\d+`).ReplaceAllFunc(data, func(p []byte) []byte { return []byte("/P -4" + strings.Repeat(" ", len(p)-5)) }); bytes.Equal(raised, data) {
		t.Error("there is no /P")
	} else if _, err := pades.Inspect(bytes.NewReader(raised), pades.Policy{}); problem.CodeOf(err) != problem.DocumentLocked {
		t.Errorf("raised permissions: %v", err)
	}
}

// What may only be filled in is signed in the field that is there, to B-LTA: a document time-stamp and validation data are no
// changes that the owner's permissions are about.
func TestFillingInOnly(t *testing.T) {
	for _, tool := range []string{"pdfsig", "openssl", "qpdf", "mutool"} {
		needTools(t, tool)
	}
	w := newWorld(t)
	plain := onePage("/Annots[6 0 R]", "/AcroForm<</Fields[6 0 R]>>", "<</Type/Annot/Subtype/Widget/FT/Sig/T(empty)/Rect[50 50 150 90]/P 3 0 R>>")
	data := encrypt(t, plain, `--encrypt "" owner 256 --modify=form --`)
	state := hashState(t, data)
	prepared, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: w.signer.Cert, SigningTime: w.Now, Field: "empty", HashState: state})
	if err != nil {
		t.Fatal(err)
	}
	in := pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state, Certificate: w.signer.Cert, Chain: []*x509.Certificate{w.CA.Cert}}
	in.Value = w.value(&in.Prepared)
	signed := w.embed(data, w.stamped(in, w.Now))
	judge(t, w, signed, true)
	archived := w.archiveLTA(w.extend(signed, w.evidence(w.Now)), w.Now.Add(time.Minute))
	judgeArchive(t, w, archived)
	if v := w.verifyAt(archived, pades.Evidence{}, w.Now.Add(time.Hour)); v.Verdict != pades.TotalPassed || v.Signatures[0].Level != "B-LTA" {
		t.Errorf("%+v", v)
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
