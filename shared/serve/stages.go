package serve

import (
	"slices"
	"strings"
	"sync"
)

// Stages are what a process has begun and not ended yet, by name. When the first of them ends the process is ending, for
// whatever reason. It is safe for use by many goroutines.
type Stages struct {
	ending chan struct{} // closed when the first has ended

	mu    sync.Mutex
	open  []string // guarded by mu; in the order of their beginnings
	ended bool     // guarded by mu
}

// NewStages returns none.
func NewStages() *Stages { return &Stages{ending: make(chan struct{})} }

// Begin notes that something begins, until the returned function is called, once.
func (s *Stages) Begin(name string) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, name)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		at := slices.Index(s.open, name)
		s.open = slices.Delete(s.open, at, at+1)
		if !s.ended {
			s.ended = true
			close(s.ending)
		}
	}
}

// Run is f as a stage, for an errgroup.
func (s *Stages) Run(name string, f func() error) func() error {
	end := s.Begin(name)
	return func() error {
		defer end()
		return f()
	}
}

// String names what has not ended, the newest first: the order in which it should.
func (s *Stages) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := slices.Clone(s.open)
	slices.Reverse(open)
	return strings.Join(open, ", ")
}
