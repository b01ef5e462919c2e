package pdf

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kyso/internal/problem"
)

// Hostile files end in a typed refusal, quickly.
func TestHostileFiles(t *testing.T) {
	file := func(bodies ...string) []byte {
		w := newWriter()
		numbers := make([]int, len(bodies))
		for i, body := range bodies {
			numbers[i] = i + 1
			w.object(i+1, body)
		}
		w.table(fmt.Sprintf("/Size %d/Root 1 0 R", len(bodies)+1), numbers...)
		return w.Bytes()
	}
	deep := strings.Repeat("[", 100000) + strings.Repeat("]", 100000)
	loop := newWriter()
	loop.object(1, catalogBody)
	loop.object(2, pagesBody)
	loop.object(3, pageBody)
	loop.table(fmt.Sprintf("/Size 4/Root 1 0 R/Prev %d", loop.Len()), 1, 2, 3)
	nested := "<</Type/Pages/Kids[3 0 R]/Count 1>>"
	chain := []string{catalogBody, nested}
	for n := 3; n < 300; n++ {
		chain = append(chain, fmt.Sprintf("<</Type/Pages/Kids[%d 0 R]/Count 1>>", n+1))
	}
	for name, c := range map[string]struct {
		data []byte
		want problem.Code // "" when such a file may be read
	}{
		"not a PDF":          {bytes.Repeat([]byte("hello "), 100), problem.DocumentBroken},
		"empty":              {nil, problem.DocumentBroken},
		"header only":        {[]byte("%PDF-1.7\n" + strings.Repeat(" ", 100)), problem.DocumentBroken},
		"deep nesting":       {file(catalogBody, pagesBody, pageBody, deep, "4 0 R"), ""},
		"deep catalog":       {file("<</Type/Catalog/Pages 2 0 R/X"+deep+">>", pagesBody, pageBody), problem.DocumentTooComplex},
		"circle of pages":    {file(catalogBody, "<</Type/Pages/Kids[3 0 R]/Count 5>>", "<</Type/Pages/Kids[2 0 R]/Count 5>>"), problem.DocumentBroken},
		"endless page tree":  {file(chain...), problem.DocumentTooComplex},
		"circle of sections": {loop.Bytes(), ""},
		"circle of refs":     {file("<</Type/Catalog/Pages 2 0 R>>", "3 0 R", "2 0 R"), problem.DocumentBroken},
		"bomb": {file(catalogBody, pagesBody, "<</Length 5 0 R/Filter[/FlateDecode/FlateDecode]>>\nstream\n"+
			string(deflate(deflate(make([]byte, 100<<20))))+"\nendstream", "1"), ""},
		"length of itself":     {file(catalogBody, pagesBody, "<</Length 3 0 R/Filter/FlateDecode>>\nstream\nx\nendstream"), ""},
		"huge numbers":         {file(catalogBody, "<</Type/Pages/Kids[3 0 R]/Count 99999999999999999999>>", pageBody), ""},
		"many kids of nothing": {file(catalogBody, "<</Type/Pages/Kids["+strings.Repeat("3 0 R ", 200000)+"]/Count 1>>", pageBody), problem.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if err := readAll(c.data, Limits{}); problem.CodeOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// readAll asks for everything that signing and verifying ask for.
func readAll(data []byte, lim Limits) error {
	f, err := Open(bytes.NewReader(data), int64(len(data)), lim)
	if err != nil || f.Locked() {
		return err
	}
	if _, err = f.Page(0); err != nil {
		return err
	}
	if err = f.WalkPages(func(*Page) (bool, error) { return true, nil }); err != nil {
		return err
	}
	if _, err = f.SignatureFields(); err != nil {
		return err
	}
	for num := range min(f.NextNumber(), 50) {
		obj, err := f.Get(num)
		if err != nil {
			continue
		}
		if s, ok := obj.(*Stream); ok {
			if _, err := f.Data(s); problem.CodeOf(err) == problem.Internal {
				return err
			}
		}
	}
	for _, s := range f.Sections() {
		if err := f.Entries(s, func(int, Entry) bool { return true }); err != nil {
			return err
		}
	}
	u := NewUpdate(f)
	u.Add(NewDict("A", int64(1)))
	_, err = u.Bytes()
	return err
}
