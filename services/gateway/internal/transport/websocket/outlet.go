package websocket

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Limits of what is kept for a client that reads too slowly.
type Limits struct {
	BacklogBytes int
	BacklogAge   time.Duration
	maxFrame     int64 // bytes of a message from the client, also when it is unpacked
}

// Outlet writes WebSocket frames to a TCP connection. What the kernel does not take is kept in a backlog, and only
// while there is one a goroutine waits for the socket. Its methods are called by the session's shard.
type Outlet struct {
	// set at construction
	ws     *websocket.Conn // reads
	conn   net.Conn        // writes
	handle socket.Handle
	limits *Limits
	ping   []byte // what asks for a sign of life: a ping frame, or an Engine.IO ping
	last   Farewell
	post   func(f func())        // runs f in the shard, if the session is still open
	failed func(contract.Reason) // closes the session

	// owned by the shard
	backlog *backlog // nil: the kernel took everything

	halves atomic.Uint32 // the reader's half and the writer's half of the end; who comes second closes the connection
}

// Farewell gives the frames that are sent before the close frame with a reason.
type Farewell func(contract.Reason) []byte

// The halves of a connection's end.
const (
	readerEnded uint32 = 1 << iota
	writerEnded
)

// backlog is what waits for a socket to be writable again.
type backlog struct {
	waiting net.Buffers // chunks, so that it costs what it holds
	size    int         // bytes in waiting
	flushed int         // bytes that the flusher has in its hands
	since   time.Time   // of the oldest byte not yet written
	next    time.Time   // of the oldest byte in waiting
}

// chunk is how much room a backlog takes at a time.
const chunk = 16 << 10

// add copies p behind what waits.
func (b *backlog) add(p []byte) {
	b.size += len(p)
	if last := len(b.waiting) - 1; last >= 0 && cap(b.waiting[last])-len(b.waiting[last]) >= len(p) {
		b.waiting[last] = append(b.waiting[last], p...)
		return
	}
	b.waiting = append(b.waiting, append(make([]byte, 0, max(chunk, len(p))), p...))
}

// Send writes p, or keeps it behind what is kept already.
func (o *Outlet) Send(p []byte, now time.Time) contract.Reason {
	if b := o.backlog; b != nil {
		return o.keep(b, p, now)
	}
	n, err := o.handle.Write(p)
	if err != nil {
		return contract.ReasonClosed
	}
	if n == len(p) {
		return ""
	}
	if len(p)-n > o.limits.BacklogBytes {
		return contract.ReasonSlowConsumer
	}
	o.backlog = &backlog{since: now}
	o.backlog.add(p[n:])
	o.flush()
	return ""
}

// SendPackets sends Engine.IO packets, each in a frame of its own.
func (o *Outlet) SendPackets(packets [][]byte, now time.Time) contract.Reason {
	var frames []byte
	for _, packet := range packets {
		frames = frame.AppendText(frames, packet)
	}
	if len(frames) == 0 {
		return ""
	}
	return o.Send(frames, now)
}

func (o *Outlet) keep(b *backlog, p []byte, now time.Time) contract.Reason {
	if b.size == 0 {
		b.next = now
	}
	if b.flushed+b.size+len(p) > o.limits.BacklogBytes {
		return contract.ReasonSlowConsumer
	}
	b.add(p)
	return ""
}

// flush writes what waits in a goroutine that waits for the socket, which ends when all is written or the connection
// closed.
func (o *Outlet) flush() {
	b := o.backlog
	writing := b.waiting
	b.flushed, b.size, b.waiting = b.size, 0, nil
	go func() {
		if _, err := writing.WriteTo(o.conn); err != nil {
			o.failed(contract.ReasonClosed)
			return
		}
		o.post(o.flushedAll)
	}()
}

// flushedAll goes on with what came while the flusher wrote.
func (o *Outlet) flushedAll() {
	b := o.backlog
	if b.size == 0 {
		o.backlog = nil
		return
	}
	b.since = b.next
	o.flush()
}

// Ping asks for a sign of life.
func (o *Outlet) Ping(now time.Time) contract.Reason {
	return o.Send(o.ping, now)
}

// Waiting says how large the backlog is, and whether its oldest byte is too old.
func (o *Outlet) Waiting(now time.Time) (int, contract.Reason) {
	b := o.backlog
	switch {
	case b == nil:
		return 0, ""
	case now.Sub(b.since) > o.limits.BacklogAge:
		return b.flushed + b.size, contract.ReasonSlowConsumer
	}
	return b.flushed + b.size, ""
}

// Close sends a close frame with the reason, behind the backlog if there is one. The connection closes when the client
// has answered (RFC 6455 section 7.1.1), or shortly after. A client that takes nothing is not waited for.
func (o *Outlet) Close(reason contract.Reason) {
	if reason == contract.ReasonSlowConsumer || reason == contract.ReasonHeartbeatTimeout && o.backlog != nil {
		o.close()
		return
	}
	closing := frame.AppendClose(o.last(reason), reason.CloseCode(), string(reason))
	wait := closeWait
	if o.backlog != nil {
		wait = o.limits.BacklogAge
	}
	o.conn.SetDeadline(time.Now().Add(wait)) //nolint:errcheck // it is closed then, and nobody waits for it
	if b := o.backlog; b != nil {
		rest := append(b.waiting, closing)
		go func() { // ends with the deadline at the latest; writes to one connection are made one after the other
			_, err := rest.WriteTo(o.conn)
			o.writerGone(err == nil)
		}()
		return
	}
	n, err := o.handle.Write(closing)
	o.writerGone(err == nil && n == len(closing))
}

// writerGone ends the writer's half. The reader is waited for if the client has the close frame to answer.
func (o *Outlet) writerGone(said bool) {
	if o.halves.Or(writerEnded)&readerEnded != 0 || !said {
		o.close()
	}
}

func (o *Outlet) close() { o.conn.Close() } //nolint:errcheck // nothing is left to be done with it

// readerGone ends the reader's half, after the member was told to close.
func (o *Outlet) readerGone() {
	if o.halves.Or(readerEnded)&writerEnded != 0 {
		o.close()
	}
}
