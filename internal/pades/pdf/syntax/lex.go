package syntax

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// ErrShort says that the window ended inside a token: the caller reads a longer one and starts again.
var ErrShort = errors.New("the window ends inside an object")

// Keyword is a bare word such as obj or endobj; it never leaves internal/pades/pdf.
type Keyword string

// Parser reads objects from a window of bytes.
type Parser struct {
	Buf   []byte
	Pos   int
	Base  int64 // file offset of Buf[0]; negative when the bytes do not lie in the file as they are
	EOF   bool  // nothing follows buf
	Depth int   // levels of nesting that are still allowed
	Ended bool  // an indirect object was read up to its endobj or its stream
	Wrong bool  // a hexadecimal string held something else than digits

	Dangling *Dangling // where references to numbers that the file does not announce are noted; may be nil
}

const (
	charRegular = iota
	charSpace
	charDelim
)

var charClass = func() (table [256]uint8) {
	for _, c := range "\x00\t\n\f\r " {
		table[c] = charSpace
	}
	for _, c := range "()<>[]{}/%" {
		table[c] = charDelim
	}
	return table
}()

// IsSpace reports white space (7.2.3, table 1).
func IsSpace(c byte) bool { return charClass[c] == charSpace }

// IsRegular reports what is neither white space nor a delimiter.
func IsRegular(c byte) bool { return charClass[c] == charRegular }

// IsDigit reports a decimal digit.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }

// atEnd reports the end of the window, as ErrShort when more bytes can be had.
func (p *Parser) atEnd() error {
	if p.EOF {
		return Broken("the file ends inside an object")
	}
	return ErrShort
}

// Skip moves over white space and comments.
func (p *Parser) Skip() {
	for p.Pos < len(p.Buf) {
		c := p.Buf[p.Pos]
		switch {
		case IsSpace(c):
			p.Pos++
		case c == '%':
			for p.Pos < len(p.Buf) && p.Buf[p.Pos] != '\n' && p.Buf[p.Pos] != '\r' {
				p.Pos++
			}
		default:
			return
		}
	}
}

// regular returns the run of regular characters at pos.
func (p *Parser) regular() ([]byte, error) {
	start := p.Pos
	for p.Pos < len(p.Buf) && IsRegular(p.Buf[p.Pos]) {
		p.Pos++
	}
	if p.Pos == len(p.Buf) && !p.EOF {
		return nil, ErrShort
	}
	return p.Buf[start:p.Pos], nil
}

// Object reads the next object; a bare word comes back as keyword.
func (p *Parser) Object() (Object, error) {
	p.Skip()
	if p.Pos >= len(p.Buf) {
		return nil, p.atEnd()
	}
	switch c := p.Buf[p.Pos]; c {
	case '/':
		return p.name()
	case '(':
		return p.literal()
	case '[':
		return p.array()
	case '<':
		if p.Pos+1 >= len(p.Buf) {
			return nil, p.atEnd()
		}
		if p.Buf[p.Pos+1] == '<' {
			return p.dict()
		}
		return p.Hex()
	case ')', '>', ']', '{', '}':
		return nil, Broken("unexpected %q", c)
	default:
		return p.word()
	}
}

