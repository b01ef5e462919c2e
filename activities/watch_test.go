package activities_test

import (
	"testing"
	"time"

	"kyso/activities"
)

func TestPaceSpreadsQuestions(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	p := &activities.Pace{PerSecond: 50, Now: func() time.Time { return now }}
	var last time.Duration
	for range 1000 {
		last = p.Next("vnpt", time.Minute)
	}
	if want := time.Minute + 999*20*time.Millisecond; last != want {
		t.Errorf("the 1,000th question is asked after %v, want %v", last, want)
	}
	for _, other := range []struct {
		party string
		pause time.Duration
	}{{"vnpt", 3 * time.Second}, {"intrustca", time.Minute}} {
		if got := p.Next(other.party, other.pause); got != other.pause {
			t.Errorf("%s is held up by others: asked again after %v, want %v", other.party, got, other.pause)
		}
	}
	now = now.Add(time.Hour)
	if got := p.Next("vnpt", time.Minute); got != time.Minute {
		t.Errorf("an hour later the queue is not empty: %v", got)
	}
	for _, none := range []*activities.Pace{nil, {}} {
		if got := none.Next("vnpt", time.Second); got != time.Second {
			t.Errorf("without a limit the pause became %v", got)
		}
	}
}

func TestPaceGivesPlaces(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	p := &activities.Pace{PerSecond: 20, Now: func() time.Time { return now }}
	for _, c := range []struct {
		later         time.Duration
		waiting, want int
	}{{0, 100, 20}, {0, 100, 0}, {100 * time.Millisecond, 100, 2}, {100 * time.Millisecond, 1, 1}, {0, 5, 1}, {time.Hour, 100, 20}, {0, 0, 0}} {
		now = now.Add(c.later)
		if got := p.Take("vnpt", time.Second, c.waiting); got != c.want {
			t.Errorf("%v later %d of %d may ask, want %d", c.later, got, c.waiting, c.want)
		}
	}
	if got := p.Take("vnpt", time.Minute, 3); got != 3 {
		t.Errorf("another pause: %d", got)
	}
	if got := (*activities.Pace)(nil).Take("vnpt", time.Minute, 3); got != 3 {
		t.Errorf("without a limit: %d", got)
	}
}
