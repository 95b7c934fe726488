package bus

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// inbox takes answers that come in several messages, by one subscription for all who wait. A subscription for each
// would cost NATS more than the answer, and nats.go half a megabyte of queue.
type inbox struct {
	nc *nats.Conn

	mu      sync.Mutex
	prefix  string                    // guarded by mu; of subjects to reply to; empty before the first use
	next    uint64                    // guarded by mu
	waiting map[string]chan *nats.Msg // guarded by mu; by the rest of the subject
}

// open gives a subject to reply to, and what is replied to it and to all subjects below it. Replies that come while size of them wait are dropped:
// who asks knows how many there can be. The caller calls done.
func (i *inbox) open(size int) (reply string, replies <-chan *nats.Msg, done func(), err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.prefix == "" {
		prefix := i.nc.NewInbox() + "."
		if _, err := i.nc.Subscribe(prefix+">", i.receive); err != nil {
			return "", nil, nil, fmt.Errorf("subscribe to replies: %w", unavailable(err))
		}
		i.prefix, i.waiting = prefix, map[string]chan *nats.Msg{}
	}
	i.next++
	token, c := strconv.FormatUint(i.next, 36), make(chan *nats.Msg, size)
	i.waiting[token] = c
	return i.prefix + token, c, func() { i.forget(token) }, nil
}

func (i *inbox) receive(m *nats.Msg) {
	i.mu.Lock()
	defer i.mu.Unlock()
	token, _, _ := strings.Cut(strings.TrimPrefix(m.Subject, i.prefix), ".")
	select {
	case i.waiting[token] <- m:
	default: // nobody waits any more
	}
}

func (i *inbox) forget(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.waiting, token)
}
