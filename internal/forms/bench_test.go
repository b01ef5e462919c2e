package forms_test

import (
	"runtime"
	"testing"
)

// BenchmarkPapers writes the three papers of one registration.
func BenchmarkPapers(b *testing.B) {
	for b.Loop() {
		documents(b, subscriber)
	}
}

// A compressor takes 1.2 MB to begin, and the papers of a registration have forty streams: they share a few. With one for each
// the three papers took 31 MB.
func TestPapersShareTheirCompressors(t *testing.T) {
	documents(t, subscriber)
	least := ^uint64(0)
	for range 5 { // a collection may empty the pool once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		documents(t, subscriber)
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	if limit := uint64(12 << 20); least > limit {
		t.Errorf("three papers take %d MB of memory, more than %d", least>>20, limit>>20)
	}
}
