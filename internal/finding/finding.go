// Package finding says what was found in a document, in Vietnamese and in English.
//
// A sentence is defined once, as a package variable next to the code that says it, with both texts:
//
//	var overlay = finding.Define("overlay", "Trang {page} có chú thích ({name}) có thể che nội dung.", "Page {page} has an annotation …")
//	…
//	found = append(found, overlay.Say("page", 3, "name", "Stamp"))
//
// So nothing can be said in one language only. A text with a full stop is a sentence; one without is a clause, which another
// text takes in as its cause: "The signature is malformed: {why}."
//
// It imports the standard library only.
package finding

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Finding is one sentence about a document or a signature.
type Finding struct {
	Code  string `json:"code" doc:"Names the sentence; it stays when the texts change"`
	Cause string `json:"cause,omitempty" doc:"Names the reason that the texts give behind a colon"`
	Page  int    `json:"page,omitempty" doc:"0 when it belongs to no page"`
	Name  string `json:"name,omitempty" doc:"Of the form field, or the kind of annotation"`
	Share int    `json:"share,omitempty" doc:"Of the page, in percent"`
	VI    string `json:"vi" doc:"The sentence in Vietnamese"`
	EN    string `json:"en" doc:"The sentence in English"`
}

// Kind is a sentence, or a clause, that can be said.
type Kind struct{ code, vi, en string }

var defined = map[string]*Kind{}

// Define adds a sentence. Parameters stand in braces, and both texts have the same ones. It is for package variables, and panics
// when the code is taken.
func Define(code, vi, en string) *Kind {
	if defined[code] != nil {
		panic("finding: " + code + " is defined twice")
	}
	k := &Kind{code, vi, en}
	defined[code] = k
	return k
}

// All returns every sentence of the packages that a program holds, by code.
func All() []*Kind {
	list := make([]*Kind, 0, len(defined))
	for _, k := range defined {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *Kind) int { return strings.Compare(a.code, b.code) })
	return list
}

// Code names the sentence.
func (k *Kind) Code() string { return k.code }

// Texts returns the sentence with its parameters in braces.
func (k *Kind) Texts() (vi, en string) { return k.vi, k.en }

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// Parameters names what the texts leave open.
func (k *Kind) Parameters() []string {
	var names []string
	for _, p := range parameter.FindAllString(k.en, -1) {
		names = append(names, strings.Trim(p, "{}"))
	}
	return names
}

// Say fills in the parameters: names and values by turns. A value that is an error, a Finding or a clause is said in the language
// of the text; page, share and name are given on their own, too.
func (k *Kind) Say(params ...any) Finding {
	f := Finding{Code: k.code, VI: k.vi, EN: k.en}
	for i := 0; i+1 < len(params); i += 2 {
		vi, en := f.take(params[i], params[i+1])
		hole := fmt.Sprintf("{%v}", params[i])
		f.VI, f.EN = strings.ReplaceAll(f.VI, hole, vi), strings.ReplaceAll(f.EN, hole, en)
	}
	return f
}

// take turns a value into the words for both texts.
func (f *Finding) take(name, value any) (vi, en string) {
	switch v := value.(type) {
	case Finding:
		f.Cause = v.Code
		return clause(v.VI), clause(v.EN)
	case *Kind:
		return f.take(name, v.Say())
	case error:
		return f.take(name, Of(v))
	case int:
		switch name {
		case "page":
			f.Page = v
		case "share":
			f.Share = v
		}
	case string:
		if name == "name" {
			f.Name = v
		}
	}
	text := fmt.Sprint(value)
	return text, text
}

// clause makes a sentence fit for the inside of another one.
func clause(text string) string {
	inner, sentence := strings.CutSuffix(text, ".")
	first, size := utf8.DecodeRuneInString(inner)
	second, _ := utf8.DecodeRuneInString(inner[size:])
	if !sentence || unicode.IsUpper(second) { // CMS and the like stay as they are
		return inner
	}
	return string(unicode.ToLower(first)) + inner[size:]
}

// Err is Say as an error.
func (k *Kind) Err(params ...any) error { return &Fault{Finding: k.Say(params...)} }

// Fault is a finding that travels as an error.
type Fault struct {
	Finding Finding
	Err     error // why, for those who do not read findings; may be nil
}

// Error implements error. The message is the English text, or that of Err.
func (f *Fault) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	return f.Finding.EN
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// Wrap gives an error the words for readers, and leaves it as it is for everything else.
func Wrap(err error, f Finding) error { return &Fault{f, err} }

// Join makes one clause of several; the code is that of the first.
func Join(list []Finding) Finding {
	var all Finding
	for i, f := range list {
		if i == 0 {
			all = f
			continue
		}
		all.VI, all.EN = all.VI+"; "+f.VI, all.EN+"; "+f.EN
	}
	return all
}

// unreadable is said of errors that have no words of their own.
var unreadable = Define("unreadable", "dữ liệu không đọc được", "the data cannot be read")

// Of returns the finding that an error carries.
func Of(err error) Finding {
	if fault, ok := errors.AsType[*Fault](err); ok {
		return fault.Finding
	}
	return unreadable.Say()
}
