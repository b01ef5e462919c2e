package syntax

import "bytes"

// Header reads "num gen obj".
func (p *Parser) Header() (Ref, error) {
	num, err := p.Object()
	if err != nil {
		return Ref{}, err
	}
	gen, err := p.Object()
	if err != nil {
		return Ref{}, err
	}
	word, err := p.Object()
	if err != nil {
		return Ref{}, err
	}
	n, ok1 := num.(int64)
	g, ok2 := gen.(int64)
	if k, isWord := word.(Keyword); !ok1 || !ok2 || !isWord || k != "obj" || n < 0 || g < 0 || g > 65535 {
		return Ref{}, Broken("there is no object at the given offset")
	}
	return Ref{Num: int(n), Gen: int(g)}, nil
}

// Indirect reads the value of an indirect object and sees whether stream data follows.
func (p *Parser) Indirect() (Object, error) {
	obj, err := p.Object()
	if err != nil {
		return nil, err
	}
	if word, ok := obj.(Keyword); ok {
		if word == "endobj" {
			return nil, nil
		}
		return nil, Broken("an object holds the bare word of %d characters", len(word))
	}
	after := p.Pos
	p.Skip()
	const word = "stream"
	if len(p.Buf)-p.Pos < len(word)+2 && !p.EOF {
		return nil, ErrShort
	}
	dict, ok := obj.(*Dict)
	if !ok || !bytes.HasPrefix(p.Buf[p.Pos:], []byte(word)) {
		p.Ended = bytes.HasPrefix(p.Buf[p.Pos:], []byte("endobj"))
		p.Pos = after
		return obj, nil
	}
	p.Ended = true
	p.Pos += len(word)
	if p.Pos < len(p.Buf) && p.Buf[p.Pos] == '\r' {
		p.Pos++
	}
	if p.Pos < len(p.Buf) && p.Buf[p.Pos] == '\n' {
		p.Pos++
	}
	return &Stream{Dict: dict, Offset: p.Base + int64(p.Pos)}, nil
}
