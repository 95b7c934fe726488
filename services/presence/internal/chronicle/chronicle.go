// Package chronicle remembers what became of connections lately, so that an app can be told why one of them did not get a
// message.
//
// It promises that it has every change which its replica has seen since the moment that it names, in their order and as the
// bucket dates them, and that it holds no more than it may: what is too old or too much goes, the oldest first, and the moment
// moves on. Of what happened while the watch of the bucket was away only the outcome is seen; so it begins anew then. It asks
// nobody, and nothing is noted for a message.
package chronicle

import (
	"slices"
	"sync"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// Config says how much a chronicle may hold.
type Config struct {
	Window  time.Duration // older changes go
	Changes int           // 0: 131,072
	Bytes   int           // of the records that they hold, about; 0: 32 MiB
}

// Change is one of a connection's record. What it points to is never changed.
type Change struct {
	Key           string
	Before, After *contract.ConnectionRecord // nil: there was none, or is none any more
	Revision      uint64
	At            time.Time
}

// Chronicle is one replica's. It is safe for use by many goroutines.
type Chronicle struct {
	config Config // set at construction

	mu      sync.Mutex
	changes []Change  // oldest first, from first on; guarded by mu
	first   int       // guarded by mu
	bytes   int       // of those from first on; guarded by mu
	from    time.Time // all since then is there; the zero time before it began; guarded by mu
}

// New makes an empty chronicle. It begins when its replica is in step with the bucket.
func New(c Config) *Chronicle {
	if c.Changes == 0 {
		c.Changes = 1 << 17
	}
	if c.Bytes == 0 {
		c.Bytes = 32 << 20
	}
	return &Chronicle{config: c}
}

// InStep begins the chronicle, or begins it anew.
func (c *Chronicle) InStep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from = time.Now().UTC()
}

// Changed notes a change, as of now until it is Dated. What is there at the start is no change.
func (c *Chronicle) Changed(before, after roster.Row[contract.ConnectionRecord]) {
	if before.Record == nil && after.Record == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from.IsZero() {
		return
	}
	change := Change{
		Key: after.Key, Before: before.Record, After: after.Record, Revision: after.Revision, At: time.Now().UTC(),
	}
	c.changes = append(c.changes, change)
	c.bytes += change.size()
	c.prune(change.At)
}

// nearEnd is how many changes may have come between one that this replica made and its date, which the watch brings.
const nearEnd = 4096

// Dated says when the bucket took a change that was noted not long ago.
func (c *Chronicle) Dated(revision uint64, at time.Time) {
	if at.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.changes) - 1; i >= max(c.first, len(c.changes)-nearEnd); i-- {
		if c.changes[i].Revision == revision {
			c.changes[i].At = at.UTC()
			return
		}
	}
}

// prune drops the oldest while there is too much, and those that are too old. mu is held.
func (c *Chronicle) prune(now time.Time) {
	for c.first < len(c.changes) {
		oldest := &c.changes[c.first]
		tooMuch := len(c.changes)-c.first > c.config.Changes || c.bytes > c.config.Bytes
		if !tooMuch && now.Sub(oldest.At) <= c.config.Window {
			break
		}
		if oldest.At.After(c.from) {
			c.from = oldest.At
		}
		c.bytes -= oldest.size()
		*oldest = Change{}
		c.first++
	}
	if c.first > len(c.changes)/2 { // what was moved was added since the last time
		c.changes = slices.Delete(c.changes, 0, c.first)
		c.first = 0
	}
}

// size is what a change holds, about: the record before it is that of an earlier change, or was there anyhow.
func (c *Change) size() int {
	const around = 400 // bytes of a change and a record without its channels
	if c.After == nil {
		return around
	}
	size := around
	for _, channel := range c.After.Channels {
		size += len(channel) + 16
	}
	return size
}

// Of gives the changes of those connections that are asked for, by key and oldest first, and from when on it has them all.
func (c *Chronicle) Of(asked func(*Change) bool) (from time.Time, changes map[string][]Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prune(time.Now())
	changes = map[string][]Change{}
	for i := c.first; i < len(c.changes); i++ {
		if change := &c.changes[i]; asked(change) {
			changes[change.Key] = append(changes[change.Key], *change)
		}
	}
	return c.from, changes
}
