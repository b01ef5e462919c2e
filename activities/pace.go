package activities

import (
	"sync"
	"time"
)

// Pace keeps waiting processes from asking an outside party more often than it, and the worker, can bear: when thousands
// wait at once, each asks less often. Questions of one party that are asked at the same pause share a queue, so those that
// have waited for long do not hold up those that have just begun; a party that tells us by webhook is asked at once anyway.
//
// The zero value, and nil, let every caller ask at any time.
type Pace struct {
	// PerSecond is how many questions of one queue this worker asks in a second; zero means no limit.
	PerSecond int
	Now       func() time.Time // nil means time.Now

	mu   sync.Mutex
	free map[queue]time.Time // when the next place of a queue is free
}

type queue struct {
	party string
	pause time.Duration
}

// Next returns how long to wait before the party is asked again: the pause, or longer when the queue is full.
func (p *Pace) Next(party string, pause time.Duration) time.Duration {
	if p == nil || p.PerSecond <= 0 {
		return pause
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.Now != nil {
		now = p.Now()
	}
	if p.free == nil {
		p.free = map[queue]time.Time{}
	}
	at, key := now.Add(pause), queue{party, pause}
	if p.free[key].After(at) {
		at = p.free[key]
	}
	p.free[key] = at.Add(time.Second / time.Duration(p.PerSecond))
	return at.Sub(now)
}
