package pdf

import "bytes"

// Operators reads a content stream (7.8.2) and calls visit with each operator and its operands, until visit returns false. An inline
// image comes as "BI" with its dictionary. It returns false when the stream ends in what is no content.
func Operators(content []byte, visit func(operator string, operands []Object) bool) bool {
	const most = 1 << 10 // operands; those of one operator are few
	p := &parser{buf: content, eof: true, base: -1, depth: 32}
	var operands []Object
	for {
		if p.skip(); p.pos >= len(p.buf) {
			return true
		}
		object, err := p.object()
		if err != nil {
			return false
		}
		operator, ok := object.(keyword)
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
func (p *parser) inlineImage() ([]Object, bool) {
	d := NewDict()
	for {
		if p.skip(); p.pos >= len(p.buf) {
			return nil, false
		}
		key, err := p.object()
		if err != nil {
			return nil, false
		}
		if key == keyword("ID") {
			break
		}
		name, ok := key.(Name)
		if !ok {
			return nil, false
		}
		value, err := p.object()
		if err != nil {
			return nil, false
		}
		d.Set(name, value)
	}
	for {
		start := p.pos + bytes.Index(p.buf[p.pos:], []byte("EI"))
		if start < p.pos {
			return nil, false
		}
		p.pos = start + 2
		if start > 0 && isSpace(p.buf[start-1]) && (p.pos == len(p.buf) || isSpace(p.buf[p.pos])) {
			return []Object{d}, true
		}
	}
}
