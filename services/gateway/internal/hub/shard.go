package hub

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/shared/contract"
)

// shard is a goroutine and the members that it owns.
type shard struct {
	// set at construction
	hub   *Hub
	index int
	mail  *mailbox

	// owned by run
	now      time.Time     // of the batch
	ended    time.Time     // the last batch
	took     time.Duration // the last batch
	handled  [2]int        // messages in the last batch, and in the one before
	mark     uint64        // offset of a client that has got all that was handed to it up to now
	members  []*Member
	users    map[string][]*Member // by user token
	wheel    wheel
	deflater frame.Deflater
	marks    []*marks // that no member has
	batch    batch
	sockets  sockets
	measured time.Time // a delay, last

	// written by run
	backlog atomic.Int64 // bytes that wait for clients
	behind  atomic.Int64 // members for which some wait
}

func newShard(h *Hub, index int) *shard {
	return &shard{
		hub: h, index: index, mail: newMailbox(), now: time.Now(),
		users: map[string][]*Member{},
		wheel: newWheel(h.config.HeartbeatEvery, h.config.HeartbeatTimeout),
	}
}

func (s *shard) run(ctx context.Context) {
	ticker := time.NewTicker(s.wheel.step)
	defer ticker.Stop()
	var items []item
	for {
		select {
		case <-ctx.Done():
			s.end(ticker.C)
			return
		case s.now = <-ticker.C:
			s.tick()
		case <-s.ready():
			s.now = time.Now()
			s.sockets.poller.Take(s.event)
			s.read()
		case s.now = <-s.again():
			s.sockets.resting = false
			s.read()
		case <-s.mail.wake:
			s.pace()
			taken := s.gather(s.mail.take(items))
			s.now = time.Now()
			s.handle(taken)
			s.ended = time.Now()
			s.took = s.ended.Sub(s.now)
			s.measure(taken)
			clear(taken)
			items = taken
			if cap(items) > maxWaiting {
				items = nil
			}
		}
	}
}

// What a shard waits for company, when batches follow closely on each other.
const (
	longBatch = 500 * time.Microsecond // one that took less is not worth waiting for another
	recent    = 4                      // so many times its own time after its end, the next follows closely
	maxPace   = 2 * time.Millisecond
)

// pace lets a shard that is busy with large audiences wait for a fraction of what its last batch took, so that what
// arrives just after the first message is written with it instead of after it. A shard does not wait when its last batch
// was long ago, or when its batches are single messages: then they come one by one, and waiting would only delay each.
func (s *shard) pace() {
	if s.took >= longBatch && max(s.handled[0], s.handled[1]) > 1 && time.Since(s.ended) < recent*s.took {
		time.Sleep(min(s.took/4, maxPace))
	}
}

// companion is how long a shard waits for the rest of a list.
const companion = 2 * time.Millisecond

// gather waits a moment for the rest of a list whose first messages have come: written as one frame they cost hardly
// more than the first would alone.
func (s *shard) gather(items []item) []item {
	if len(items) == 0 || !items[len(items)-1].More {
		return items
	}
	patience := time.NewTimer(companion)
	defer patience.Stop()
	for items[len(items)-1].More && len(items) < maxWaiting {
		select {
		case <-s.mail.wake:
			items = append(items, s.mail.take(nil)...)
		case <-patience.C:
			return items
		}
	}
	return items
}

// handle is one batch.
func (s *shard) handle(items []item) {
	s.handled = [2]int{0, s.handled[0]}
	for i := range items {
		switch it := &items[i]; {
		case it.step == nil:
			s.handled[0]++
			s.receive(it)
		case it.topic != nil:
			s.batch.written = append(s.batch.written, it.step)
		default:
			s.closeRun()
			it.step(s)
		}
	}
	s.flush()
}

