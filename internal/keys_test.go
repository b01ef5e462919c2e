package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// madeElsewhere is what looks like a key and is none, by file, function and name.
var madeElsewhere = map[string]string{
	"internal/account/limits.go codeLimits Key":                 "what a limit counts",
	"internal/account/limits.go logIns Key":                     "what a limit counts",
	"internal/api/layers/turns.go holders Key":                  "what a limit counts",
	"internal/signing/quotas.go Quotas Key":                     "what a limit counts",
	"internal/signing/rings.go Rings Key":                       "what a limit counts",
	"internal/blob/documents.go Append Key":                     "where bytes lie",
	"internal/blob/upload.go Upload key":                        "where bytes lie",
	"internal/blob/upload.go sealedKey sealedKey":               "where bytes lie",
	"internal/party/revocation/crl.go list key":                 "a place in memory",
	"internal/audit/audit.go KeyID KeyID":                       "of a key that signs",
	"internal/audit/audit.go EncodeKey EncodeKey":               "a key that signs",
	"internal/api/registrations/routes.go intakeRoutes ID":      "of an operation",
	"internal/api/contract.go describeEvents OperationID":       "of an operation",
	"internal/api/kernel/describe.go HeadersNamed Ref":          "a reference in the document",
	"internal/api/kernel/describe.go describe Ref":              "a reference in the document",
	"internal/api/layers/requests.go newRequestID newRequestID": "random, for log lines",
	"activities/approval.go documentID documentID":              "a file's name, as the phone shows it",
	"activities/issuance.go subject UID":                        "of a certificate's subject",
}

// No key is put together outside keys.go. A value is a key by the name of what takes it: a field, a variable or a function that
// is called id, key or ref or ends so, and the argument of a call that is known to take one. Random ids are no business keys.
func TestKeysAreMadeInOnePlace(t *testing.T) {
	looked, found := 0, map[string]bool{}
	for _, root := range []string{"../workflows", "../activities", "../internal"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && slices.Contains([]string{"sandbox", "web", "pades", "apiclient", "storetest"}, d.Name()) {
				if err == nil {
					err = fs.SkipDir
				}
				return err
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "process/keys.go") {
				return nil
			}
			looked++
			for _, where := range keysMadeIn(t, path) {
				found[strings.TrimPrefix(path, "../")+" "+where] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 100 {
		t.Fatalf("only %d files were looked at", looked)
	}
	for where := range found {
		if madeElsewhere[where] == "" {
			t.Errorf("%s: a key is made in internal/process/keys.go", where)
		}
	}
	for where := range madeElsewhere {
		if !found[where] {
			t.Errorf("%s: nothing is made there any more", where)
		}
	}
}

// keysMadeIn returns what is made in a file: the function and the name that takes the value.
func keysMadeIn(t *testing.T, path string) (made []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		note := func(name string, value ast.Expr) {
			if isKey(name) && putTogether(value) {
				made = append(made, fn.Name.Name+" "+name)
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				note(nameOf(n.Key), n.Value)
			case *ast.AssignStmt:
				for i, value := range n.Rhs {
					if len(n.Rhs) == len(n.Lhs) {
						note(nameOf(n.Lhs[i]), value)
					}
				}
			case *ast.ReturnStmt:
				for _, value := range n.Results {
					note(fn.Name.Name, value)
				}
			case *ast.CallExpr:
				if name := nameOf(n.Fun); slices.Contains(takers, name) {
					for _, value := range n.Args {
						if putTogether(value) {
							made = append(made, fn.Name.Name+" "+name)
						}
					}
				}
			}
			return true
		})
	}
	return made
}

// takers are calls one of whose arguments is a business key.
var takers = []string{"Activate", "AskPayment", "Certificates", "CreateKey", "Held", "Install", "Issue", "MadeID", "QueryWorkflow", "Refund", "RefundPayment",
	"Revoke", "SignalWorkflow", "TerminateWorkflow", "UpdateID", "UpdateWorkflow", "decideAs", "tell"}

func isKey(name string) bool {
	lower := strings.ToLower(name)
	return slices.Contains([]string{"id", "key", "ref", "mark", "series"}, lower) || strings.HasSuffix(name, "ID") || strings.HasSuffix(name, "Key") ||
		strings.HasSuffix(name, "Ref") || strings.HasSuffix(name, "Mark")
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// putTogether reports whether a value is a concatenation, a formatted text or a digest. One with a random part is none.
func putTogether(value ast.Expr) bool {
	switch value := value.(type) {
	case *ast.BinaryExpr:
		return value.Op == token.ADD && (isText(value.X) || isText(value.Y) || putTogether(value.X)) && !random(value)
	case *ast.CallExpr:
		return slices.Contains([]string{"Sprintf", "Sprint", "Join", "EncodeToString", "NewHash", "NewSHA1"}, nameOf(value.Fun)) && !random(value)
	}
	return false
}

func isText(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.STRING
}

func random(e ast.Expr) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && slices.Contains([]string{"NewString", "NewV7", "Text"}, nameOf(call.Fun)) {
			found = true
		}
		return !found
	})
	return found
}
