package changes

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"kyso/internal/pades/pdf"
	"kyso/internal/problem"
)

// part is a packet of an XFA form.
type part struct {
	name string // "" for what stands between packets
	data []byte
}

// filledParts are the packets that hold what was filled in; the others are the form itself.
var filledParts = map[string]bool{"datasets": true, "form": true}

// compareXFA compares the copy of a form that is there as XFA. Programs that fill in or sign such a form write its data again, which is
// form filling; another template is another form.
func (c *comparison) compareXFA(before, after pdf.Object) error {
	differ := c.try("XFA", before, after, false)
	if !differs(differ) {
		return differ
	}
	was, err := xfaParts(c.old, before)
	if err != nil {
		return err
	}
	is, err := xfaParts(c.new, after)
	if err != nil {
		return err
	}
	if len(was) == 0 || len(was) != len(is) {
		return differ
	}
	for i := range was {
		same := bytes.Equal(was[i].data, is[i].data)
		if was[i].name != is[i].name || !same && (!filledParts[is[i].name] || !onePacket(is[i])) {
			return differ
		}
	}
	locked := false
	err = c.old.WalkFields(func(name string, _ pdf.Name, _ pdf.Ref, _ *pdf.Dict) error {
		locked = locked || c.locked(name)
		return nil
	})
	if err != nil {
		return err
	}
	if locked { // which fields the data is of is not looked at
		return c.unknown(xfaLocked)
	}
	return c.raise(FormFilling)
}

// xfaParts returns the packets of an XFA entry: an array of names and streams, or one stream with all of them. None are returned of
// what is neither or cannot be read.
func xfaParts(f *pdf.File, entry pdf.Object) ([]part, error) {
	value, _, err := follow(f, entry)
	if err != nil {
		return nil, err
	}
	if stream, ok := value.(*pdf.Stream); ok {
		data, err := readable(f, stream)
		return split(data), err
	}
	list, ok := value.(pdf.Array)
	if !ok || len(list)%2 != 0 {
		return nil, nil
	}
	var parts []part
	for i := 0; i < len(list); i += 2 {
		label, _, err := follow(f, list[i])
		if err != nil {
			return nil, err
		}
		value, _, err := follow(f, list[i+1])
		if err != nil {
			return nil, err
		}
		name, ok1 := label.(pdf.String)
		stream, ok2 := value.(*pdf.Stream)
		if !ok1 || !ok2 {
			return nil, nil
		}
		data, err := readable(f, stream)
		if err != nil || data == nil {
			return nil, err
		}
		parts = append(parts, part{string(name), data})
	}
	return parts, nil
}

// readable returns the data of a stream; nil when it cannot be read.
func readable(f *pdf.File, s *pdf.Stream) ([]byte, error) {
	data, err := f.Data(s)
	if problem.CodeOf(err) == problem.DocumentBroken {
		return nil, nil
	}
	return data, err
}

// packetSpace is how the namespaces of the packets begin.
const packetSpace = "http://www.xfa.org/schema/xfa-"

// onePacket reports whether a part is one element of the name that it goes by: a label alone says nothing.
func onePacket(p part) bool {
	d := xml.NewDecoder(bytes.NewReader(p.data))
	depth, roots := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return errors.Is(err, io.EOF) && roots == 1 && depth == 0
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > 1 {
				continue
			}
			if roots++; t.Name.Local != p.name || !strings.HasPrefix(t.Name.Space, packetSpace) {
				return false
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return false
			}
		case xml.Directive, xml.ProcInst:
			if depth == 0 {
				return false
			}
		}
	}
}

// split cuts a whole XDP into its packets; nil when it is no XML.
func split(data []byte) []part {
	d := xml.NewDecoder(bytes.NewReader(data))
	var parts []part
	var name string
	depth, from := 0, int64(0)
	cut := func(label string, to int64) {
		parts = append(parts, part{label, data[from:to]})
		from = to
	}
	for {
		at := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			cut("", int64(len(data)))
			return parts
		}
		if err != nil {
			return nil
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				cut("", at)
				if name = t.Name.Local; !strings.HasPrefix(t.Name.Space, packetSpace) {
					name = ""
				}
			}
		case xml.EndElement:
			if depth--; depth == 1 {
				cut(name, d.InputOffset())
			}
		}
	}
}
