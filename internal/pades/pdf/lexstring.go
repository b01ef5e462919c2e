package pdf

// literal reads a string in parentheses (7.3.4.2).
func (p *parser) literal() (Object, error) {
	p.pos++
	open := 1
	out := []byte{}
	for p.pos < len(p.buf) {
		c := p.buf[p.pos]
		p.pos++
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
			if p.pos < len(p.buf) && p.buf[p.pos] == '\n' {
				p.pos++
			}
			c = '\n'
		}
		out = append(out, c)
	}
	return nil, p.atEnd()
}

// escape reads what follows a backslash.
func (p *parser) escape(out []byte) ([]byte, error) {
	if p.pos >= len(p.buf) {
		return nil, p.atEnd()
	}
	c := p.buf[p.pos]
	p.pos++
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
		if p.pos < len(p.buf) && p.buf[p.pos] == '\n' {
			p.pos++
		}
		return out, nil
	}
	if c < '0' || c > '7' {
		return append(out, c), nil
	}
	value := int(c - '0')
	for i := 0; i < 2 && p.pos < len(p.buf) && p.buf[p.pos] >= '0' && p.buf[p.pos] <= '7'; i++ {
		value = value<<3 | int(p.buf[p.pos]-'0')
		p.pos++
	}
	return append(out, byte(value)), nil
}

// hex reads a string in angle brackets (7.3.4.3). What is no digit is skipped, as most readers do: one wrong letter must not make
// the object unreadable that it stands in. Who depends on the digits reads them in the file, or asks WrongDigits.
func (p *parser) hex() (Object, error) {
	p.pos++
	out := make([]byte, 0, 32)
	high := -1
	for p.pos < len(p.buf) {
		c := p.buf[p.pos]
		p.pos++
		if c == '>' {
			if high >= 0 {
				out = append(out, byte(high<<4))
			}
			return String(out), nil
		}
		v := hexValue(c)
		if v < 0 {
			p.wrong = p.wrong || !isSpace(c)
			continue
		}
		if high < 0 {
			high = v
			continue
		}
		out = append(out, byte(high<<4|v))
		high = -1
	}
	return nil, p.atEnd()
}
