package view

import (
	"context"
	"errors"
	"testing"
	"time"
)

// moments lets a look through when it is given one.
type moments chan Moment

func (m moments) look(ctx context.Context, _ int) (Moment, error) {
	select {
	case one := <-m:
		return one, nil
	case <-ctx.Done():
		return Moment{}, ctx.Err()
	}
}

// Who takes no news keeps neither the looking nor the others waiting, and finds all of it later.
func TestASlowFollowerStopsNoOther(t *testing.T) {
	var h hub
	given := make(moments)
	slow, _ := h.join("a", time.Microsecond, given.look)
	quick, news := h.join("a", time.Microsecond, given.look)
	if slow != quick {
		t.Fatal("two processes are looked at")
	}
	for seq := range 10 {
		given <- Moment{Transitions: []Recorded{{Seq: seq + 1}}}
		<-news
		var m Moment
		if m, news, _ = h.state(quick, seq); len(m.Transitions) != 1 || m.Transitions[0].Seq != seq+1 {
			t.Fatalf("after %d: %+v", seq, m.Transitions)
		}
	}
	if m, _, _ := h.state(slow, 0); len(m.Transitions) != 10 {
		t.Errorf("the slow one finds %d of 10", len(m.Transitions))
	}
}

// The last who leaves ends the looking; the next one begins anew.
func TestTheLastWhoLeavesEndsTheLooking(t *testing.T) {
	var h hub
	stopped := make(chan struct{}, 1)
	waiting := func(ctx context.Context, _ int) (Moment, error) {
		<-ctx.Done()
		stopped <- struct{}{}
		return Moment{}, ctx.Err()
	}
	first, _ := h.join("a", time.Microsecond, waiting)
	h.join("a", time.Microsecond, waiting)
	h.leave("a", first)
	if len(h.followed) != 1 || first.watchers != 1 {
		t.Errorf("%d are followed, the first by %d", len(h.followed), first.watchers)
	}
	h.leave("a", first)
	<-stopped
	if len(h.followed) != 0 {
		t.Errorf("%d are followed", len(h.followed))
	}
}

// A look that fails or panics ends what it was for, and the next who comes looks again.
func TestALookThatFailsIsNotKept(t *testing.T) {
	var h hub
	away := errors.New("the store is away")
	for _, failing := range []look{
		func(context.Context, int) (Moment, error) { return Moment{}, away },
		func(context.Context, int) (Moment, error) { panic("a mistake") },
	} {
		f, news := h.join("a", time.Microsecond, failing)
		<-news
		if _, _, err := h.state(f, 0); err == nil || len(h.followed) != 0 {
			t.Errorf("error %v, %d are followed", err, len(h.followed))
		}
		h.leave("a", f)
	}
}

func TestLooksFollowWhatHappens(t *testing.T) {
	const usual = 500 * time.Millisecond
	for quiet, want := range map[time.Duration]time.Duration{0: usual, 50 * time.Second: usual, 100 * time.Second: time.Second, time.Hour: 2 * time.Second} {
		if got := pauseAfter(quiet, usual); got != want {
			t.Errorf("after %v: %v, want %v", quiet, got, want)
		}
	}
}
