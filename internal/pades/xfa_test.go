package pades_test

import (
	"bytes"
	"strings"
	"testing"

	"kyso/internal/pades"
	"kyso/internal/problem"
)

const (
	xfaTemplate = `<template xmlns="http://www.xfa.org/schema/xfa-template/2.8/"><subform name="a"/></template>`
	xfaData     = `<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><a>100</a></xfa:data></xfa:datasets>`
	xfaState    = `<form xmlns="http://www.xfa.org/schema/xfa-form/2.8/" checksum="1"/>`
	xdpStart    = `<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/">`
	xdpEnd      = `</xdp:xdp>`
)

// xfaForm is a form with a text field; xfa is what stands at /XFA, and objects 20 and on are its streams.
func xfaForm(xfa, catalog string, streams ...string) []byte {
	objects := []string{
		"<</Fields[7 0 R 8 0 R]/XFA " + xfa + ">>",
		"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(100)/Rect[10 10 110 30]/P 3 0 R/F 4/AP<</N 9 0 R>>>>",
		"<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/Rect[200 10 300 30]/P 3 0 R/F 4>>",
		stream("/Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F1 5 0 R>>>>", "BT /F1 9 Tf (100) Tj ET"),
	}
	for len(objects) < 20-6 {
		objects = append(objects, "null")
	}
	return onePage("/Annots[7 0 R 8 0 R]", "/AcroForm 6 0 R"+catalog, append(objects, streams...)...)
}

const xfaList = "[(xdp:xdp)20 0 R(template)21 0 R(datasets)22 0 R(form)23 0 R(</xdp:xdp>)24 0 R]"

// xfaPackets are the objects from 20 on.
func xfaPackets() []string {
	return []string{stream("", xdpStart), stream("", xfaTemplate), stream("", xfaData), stream("", xfaState), stream("", xdpEnd)}
}

// TestXFA: an empty XFA is none, a copy of a form that is whole without it is signed and said, and what makes pages is refused.
func TestXFA(t *testing.T) {
	whole := stream("", xdpStart+xfaTemplate+xfaData+xfaState+xdpEnd)
	noLook := func(data []byte, from, to string) []byte { return bytes.Replace(data, []byte(from), []byte(to), 1) }
	for name, c := range map[string]struct {
		data []byte
		code problem.Code
		copy bool
	}{
		"null":                     {xfaForm("null", ""), "", false},
		"nothing":                  {xfaForm("99 0 R", ""), "", false},
		"an empty list":            {xfaForm("[]", ""), "", false},
		"an empty stream":          {xfaForm("20 0 R", "", stream("", "")), "", false},
		"white space":              {xfaForm("20 0 R", "", stream("", " \n")), "", false},
		"a list of empty parts":    {xfaForm("[(template)20 0 R(datasets)21 0 R(form)99 0 R]", "", stream("", ""), stream("", "\n")), "", false},
		"empty, to be rendered":    {xfaForm("[]", "/NeedsRendering true"), "", false},
		"a copy in parts":          {xfaForm(xfaList, "", xfaPackets()...), "", true},
		"a copy in one":            {xfaForm("20 0 R", "/NeedsRendering false", whole), "", true},
		"to be rendered":           {xfaForm(xfaList, "/NeedsRendering true", xfaPackets()...), problem.DocumentXFA, false},
		"rendered by its own word": {xfaForm("20 0 R", "", stream("", xdpStart+"<config><dynamicRender>required</dynamicRender></config>"+xdpEnd)), problem.DocumentXFA, false},
		"a field without a look":   {noLook(xfaForm("20 0 R", "", whole), "/AP<</N 9 0 R>>", ""), problem.DocumentXFA, false},
		"a field without a place":  {noLook(xfaForm("20 0 R", "", whole), "/Rect[10 10 110 30]", ""), problem.DocumentXFA, false},
		"no fields":                {noLook(xfaForm("20 0 R", "", whole), "/Fields[7 0 R 8 0 R]", "/Fields[8 0 R]"), problem.DocumentXFA, false},
		"what cannot be read":      {xfaForm("20 0 R", "", "<</Filter/FlateDecode/Length 4>>\nstream\nevil\nendstream"), problem.DocumentXFA, false},
		"a string":                 {xfaForm("(x)", ""), problem.DocumentXFA, false},
	} {
		report, err := pades.Inspect(bytes.NewReader(c.data), pades.Policy{})
		if problem.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if err == nil && (len(report.Findings) == 1 && report.Findings[0].Code == pades.XFACopy) != c.copy {
			t.Errorf("%s: %+v", name, report.Findings)
		}
	}
}

