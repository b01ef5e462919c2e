package pdf

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// countingReader counts the bytes that are read.
type countingReader struct {
	*bytes.Reader
	read int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.read += int64(len(p))
	return c.Reader.ReadAt(p, off)
}

// However often and in whatever order ends of streams are looked for, the answers are those of a search of its own, and the file is
// read about once.
func TestEndsOfStreamsAreSearchedForOnce(t *testing.T) {
	for name, text := range map[string]string{
		"no end":     strings.Repeat("4 0 obj<</Length 9>>stream\nx\nendobj\n", 9000),
		"one end":    strings.Repeat("x", 150_000) + "endstream" + strings.Repeat("y", 150_000),
		"many ends":  strings.Repeat(strings.Repeat("z", 997)+"endstream", 300),
		"at the end": strings.Repeat("z", 300_000) + "endstream",
		"over chunks": strings.Repeat("z", 64<<10-4) + "endstream" + strings.Repeat("z", 64<<10-9) + "endstream" +
			strings.Repeat("endstrea", 1000),
	} {
		counted := &countingReader{Reader: bytes.NewReader([]byte(text))}
		f := &File{r: counted, size: int64(len(text)), lim: Limits{}.withDefaults()}
		random := rand.New(rand.NewPCG(1, 2))
		for range 4000 {
			from := random.IntN(len(text) + 20)
			want := strings.Index(text[min(from, len(text)):], "endstream")
			at, found, err := f.nextEndstream(int64(from))
			if err != nil || found != (want >= 0) || found && at != int64(from+want) {
				t.Fatalf("%s: from %d: %d, %v, %v; want %d further on", name, from, at, found, err, want)
			}
		}
		if counted.read > 4*int64(len(text)) {
			t.Errorf("%s: %d bytes were read of %d", name, counted.read, len(text))
		}
		if f.work > 2*int64(len(text)) {
			t.Errorf("%s: work of %d bytes on %d", name, f.work, len(text))
		}
	}
}
