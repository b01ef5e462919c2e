package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Bar shows how much of a known amount is done: one line that is drawn again on a terminal, and elsewhere a line for every
// tenth.
type Bar struct {
	words   io.Writer
	redraws bool
	unit    string

	mu          sync.Mutex
	total, have int
	said        int // tenths
	ended       bool
}

// NewBar begins one.
func NewBar(c *CLI, total int, unit string) *Bar {
	b := &Bar{words: c.Words, redraws: c.Redraws, unit: unit, total: total}
	b.draw()
	return b
}

// Add says that n more are done.
func (b *Bar) Add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.have += n
	b.draw()
}

// Note prints a line above the bar.
func (b *Bar) Note(words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.redraws {
		_, _ = fmt.Fprint(b.words, "\r\x1b[K")
	}
	_, _ = fmt.Fprintln(b.words, Visible(words))
	b.draw()
}

// Done ends the line. It may be called again.
func (b *Bar) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.redraws && !b.ended {
		_, _ = fmt.Fprintln(b.words)
	}
	b.ended = true
}

func (b *Bar) draw() {
	const width = 30
	full := width * b.have / max(1, b.total)
	line := fmt.Sprintf("[%s%s] %d/%d %s", strings.Repeat("#", full), strings.Repeat("-", width-full), b.have, b.total, b.unit)
	if b.redraws {
		_, _ = fmt.Fprintf(b.words, "\r\x1b[K%s", line)
		return
	}
	if tenths := 10 * b.have / max(1, b.total); tenths > b.said {
		b.said = tenths
		_, _ = fmt.Fprintln(b.words, line)
	}
}
