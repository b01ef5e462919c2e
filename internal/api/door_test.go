package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kyso/activities"
	"kyso/internal/api"
	"kyso/internal/pades"
	"kyso/internal/pades/padestest"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// page writes a PDF file with pages of these entries; each has the default size unless it says another.
func pagesOf(pages ...string) string {
	var b strings.Builder
	var offsets []int
	object := func(text string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), text)
	}
	b.WriteString("%PDF-1.7\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", i+3)
	}
	object(fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 595 842]>>", len(pages), kids))
	for _, entries := range pages {
		object("<</Type/Page/Parent 2 0 R" + entries + ">>")
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.String()
}

// realPlaces gives the API the check of places as it is.
func realPlaces(o *api.Options) {
	o.PDF = &api.PDF{Unprintable: pades.Unprintable, Place: func(_ context.Context, src api.Source, p *signing.Placement, reason string) error {
		return pades.CheckPlacement(src, activities.Placed(p, pades.PrepareOptions{Reason: reason}))
	}}
}

// A page that is not there, a box off the page and a file that cannot be signed are refused when they are asked for, whatever
// turns and boxes the page has, with the document among many.
func TestPlacesAreRefusedAtTheDoor(t *testing.T) {
	b := newBench(t, realPlaces)
	upload := func(content string) string {
		var document api.DocumentBody
		b.do(http.MethodPost, "/v1/documents?name=a.pdf", content, "Content-Type", "application/pdf").into(t, &document)
		return document.ID
	}
	good := upload(pagesOf("", "", ""))
	sign := func(parts ...string) answer {
		return b.post("/v1/signings", `{"user":"ICA.079095012345","documents":[`+strings.Join(parts, ",")+`]}`)
	}
	part := func(id, placement string) string { return fmt.Sprintf(`{"id":%q,"placement":%s}`, id, placement) }
	signed := string(padestest.Signed(t, []byte(pagesOf("")), nil))
	certified := string(padestest.Signed(t, []byte(pagesOf("")), func(o *pades.PrepareOptions) { o.Certify = pades.CertifyForms }))
	roomy := string(padestest.Signed(t, []byte(pagesOf("")), func(o *pades.PrepareOptions) {
		o.Certify, o.EmptyFields = pades.CertifyForms, []pades.Box{{X: 10, Y: 10, Width: 200, Height: 64}}
	}))
	for name, c := range map[string]struct {
		file, placement, field string
		code                   problem.Code
	}{
		"good":                {pagesOf("", "", ""), `{"page":3,"x":10,"y":10,"width":200,"height":60}`, "", ""},
		"default":             {pagesOf(""), `{}`, "", ""},
		"no such page":        {pagesOf("", "", ""), `{"page":4}`, "placement.page", problem.PlacementInvalid},
		"one of several":      {pagesOf("", "", ""), `{"pages":[1,9]}`, "placement.pages", problem.PlacementInvalid},
		"right of the page":   {pagesOf(""), `{"page":1,"x":600,"y":10,"width":200,"height":60}`, "placement.x", problem.PlacementInvalid},
		"above the page":      {pagesOf(""), `{"page":1,"x":10,"y":900,"width":200,"height":60}`, "placement.y", problem.PlacementInvalid},
		"too wide":            {pagesOf(""), `{"page":1,"x":500,"y":10,"width":200,"height":60}`, "placement.width", problem.PlacementInvalid},
		"too high":            {pagesOf(""), `{"page":1,"x":10,"y":800,"width":200,"height":60}`, "placement.height", problem.PlacementInvalid},
		"too small":           {pagesOf(""), `{"page":1,"x":10,"y":10,"width":20,"height":60}`, "placement.width", problem.PlacementInvalid},
		"wide, on its side":   {pagesOf("/Rotate 90"), `{"page":1,"x":600,"y":10,"width":200,"height":60}`, "", ""},
		"high, on its side":   {pagesOf("/Rotate 90"), `{"page":1,"x":10,"y":600,"width":200,"height":60}`, "placement.y", problem.PlacementInvalid},
		"off the crop box":    {pagesOf("/CropBox[100 100 400 400]"), `{"page":1,"x":250,"y":10,"width":100,"height":60}`, "placement.width", problem.PlacementInvalid},
		"on the crop box":     {pagesOf("/CropBox[100 100 400 400]"), `{"page":1,"x":10,"y":10,"width":100,"height":60}`, "", ""},
		"unit of its own":     {pagesOf("/UserUnit 2"), `{"page":1,"x":500,"y":10,"width":200,"height":60}`, "placement.width", problem.PlacementInvalid},
		"no such field":       {pagesOf(""), `{"field_number":3}`, "placement.field_number", problem.PlacementInvalid},
		"over a signature":    {signed, `{"page":1,"x":300,"y":20,"width":290,"height":100}`, "placement.allow_cover", problem.PlacementCovers},
		"over it, allowed":    {signed, `{"page":1,"x":300,"y":20,"width":290,"height":100,"allow_cover":true}`, "", ""},
		"beside a signature":  {signed, `{"page":1,"x":50,"y":20,"width":200,"height":64}`, "", ""},
		"certified":           {certified, `{}`, "placement.allow_new_field", problem.DocumentLocked},
		"certified, allowed":  {certified, `{"allow_new_field":true}`, "", ""},
		"certified, a field":  {roomy, `{}`, "", ""},
		"certified, a box":    {roomy, `{"page":1,"x":50,"y":200,"width":200,"height":64}`, "placement.allow_new_field", problem.DocumentLocked},
		"certifies, fields":   {pagesOf(""), `{"certify":2,"empty_fields":[{"x":10,"y":10,"width":200,"height":64}]}`, "", ""},
		"fields, off":         {pagesOf(""), `{"certify":2,"empty_fields":[{"page":1,"x":900,"y":10,"width":200,"height":64}]}`, "placement.empty_fields[0]", problem.PlacementInvalid},
		"fields, uncertified": {pagesOf(""), `{"empty_fields":[{"x":10,"y":10,"width":200,"height":64}]}`, "placement.empty_fields", problem.PlacementInvalid},
		"not a PDF":           {"%PDF-1.7\nhello", `{}`, "id", problem.DocumentBroken},
		"not a PDF, no place": {"%PDF-1.7\nhello", `null`, "id", problem.DocumentBroken},
		"encrypted":           {strings.Replace(pagesOf(""), "/Root 1 0 R", "/Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/P -4/O(01234567890123456789012345678901)/U(01234567890123456789012345678901)>>/ID[(1)(1)]", 1), `{}`, "id", problem.DocumentEncrypted},
		"for recipients":      {encryptedBy("/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s4/V 1/Recipients[<00>]"), `{}`, "id", problem.DocumentRecipients},
		"unknown cipher":      {encryptedBy("/Filter/Other/V 1"), `{}`, "id", problem.DocumentCipher},
		"attachments":         {encryptedBy("/Filter/Standard/V 4/R 4/P -4/CF<</StdCF<</CFM/AESV2>>>>/EFF/StdCF"), `{}`, "id", problem.DocumentAttached},
	} {
		t.Run(name, func(t *testing.T) {
			got := sign(part(upload(c.file), c.placement))
			if c.field == "" {
				wantStatus(t, got, http.StatusAccepted)
				return
			}
			p := b.wantProblem(got, http.StatusUnprocessableEntity, c.code)
			if len(p.Errors) != 1 || p.Errors[0].Location != "body.documents[0]."+c.field || p.Errors[0].MessageVI == "" {
				t.Errorf("%s", got.body)
			}
		})
	}
	var many []string
	for i := range 50 {
		placement := `{}`
		if i == 37 {
			placement = `{"page":2}`
		}
		many = append(many, part(upload(pagesOf("")), placement))
	}
	got := sign(many...)
	p := b.wantProblem(got, http.StatusUnprocessableEntity, problem.PlacementInvalid)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.documents[37].placement.page" || p.Detail != "document 38 of 50: there is no page 2: the file has 1" {
		t.Errorf("%s", got.body)
	}
	many[3] = part(upload("%PDF-1.7\nhello"), `{}`)
	if p := b.wantProblem(sign(many...), http.StatusUnprocessableEntity, problem.Invalid); len(p.Errors) != 2 || p.Errors[0].Location != "body.documents[3].id" {
		t.Errorf("two wrong: %+v", p.Errors)
	}
	var made api.SigningBody
	sign(part(good, "null")).into(t, &made)
	got = b.post("/v1/signings/"+made.ID+"/placement", `{"placements":[{"page":9}]}`)
	if p := b.wantProblem(got, http.StatusUnprocessableEntity, problem.PlacementInvalid); len(p.Errors) != 1 || p.Errors[0].Location != "body.placements[0].page" {
		t.Errorf("%s", got.body)
	}
}

