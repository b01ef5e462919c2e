package finding_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	_ "kyso/internal/evidence"
	"kyso/internal/finding"
	_ "kyso/internal/pades"
	_ "kyso/internal/party/revocation"
)

// syllable is what a Vietnamese word without any mark looks like.
var syllable = regexp.MustCompile(`^(b|c|ch|d|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|ph|qu|r|s|t|th|tr|v|x)?` +
	`(a|e|i|o|u|y|ai|ao|au|ay|eo|ia|iu|oa|oai|oan|oe|oi|ua|ui|uy)(c|ch|m|n|ng|nh|p|t)?$`)

// english are words that look like syllables of Vietnamese.
var english = []string{"the", "an", "it", "not", "to", "on", "no", "can", "that", "than", "then", "at", "a", "be", "he", "her", "him", "but", "hash", "page", "note"}

// terms are names that both languages use.
var terms = []string{"acrobat", "adobe", "reader", "byte", "http", "https", "trust"}

// vietnameseWord reports whether a word can stand in a Vietnamese text: it has a letter that English lacks, is a syllable, or a name.
func vietnameseWord(word string) bool {
	if strings.IndexFunc(word, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return true
	}
	if word != strings.ToLower(word) && !unicode.IsUpper([]rune(word)[0]) || word == strings.ToUpper(word) || camel.MatchString(word) {
		return true // CMS, ByteRange
	}
	lower := strings.ToLower(word)
	return slices.Contains(terms, lower) || syllable.MatchString(lower) && !slices.Contains(english, lower)
}

var (
	camel = regexp.MustCompile(`^(Contents|SubFilter|Filter|Type|[A-Z]+[a-z]+[A-Z0-9]\w*|TSTInfo)$`)
	words = regexp.MustCompile(`\p{L}[\p{L}\p{N}]*`)
	holes = regexp.MustCompile(`\{[a-z_]+\}`)
)

// TestEverySentenceIsSaidInTwoLanguages: whatever the verifier and those who ask for it can say is Vietnamese in Vietnamese.
func TestEverySentenceIsSaidInTwoLanguages(t *testing.T) {
	all := finding.All()
	if len(all) < 200 {
		t.Fatalf("only %d sentences were found", len(all))
	}
	for _, k := range all {
		vi, en := k.Texts()
		bare := holes.ReplaceAllString(vi, " ")
		switch {
		case !norm.NFC.IsNormalString(vi) || !norm.NFC.IsNormalString(en):
			t.Errorf("%s is not in normal form C", k.Code())
		case vi == "" || en == "" || strings.HasSuffix(vi, ".") != strings.HasSuffix(en, "."):
			t.Errorf("%s: %q and %q", k.Code(), vi, en)
		case strings.IndexFunc(bare, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }) < 0 && len(words.FindAllString(bare, -1)) > 0 && !onlyTerms(bare):
			t.Errorf("%s has no Vietnamese letter: %q", k.Code(), vi)
		}
		for _, word := range words.FindAllString(bare, -1) {
			if !vietnameseWord(word) {
				t.Errorf("%s: %q is no Vietnamese word in %q", k.Code(), word, vi)
			}
		}
		if a, b := holes.FindAllString(vi, -1), holes.FindAllString(en, -1); !slices.Equal(a, b) {
			t.Errorf("%s has the parameters %v in Vietnamese and %v in English", k.Code(), a, b)
		}
	}
}

func onlyTerms(text string) bool {
	for _, word := range words.FindAllString(text, -1) {
		if word == strings.ToLower(word) && !slices.Contains(terms, word) {
			return false
		}
	}
	return true
}

// speakers are the folders whose packages say something to readers.
var speakers = []string{"../pades", "../evidence", "../party", "../finding"}

// definition is a sentence as it stands in the source.
type definition struct {
	params []string
	used   int
}

