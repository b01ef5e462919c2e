package appearance

// Sizes of the text in an appearance.
const (
	largestText = 14.0 // points
	leastText   = 4.0  // points
	textStep    = 0.25 // points
	leading     = 1.25 // distance of base lines, in em
	unbroken    = 0.6  // how much smaller text may get for having every paragraph on one line
)

// fit breaks paragraphs into lines at the largest size at which all of them fit into width × height points and no word is torn, or
// at a somewhat smaller one that leaves every paragraph on one line. Words are torn only when even the least size is too large for
// one; when it is too large for the whole, what comes last is dropped and what is too long ends in an ellipsis: the name and the
// time are always there.
func fit(paragraphs [][]glyph, ellipsis glyph, width, height float64) (lines [][]glyph, size float64) {
	longest := longestWord(paragraphs)
	var torn [][]glyph // at the largest size of all
	tornSize, largest := 0.0, 0.0
	for size = largestText; size >= leastText; size -= textStep {
		tried := make([][]glyph, 0, 2*len(paragraphs))
		for _, p := range paragraphs {
			tried = append(tried, wrap(p, width/size)...)
		}
		if float64(len(tried))*leading*size > height {
			continue
		}
		if tornSize == 0 {
			torn, tornSize = tried, size
		}
		if longest > width/size {
			continue
		}
		if largest == 0 {
			lines, largest = tried, size
		}
		if len(lines) == len(paragraphs) || size < unbroken*largest {
			break
		}
		if len(tried) == len(paragraphs) {
			return tried, size
		}
	}
	switch {
	case largest > 0:
		return lines, largest
	case tornSize > 0:
		return torn, tornSize
	}
	size = min(leastText, height/(2*leading))
	room := int(height / (leading * size))
	return squeeze(paragraphs, ellipsis, width/size, max(room, 1)), size
}

// longestWord returns the width of the longest word, in em.
func longestWord(paragraphs [][]glyph) float64 {
	longest := 0.0
	for _, p := range paragraphs {
		word := 0.0
		for _, g := range p {
			if word += g.width; g.char == ' ' {
				word = 0
			}
			longest = max(longest, word)
		}
	}
	return longest
}

// wrap breaks a paragraph at spaces, and inside a word that is longer than a line. width is in em.
func wrap(p []glyph, width float64) [][]glyph {
	var lines [][]glyph
	start, space, used := 0, -1, 0.0
	for i := 0; i < len(p); i++ {
		if p[i].char == ' ' {
			space = i
		}
		if used += p[i].width; used <= width || i == start {
			continue
		}
		end, next := i, i
		if space > start {
			end, next = space, space+1
		}
		lines = append(lines, p[start:end])
		start, space, used = next, -1, 0
		i = next - 1
	}
	if start < len(p) {
		lines = append(lines, p[start:])
	}
	return lines
}

// squeeze gives every paragraph one line while there is room, in order of importance, and spare lines to the first
// ones that need them.
func squeeze(paragraphs [][]glyph, ellipsis glyph, width float64, room int) [][]glyph {
	paragraphs = paragraphs[:min(room, len(paragraphs))]
	spare := room - len(paragraphs)
	var out [][]glyph
	for _, p := range paragraphs {
		lines := wrap(p, width)
		if extra := len(lines) - 1; extra > spare {
			lines = lines[:1+spare]
			lines[spare] = shorten(lines[spare], ellipsis, width)
			spare = 0
		} else {
			spare -= extra
		}
		out = append(out, lines...)
	}
	return out
}

// shorten ends a line in an ellipsis within width.
func shorten(line []glyph, ellipsis glyph, width float64) []glyph {
	used := ellipsis.width
	for i, g := range line {
		if used += g.width; used > width {
			line = line[:i]
			break
		}
	}
	return append(append([]glyph{}, line...), ellipsis)
}
