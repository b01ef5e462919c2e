package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// bar shows how much of a known amount is done: one line that is drawn again on a terminal, and elsewhere a line for every
// tenth.
type bar struct {
	words   io.Writer
	redraws bool
	unit    string

	mu          sync.Mutex
	total, have int
	said        int // tenths
	ended       bool
}

func newBar(c *cli, total int, unit string) *bar {
	b := &bar{words: c.words, redraws: c.redraws, unit: unit, total: total}
	b.draw()
	return b
}

// add says that n more are done.
func (b *bar) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.have += n
	b.draw()
}

// note says something beside the bar.
func (b *bar) note(words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.redraws {
		_, _ = fmt.Fprint(b.words, "\r\x1b[K")
	}
	_, _ = fmt.Fprintln(b.words, visible(words))
	b.draw()
}

// done ends the line. It may be called again.
func (b *bar) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.redraws && !b.ended {
		_, _ = fmt.Fprintln(b.words)
	}
	b.ended = true
}

func (b *bar) draw() {
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
