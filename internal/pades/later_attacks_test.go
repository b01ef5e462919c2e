package pades_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pades/pdf"
)

// TestAttacksOnTolerance: what is tolerated in a file of others, and what an attacker might hide behind it. The first signature may
// be called changed or not examined; it never counts.
func TestAttacksOnTolerance(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	evil := stream("/Type/XObject/Subtype/Form/BBox[0 0 595 842]", "1 g 0 0 595 842 re f")
	unreadable := "<</Filter/FlateDecode/Length 4>>\nstream\nevil\nendstream"
	store := func(entries string) string { return richCatalogWith("/Lang", "/DSS<</Certs["+entries+"]>>/Lang") }
	amount := func(value string) string {
		return "<</FT/Tx/T(amount)/V" + value + "/Type/Annot/Subtype/Widget/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 12 0 R>>>>"
	}
	for name, a := range map[string]struct {
		more     map[int]string
		revision later
	}{
		// Entries of the store that cannot be read are no evidence.
		"content that cannot be read, in a store": {nil, later{catalogNum: store("4 0 R"), 4: unreadable}},
		"content exchanged, in a store":           {nil, later{catalogNum: store("4 0 R"), 4: evil}},
		"content below a broken entry":            {nil, later{catalogNum: store("60 0 R 4 0 R"), 60: unreadable, 4: evil}},
		"a look that cannot be read, in a store":  {nil, later{catalogNum: store("12 0 R"), amountLookNum: "<</Length 4"}},
		"a catalog that is a store, too":          {nil, later{catalogNum: richCatalogWith("/Lang", "/DSS 1 0 R/Lang")}},
		"half a store":                            {nil, later{catalogNum: richCatalogWith("/Lang", "/DSS 60 0 R/Lang"), 60: "<</Certs["}},
		// Objects that cannot be read: readers that look for objects by themselves find others.
		"content cut off":                          {nil, later{4: "<</Length 9"}},
		"a page cut off":                           {nil, later{pageNum: "<</Type/Page"}},
		"a field cut off":                          {nil, later{amountNum: "<</FT/Tx/T(amount)/V"}},
		"a new object cut off":                     {nil, later{60: "<</Type"}},
		"the information cut off":                  {nil, later{infoNum: "<</Producer("}},
		"the metadata cut off":                     {nil, later{metadataNum: "<</Type/Metadata"}},
		"content that was never readable, made so": {map[int]string{remarkNum: "<</Type/Annot"}, later{remarkNum: "<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/AP<</N 60 0 R>>>>", 60: evil}},
		"a copy of it in a string":                 {map[int]string{remarkNum: "<</Type/Annot"}, later{60: stream("", fmt.Sprintf("\n%d 0 obj\n<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]>>\nendobj\n", remarkNum))}},
		// Wrong digits: some readers skip them, and some take them for zeros.
		"a value with a wrong digit": {nil, later{amountNum: amount("<3G13030>")}},
		"a name with a wrong digit":  {nil, later{amountNum: strings.Replace(amount("(100)"), "(amount)", "<61G6D6F756E74>", 1)}},
		// The structure.
		"a number of the parents twice":   {nil, newField("/StructParent 2", later{parentsNum: "<</Nums[0[19 0 R]0[20 0 R]1 20 0 R 2 63 0 R]>>", documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"a parent for another key":        {nil, newField("/StructParent 2", later{parentsNum: "<</Nums[0 63 0 R 1 20 0 R]>>", documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"an element with a class":         {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/A<</O/Layout/Placement/Block>>/K<</Type/OBJR/Obj 60 0 R>>>>"})},
		"content beside the widget":       {nil, newField("", later{documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[19 0 R 20 0 R 63 0 R]>>", 63: "<</Type/StructElem/S/Form/P 17 0 R/Pg 3 0 R/K[0<</Type/OBJR/Obj 60 0 R>>]>>"})},
		"an element below what was there": {nil, newField("", later{paragraphNum: "<</Type/StructElem/S/P/P 17 0 R/Pg 3 0 R/K[0 63 0 R]>>", documentNum: "<</Type/StructElem/S/Document/P 16 0 R/K[20 0 R 19 0 R]>>", 63: "<</Type/StructElem/S/Form/P 19 0 R/K<</Type/OBJR/Obj 60 0 R>>>>"})},
	} {
		file, field := w.signedRich(a.more, nil)
		if before := w.verify(file, ev); before.Signatures[0].Verdict != pades.TotalPassed {
			t.Fatalf("%s: the file itself is %+v", name, before.Signatures[0])
		}
		objects := map[int]string{}
		for num, text := range a.revision {
			objects[num] = strings.ReplaceAll(text, "S 0 R", fmt.Sprintf("%d 0 R", field))
		}
		v, err := pades.Verify(bytes.NewReader(reviseRaw(t, file, objects)), w.options(ev, w.Now))
		if err != nil {
			continue
		}
		first := v.Signatures[0]
		for _, s := range v.Signatures {
			if s.Field == signatureNamed(t, file, field) {
				first = s
			}
		}
		if first.Verdict == pades.TotalPassed || v.Verdict == pades.TotalPassed {
			t.Errorf("%s: %s, later changes %q, %q", name, first.Verdict, first.LaterChanges, first.Problems)
		}
	}
}

// TestAttacksOnACertification: a new signature in a field of its own is said and not forbidden; nothing else may come with it.
func TestAttacksOnACertification(t *testing.T) {
	w := newWorld(t)
	evil := stream("/Type/XObject/Subtype/Form/BBox[0 0 595 842]", "1 g 0 0 595 842 re f")
	forms := func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }
	for name, c := range map[string]struct {
		change   func(*pades.PrepareOptions)
		revision later
		kind     string
	}{
		"a signature":               {forms, newField("", nil), "new-signature-field"},
		"over the page":             {forms, newField("/AP<</N 62 0 R>>", later{62: evil}), "new-signature-field"},
		"the last":                  {func(o *pades.PrepareOptions) { o.Certify = pades.CertifyNoChanges }, newField("", nil), "other"},
		"with a script":             {forms, newField("/AA<</E<</S/JavaScript/JS(x)>>>>", nil), "other"},
		"without a signature":       {forms, newField("", later{61: "null"}), "other"},
		"with a value that is none": {forms, newField("", later{61: "(x)"}), "other"},
		"with a text field":         {forms, newField("", later{freshNum: "<</FT/Tx/T(third)/V(1)/Type/Annot/Subtype/Widget/Rect[300 300 400 400]/P 3 0 R>>"}), "other"},
		"with a note":               {forms, newField("", later{pageNum: richPageWith(allAnnots+" 60 0 R 62 0 R", ""), 62: "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>"}), "other"},
		"with another look":         {forms, newField("", later{amountLookNum: evil}), "new-signature-field"},
		"with other content":        {forms, newField("", later{4: evil}), "other"},
	} {
		file, field := w.signedRich(nil, c.change)
		s := w.afterwards(file, field, c.revision)
		if s.Verdict == pades.TotalPassed || s.LaterChanges != c.kind {
			t.Errorf("%s: %s, later changes %q, %q", name, s.Verdict, s.LaterChanges, s.Problems)
		}
	}
}

// TestXFAUnderLocks: the data of an XFA copy are form filling, and no way around a lock or a certification.
func TestXFAUnderLocks(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*pades.PrepareOptions)
		kind   string
	}{
		"nothing":              {func(*pades.PrepareOptions) {}, "form-filling"},
		"the field":            {func(o *pades.PrepareOptions) { o.Lock = &pades.Lock{Action: pades.LockInclude, Fields: []string{"a"}} }, "not-examined"},
		"all":                  {func(o *pades.PrepareOptions) { o.Lock = &pades.Lock{Action: pades.LockAll} }, "not-examined"},
		"no changes":           {func(o *pades.PrepareOptions) { o.Certify = pades.CertifyNoChanges }, "other"},
		"certified for fields": {func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }, "form-filling"},
	} {
		file := w.mustSign(xfaForm(xfaList, "", xfaPackets()...), func(o *pades.PrepareOptions) {
			o.Field = "s"
			c.change(o)
		})
		s := w.verify(reviseRaw(t, file, map[int]string{22: stream("", strings.Replace(xfaData, "100", "900", 1))}), w.evidence(w.Now)).Signatures[0]
		if s.Verdict == pades.TotalPassed || s.LaterChanges != c.kind {
			t.Errorf("%s: %s, later changes %q, %q", name, s.Verdict, s.LaterChanges, s.Problems)
		}
	}
}

// TestAttacksOnEncryptedAttachments: of a file whose attachments alone are encrypted the rest is judged, and a later revision changes
// neither that nor what is encrypted.
func TestAttacksOnEncryptedAttachments(t *testing.T) {
	w := newWorld(t)
	ev := w.evidence(w.Now)
	const dictionary = "/Filter/Standard/V 4/R 4/P -4/CF<</StdCF<</CFM/AESV2/AuthEvent/EFOpen>>>>/StmF/Identity/StrF/Identity/EFF/StdCF"
	secrets := "/O(" + strings.Repeat("o", 32) + ")/U(" + strings.Repeat("u", 32) + ")"
	plain := bytes.Replace(onePage("", "/AcroForm<</Fields[]>>"), []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Encrypt<<"+dictionary+secrets+">>"), 1)
	file := w.signedAt(plain, [4]int64{60, 150, 160, 190}, "q Q", func(*pdf.Update, *pdf.Dict, *pdf.Dict) {})
	if v := w.verify(file, ev); v.Verdict != pades.TotalPassed {
		t.Fatalf("the file itself: %+v", v)
	}
	revised := func(encrypt string, objects map[int]string) []byte {
		return bytes.Replace(reviseRaw(t, file, objects), []byte("/Size 120"), []byte(encrypt+"/Size 120"), 1)
	}
	same := "/Encrypt<<" + dictionary + secrets + ">>"
	harmless := map[int]string{60: "<</Type/Font>>"}
	if v := w.verify(revised(same, harmless), ev); v.Signatures[0].Verdict != pades.TotalPassed {
		t.Errorf("a harmless revision: %+v", v.Signatures[0])
	}
	for name, changed := range map[string][]byte{
		"no longer encrypted":  revised("", harmless),
		"another cipher":       revised(strings.Replace(same, "AESV2", "V2", 1), harmless),
		"all of it encrypted":  revised(strings.ReplaceAll(same, "Identity", "StdCF"), harmless),
		"other permissions":    revised(strings.Replace(same, "-4", "-8", 1), harmless),
		"other content":        revised(same, map[int]string{4: stream("", "evil")}),
		"an attachment came":   revised(same, map[int]string{catalogNum: "<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a)60 0 R]>>>>>>", 60: "<</Type/Filespec/EF<</F 61 0 R>>>>", 61: stream("/Type/EmbeddedFile", "evil")}),
		"an attachment in it":  revised(same, map[int]string{pageNum: "<</Type/Page/Parent 2 0 R/Contents 4 0 R/AF[60 0 R]>>", 60: "<</Type/Filespec/EF<</F 61 0 R>>>>", 61: stream("/Type/EmbeddedFile", "evil")}),
		"bytes before it":      append([]byte("x\n"), file...),
		"a header before it":   append([]byte("%PDF-1.7\n"), file...),
		"a file before itself": append(bytes.Clone(plain), file...),
	} {
		if v, err := pades.Verify(bytes.NewReader(changed), w.options(ev, w.Now)); err == nil && v.Verdict == pades.TotalPassed {
			t.Errorf("%s: %+v", name, v.Signatures)
		}
	}
}

// TestNegativeSerials: a certificate whose number is negative is another one than that with the number's size, to OCSP and to CRLs.
func TestNegativeSerials(t *testing.T) {
	w := newWorld(t)
	der := bend(t, w.signer.Cert, w.CA, func(c *rawCertificate) { c.Serial = new(big.Int).Neg(c.Serial) })
	var raw rawCertificate
	if _, err := asn1.Unmarshal(w.signer.Cert.RawTBSCertificate, &raw); err != nil {
		t.Fatal(err)
	}
	cert := *w.signer.Cert
	cert.Raw, cert.SerialNumber = der, new(big.Int).Neg(raw.Serial)
	data := onePage("", "")
	state := hashState(t, data)
	prepared, err := pades.Prepare(bytes.NewReader(data), pades.PrepareOptions{Certificate: &cert, SigningTime: w.Now, HashState: state, SignerName: "x"})
	if err != nil {
		t.Fatal(err)
	}
	file := w.embed(data, pades.EmbedInput{Prepared: *prepared, SourceSize: int64(len(data)), HashState: state, Value: w.value(prepared), Certificate: &cert})
	never := time.Time{}
	for name, c := range map[string]struct {
		ocsp []byte
		crl  []x509.RevocationListEntry
		pass bool
	}{
		"its own answer":           {w.OCSP(&cert, w.Now, never, 0), nil, true},
		"that of the other":        {w.OCSP(w.signer.Cert, w.Now, never, 0), nil, false},
		"its own, revoked":         {w.OCSP(&cert, w.Now, w.Now.Add(-time.Hour), 1), nil, false},
		"that of nobody":           {nil, nil, false},
		"revoked in the list":      {nil, []x509.RevocationListEntry{{SerialNumber: cert.SerialNumber, RevocationTime: w.Now.Add(-time.Hour)}}, false},
		"the other is in the list": {nil, []x509.RevocationListEntry{{SerialNumber: w.signer.Cert.SerialNumber, RevocationTime: w.Now.Add(-time.Hour)}}, true},
	} {
		ev := pades.Evidence{Certificates: [][]byte{w.CA.Cert.Raw}, CRLs: [][]byte{w.CRL(w.Root, w.Now)}}
		if c.ocsp != nil {
			ev.OCSPs = [][]byte{c.ocsp}
		}
		if c.crl != nil {
			ev.CRLs = append(ev.CRLs, w.CRL(w.CA, w.Now, c.crl...))
		}
		if v := w.verify(file, ev); (v.Verdict == pades.TotalPassed) != c.pass {
			t.Errorf("%s: %+v", name, v.Signatures)
		}
	}
}
