package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/bus"
)

const (
	readAtOnce = 16        // channels that are read at a time for one recall
	small      = 256 << 10 // bytes that any recall may hold
	mostLarge  = 8         // recalls that may hold more, at a time; others wait
)

// History is what is shown of one channel: its messages with their edits in them, oldest first.
type History struct {
	Messages  [][]byte
	Truncated bool // older messages found no room
}

// Recall is the history of some channels, in memory until it is released.
type Recall struct {
	Channels map[string]History

	large chan struct{} // gets its slot back; nil: the recall is small
}

// Release is to be called once, when the messages are not used any more.
func (r *Recall) Release() {
	if r.large != nil {
		<-r.large
	}
}

// Read gives the newest messages of channels, as many as their sizes say; 0 stands for as many as any channel may keep. If
// that is more than one answer may hold, the channels with most bytes lose their oldest messages, until none of them has more
// than an even share of what the others leave.
func (a *Archive) Read(ctx context.Context, sizes map[string]int) (*Recall, error) {
	b := budget{most: a.config.MaxAnswer, slots: a.large}
	readings := make(map[string]*reading, len(sizes))
	for channel, size := range sizes {
		readings[channel] = newReading(a.bounded(size))
		b.readings = append(b.readings, readings[channel])
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for channel, r := range readings {
		group.Go(func() error {
			take := func(e bus.LogMessage) error { return b.spend(within, r, e) }
			return a.Log(channel).Each(within, a.config.Namespace.HistorySubject(channel), 0, take)
		})
	}
	recall := &Recall{Channels: make(map[string]History, len(sizes))}
	err := group.Wait()
	if b.large {
		recall.large = a.large
	}
	if err != nil {
		recall.Release()
		return nil, fmt.Errorf("read history: %w", err)
	}
	b.level()
	for channel, r := range readings {
		recall.Channels[channel] = r.history()
	}
	return recall, nil
}

// budget is the memory that the readings of one recall share.
type budget struct {
	// set at construction
	most     int // bytes of all readings in the end
	readings []*reading
	slots    chan struct{} // room for those that become large

	mu    sync.Mutex // guards the readings, too
	held  int        // bytes
	large bool       // it has a slot
}

// spend lets a reading add a record, if it is little, or when it is this recall's turn to hold much.
func (b *budget) spend(ctx context.Context, r *reading, e bus.LogMessage) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := r.bytes
	if err := r.add(e); err != nil {
		return err
	}
	b.held += r.bytes - before
	if b.held > small && !b.large {
		select { // the other readings of this recall wait as well
		case b.slots <- struct{}{}:
			b.large = true
		case <-ctx.Done():
			return fmt.Errorf("wait for the memory of other answers: %w", ctx.Err())
		}
	}
	if b.held > b.most+b.most/2 {
		b.level()
	}
	return nil
}

// level drops what will not fit in the end, however much more comes.
func (b *budget) level() {
	for _, r := range b.readings {
		r.fit()
	}
	share := b.share()
	b.held = 0
	for _, r := range b.readings {
		r.shorten(share)
		b.held += r.bytes
	}
}

// share is what a reading may hold: an even part of what those leave that hold less. It only shrinks while more comes.
func (b *budget) share() int {
	slices.SortFunc(b.readings, func(one, other *reading) int { return cmp.Compare(one.bytes, other.bytes) })
	left := b.most
	for i, r := range b.readings {
		if share := left / (len(b.readings) - i); r.bytes > share {
			return share
		}
		left -= r.bytes
	}
	return b.most
}
