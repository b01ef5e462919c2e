package limit

// Waiting is how many wait for a place.
func (p *Places) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// Remembered is of how many callers something is kept.
func (p *Places) Remembered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.served) + len(p.taken)
}
