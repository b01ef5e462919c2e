package web

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"kyso/internal/pades"
)

// TestThePageReadsWhatTheReportHolds: every field of the report that the page reads is one that the API gives.
func TestThePageReadsWhatTheReportHolds(t *testing.T) {
	source, err := os.ReadFile("ui/src/lib/report.tsx")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)interface (\w+) \{\n(.*?)\n\}`)
	field := regexp.MustCompile(`(?m)^  (\w+)(\??):`)
	shapes := map[string]reflect.Type{"Verification": reflect.TypeFor[pades.Verification](), "SignatureReport": reflect.TypeFor[pades.SignatureReport](),
		"Certificate": reflect.TypeFor[pades.CertificateReport](), "Name": reflect.TypeFor[pades.NameReport](),
		"SigningTime": reflect.TypeFor[pades.TimeReport](), "Finding": reflect.TypeFor[pades.Finding]()}
	for _, found := range block.FindAllStringSubmatch(string(source), -1) {
		of := shapes[found[1]]
		if of == nil {
			t.Errorf("nothing is known of %s", found[1])
			continue
		}
		delete(shapes, found[1])
		always := map[string]bool{}
		for f := range of.Fields() {
			key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			always[key] = !strings.Contains(options, "omit")
		}
		for _, f := range field.FindAllStringSubmatch(found[2], -1) {
			if there, ok := always[f[1]]; !ok || !there && f[2] == "" {
				t.Errorf("%s.%s: the API does not give it, or not always", found[1], f[1])
			}
		}
	}
	for name := range shapes {
		t.Errorf("the page has no %s", name)
	}
}
