package engine

import (
	"bytes"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/shared/contract"
)

// lastWait is how long a client that polls has to fetch the last packets of its session, and one that tries a
// WebSocket to ask for them there.
const lastWait = 5 * time.Second

// ended is called by the shard when the member was closed.
func (c *conversation) ended(reason contract.Reason, offset uint64) {
	listens := c.keepLast()
	e := c.engine
	e.mu.Lock()
	if c.limit != nil {
		c.limit.Stop()
	}
	if listens {
		c.limit = time.AfterFunc(lastWait, c.forget)
	} else {
		delete(e.sessions, c.sid)
	}
	close(c.done)
	e.mu.Unlock()
	c.ticket.Return()
	c.dialog.End(reason, offset)
}

// keepLast keeps what the client did not get; it reports whether it may still poll for it.
func (c *conversation) keepLast() (listens bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.stopWork != nil {
		c.stopWork()
	}
	if c.probing != nil {
		c.probing.ReadUntil(time.Now().Add(lastWait))
	}
	if c.polls == nil {
		return false
	}
	c.last = c.polls.Take()
	return c.way != bySocket
}

// forget takes a conversation that has ended off the list.
func (c *conversation) forget() {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	delete(c.engine.sessions, c.sid)
}

func (c *conversation) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// takeLast gives, once, the packets that no poll has taken.
func (c *conversation) takeLast() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = nil
	return last
}

// answerLast answers a poll after the end: with the last packets, and the next one with a close packet. Were both in
// one answer, stock clients would see the close first, and come back although they were told not to.
func (c *conversation) answerLast(w http.ResponseWriter) {
	if last := c.takeLast(); last != nil {
		answer(w, bytes.Join(last, []byte{engineio.Separator}))
		return
	}
	answer(w, []byte{'0' + byte(engineio.Close)})
}