func (s *shard) end(tick <-chan time.Time) {
	for _, it := range s.mail.close() {
		if it.step != nil {
			it.step(s)
		}
	}
	s.flush()
	s.closeShare(1, contract.ReasonShuttingDown)
	s.farewell(tick)
}

func (s *shard) open(m *Member) {
	m.at = len(s.members)
	s.members = append(s.members, m)
	m.pinged = m.seen.Load()
	s.wheel.add(m, s.now.Add(s.wheel.look))
	s.hub.config.Observer.Opened(m.transport)
	if s.start(m) != nil {
		s.close(m, contract.ReasonClosed)
	}
}

// change applies a change of membership; the run of messages before it has been closed. Nothing of the change is sent
// before all of it is in force: a client that was told of a channel may post to it at once.
func (s *shard) change(m *Member, c Change) {
	if c.Open|c.Close|c.In != 0 {
		s.flush()     // what is pending has the old format
		if m.closed { // the flush found out that its client has gone
			return
		}
		m.spaces = m.spaces&^c.Close | c.Open
		m.format = frame.For(m.way, cmp.Or(c.In, m.spaces))
	}
	m.notices = m.notices || c.Notices
	if c.Missed != nil {
		m.missed = c.Missed
	}
	for _, packet := range c.Packets {
		s.queue(m, piece{packet: packet})
	}
	s.queuePast(m, c.Past)
	if c.In != 0 {
		s.flush()
		if m.closed {
			return
		}
		m.format = frame.For(m.way, m.spaces)
	}
	if c.Offset > 0 {
		if c.Behind && c.Offset < m.reached() { // it goes back
			m.arrival.begin()
		}
		m.from, m.behind = c.Offset, c.Behind
	}
	if c.User != "" && c.User != m.user {
		m.arrival.begin()
		s.dropUser(m)
		m.user = c.User
		s.users[m.user] = append(s.users[m.user], m)
	}
	for _, t := range c.Leave {
		s.leave(m, t)
	}
	for _, t := range c.Join {
		s.join(m, t)
	}
}

// tellMissed tells a member that it does not get everything behind an offset. From where it goes on, later messages say.
func (s *shard) tellMissed(m *Member, since uint64) {
	if m.missed == nil {
		return
	}
	for _, packet := range m.missed(since, 0) {
		s.queue(m, piece{packet: packet})
	}
}

// queuePast queues what a member missed, in lists of its own.
func (s *shard) queuePast(m *Member, past []frame.Message) {
	var list *frame.List
	for i, message := range past {
		if i == 0 || !list.Add(message) {
			list = s.newList(message)
			s.queue(m, piece{list: list})
		}
	}
	s.hub.delivered.Add(uint64(len(past)))
}

func (s *shard) join(m *Member, t *Topic) {
	if m.in(t) {
		return
	}
	slot := &t.slots[s.index]
	m.places = append(m.places, place{topic: t, at: len(slot.members)})
	slot.members = append(slot.members, m)
	slot.count.Store(int32(len(slot.members)))
}

// reached is the offset from which the member's client goes on.
func (m *Member) reached() uint64 {
	if m.behind {
		return m.from
	}
	return max(m.from, m.shard.mark)
}

func (m *Member) in(t *Topic) bool {
	return slices.ContainsFunc(m.places, func(p place) bool { return p.topic == t })
}

func (s *shard) leave(m *Member, t *Topic) {
	i := slices.IndexFunc(m.places, func(p place) bool { return p.topic == t })
	if i < 0 {
		return
	}
	s.vacate(t, m.places[i].at)
	m.places = slices.Delete(m.places, i, i+1)
}

// vacate takes the member at a position out of a topic; the last one moves there.
func (s *shard) vacate(t *Topic, at int) {
	slot := &t.slots[s.index]
	last := len(slot.members) - 1
	if at != last {
		moved := slot.members[last]
		slot.members[at] = moved
		for i := range moved.places {
			if moved.places[i].topic == t {
				moved.places[i].at = at
				break
			}
		}
	}
	slot.members[last] = nil
	slot.members = slot.members[:last]
	if last == 0 {
		slot.members = nil
	}
	slot.count.Store(int32(last))
}

