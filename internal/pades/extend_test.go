package pades_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/cms"
	"kyso/internal/pades/cms/cmstest"
	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

func TestExtendAddsOnlyWhatIsNew(t *testing.T) {
	w := newWorld(t)
	signed := w.signT(onePage("", ""), w.Now)
	ev := w.evidence(w.Now)
	once := w.extend(signed, ev)
	if !bytes.HasPrefix(once, signed) || len(once) == len(signed) {
		t.Fatal("the store was not appended")
	}
	if counts := storeCounts(t, once); counts != [3]int{2, 2, 1} {
		t.Errorf("the store holds %v", counts)
	}
	if bytes.Contains(once[len(signed):], []byte("/VRI")) {
		t.Error("there is a /VRI")
	}
	if again := w.extend(once, ev); !bytes.Equal(again, once) {
		t.Errorf("%d bytes were added for nothing", len(again)-len(once))
	}
	more := pades.Evidence{OCSPs: [][]byte{ev.OCSPs[0], w.OCSP(w.signer.Cert, w.Now.Add(time.Minute), time.Time{}, 0)}}
	twice := w.extend(once, more)
	if counts := storeCounts(t, twice); counts != [3]int{2, 3, 1} {
		t.Errorf("the store holds %v after the second time", counts)
	}
	r := want(t, w.verify(twice, pades.Evidence{}), pades.TotalPassed, "", "B-LT")
	if r.LaterChanges != "validation-data" {
		t.Errorf("%q", r.LaterChanges)
	}
	out, err := pades.Extend(bytes.NewReader(signed), ev, nil) // without the state the file is read
	if err != nil || out.SHA256 != sha256.Sum256(once) {
		t.Errorf("without a hash state: %v", err)
	}
}

// TestExtendKeepsAForeignStore extends a store that another program wrote: indirect arrays and a /VRI.
func TestExtendKeepsAForeignStore(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	file := revise(t, w.signT(onePage("", ""), w.Now), func(f *pdf.File, u *pdf.Update) {
		ocsp := u.AddStream(pdf.NewDict(), ev.OCSPs[1])
		vri := u.Add(pdf.NewDict("ABCDEF", u.Add(pdf.NewDict("OCSP", pdf.Array{ocsp}))))
		store := u.Add(pdf.NewDict("Certs", u.Add(pdf.Array{u.AddStream(pdf.NewDict(), w.CA.Cert.Raw)}), "VRI", vri))
		u.Set(f.RootRef(), with(object(t, f, catalogNum), "DSS", store))
	})
	extended := w.extend(file, pades.Evidence{Certificates: ev.Certificates, OCSPs: ev.OCSPs[:1], CRLs: ev.CRLs})
	if counts := storeCounts(t, extended); counts != [3]int{2, 1, 1} {
		t.Errorf("the store holds %v", counts)
	}
	r := want(t, w.verify(extended, pades.Evidence{}), pades.TotalPassed, "", "B-LT") // the authority's OCSP stands in /VRI only
	if r.LaterChanges != "validation-data" {
		t.Errorf("%q", r.LaterChanges)
	}
}

func TestExtendRefusesDamagedFiles(t *testing.T) {
	w := newWorld(t)
	signed := w.signB(onePage("", ""))
	cut := signed[:len(signed)-40]
	if _, err := pades.Extend(bytes.NewReader(cut), w.evidence(w.Now), nil); problem.CodeOf(err) != problem.DocumentBroken {
		t.Errorf("got %v, want %s", err, problem.DocumentBroken)
	}
}

