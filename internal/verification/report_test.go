package verification

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/signing"
)

// everything is a verification in which every field has a value.
func everything(t *testing.T, signatures int) signing.Verification {
	t.Helper()
	var found pades.Verification
	fill(reflect.ValueOf(&found).Elem(), "Nguyễn Thị Ánh Ư̆")
	found.Material = nil
	one := found.Signatures[0]
	for i := 1; i < signatures; i++ {
		one.Field = fmt.Sprint("Chữ ký số ", i)
		found.Signatures = append(found.Signatures, one)
	}
	report, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	return signing.Verification{ID: "vrf-1", Name: "Hợp đồng ắằẳẵặ ấầẩẫậ 漢.pdf", Size: 9, SHA256: strings.Repeat("ab", 32), CreatedAt: time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC), Report: report, Trust: []string{strings.Repeat("cd", 32)}}
}

func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int64:
		v.SetInt(4711)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// leaves are the names and the words of every value below one.
func leaves(value any, each func(name, text string), name string) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			leaves(inner, each, key)
		}
	case []any:
		for _, inner := range v {
			leaves(inner, each, name)
		}
	case string:
		each(name, v)
	case float64:
		each(name, fmt.Sprint(v))
	}
}

// TestTheReportSaysAllThatTheJSONSays reads the pages with pdftotext, judges the file with qpdf, and wants a label for each name.
func TestTheReportSaysAllThatTheJSONSays(t *testing.T) {
	v := everything(t, 40)
	pdf, err := PDF(v)
	if err != nil {
		t.Fatal(err)
	}
	again, err := PDF(v)
	if err != nil || !bytes.Equal(pdf, again) {
		t.Errorf("the same verification gives other bytes: %v", err)
	}
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "qpdf", "--check", path).CombinedOutput(); err != nil {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	dense := func(text string) string { return strings.Join(strings.Fields(text), "") }
	text := dense(string(out))
	var all any
	if err := json.Unmarshal(v.Report, &all); err != nil {
		t.Fatal(err)
	}
	leaves(all, func(name, value string) {
		if labels[name] == "" {
			t.Errorf("%s has no label", name)
		}
		if !strings.Contains(value, "Ánh") && !strings.Contains(text, dense(wordsOf(value))) {
			t.Errorf("%s: %q is not in the report", name, value)
		}
	}, "")
	for _, want := range []string{"NguyễnThịÁnh", "Hợpđồngắằẳẵặấầẩẫậ□.pdf", "Chữký40/Signature40", "Trang1/", strings.Repeat("cd", 32)} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the report", want)
		}
	}
	if pages := strings.Count(string(out), "\f"); pages < 20 {
		t.Errorf("%d pages", pages)
	}
}
