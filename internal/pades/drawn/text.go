package drawn

import "kyso/internal/pades/pdf"

// fontWidths is how wide the letters of a font are, in text space units for a size of 1.
type fontWidths struct {
	bytes  int // of a code
	first  int64
	widths []float64
	unit   float64
}

// usual is the width of a letter that is not known.
const usual = 0.5

func (f *fontWidths) of(code int64) float64 {
	if i := code - f.first; f.bytes == 1 && i >= 0 && i < int64(len(f.widths)) && f.widths[i] != 0 {
		return f.widths[i] * f.unit
	}
	return usual
}

// show takes in operators of text (9.4).
func (x *run) show(operator string, operands []pdf.Object) {
	s := &x.state
	v := floats(operands, 6)
	switch operator {
	case "BT":
		s.text, s.lineAt = identity, identity
	case "Tf":
		x.setFont(operands)
	case "TL":
		s.leading = v[0]
	case "Tc":
		s.charSpace = v[0]
	case "Tw":
		s.wordSpace = v[0]
	case "Tz":
		s.stretch = v[0] / 100
	case "Ts":
		s.rise = v[0]
	case "Tr":
		s.mode = int64(v[0])
	case "Td":
		x.newLine(v[0], v[1])
	case "TD":
		s.leading = -v[1]
		x.newLine(v[0], v[1])
	case "T*":
		x.newLine(0, -s.leading)
	case "Tm":
		s.lineAt = matrix(v[:6])
		s.text = s.lineAt
	case "Tj":
		x.strings(operands)
	case "TJ":
		if len(operands) > 0 {
			list, _ := operands[0].(pdf.Array)
			x.strings(list)
		}
	case "'":
		x.newLine(0, -s.leading)
		x.strings(operands)
	case "\"":
		s.wordSpace, s.charSpace = v[0], v[1]
		x.newLine(0, -s.leading)
		if len(operands) == 3 {
			x.strings(operands[2:])
		}
	}
}

func (x *run) newLine(dx, dy float64) {
	x.state.lineAt = matrix{1, 0, 0, 1, dx, dy}.then(x.state.lineAt)
	x.state.text = x.state.lineAt
}

// strings shows text, with distances between its parts.
func (x *run) strings(list []pdf.Object) {
	s := &x.state
	for _, item := range list {
		text, ok := item.(pdf.String)
		if !ok {
			n, _ := pdf.Number(item)
			s.text = matrix{1, 0, 0, 1, -n / 1000 * s.size * s.stretch, 0}.then(s.text)
			continue
		}
		x.letters(string(text))
	}
}

// letters shows one string: the band of small letters, from just above the base line, so that a neighbouring line is not touched.
func (x *run) letters(text string) {
	s := &x.state
	font := s.font
	if font == nil {
		font = &fontWidths{bytes: 1}
	}
	width, seen, from := 0.0, 0.0, -1.0
	for i := 0; i+font.bytes <= len(text); i += font.bytes {
		code := int64(0)
		for _, c := range []byte(text[i : i+font.bytes]) {
			code = code<<8 | int64(c)
		}
		blank := font.bytes == 1 && code == ' '
		if !blank && from < 0 {
			from = width
		}
		width += (font.of(code)*s.size + s.charSpace) * s.stretch
		if blank {
			width += s.wordSpace * s.stretch
		} else {
			seen = width
		}
	}
	at := s.text.then(s.ctm)
	s.text = matrix{1, 0, 0, 1, width, 0}.then(s.text)
	const unseen, clipping = 3, 7
	if from < 0 || s.mode == clipping {
		return
	}
	ring := at.ring(Rect{from, s.rise + 0.05*s.size, seen, s.rise + 0.5*s.size})
	x.mark(Mark{Kind: Text, Rings: [][]Point{ring}, Faint: s.mode == unseen || s.faintFill, Blank: s.blankFill && s.mode == 0})
}

// setFont reads how wide the letters of a font are (9.2.4).
func (x *run) setFont(operands []pdf.Object) {
	if len(operands) == 2 {
		x.state.size, _ = pdf.Number(operands[1])
	}
	value, name := x.resource("Font", operands)
	if known := x.fonts[name]; known != nil {
		x.state.font = known
		return
	}
	d, ok := value.(*pdf.Dict)
	if !ok {
		x.state.font = nil
		return
	}
	font := &fontWidths{bytes: 1, unit: 0.001}
	switch d.Get("Subtype") {
	case pdf.Name("Type0"):
		font.bytes = 2
	case pdf.Name("Type3"):
		if m, err := x.Numbers(d.Get("FontMatrix")); err == nil && len(m) == 6 {
			font.unit = m[0]
		}
	}
	if font.bytes == 1 {
		var err error
		if font.first, _, err = x.File.IntOf(d.Get("FirstChar")); err == nil {
			font.widths, err = x.Numbers(d.Get("Widths"))
		}
		if err != nil {
			x.err = err
		}
	}
	x.fonts[name], x.state.font = font, font
}
