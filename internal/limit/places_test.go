package limit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"kyso/internal/limit"
	"kyso/internal/problem"
)

func take(t *testing.T, p *limit.Places, caller string, most int) func() {
	t.Helper()
	free, err := p.Take(t.Context(), limit.Holder{Key: caller, Most: most})
	if err != nil {
		t.Fatal(err)
	}
	return free
}

// One caller with twenty pieces of work, then one with two: the second is served after at most one of the first's.
func TestPlacesGoByTurnOfTheCaller(t *testing.T) {
	p := &limit.Places{Name: "tests", Most: 1, Queue: 100, Wait: time.Minute}
	first := take(t, p, "holder", 1)
	var mu sync.Mutex
	var order []string
	var all sync.WaitGroup
	work := func(caller string, n int) {
		for range n {
			all.Go(func() {
				free, err := p.Take(t.Context(), limit.Holder{Key: caller, Most: 1})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, caller)
				mu.Unlock()
				free()
			})
		}
	}
	work("greedy", 20)
	until(t, func() bool { return p.Waiting() == 20 })
	work("normal", 2)
	until(t, func() bool { return p.Waiting() == 22 })
	first()
	all.Wait()
	last := 0
	for i, caller := range order {
		if caller == "normal" {
			last = i
		}
	}
	if len(order) != 22 || last > 3 {
		t.Errorf("the normal caller was served last as number %d of %v", last, order)
	}
	if p.Remembered() != 0 {
		t.Errorf("%d callers are remembered", p.Remembered())
	}
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

func TestPlacesAreBounded(t *testing.T) {
	p := &limit.Places{Name: "tests", Most: 4, Resume: 7 * time.Second}
	var held []func()
	for range 2 {
		held = append(held, take(t, p, "a", 2))
	}
	_, err := p.Take(t.Context(), limit.Holder{Key: "a", Most: 2})
	if problem.CodeOf(err) != problem.Busy || problem.RetryAfterOf(err) != 7*time.Second {
		t.Errorf("a third place of two: %v", err)
	}
	for i := range 2 {
		held = append(held, take(t, p, fmt.Sprint("b", i), 2))
	}
	if _, err = p.Take(t.Context(), limit.Holder{Key: "c", Most: 2}); problem.CodeOf(err) != problem.Busy {
		t.Errorf("a fifth place of four: %v", err)
	}
	held[0]()
	held[0]() // twice is once
	defer take(t, p, "c", 2)()
	if _, err = p.Take(t.Context(), limit.Holder{Key: "d", Most: 2}); problem.CodeOf(err) != problem.Busy {
		t.Errorf("a place that was given back twice: %v", err)
	}
}

func TestWhoGivesUpLeavesNoGap(t *testing.T) {
	p := &limit.Places{Name: "tests", Most: 1, Queue: 8, Wait: time.Minute}
	first := take(t, p, "a", 1)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := p.Take(ctx, limit.Holder{Key: "b", Most: 1}); gone <- err }()
	until(t, func() bool { return p.Waiting() == 1 })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	first()
	take(t, p, "c", 1)()
	first = take(t, p, "a", 1)
	for range 2 { // of the places to wait at, one caller has a quarter
		go func() {
			if free, err := p.Take(t.Context(), limit.Holder{Key: "b", Most: 1}); err == nil {
				free()
			}
		}()
	}
	until(t, func() bool { return p.Waiting() == 2 })
	if _, err := p.Take(t.Context(), limit.Holder{Key: "b", Most: 1}); problem.CodeOf(err) != problem.Busy {
		t.Errorf("a third that waits: %v", err)
	}
	first()
}