func storeCounts(t *testing.T, file []byte) (counts [3]int) {
	t.Helper()
	f, err := pdf.Open(bytes.NewReader(file), int64(len(file)), pdf.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := f.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	store, err := f.Dict(root.Get("DSS"))
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []pdf.Name{"Certs", "OCSPs", "CRLs"} {
		array, err := f.Array(store.Get(key))
		if err != nil {
			t.Fatal(err)
		}
		counts[i] = len(array)
	}
	return counts
}

// TestNeeds fetches what Needs asks for until it asks for nothing, and arrives at B-LT with exactly that.
func TestNeeds(t *testing.T) {
	w := newWorld(t)
	// A responder without nocheck is in question itself; the issuer answers for it.
	careful := w.Issue(w.CA, cmstest.ECKey(t, elliptic.P256()), w.Template("Kyso Test OCSP 2", func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}))
	signed := w.signT(onePage("", ""), w.Now)
	var have pades.Evidence
	var asked []string
	for round := 0; ; round++ {
		needs, err := pades.Needs(bytes.NewReader(signed), pades.NeedsOptions{Have: have})
		if err != nil {
			t.Fatal(err)
		}
		if len(needs) == 0 {
			break
		}
		if round == 5 {
			t.Fatal("it never ends")
		}
		if round == 0 {
			have.Certificates = [][]byte{w.Root.Cert.Raw} // the caller knows the root, so the CA is in question too
		}
		for _, need := range needs {
			asked = append(asked, need.Certificate.Subject.CommonName)
			switch {
			case need.Certificate.IsCA:
				have.CRLs = append(have.CRLs, w.CRL(w.Root, w.Now))
			case need.Certificate.Equal(careful.Cert):
				have.OCSPs = append(have.OCSPs, w.OCSPBy(w.CA, need.Certificate, w.Now, time.Time{}, 0))
			default:
				have.OCSPs = append(have.OCSPs, w.OCSPBy(careful, need.Certificate, w.Now, time.Time{}, 0))
			}
			if !need.Issuer.Equal(w.CA.Cert) && !need.Issuer.Equal(w.Root.Cert) {
				t.Errorf("%s has issuer %s", need.Certificate.Subject.CommonName, need.Issuer.Subject.CommonName)
			}
		}
	}
	if fmt.Sprint(asked) != "[NGUYỄN THỊ HƯỜNG Kyso Test TSA Kyso Test CA Kyso Test OCSP 2]" &&
		fmt.Sprint(asked) != "[NGUYỄN THỊ HƯỜNG Kyso Test TSA Kyso Test OCSP 2 Kyso Test CA]" {
		t.Errorf("asked for %q", asked)
	}
	full := w.extend(signed, have)
	want(t, w.verify(full, pades.Evidence{}), pades.TotalPassed, "", "B-LT")
	if needs, err := pades.Needs(bytes.NewReader(full), pades.NeedsOptions{Have: pades.Evidence{Certificates: [][]byte{w.Root.Cert.Raw}}}); err != nil || len(needs) != 0 {
		t.Errorf("needs %d more, %v", len(needs), err)
	}
	if _, err := pades.Needs(bytes.NewReader(onePage("", "")), pades.NeedsOptions{Have: have}); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("a file without a signature: %v", err)
	}
}

