package main

import (
	"strings"
	"testing"
	"time"
)

// TestASignalEndsAWorldThatHangs: a part that never stops must not keep the program.
func TestASignalEndsAWorldThatHangs(t *testing.T) {
	hanging := make(chan struct{})
	defer close(hanging)
	w := &World{failed: make(chan error, 1), stops: []func(){func() { <-hanging }}}
	if err := w.closeWithin(20 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not stop") {
		t.Errorf("a world with a part that hangs closed with %v", err)
	}
	if err := (&World{failed: make(chan error, 1)}).closeWithin(closePatience); err != nil {
		t.Errorf("a world without parts: %v", err)
	}
}
