package pdf

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// errShort says that the window ended inside a token: the caller reads a longer one and starts again.
var errShort = errors.New("the window ends inside an object")

// keyword is a bare word such as obj or endobj; it never leaves the package.
type keyword string

// parser reads objects from a window of bytes.
type parser struct {
	buf   []byte
	pos   int
	base  int64 // file offset of buf[0]; negative when the bytes do not lie in the file as they are
	eof   bool  // nothing follows buf
	depth int   // levels of nesting that are still allowed
	ended bool  // an indirect object was read up to its endobj or its stream
	wrong bool  // a hexadecimal string held something else than digits

	dangling *dangling // where references to numbers that the file does not announce are noted; may be nil
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

func isSpace(c byte) bool   { return charClass[c] == charSpace }
func isRegular(c byte) bool { return charClass[c] == charRegular }
func isDigit(c byte) bool   { return c >= '0' && c <= '9' }

// atEnd reports the end of the window, as errShort when more bytes can be had.
func (p *parser) atEnd() error {
	if p.eof {
		return broken("the file ends inside an object")
	}
	return errShort
}

// skip moves over white space and comments.
func (p *parser) skip() {
	for p.pos < len(p.buf) {
		c := p.buf[p.pos]
		switch {
		case isSpace(c):
			p.pos++
		case c == '%':
			for p.pos < len(p.buf) && p.buf[p.pos] != '\n' && p.buf[p.pos] != '\r' {
				p.pos++
			}
		default:
			return
		}
	}
}

// regular returns the run of regular characters at pos.
func (p *parser) regular() ([]byte, error) {
	start := p.pos
	for p.pos < len(p.buf) && isRegular(p.buf[p.pos]) {
		p.pos++
	}
	if p.pos == len(p.buf) && !p.eof {
		return nil, errShort
	}
	return p.buf[start:p.pos], nil
}

// object reads the next object; a bare word comes back as keyword.
func (p *parser) object() (Object, error) {
	p.skip()
	if p.pos >= len(p.buf) {
		return nil, p.atEnd()
	}
	switch c := p.buf[p.pos]; c {
	case '/':
		return p.name()
	case '(':
		return p.literal()
	case '[':
		return p.array()
	case '<':
		if p.pos+1 >= len(p.buf) {
			return nil, p.atEnd()
		}
		if p.buf[p.pos+1] == '<' {
			return p.dict()
		}
		return p.hex()
	case ')', '>', ']', '{', '}':
		return nil, broken("unexpected %q", c)
	default:
		return p.word()
	}
}

// word reads a number, a reference, a constant or a keyword.
func (p *parser) word() (Object, error) {
	raw, err := p.regular()
	if err != nil {
		return nil, err
	}
	if c := raw[0]; isDigit(c) || c == '+' || c == '-' || c == '.' {
		number, ok := parseNumber(raw)
		if !ok {
			return keyword(raw), nil
		}
		if n, isInt := number.(int64); isInt && isDigit(c) && n <= math.MaxInt32 {
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
	return keyword(raw), nil
}

// reference looks past an integer for "gen R".
func (p *parser) reference(num int64) (Object, error) {
	mark := p.pos
	for p.pos < len(p.buf) && isSpace(p.buf[p.pos]) {
		p.pos++
	}
	gen, digits := 0, 0
	for ; p.pos < len(p.buf) && isDigit(p.buf[p.pos]) && digits < 6; digits++ {
		gen = gen*10 + int(p.buf[p.pos]-'0')
		p.pos++
	}
	if digits > 0 || p.pos == len(p.buf) {
		spaces := p.pos
		for p.pos < len(p.buf) && isSpace(p.buf[p.pos]) {
			p.pos++
		}
		if p.pos+1 >= len(p.buf) && !p.eof {
			return nil, errShort
		}
		if digits > 0 && p.pos > spaces && p.pos < len(p.buf) && p.buf[p.pos] == 'R' &&
			(p.pos+1 == len(p.buf) || !isRegular(p.buf[p.pos+1])) {
			p.pos++
			p.note(int(num))
			return Ref{Num: int(num), Gen: gen}, nil
		}
	}
	p.pos = mark
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
		if !isDigit(c) {
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
	for end < len(raw) && (isDigit(raw[end]) || raw[end] == '.' || (end == 0 && (raw[0] == '-' || raw[0] == '+'))) {
		end++
	}
	return raw, end
}

func (p *parser) name() (Object, error) {
	p.pos++
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

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (p *parser) array() (Object, error) {
	if p.depth <= 0 {
		return nil, tooComplex("objects are nested too deeply")
	}
	p.depth--
	defer func() { p.depth++ }()
	p.pos++
	out := Array{}
	for {
		p.skip()
		if p.pos >= len(p.buf) {
			return nil, p.atEnd()
		}
		if p.buf[p.pos] == ']' {
			p.pos++
			return out, nil
		}
		item, err := p.object()
		if err != nil {
			return nil, err
		}
		if word, ok := item.(keyword); ok {
			if word == "endobj" || word == "endstream" || word == "obj" {
				return nil, broken("an array is not closed")
			}
			item = nil // an unknown word counts as null, as in other readers
		}
		out = append(out, item)
	}
}

func (p *parser) dict() (Object, error) {
	if p.depth <= 0 {
		return nil, tooComplex("objects are nested too deeply")
	}
	p.depth--
	defer func() { p.depth++ }()
	p.pos += 2
	d := &Dict{entries: make([]entry, 0, 8)}
	for {
		p.skip()
		if p.pos+1 >= len(p.buf) {
			return nil, p.atEnd()
		}
		if p.buf[p.pos] == '>' && p.buf[p.pos+1] == '>' {
			p.pos += 2
			return d, nil
		}
		if err := p.pair(d); err != nil {
			return nil, err
		}
	}
}

// pair reads one key and its value into d.
func (p *parser) pair(d *Dict) error {
	if p.buf[p.pos] != '/' {
		return broken("a dictionary key is not a name")
	}
	key, err := p.name()
	if err != nil {
		return err
	}
	p.skip()
	if p.pos+1 >= len(p.buf) {
		return p.atEnd()
	}
	e := entry{key: key.(Name), start: -1, end: -1}
	start := p.pos
	if p.buf[p.pos] != '>' || p.buf[p.pos+1] != '>' { // "/Key >>": a missing value is null
		if e.value, err = p.object(); err != nil {
			return err
		}
	}
	if word, ok := e.value.(keyword); ok {
		if word == "endobj" || word == "stream" || word == "obj" {
			return broken("a dictionary is not closed")
		}
		e.value = nil
	}
	if p.base >= 0 {
		e.start, e.end = p.base+int64(start), p.base+int64(p.pos)
	}
	if d.put(e) {
		d.duplicate = true
	}
	return nil
}