func (s *shard) dropUser(m *Member) {
	if m.user == "" {
		return
	}
	rest := slices.DeleteFunc(s.users[m.user], func(o *Member) bool { return o == m })
	if len(rest) == 0 {
		delete(s.users, m.user)
	} else {
		s.users[m.user] = rest
	}
}

// closeFor closes a member if there is a reason to.
func (s *shard) closeFor(m *Member, reason contract.Reason) {
	if reason != "" {
		s.close(m, reason)
	}
}

func (s *shard) close(m *Member, reason contract.Reason) {
	if m.closed {
		return
	}
	if m.dirty {
		s.send(m)
		if m.closed { // sending closed it for a reason of its own
			return
		}
	}
	s.acknowledge(m) // before the outlet lets its connection go
	m.closed, m.why = true, reason
	for _, p := range m.places {
		s.vacate(p.topic, p.at)
	}
	m.places = nil
	s.dropUser(m)
	last := len(s.members) - 1
	s.members[m.at] = s.members[last]
	s.members[m.at].at = m.at
	s.members[last] = nil
	s.members = s.members[:last]
	m.outlet.Close(reason)
	close(m.over)
	s.bid(m)
	s.weigh(m, 0)
	s.hub.sessions.Add(-1)
	s.hub.config.Observer.Closed(m.transport, reason)
	m.ended(reason, m.arrival.offset)
	s.unmark(m)
}

// closeShare closes one of so many parts of the members.
func (s *shard) closeShare(parts int, reason contract.Reason) {
	for n := (len(s.members) + parts - 1) / parts; n > 0 && len(s.members) > 0; n-- {
		s.close(s.members[len(s.members)-1], reason)
	}
}

// tick looks at the members whose time has come.
func (s *shard) tick() {
	s.dismiss()
	s.wheel.advance(s.now, func(m *Member) time.Time {
		if m.closed {
			return time.Time{}
		}
		s.acknowledge(m)
		waiting, reason := m.outlet.Waiting(s.now)
		if reason != "" {
			s.close(m, reason)
			return time.Time{}
		}
		s.weigh(m, waiting)
		return s.heartbeat(m)
	})
	s.flush()
}

// heartbeat pings a member or waits for its answer, and gives the time to look again.
func (s *shard) heartbeat(m *Member) time.Time {
	if m.way.ClientPings() {
		return s.hear(m)
	}
	look := s.now.Add(s.wheel.look)
	pinged := time.Unix(0, m.pinged)
	if m.seen.Load() < m.pinged {
		deadline := pinged.Add(s.hub.config.HeartbeatTimeout)
		if s.now.Before(deadline) {
			return earlier(deadline, look)
		}
		s.close(m, contract.ReasonHeartbeatTimeout)
		return time.Time{}
	}
	if next := pinged.Add(s.hub.config.HeartbeatEvery); s.now.Before(next) {
		return earlier(next, look)
	}
	m.pinged = s.now.UnixNano()
	if reason := m.outlet.Ping(s.now); reason != "" {
		s.close(m, reason)
		return time.Time{}
	}
	if at := m.reached(); m.notices && at != m.told && at > 0 {
		m.told = at
		s.queue(m, piece{offset: at})
	}
	return look
}

// hear closes a member whose client is to ping and was silent for too long, and gives the time to look again.
func (s *shard) hear(m *Member) time.Time {
	deadline := time.Unix(0, m.seen.Load()).Add(s.hub.config.HeartbeatEvery + s.hub.config.HeartbeatTimeout)
	if s.now.Before(deadline) {
		return earlier(deadline, s.now.Add(s.wheel.look))
	}
	s.close(m, contract.ReasonHeartbeatTimeout)
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
