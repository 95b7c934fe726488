package bus

import "sync"

// listeners are functions that want to hear of something, called one after the other.
type listeners[T any] struct {
	mu   sync.Mutex
	all  map[int]func(T) // guarded by mu
	next int             // guarded by mu
}

// add has f called from now on, until stop is.
func (l *listeners[T]) add(f func(T)) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[int]func(T){}
	}
	id := l.next
	l.next++
	l.all[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, id)
	}
}

func (l *listeners[T]) tell(what T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.all {
		f(what)
	}
}
