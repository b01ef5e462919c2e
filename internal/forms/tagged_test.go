package forms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"kyso/internal/forms"
	"kyso/internal/pades"
)

// Every paper keeps to what a machine can check of PDF/UA-1 (the Matterhorn protocol) and of PDF/A-2a, read by another parser
// than the writer's. What a sentence means, only people can check.
func TestPapersAreTaggedAndKeepable(t *testing.T) {
	papers := map[string][]byte{}
	for name, w := range documents(t, subscriber) {
		papers[name] = w.PDF
	}
	long := subscriber
	long.FullName, long.Address = strings.Repeat("Nguyễn Thị Ê̆ban ", 12), strings.Repeat("Buôn Čuôr Đăng, xã Ea Kao ", 90)
	papers["contract, long"] = documents(t, long)["contract"].PDF
	var err error
	if papers["sample"], err = forms.Sample(at); err != nil {
		t.Fatal(err)
	}
	for name, paper := range papers {
		t.Run(name, func(t *testing.T) { conforms(t, paper) })
	}
}

// A paper that is signed where its box is keeps to the same: the widget is in the structure, has a name, and looks as PDF/A wants.
func TestSignedPapersStayTagged(t *testing.T) {
	paper := documents(t, subscriber)["contract"]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CÔNG TY KÝ SỐ"}, NotBefore: at, NotAfter: at.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	signed := paper.PDF
	for _, box := range []forms.Box{paper.Provider, paper.Subscriber} {
		prepared, err := pades.Prepare(bytes.NewReader(signed), pades.PrepareOptions{Certificate: certificate, SigningTime: at, Reason: "Ký hợp đồng",
			Box: pades.Box{Page: box.Page, X: box.X, Y: box.Y, Width: box.Width, Height: box.Height}})
		if err != nil {
			t.Fatal(err)
		}
		signed = slices.Concat(signed, prepared.Increment)
	}
	c := conforms(t, signed)
	if c.widgets != 2 {
		t.Errorf("%d widgets are in the structure", c.widgets)
	}
}