// archive appends a document time-stamp, as other programs write them.
func (w *world) archive(file []byte, at time.Time) []byte {
	w.T.Helper()
	value := pdf.NewDict("Type", pdf.Name("DocTimeStamp"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.RFC3161"))
	return w.appendField(file, value, func(signed []byte) []byte { return w.Stamp(signed, at) })
}

// appendField appends a field with a signature dictionary whose /Contents is made from the signed bytes.
func (w *world) appendField(file []byte, value *pdf.Dict, contentsOf func(signed []byte) []byte) []byte {
	w.T.Helper()
	return w.appendFieldAs(file, value, contentsOf, func(*pdf.File, *pdf.Update, *pdf.Dict) {})
}

// appendFieldAs is appendField with a field that shape may change.
func (w *world) appendFieldAs(file []byte, value *pdf.Dict, contentsOf func(signed []byte) []byte,
	shape func(f *pdf.File, u *pdf.Update, field *pdf.Dict),
) []byte {
	w.T.Helper()
	byteRange := &pdf.Slot{Fill: ' ', Size: 60}
	contents := &pdf.Slot{Open: "<", Fill: '0', Size: 16 << 10, Close: ">"}
	value.Set("ByteRange", byteRange)
	value.Set("Contents", contents)
	out := revise(w.T, file, func(f *pdf.File, u *pdf.Update) {
		dict := pdf.NewDict("Type", pdf.Name("Annot"), "Subtype", pdf.Name("Widget"), "FT", pdf.Name("Sig"),
			"T", pdf.String(fmt.Sprintf("field%d", u.Reserve().Num)), "V", u.Add(value), "F", int64(132),
			"P", pdf.Ref{Num: pageNum}, "Rect", pdf.Array{int64(0), int64(0), int64(0), int64(0)})
		shape(f, u, dict)
		field := u.Add(dict)
		page := object(w.T, f, pageNum)
		annots, err := f.Array(page.Get("Annots"))
		if err != nil {
			w.T.Fatal(err)
		}
		u.Set(pdf.Ref{Num: pageNum}, with(page, "Annots", append(append(pdf.Array{}, annots...), field)))
		form, _, err := f.AcroForm()
		if err != nil {
			w.T.Fatal(err)
		}
		fields, err := f.Array(form.Get("Fields"))
		if err != nil {
			w.T.Fatal(err)
		}
		form = with(form, "Fields", append(append(pdf.Array{}, fields...), field))
		u.Set(f.RootRef(), with(object(w.T, f, catalogNum), "AcroForm", form))
	})
	start := len(file) + contents.Offset
	end := start + contents.Len()
	copy(out[len(file)+byteRange.Offset:], fmt.Sprintf("[0 %d %d %d]", start, end, len(out)-end))
	copy(out[start+1:], hex.EncodeToString(contentsOf(append(bytes.Clone(out[:start]), out[end:]...))))
	return out
}

// TestCertification: after a certification with P = 1 only validation data may come.
func TestCertification(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	for p, changes := range map[int64]string{1: "other", 2: "new-signature-field"} {
		params := pdf.NewDict("Type", pdf.Name("TransformParams"), "V", pdf.Name("1.2"), "P", p)
		value := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"),
			"Reference", pdf.Array{pdf.NewDict("TransformMethod", pdf.Name("DocMDP"), "TransformParams", params)})
		certified := w.appendField(onePage("", ""), value, w.detached)
		want(t, w.verify(certified, ev), pades.TotalPassed, "", "B-B")
		want(t, w.verify(w.extend(certified, ev), ev), pades.TotalPassed, "", "B-B")
		want(t, w.verify(w.archive(certified, w.Now), ev), pades.TotalPassed, "", "B-T")
		want(t, w.verify(w.extend(w.archive(certified, w.Now), ev), ev), pades.TotalPassed, "", "B-LT")
		plain := pdf.NewDict("Type", pdf.Name("Sig"), "Filter", pdf.Name("Adobe.PPKLite"), "SubFilter", pdf.Name("ETSI.CAdES.detached"))
		v := w.verify(w.appendField(certified, plain, w.detached), ev)
		if got := v.Signatures[0].LaterChanges; got != changes || v.Signatures[1].Verdict != pades.TotalPassed {
			t.Errorf("P %d: later changes %q, want %q", p, got, changes)
		}
	}
}

// detached signs bytes as a B-B signature.
func (w *world) detached(signed []byte) []byte {
	w.T.Helper()
	sum := sha256.Sum256(signed)
	attrs, err := cms.SignedAttrs(sum[:], w.signer.Cert)
	if err != nil {
		w.T.Fatal(err)
	}
	h3 := sha256.Sum256(attrs)
	der, err := cms.Assemble(cms.Parts{SignedAttrs: attrs, Signature: cmstest.Sign(w.T, w.signer.Key, h3[:], crypto.SHA256),
		Algorithm: cms.Algorithm{Scheme: cms.PKCS1v15, Hash: crypto.SHA256}, Certificate: w.signer.Cert,
		Certificates: []*x509.Certificate{w.CA.Cert}})
	if err != nil {
		w.T.Fatal(err)
	}
	return der
}

// TestDocumentTimestamps: they prove existence, so that a signature outlives its certificate and its authority.
func TestDocumentTimestamps(t *testing.T) {
	w := newWorld(t)
	long := w.signLT(onePage("", ""), w.Now)
	archived := w.archive(long, w.Now.Add(time.Minute))
	v := w.verifyAt(archived, pades.Evidence{}, w.Now.Add(time.Hour))
	if v.Verdict != pades.TotalPassed || len(v.Signatures) != 2 {
		t.Fatalf("%+v", v)
	}
	stamp := v.Signatures[1]
	if stamp.Kind != "document-timestamp" || !stamp.CoversAll || !stamp.TimestampTime.Equal(w.Now.Add(time.Minute)) || stamp.Signer != "Kyso Test TSA" {
		t.Errorf("%+v", stamp)
	}
	if v.Signatures[0].Level != "B-LTA" || v.Signatures[0].LaterChanges != "validation-data" {
		t.Errorf("a document time-stamp counts as %q", v.Signatures[0].LaterChanges)
	}
	b := w.archive(w.signB(onePage("", "")), w.Now) // no time-stamp of its own: the document's proves its time
	r := want(t, w.verifyAt(b, w.evidence(w.Now), w.Now.AddDate(4, 0, 0)), pades.TotalPassed, "", "B-T")
	if r.CertificateThen != pades.CertificateGood || r.CertificateNow != pades.CertificateExpired {
		t.Errorf("%+v", r)
	}
	start, _ := gap(t, archived)
	for i := start + 200; i < start+4000; i += 101 {
		bad := bytes.Clone(archived)
		bad[i] = map[bool]byte{true: '1', false: '0'}[bad[i] == '0']
		v, err := pades.Verify(bytes.NewReader(bad), w.options(pades.Evidence{}, w.Now.Add(time.Hour)))
		if err == nil && v.Verdict == pades.TotalPassed && !v.Signatures[1].TimestampTime.Equal(stamp.TimestampTime) {
			t.Errorf("digit %d of a document time-stamp does not count", i-start)
		}
	}
	changed := bytes.Replace(archived, []byte("Noi dung"), []byte("Noi dunh"), 1)
	for _, s := range w.verifyAt(changed, pades.Evidence{}, w.Now.Add(time.Hour)).Signatures {
		if s.Verdict != pades.TotalFailed || s.SubIndication != "HASH_FAILURE" {
			t.Errorf("%s of a changed file: %s %s", s.Kind, s.Verdict, s.SubIndication)
		}
	}
}

// TestNeedsSayWhoseTheyAre: a chain is asked about when it ends at a root that the caller trusts, and never because the
// file brings a root along.
func TestNeedsSayWhoseTheyAre(t *testing.T) {
	w := newWorld(t)
	signed := w.signT(onePage("", ""), w.Now)
	have := pades.Evidence{Certificates: [][]byte{w.Root.Cert.Raw, w.CA.Cert.Raw}}
	stranger := newWorld(t).Root.Cert.Raw
	for name, c := range map[string]struct {
		roots [][]byte
		want  bool
	}{"our root": {[][]byte{stranger, w.Root.Cert.Raw}, true}, "another root": {[][]byte{stranger}, false}, "no root": {nil, false}} {
		needs, err := pades.Needs(bytes.NewReader(signed), pades.NeedsOptions{Have: have, Roots: c.roots})
		if err != nil || len(needs) == 0 {
			t.Fatalf("%s: %d needs, %v", name, len(needs), err)
		}
		for _, need := range needs {
			if need.Anchored != c.want {
				t.Errorf("%s: %s anchored %v", name, need.Certificate.Subject.CommonName, need.Anchored)
			}
		}
	}
}
