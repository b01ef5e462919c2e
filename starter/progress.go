package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress shows where a signing stands: one line that is drawn again on a terminal, and elsewhere one line for
// each change. It uses no colour.
type progress struct {
	words   io.Writer
	redraws bool
	left    string // words before the time left
	check   string // words before what has to be the same on the phone

	mu     sync.Mutex
	line   string
	code   string
	prefix string
	ends   time.Time // of the countdown; zero when there is none
	stop   chan struct{}
	ticked sync.WaitGroup
}

func newProgress(c *cli) *progress {
	p := &progress{words: c.words, redraws: c.redraws, stop: make(chan struct{}),
		left: c.text("còn", "left"), check: c.text("Đối chiếu với điện thoại", "Compare with the phone")}
	if p.redraws {
		stop := p.stop
		p.ticked.Go(func() { p.tick(stop) })
	}
	return p
}

// tick redraws the countdown every second. The monotonic clock counts, so a wrong local time does no harm.
func (p *progress) tick(stop <-chan struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

// step shows the next step.
func (p *progress) step(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line, p.ends = words, time.Time{}
	p.show(words)
}

// compare shows what has to be the same on the phone.
func (p *progress) compare(code, prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.prefix = code, prefix
	if !p.redraws {
		p.show(p.check + p.suffix())
	}
}

// count begins or corrects the countdown.
func (p *progress) count(left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.ends.IsZero()
	p.ends = time.Now().Add(left)
	if p.redraws {
		p.draw()
	} else if fresh {
		p.show(p.left + " " + clock(left))
	}
}

// note says something beside the progress.
func (p *progress) note(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redraws {
		_, _ = fmt.Fprintf(p.words, "\r\x1b[K%s\n", visible(words))
		p.draw()
		return
	}
	p.show(words)
}

// done ends the line. It may be called again.
func (p *progress) done() {
	p.mu.Lock()
	if p.stop == nil {
		p.mu.Unlock()
		return
	}
	close(p.stop)
	p.stop = nil
	p.mu.Unlock()
	p.ticked.Wait()
	if p.redraws {
		_, _ = fmt.Fprint(p.words, "\r\x1b[K")
	}
}

func (p *progress) show(words string) {
	if p.redraws {
		p.draw()
		return
	}
	_, _ = fmt.Fprintln(p.words, visible(words))
}

func (p *progress) draw() {
	if p.line == "" {
		return
	}
	text := p.line
	if !p.ends.IsZero() {
		text += " · " + p.left + " " + clock(time.Until(p.ends)) + p.suffix()
	}
	_, _ = fmt.Fprintf(p.words, "\r\x1b[K%s", visible(text))
}

func (p *progress) suffix() string {
	var out strings.Builder
	for _, part := range []string{p.code, p.prefix} {
		if part != "" {
			out.WriteString(" · " + part)
		}
	}
	return out.String()
}

func clock(d time.Duration) string {
	seconds := max(0, int(d.Round(time.Second)/time.Second))
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}
