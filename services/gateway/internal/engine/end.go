package engine

import (
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/shared/contract"
)

// lastWait is how long a client that polls has to fetch the last packets of its session, and one that tries a
// WebSocket to ask for them there.
const lastWait = 5 * time.Second

// ended is called by the shard when the member is over.
func (c *conversation) ended(reason contract.Reason, offset uint64) {
	listens := c.mayListen()
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
	e.mu.Unlock()
	c.ticket.Return()
	c.dialog.End(reason, offset)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fetching != nil {
		c.fetching.reached <- offset // has room: a session ends once
	}
}

// mayListen says whether the client may still poll for what it did not get, or ask for it on the socket that it tries.
func (c *conversation) mayListen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probing != nil {
		c.probing.ReadUntil(time.Now().Add(lastWait))
	}
	return c.way != bySocket
}

// hasNotHeard says whether a client that polls has not fetched yet why its session has ended. What it posts meanwhile leads to
// nothing: were it refused, the stock client would give up, and never hear that it is not to come back.
func (c *conversation) hasNotHeard() bool {
	return c.member.Why() != "" && c.polls != nil && c.polls.Waits()
}

// forget takes a conversation that has ended off the list.
func (c *conversation) forget() {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	delete(c.engine.sessions, c.sid)
}

// answerLast answers a poll after the end: with the last packets, and the next one with a close packet. Were both in
// one answer, stock clients would see the close first, and come back although they were told not to. Later ones are refused.
func (c *conversation) answerLast(w http.ResponseWriter, r *http.Request) {
	if left := c.polls.Left(); left != nil {
		c.answer(w, r, left)
		return
	}
	if c.polls.Bye() {
		c.answer(w, r, c.polls.LastWord())
		return
	}
	c.engine.refuse(w, r, engineio.UnknownSession)
}
