package syntax

import "bytes"

// Operators reads a content stream (7.8.2) and calls visit with each operator and its operands, until visit returns false. An inline
// image comes as "BI" with its dictionary. It returns false when the stream ends in what is no content.
func Operators(content []byte, visit func(operator string, operands []Object) bool) bool {
	const most = 1 << 10 // operands; those of one operator are few
	p := &Parser{Buf: content, EOF: true, Base: -1, Depth: 32}
	var operands []Object
	for {
		if p.Skip(); p.Pos >= len(p.Buf) {
			return true
		}
		object, err := p.Object()
		if err != nil {
			return false
		}
		operator, ok := object.(Keyword)
		if !ok {
			if len(operands) < most {
				operands = append(operands, object)
			}
			continue
		}
		if operator == "BI" {
			if operands, ok = p.inlineImage(); !ok {
				return false
			}
		}
		if !visit(string(operator), operands) {
			return true
		}
		operands = operands[:0]
	}
}

// inlineImage reads the dictionary of an inline image (8.9.7) and passes over its data.
func (p *Parser) inlineImage() ([]Object, bool) {
	d := NewDict()
	for {
		if p.Skip(); p.Pos >= len(p.Buf) {
			return nil, false
		}
		key, err := p.Object()
		if err != nil {
			return nil, false
		}
		if key == Keyword("ID") {
			break
		}
		name, ok := key.(Name)
		if !ok {
			return nil, false
		}
		value, err := p.Object()
		if err != nil {
			return nil, false
		}
		d.Set(name, value)
	}
	for {
		start := p.Pos + bytes.Index(p.Buf[p.Pos:], []byte("EI"))
		if start < p.Pos {
			return nil, false
		}
		p.Pos = start + 2
		if start > 0 && IsSpace(p.Buf[start-1]) && (p.Pos == len(p.Buf) || IsSpace(p.Buf[p.Pos])) {
			return []Object{d}, true
		}
	}
}