// word reads a number, a reference, a constant or a keyword.
func (p *Parser) word() (Object, error) {
	raw, err := p.regular()
	if err != nil {
		return nil, err
	}
	if c := raw[0]; IsDigit(c) || c == '+' || c == '-' || c == '.' {
		number, ok := parseNumber(raw)
		if !ok {
			return Keyword(raw), nil
		}
		if n, isInt := number.(int64); isInt && IsDigit(c) && n <= math.MaxInt32 {
			return p.reference(n)
		}
		return number, nil
	}
	switch string(raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	return Keyword(raw), nil
}

// reference looks past an integer for "gen R".
func (p *Parser) reference(num int64) (Object, error) {
	mark := p.Pos
	for p.Pos < len(p.Buf) && IsSpace(p.Buf[p.Pos]) {
		p.Pos++
	}
	gen, digits := 0, 0
	for ; p.Pos < len(p.Buf) && IsDigit(p.Buf[p.Pos]) && digits < 6; digits++ {
		gen = gen*10 + int(p.Buf[p.Pos]-'0')
		p.Pos++
	}
	if digits > 0 || p.Pos == len(p.Buf) {
		spaces := p.Pos
		for p.Pos < len(p.Buf) && IsSpace(p.Buf[p.Pos]) {
			p.Pos++
		}
		if p.Pos+1 >= len(p.Buf) && !p.EOF {
			return nil, ErrShort
		}
		if digits > 0 && p.Pos > spaces && p.Pos < len(p.Buf) && p.Buf[p.Pos] == 'R' &&
			(p.Pos+1 == len(p.Buf) || !IsRegular(p.Buf[p.Pos+1])) {
			p.Pos++
			p.note(int(num))
			return Ref{Num: int(num), Gen: gen}, nil
		}
	}
	p.Pos = mark
	return num, nil
}

// parseNumber accepts what readers accept: a doubled sign, a lone dot and digits after a second sign are damage
// that real producers make.
func parseNumber(raw []byte) (Object, bool) {
	var value int64
	digits, start := 0, 0
	if raw[0] == '+' || raw[0] == '-' {
		start = 1
	}
	simple := len(raw)-start <= 18
	for _, c := range raw[start:] {
		if !IsDigit(c) {
			simple = false
			break
		}
		value = value*10 + int64(c-'0')
		digits++
	}
	if simple && digits > 0 {
		if raw[0] == '-' {
			value = -value
		}
		return value, true
	}
	if !isReal(raw) {
		return nil, false
	}
	return Real(raw), true
}

// isReal reports whether readers take a word for a number.
func isReal(raw []byte) bool {
	number, end := realDigits(raw)
	return end == len(number) || number[end] == '-'
}

// realValue reads what isReal accepts; a number that cannot be counts as 0.
func realValue(raw []byte) float64 {
	raw, end := realDigits(raw)
	value, err := strconv.ParseFloat(string(raw[:end]), 64)
	if err != nil || math.IsInf(value, 0) {
		return 0
	}
	return value
}

// realDigits leaves out all signs but the last, and finds the end of the digits.
func realDigits(raw []byte) (number []byte, end int) {
	for len(raw) > 1 && (raw[0] == '-' || raw[0] == '+') && (raw[1] == '-' || raw[1] == '+') {
		raw = raw[1:]
	}
	for end < len(raw) && (IsDigit(raw[end]) || raw[end] == '.' || (end == 0 && (raw[0] == '-' || raw[0] == '+'))) {
		end++
	}
	return raw, end
}

func (p *Parser) name() (Object, error) {
	p.Pos++
	raw, err := p.regular()
	if err != nil {
		return nil, err
	}
	return Name(decodeName(raw)), nil
}

func decodeName(raw []byte) string {
	if !slices.Contains(raw, '#') {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) && hexValue(raw[i+1]) >= 0 && hexValue(raw[i+2]) >= 0 {
			out = append(out, byte(hexValue(raw[i+1])<<4|hexValue(raw[i+2])))
			i += 2
			continue
		}
		out = append(out, raw[i])
	}
	return string(out)
}

// hexValues are the values of hexadecimal digits by character, and -1 for other characters: signatures are long strings of them.
var hexValues = func() (values [256]int8) {
	for c := range values {
		values[c] = -1
	}
	for v, c := range "0123456789abcdef" {
		values[c] = int8(v)
	}
	for v, c := range "ABCDEF" {
		values[c] = int8(10 + v)
	}
	return values
}()

func hexValue(c byte) int { return int(hexValues[c]) }

func (p *Parser) array() (Object, error) {
	if p.Depth <= 0 {
		return nil, TooComplex("objects are nested too deeply")
	}
	p.Depth--
	defer func() { p.Depth++ }()
	p.Pos++
	out := Array{}
	for {
		p.Skip()
		if p.Pos >= len(p.Buf) {
			return nil, p.atEnd()
		}
		if p.Buf[p.Pos] == ']' {
			p.Pos++
			return out, nil
		}
		item, err := p.Object()
		if err != nil {
			return nil, err
		}
		if word, ok := item.(Keyword); ok {
			if word == "endobj" || word == "endstream" || word == "obj" {
				return nil, Broken("an array is not closed")
			}
			item = nil // an unknown word counts as null, as in other readers
		}
		out = append(out, item)
	}
}

func (p *Parser) dict() (Object, error) {
	if p.Depth <= 0 {
		return nil, TooComplex("objects are nested too deeply")
	}
	p.Depth--
	defer func() { p.Depth++ }()
	p.Pos += 2
	d := &Dict{entries: make([]entry, 0, 8)}
	for {
		p.Skip()
		if p.Pos+1 >= len(p.Buf) {
			return nil, p.atEnd()
		}
		if p.Buf[p.Pos] == '>' && p.Buf[p.Pos+1] == '>' {
			p.Pos += 2
			return d, nil
		}
		if err := p.pair(d); err != nil {
			return nil, err
		}
	}
}

// pair reads one key and its value into d.
func (p *Parser) pair(d *Dict) error {
	if p.Buf[p.Pos] != '/' {
		return Broken("a dictionary key is not a name")
	}
	key, err := p.name()
	if err != nil {
		return err
	}
	p.Skip()
	if p.Pos+1 >= len(p.Buf) {
		return p.atEnd()
	}
	e := entry{key: key.(Name), start: -1, end: -1}
	start := p.Pos
	if p.Buf[p.Pos] != '>' || p.Buf[p.Pos+1] != '>' { // "/Key >>": a missing value is null
		if e.value, err = p.Object(); err != nil {
			return err
		}
	}
	if word, ok := e.value.(Keyword); ok {
		if word == "endobj" || word == "stream" || word == "obj" {
			return Broken("a dictionary is not closed")
		}
		e.value = nil
	}
	if p.Base >= 0 {
		e.start, e.end = p.Base+int64(start), p.Base+int64(p.Pos)
	}
	if d.put(e) {
		d.duplicate = true
	}
	return nil
}