// encryptedBy is a page of a file that says to be encrypted so.
func encryptedBy(dictionary string) string {
	return strings.Replace(pagesOf(""), "/Root 1 0 R", "/Root 1 0 R/Encrypt<<"+dictionary+">>", 1)
}

// A reason that a signature cannot show is refused with its letter.
func TestLettersOfASignatureAreRefusedAtTheDoor(t *testing.T) {
	b := newBench(t, realPlaces)
	var document api.DocumentBody
	b.do(http.MethodPost, "/v1/documents?name=a.pdf", pagesOf(""), "Content-Type", "application/pdf").into(t, &document)
	for text, want := range map[string]int{"Duyệt H’Ƀuôn Čư̆": http.StatusAccepted, "同意": http.StatusUnprocessableEntity, "Duyệt 👍": http.StatusUnprocessableEntity} {
		for _, field := range []string{"reason", "location"} {
			got := b.post("/v1/signings", fmt.Sprintf(`{"user":"ICA.079095012345","documents":[{"id":%q}],%q:%q}`, document.ID, field, text))
			wantStatus(t, got, want)
			if want == http.StatusAccepted {
				continue
			}
			if p := b.problem(got); len(p.Errors) != 1 || p.Errors[0].Location != "body."+field || !strings.Contains(p.Errors[0].MessageVI, "không in được") {
				t.Errorf("%s", got.body)
			}
		}
	}
}