// conforms checks one paper.
func conforms(t *testing.T, paper []byte) *checker {
	t.Helper()
	conf := model.NewDefaultConfiguration()
	ctx, err := api.ReadContext(bytes.NewReader(paper), conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := ctx.EnsurePageCount(); err != nil {
		t.Fatal(err)
	}
	c := &checker{T: t, table: ctx.XRefTable, content: map[types.IndirectRef][]string{}, seen: map[string]int{}}
	c.catalog(paper)
	c.objects()
	for n := range ctx.PageCount {
		c.page(n + 1)
	}
	c.structure()
	info := forms.Tool(t, paper, "pdfinfo", "poppler-utils", "FILE")
	if !strings.Contains(info, "Tagged:          yes") || strings.Contains(info, "rror") {
		t.Errorf("pdfinfo: %s", info)
	}
	if text := forms.Tool(t, paper, "pdfinfo", "poppler-utils", "-struct-text", "FILE"); !strings.HasPrefix(text, "Document\n") || strings.Contains(text, "rror") {
		t.Errorf("pdfinfo reads the structure as %s", text)
	}
	return c
}

type checker struct {
	*testing.T

	table    *model.XRefTable
	content  map[types.IndirectRef][]string // marked content of a page: what each number is marked as
	pages    []types.IndirectRef
	seen     map[string]int // content that the structure names, by page and number
	headings []int
	widgets  int
	parents  map[int]types.Object // by key
	last     map[types.IndirectRef]int
}

func (c *checker) dict(o types.Object) types.Dict {
	c.Helper()
	d, err := c.table.DereferenceDict(o)
	if err != nil {
		c.Fatal(err)
	}
	return d
}

func (c *checker) array(o types.Object) types.Array {
	c.Helper()
	a, err := c.table.DereferenceArray(o)
	if err != nil {
		c.Fatal(err)
	}
	return a
}

func (c *checker) data(o types.Object) []byte {
	c.Helper()
	stream, _, err := c.table.DereferenceStreamDict(o)
	if err != nil || stream == nil {
		c.Fatalf("%v: no stream, %v", o, err)
	}
	if err := stream.Decode(); err != nil {
		c.Fatal(err)
	}
	return stream.Content
}

func (c *checker) catalog(paper []byte) {
	root, err := c.table.Catalog()
	if err != nil {
		c.Fatal(err)
	}
	if fmt.Sprint(c.dict(root["MarkInfo"])["Marked"]) != "true" || fmt.Sprint(c.dict(root["ViewerPreferences"])["DisplayDocTitle"]) != "true" || fmt.Sprint(root["Lang"]) != "(vi-VN)" {
		c.Errorf("the catalog says %v", root)
	}
	for _, key := range []string{"OpenAction", "AA", "Names", "OCProperties", "Requirements"} {
		if root[key] != nil {
			c.Errorf("the catalog has /%s", key)
		}
	}
	if len(c.table.ID) != 2 || c.table.Encrypt != nil || !bytes.HasPrefix(paper, []byte("%PDF-1.7\n%\xe2\xe3")) || !bytes.HasSuffix(paper, []byte("%%EOF\n")) {
		c.Error("the head, the trailer or the end is not that of PDF/A-2")
	}
	xmp := string(c.data(root["Metadata"]))
	for _, want := range []string{"<pdfaid:part>2<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<", "<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/<", "<dc:title>", "<rdf:li>vi-VN<"} {
		if !strings.Contains(xmp, want) {
			c.Errorf("the metadata lacks %s", want)
		}
	}
	intents := c.array(root["OutputIntents"])
	if len(intents) != 1 {
		c.Fatalf("%d output intents", len(intents))
	}
	c.profile(c.data(c.dict(intents[0])["DestOutputProfile"]))
}

// profile reads an ICC profile: a monitor's, of RGB, each tag within it.
func (c *checker) profile(icc []byte) {
	if len(icc) < 132 || int(binary.BigEndian.Uint32(icc)) != len(icc) || string(icc[12:24]) != "mntrRGB XYZ " || string(icc[36:40]) != "acsp" || icc[8] != 4 {
		c.Fatalf("%d bytes are no ICC profile", len(icc))
	}
	for i := range int(binary.BigEndian.Uint32(icc[128:])) {
		tag := icc[132+12*i:]
		if at, size := binary.BigEndian.Uint32(tag[4:]), binary.BigEndian.Uint32(tag[8:]); at%4 != 0 || int(at+size) > len(icc) {
			c.Errorf("the tag %s lies outside", tag[:4])
		}
	}
}

// objects looks for what PDF/A-2 forbids, or allows with more than there is.
func (c *checker) objects() {
	for n, entry := range c.table.Table {
		if entry.Free || entry.Object == nil {
			continue
		}
		text := entry.Object.PDFString()
		for _, bad := range []string{"/SMask", "/Group", "/JavaScript", "/LZWDecode", "/Crypt", "/Launch", "/OPI", "/Alternates", "/TR ", "/F("} {
			if strings.Contains(text, bad) {
				c.Errorf("object %d has %s", n, bad)
			}
		}
		if d, ok := entry.Object.(types.Dict); ok && fmt.Sprint(d["Subtype"]) == "Type0" {
			c.font(d)
		}
	}
}

// font holds the subset against its widths, its set of glyphs and its map to characters.
func (c *checker) font(font types.Dict) {
	cid := c.dict(c.array(font["DescendantFonts"])[0])
	descriptor := c.dict(cid["FontDescriptor"])
	ttf := c.data(descriptor["FontFile2"])
	glyphs := int(binary.BigEndian.Uint16(table(ttf, "maxp")[4:]))
	set, ones := c.data(descriptor["CIDSet"]), 0
	for i := range 8 * len(set) {
		if set[i/8]&(0x80>>(i%8)) != 0 {
			ones++
			if i >= glyphs {
				c.Errorf("CIDSet names glyph %d of %d", i, glyphs)
			}
		}
	}
	widths := c.array(c.array(cid["W"])[1])
	em, hmtx := float64(binary.BigEndian.Uint16(table(ttf, "head")[18:])), table(ttf, "hmtx")
	for i, width := range widths {
		want := float64(binary.BigEndian.Uint16(hmtx[4*(i+1):])) * 1000 / em
		if got := float64(width.(types.Integer)); got < want-1 || got > want+1 {
			c.Errorf("glyph %d is %.1f wide and said to be %.0f", i+1, want, got)
		}
	}
	mapped := regexp.MustCompile(`(?m)^<[0-9A-F]{4}> <([0-9A-F]{4})+>$`).FindAll(c.data(font["ToUnicode"]), -1)
	if ones != glyphs || len(mapped)-1 != len(widths) || fmt.Sprint(cid["CIDToGIDMap"]) != "Identity" {
		c.Errorf("%d glyphs, CIDSet %d, widths %d, characters %d", glyphs, ones, len(widths), len(mapped)-1)
	}
}

func table(ttf []byte, name string) []byte {
	for i := range int(binary.BigEndian.Uint16(ttf[4:])) {
		if entry := ttf[12+16*i:]; string(entry[:4]) == name {
			return ttf[binary.BigEndian.Uint32(entry[8:]):]
		}
	}
	return nil
}

var operator = regexp.MustCompile(`/(\w+) <<(.*?)>> BDC|\bEMC\b|\b(?:BT|TJ|S)\b`)

// page checks that all that is painted is marked, once, and what it is marked as.
func (c *checker) page(n int) {
	d, ref, _, err := c.table.PageDict(n, false)
	if err != nil || fmt.Sprint(d["Tabs"]) != "S" || fmt.Sprint(d["StructParents"]) != strconv.Itoa(n-1) {
		c.Fatalf("page %d: %v, %v", n, d, err)
	}
	c.pages = append(c.pages, *ref)
	open := false
	for _, m := range operator.FindAllStringSubmatch(string(c.data(d["Contents"])), -1) {
		switch {
		case m[1] != "" && open:
			c.Errorf("page %d: marked content within marked content", n)
		case m[1] != "":
			open = true
			if m[1] == "Artifact" {
				continue
			}
			if want := fmt.Sprintf("/MCID %d", len(c.content[*ref])); m[2] != want {
				c.Errorf("page %d: %s, want %s", n, m[2], want)
			}
			c.content[*ref] = append(c.content[*ref], m[1])
		case m[0] == "EMC":
			open = false
		case !open:
			c.Errorf("page %d: %s is neither content nor artifact", n, m[0])
		}
	}
}

func (c *checker) structure() {
	catalog, err := c.table.Catalog()
	if err != nil {
		c.Fatal(err)
	}
	root := c.dict(catalog["StructTreeRoot"])
	ref, ok := root["K"].(types.IndirectRef)
	if !ok || fmt.Sprint(c.dict(ref)["S"]) != "Document" {
		c.Fatalf("the structure begins with %v", root["K"])
	}
	c.last, c.parents = map[types.IndirectRef]int{}, map[int]types.Object{}
	nums := c.array(c.dict(root["ParentTree"])["Nums"])
	for i := 0; i < len(nums); i += 2 {
		c.parents[int(nums[i].(types.Integer))] = nums[i+1]
	}
	c.element(ref, catalog["StructTreeRoot"].(types.IndirectRef))
	if len(nums) != 2*(len(c.pages)+c.widgets) || fmt.Sprint(root["ParentTreeNextKey"]) != strconv.Itoa(len(c.pages)+c.widgets) {
		c.Fatalf("the parent tree is %v, next %v", nums, root["ParentTreeNextKey"])
	}
	for i, page := range c.pages {
		parents := c.array(c.parents[i])
		if len(parents) != len(c.content[page]) {
			c.Errorf("page %d: %d parents of %d", i+1, len(parents), len(c.content[page]))
			continue
		}
		for id, parent := range parents {
			key := fmt.Sprint(page, id)
			if c.seen[key] != 1 || !strings.Contains(fmt.Sprint(c.dict(parent)["K"]), strconv.Itoa(id)) || fmt.Sprint(c.dict(parent)["S"]) != c.content[page][id] {
				c.Errorf("page %d: content %d is named %d times; its parent is %v", i+1, id, c.seen[key], c.dict(parent))
			}
		}
	}
	for i, level := range c.headings {
		if i == 0 && level != 1 || i > 0 && level > c.headings[i-1]+1 {
			c.Errorf("the levels of the headings are %v", c.headings)
		}
	}
	if len(c.headings) == 0 {
		c.Error("there are no headings")
	}
}

// within says what may stand directly under what; "" is content.
var within = map[string]string{"Document": "Div H1 H2 P L Table Figure Form", "Div": "P H2 L Table", "P": "", "H1": "", "H2": "", "L": "LI", "LI": "Lbl LBody",
	"Lbl": "", "LBody": "", "Table": "TR", "TR": "TH TD", "TH": "", "TD": "", "Figure": "", "Form": ""}

// element checks an element and what is under it; it returns the roles of its kids.
func (c *checker) element(ref, parent types.IndirectRef) (role string) {
	e := c.dict(ref)
	role = fmt.Sprint(e["S"])
	allowed, standard := within[role]
	if !standard || e["P"] != types.Object(parent) {
		c.Errorf("element %s under %v", role, e["P"])
	}
	var kids []string
	list, many := e["K"].(types.Array)
	if !many {
		list = types.Array{e["K"]}
	}
	for _, kid := range list {
		switch kid := kid.(type) {
		case types.IndirectRef:
			kids = append(kids, c.element(kid, ref))
		case types.Integer:
			c.named(e["Pg"].(types.IndirectRef), int(kid))
		case types.Dict:
			if role == "Form" {
				c.widget(kid, ref)
				continue
			}
			c.named(kid["Pg"].(types.IndirectRef), int(kid["MCID"].(types.Integer)))
		}
	}
	for _, kid := range kids {
		if !slices.Contains(strings.Fields(allowed), kid) {
			c.Errorf("a %s stands in a %s", kid, role)
		}
	}
	if (allowed == "") != (len(kids) == 0) {
		c.Errorf("a %s has the kids %v", role, kids)
	}
	attributes := fmt.Sprint(e["A"])
	switch {
	case role[0] == 'H':
		c.headings = append(c.headings, int(role[1]-'0'))
	case role == "TH" && !strings.Contains(attributes, "Scope"), role == "L" && !strings.Contains(attributes, "ListNumbering"), role == "Figure" && e["Alt"] == nil:
		c.Errorf("a %s without what it needs: %v", role, e)
	case role == "TR" && !slices.Equal(kids, []string{"TH", "TD"}):
		c.Errorf("a row of %v", kids)
	}
	return role
}

// widget checks a signature in the structure: the way back from it, its name, and what PDF/A asks of an annotation (ISO
// 19005-2, 6.3.2 and 6.3.3; ISO 14289-1, 7.18).
func (c *checker) widget(object types.Dict, element types.IndirectRef) {
	c.widgets++
	w := c.dict(object["Obj"])
	key, _ := w["StructParent"].(types.Integer)
	if fmt.Sprint(object["Type"]) != "OBJR" || fmt.Sprint(w["Subtype"]) != "Widget" || c.parents[int(key)] != types.Object(element) || int(key) < len(c.pages) {
		c.Errorf("the structure has %v with %v", object, w)
	}
	if flags, _ := w["F"].(types.Integer); flags&4 == 0 || flags&0x23 != 0 || w["TU"] == nil || len(c.dict(w["AP"])) != 1 {
		c.Errorf("the widget is %v", w)
	}
}

// named notes that an element names content; content is read in the order in which it is drawn.
func (c *checker) named(page types.IndirectRef, id int) {
	c.seen[fmt.Sprint(page, id)]++
	if before, ok := c.last[page]; ok && id != before+1 || !ok && id != 0 {
		c.Errorf("content %d is read after %d", id, before)
	}
	c.last[page] = id
}

// What is read aloud is the text, with a space where a line ends and none where a long word is cut.
func TestTaggedTextIsWhole(t *testing.T) {
	long := subscriber
	long.Email = strings.Repeat("abcdefghij", 12) + "@example.vn"
	w := documents(t, long)["contract"]
	text := forms.Tool(t, w.PDF, "pdfinfo", "poppler-utils", "-struct-text", "FILE")
	for _, want := range []string{`"` + long.Email + `"`, `"` + subscriber.Address + `"`, "HỢP ĐỒNG CUNG CẤP VÀ SỬ DỤNG DỊCH VỤ CHỨNG THỰC CHỮ KÝ SỐ",
		"Báo ngay cho Bên B khi mất thiết bị, lộ mã PIN hoặc nghi ngờ khóa bị sử dụng trái phép."} {
		if !strings.Contains(text, want) {
			t.Errorf("the structure lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Trang 1/") {
		t.Error("the foot of the page is read as text")
	}
}
