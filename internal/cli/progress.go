package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress shows where a signing stands: one line that is drawn again on a terminal, and elsewhere one line for
// each change. It uses no colour.
type Progress struct {
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

// NewProgress begins one.
func NewProgress(c *CLI) *Progress {
	p := &Progress{words: c.Words, redraws: c.Redraws, stop: make(chan struct{}),
		left: c.Text("còn", "left"), check: c.Text("Đối chiếu với điện thoại", "Compare with the phone")}
	if p.redraws {
		stop := p.stop
		p.ticked.Go(func() { p.tick(stop) })
	}
	return p
}

// tick redraws the countdown every second. The monotonic clock counts, so a wrong local time does no harm.
func (p *Progress) tick(stop <-chan struct{}) {
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

// Step shows the next step.
func (p *Progress) Step(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line, p.ends = words, time.Time{}
	p.show(words)
}

// Compare shows what has to be the same on the phone.
func (p *Progress) Compare(code, prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.prefix = code, prefix
	if !p.redraws {
		p.show(p.check + p.suffix())
	}
}

// Compares reports whether a code is shown already.
func (p *Progress) Compares(code string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code == code
}

// Count begins or corrects the countdown.
func (p *Progress) Count(left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.ends.IsZero()
	p.ends = time.Now().Add(left)
	if p.redraws {
		p.draw()
	} else if fresh {
		p.show(p.left + " " + Clock(left))
	}
}

// Note prints a line above the progress.
func (p *Progress) Note(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redraws {
		_, _ = fmt.Fprintf(p.words, "\r\x1b[K%s\n", Visible(words))
		p.draw()
		return
	}
	p.show(words)
}

// Done ends the line. It may be called again.
func (p *Progress) Done() {
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

func (p *Progress) show(words string) {
	if p.redraws {
		p.draw()
		return
	}
	_, _ = fmt.Fprintln(p.words, Visible(words))
}

func (p *Progress) draw() {
	if p.line == "" {
		return
	}
	text := p.line
	if !p.ends.IsZero() {
		text += " · " + p.left + " " + Clock(time.Until(p.ends)) + p.suffix()
	}
	_, _ = fmt.Fprintf(p.words, "\r\x1b[K%s", Visible(text))
}

func (p *Progress) suffix() string {
	var out strings.Builder
	for _, part := range []string{p.code, p.prefix} {
		if part != "" {
			out.WriteString(" · " + part)
		}
	}
	return out.String()
}

// Clock writes what is left: 04:59, or 1:00:00.
func Clock(d time.Duration) string {
	seconds := max(0, int(d.Round(time.Second)/time.Second))
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}
