package syntax

import "bytes"

// literal reads a string in parentheses (7.3.4.2).
func (p *Parser) literal() (Object, error) {
	p.Pos++
	open := 1
	out := []byte{}
	for p.Pos < len(p.Buf) {
		c := p.Buf[p.Pos]
		p.Pos++
		switch c {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return String(out), nil
			}
		case '\\':
			var err error
			if out, err = p.escape(out); err != nil {
				return nil, err
			}
			continue
		case '\r': // an end of line of any kind reads as \n
			if p.Pos < len(p.Buf) && p.Buf[p.Pos] == '\n' {
				p.Pos++
			}
			c = '\n'
		}
		out = append(out, c)
	}
	return nil, p.atEnd()
}

// escape reads what follows a backslash.
func (p *Parser) escape(out []byte) ([]byte, error) {
	if p.Pos >= len(p.Buf) {
		return nil, p.atEnd()
	}
	c := p.Buf[p.Pos]
	p.Pos++
	switch c {
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case '\n':
		return out, nil
	case '\r':
		if p.Pos < len(p.Buf) && p.Buf[p.Pos] == '\n' {
			p.Pos++
		}
		return out, nil
	}
	if c < '0' || c > '7' {
		return append(out, c), nil
	}
	value := int(c - '0')
	for i := 0; i < 2 && p.Pos < len(p.Buf) && p.Buf[p.Pos] >= '0' && p.Buf[p.Pos] <= '7'; i++ {
		value = value<<3 | int(p.Buf[p.Pos]-'0')
		p.Pos++
	}
	return append(out, byte(value)), nil
}

// Hex reads a string in angle brackets (7.3.4.3). What is no digit is skipped, as most readers do: one wrong letter must not make
// the object unreadable that it stands in. Who depends on the digits reads them in the file, or asks WrongDigits.
func (p *Parser) Hex() (Object, error) {
	p.Pos++
	length := bytes.IndexByte(p.Buf[p.Pos:], '>')
	if length < 0 { // nothing is decoded in vain of a signature that the window cuts
		p.Pos = len(p.Buf)
		return nil, p.atEnd()
	}
	text := p.Buf[p.Pos : p.Pos+length]
	p.Pos += length + 1
	out := make([]byte, 0, (length+1)/2)
	high := -1
	for _, c := range text {
		v := hexValue(c)
		switch {
		case v < 0:
			p.Wrong = p.Wrong || !IsSpace(c)
		case high < 0:
			high = v
		default:
			out = append(out, byte(high<<4|v))
			high = -1
		}
	}
	if high >= 0 {
		out = append(out, byte(high<<4))
	}
	return String(out), nil
}