// TestXFAChangedLater: filling in writes the data of the copy again; another template, or one under the name of data, is a change.
func TestXFAChangedLater(t *testing.T) {
	w := newWorld(t)
	sign := func(data []byte) []byte {
		return w.mustSign(data, func(o *pades.PrepareOptions) { o.Field = "s" })
	}
	list := sign(xfaForm(xfaList, "", xfaPackets()...))
	one := sign(xfaForm("20 0 R", "", stream("", xdpStart+xfaTemplate+xfaData+xfaState+xdpEnd)))
	filled, closed := strings.Replace(xfaData, "100", "900", 1), strings.Replace(xfaState, `"1"`, `"2"`, 1)
	evil := strings.Replace(xfaTemplate, `"a"`, `"b"`, 1)
	for name, c := range map[string]struct {
		file   []byte
		change map[int]string
		want   string
	}{
		"data":                    {list, map[int]string{22: stream("", filled)}, "form-filling"},
		"data and state":          {list, map[int]string{22: stream("", filled), 23: stream("", closed)}, "form-filling"},
		"data in one":             {one, map[int]string{20: stream("", xdpStart+xfaTemplate+filled+closed+xdpEnd)}, "form-filling"},
		"template":                {list, map[int]string{21: stream("", evil)}, "other"},
		"template in one":         {one, map[int]string{20: stream("", xdpStart+evil+xfaData+xfaState+xdpEnd)}, "other"},
		"template named data":     {list, map[int]string{22: stream("", evil)}, "other"},
		"template behind data":    {list, map[int]string{22: stream("", filled+evil)}, "other"},
		"text behind data":        {list, map[int]string{22: stream("", filled+"x")}, "other"},
		"end of all before":       {list, map[int]string{22: stream("", filled+"</xdp:xdp>")}, "other"},
		"data with another space": {list, map[int]string{22: stream("", strings.ReplaceAll(filled, "http://www.xfa.org", "http://x"))}, "other"},
		"no data":                 {list, map[int]string{22: stream("", "")}, "other"},
		"no XML":                  {one, map[int]string{20: stream("", "<xdp")}, "other"},
		"taken out":               {list, map[int]string{6: "<</Fields[7 0 R 8 0 R]/SigFlags 3>>"}, "other"},
	} {
		if before := w.verify(c.file, w.evidence(w.Now)); before.Verdict != pades.TotalPassed {
			t.Fatalf("%s: the file itself is %+v", name, before.Signatures)
		}
		s := w.verify(reviseRaw(t, c.file, c.change), w.evidence(w.Now)).Signatures[0]
		if s.LaterChanges != c.want || s.Verdict == pades.TotalPassed || !s.Intact {
			t.Errorf("%s: %s, %s: %q", name, s.Verdict, s.LaterChanges, s.Problems)
		}
	}
}

// hugeFile is longer than what is verified, and fails when it is read.
type hugeFile struct{ t *testing.T }

func (h hugeFile) ReadAt([]byte, int64) (int, error) {
	h.t.Error("a file that is too long is read")
	return 0, problem.New(problem.Internal, "read")
}
func (hugeFile) Size() int64 { return 3 << 30 }

// TestHugeFiles: no door reads a file that is longer than can be handled.
func TestHugeFiles(t *testing.T) {
	src, w := hugeFile{t}, newWorld(t)
	for name, do := range map[string]func() error{
		"inspect": func() error { _, err := pades.Inspect(src, pades.Policy{MaxSize: 4 << 30}); return err },
		"place": func() error {
			return pades.CheckPlacement(src, pades.PrepareOptions{Policy: pades.Policy{MaxSize: 4 << 30}})
		},
		"verify":  func() error { _, err := pades.Verify(src, w.options(pades.Evidence{}, w.Now)); return err },
		"needs":   func() error { _, err := pades.Needs(src, pades.NeedsOptions{}); return err },
		"extend":  func() error { _, err := pades.Extend(src, pades.Evidence{}, nil); return err },
		"archive": func() error { _, err := pades.PrepareArchive(src, nil); return err },
	} {
		if err := do(); problem.CodeOf(err) != problem.TooLarge || !strings.Contains(err.Error(), "2147483648") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
