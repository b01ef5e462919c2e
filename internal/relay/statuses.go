package relay

import "sync"

// statuses are the answers of processes, each with the mark of how far its process had come. Asking a process that waits has a worker replay
// it; one whose mark is the same would answer the same.
type statuses[S any] struct {
	mu          sync.Mutex
	now, before map[string]marked[S] // of this pass over the books and of the one before
}

type marked[S any] struct {
	mark   string
	answer S
}

// turn forgets what was not asked for in the last pass. Until the first turn nothing is kept.
func (s *statuses[S]) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.before = map[string]marked[S]{}, s.now
}

// of returns the answer of a process, which is asked unless it has answered at this mark.
func (s *statuses[S]) of(id, mark string, ask func() (S, error)) (S, error) {
	s.mu.Lock()
	last, known := s.now[id]
	if !known {
		last, known = s.before[id]
	}
	s.mu.Unlock()
	if !known || last.mark != mark || mark == "" {
		answer, err := ask()
		if err != nil {
			return answer, err
		}
		last = marked[S]{mark, answer}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now[id] = last
	}
	return last.answer, nil
}
