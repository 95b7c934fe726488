// Package socket reads and writes TCP sockets without ever waiting for them: what the sessions of every protocol share
// that hold a connection of their own.
//
//	accept ─► handshake, by a goroutine of net/http ─► Poller.Add: the shard owns the socket whole from here on
//	kernel: readable ─► Poller ─► shard: Handle.Read into the shard's one buffer ─► protocol
//	shard: Stream.Send ─► kernel, or what it does not take ─► backlog ─► kernel: writable ─► Poller ─► shard: Stream.Write
//	Stream.Finish: the last bytes behind the backlog ─► the client ends too, or its time is over ─► closed
//
// A socket has no goroutine and no buffer of its own. On Linux a shard's sockets are in one epoll set; elsewhere a goroutine
// for each waits until it is readable. All that a client is sent is in one queue, so nothing comes between the bytes of a
// frame.
package socket
