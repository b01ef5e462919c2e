package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"kyso/internal/api"
	"kyso/internal/pades"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// stubPDF says how long a file is, and finds what has "broken" in it unreadable.
func stubPDF() *api.PDF {
	look := func(_ context.Context, src api.Source) (json.RawMessage, error) {
		text, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
		if strings.Contains(string(text), "broken") {
			return nil, problem.New(problem.DocumentBroken, "not a PDF")
		}
		size, _ := json.Marshal(map[string]int{"size": len(text)})
		return size, err
	}
	record := func(ctx context.Context, src api.Source) (signing.Verification, error) {
		report, err := look(ctx, src)
		return signing.Verification{Report: report, Trust: []string{"aa"}, People: []string{"079095012345"},
			Material: signing.Material{Certificates: [][]byte{{1, 2}}, OCSPs: [][]byte{{3}}, CRLs: [][]byte{}}}, err
	}
	report := func(v signing.Verification) ([]byte, error) { return []byte("%PDF report of " + v.Name), nil }
	return &api.PDF{Inspect: look, Verify: look, Inspection: reflect.TypeFor[pades.Report](), Verification: reflect.TypeFor[pades.Verification](), Record: record, Report: report, Preview: func(l api.Look) ([]byte, error) { return []byte("%PDF " + l.Name), nil }}
}

func TestLookingIntoFiles(t *testing.T) {
	b := newBench(t, pdfStub)
	good, broken := b.upload("a.pdf"), b.upload("broken")
	for _, what := range []string{"/inspection", "/verification"} {
		got := b.get(good.Self + what)
		wantStatus(t, got, http.StatusOK)
		if string(got.body) != `{"size":19}`+"\n" && string(got.body) != `{"size":19}` {
			t.Errorf("%s: %s", what, got.body)
		}
		b.wantProblem(b.get(broken.Self+what), http.StatusUnprocessableEntity, problem.DocumentBroken)
	}
	verify := func(body string, headers ...string) answer {
		return b.do(http.MethodPost, "/v1/verifications", body, append([]string{"Content-Type", "application/pdf"}, headers...)...)
	}
	wantStatus(t, verify(pdf), http.StatusOK)
	b.wantProblem(verify("broken"), http.StatusUnprocessableEntity, problem.DocumentBroken)
	b.wantProblem(verify(pdf, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, problem.Invalid)
	b.wantProblem(verify(strings.Repeat("x", 1<<20+1)), http.StatusRequestEntityTooLarge, problem.TooLarge)
	if b.files.count() != 2 {
		t.Errorf("%d files are kept, want the 2 uploads", b.files.count())
	}
}

// TestReportsAreDescribed: every operation that answers with a report says in OpenAPI what that holds.
func TestReportsAreDescribed(t *testing.T) {
	var spec struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	newBench(t, pdfStub).get("/openapi.json").into(t, &spec)
	described := 0
	for path, operations := range spec.Paths {
		name := map[string]string{"inspection": "Inspection", "verification": "Verification", "verifications": "Verification"}[path[strings.LastIndex(path, "/")+1:]]
		for method, operation := range operations {
			if name == "" {
				continue
			}
			described++
			if got := operation.Responses["200"].Content["application/json"].Schema.Ref; got != "#/components/schemas/"+name {
				t.Errorf("%s %s answers %q", method, path, got)
			}
		}
	}
	if described != 4 {
		t.Errorf("%d operations answer with a report", described)
	}
	for name, of := range map[string]reflect.Type{"Verification": reflect.TypeFor[pades.Verification](), "SignatureReport": reflect.TypeFor[pades.SignatureReport](),
		"Inspection": reflect.TypeFor[pades.Report](), "TimeReport": reflect.TypeFor[pades.TimeReport](), "DocumentFinding": reflect.TypeFor[pades.Finding]()} {
		for field := range of.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			hidden := field.Tag.Get("hidden") == "true" // is never in an answer
			if _, ok := spec.Components.Schemas[name].Properties[key]; key != "" && key != "-" && !hidden && !ok {
				t.Errorf("%s does not describe %s", name, key)
			}
		}
	}
}

func TestPreviewNamesTheOwner(t *testing.T) {
	b := newBench(t, pdfStub)
	created := b.signing()
	b.wantProblem(b.get(created.Self+"/appearance"), http.StatusConflict, problem.Conflict)
	must(t, b.store.SaveCertificates(t.Context(), created.ID, []signing.Certificate{
		{Serial: "0a", Fingerprint: "f1", Subject: "NGUYỄN VĂN MINH", NotAfter: time.Now().Add(time.Hour), DER: []byte{1}},
		{Serial: "0b", Fingerprint: "f2", Subject: "TRẦN THỊ ÁNH", NotAfter: time.Now().Add(time.Hour), DER: []byte{2}}}))
	b.wantProblem(b.get(created.Self+"/appearance"), http.StatusConflict, problem.Conflict)
	got := b.get(created.Self + "/appearance?serial=0B")
	wantStatus(t, got, http.StatusOK)
	if string(got.body) != "%PDF TRẦN THỊ ÁNH" || got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("preview %q", got.body)
	}
	b.wantProblem(b.get(created.Self+"/appearance?serial=0c"), http.StatusNotFound, problem.CertificateMissing)
	b.wantProblem(b.get(created.Self+"/appearance?width=0"), http.StatusUnprocessableEntity, problem.Invalid)
}