// TestEverySentenceIsFilledIn: every call in the source gives a sentence the parameters that it has, and every sentence is said.
func TestEverySentenceIsFilledIn(t *testing.T) {
	packages := map[string][]*ast.File{}
	for _, root := range speakers {
		maps.Copy(packages, sources(t, root))
	}
	calls := 0
	for dir, files := range packages {
		found := definitions(files)
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if name, params, ok := said(n); ok && found[name] != nil {
						calls++
						if !slices.Equal(params, found[name].params) {
							t.Errorf("%s: %s has the parameters %v and is given %v", dir, name, found[name].params, params)
						}
					}
				case *ast.Ident:
					if d := found[n.Name]; d != nil {
						d.used++
					}
				}
				return true
			})
		}
		for name, d := range found {
			if d.used < 2 { // once where it is defined
				t.Errorf("%s: %s is never said", dir, name)
			}
		}
	}
	if calls < 150 {
		t.Errorf("only %d calls were found", calls)
	}
}

// said reads a call that says a sentence: x.Say(…), x.Err(…), refuse(x), unsupported(x, …), NotSupported(x, …).
func said(call *ast.CallExpr) (name string, params []string, ok bool) {
	args := call.Args
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		x, isName := fun.X.(*ast.Ident)
		switch {
		case isName && (fun.Sel.Name == "Say" || fun.Sel.Name == "Err"):
			name = x.Name
		case fun.Sel.Name == "NotSupported" && len(args) > 0:
			return said(&ast.CallExpr{Fun: ast.NewIdent("unsupported"), Args: args})
		default:
			return "", nil, false
		}
	case *ast.Ident:
		if fun.Name != "refuse" && fun.Name != "unsupported" || len(args) == 0 {
			return "", nil, false
		}
		x, isName := args[0].(*ast.Ident)
		if !isName {
			return "", nil, false
		}
		name, args = x.Name, args[1:]
	default:
		return "", nil, false
	}
	for i := 0; i < len(args); i += 2 {
		if literal, isLiteral := args[i].(*ast.BasicLit); isLiteral {
			param, _ := strconv.Unquote(literal.Value)
			params = append(params, param)
		}
	}
	return name, params, true
}

// definitions finds the variables that hold a sentence.
func definitions(files []*ast.File) map[string]*definition {
	found := map[string]*definition{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			call, ok := spec.Values[0].(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			if fun, ok := call.Fun.(*ast.SelectorExpr); ok && fun.Sel.Name != "Define" {
				return true
			} else if plain, isPlain := call.Fun.(*ast.Ident); !ok && (!isPlain || plain.Name != "Define") {
				return true
			}
			d := &definition{}
			if literal, ok := call.Args[2].(*ast.BasicLit); ok {
				for _, hole := range holes.FindAllString(literal.Value, -1) {
					d.params = append(d.params, strings.Trim(hole, "{}"))
				}
			}
			found[spec.Names[0].Name] = d
			return true
		})
	}
	return found
}

// plainWords are files from which every error reaches a reader of the verification.
var plainWords = regexp.MustCompile(`^\.\./pades/(verify[a-z_]*|changes/[a-z]+|cms/(ber|parse|attributes|timestamp|algorithm))\.go$|^\.\./party/revocation/[a-z]+\.go$`)

// TestNothingIsSaidInOneLanguage: where errors reach readers, none is made of an English sentence.
func TestNothingIsSaidInOneLanguage(t *testing.T) {
	looked := 0
	for _, root := range speakers {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if path = filepath.ToSlash(path); err != nil || !plainWords.MatchString(path) {
				return err
			}
			looked++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, declared := range file.Decls {
				function, ok := declared.(*ast.FuncDecl)
				if !ok {
					continue // sentinels, which have a clause beside them
				}
				ast.Inspect(function, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok && speaksEnglish(call) && function.Name.Name != "add" { // which writes
						t.Errorf("%s: %s makes an error of English words", path, function.Name.Name)
					}
					return true
				})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 25 {
		t.Errorf("only %d files were looked at", looked)
	}
}

// speaksEnglish finds errors.New, and fmt.Errorf that wraps nothing.
func speaksEnglish(call *ast.CallExpr) bool {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := fun.X.(*ast.Ident)
	if !ok || len(call.Args) == 0 {
		return false
	}
	format, ok := call.Args[0].(*ast.BasicLit)
	return from.Name == "errors" && fun.Sel.Name == "New" ||
		from.Name == "fmt" && fun.Sel.Name == "Errorf" && ok && !strings.Contains(format.Value, "%w")
}

func sources(t *testing.T, root string) map[string][]*ast.File {
	t.Helper()
	found := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		found[filepath.Dir(path)] = append(found[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
