package hub

import (
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Outlet is the way out to one client. But for Bind, only its member's shard calls it, and it never waits. A reason other
// than "" means that the member is to be closed for it.
type Outlet interface {
	// Bind names the member, once, before anything else.
	Bind(*Member)
	// Send takes bytes in the member's wire format; it keeps none of them.
	Send(p []byte, now time.Time) contract.Reason
	// Ping asks for a sign of life.
	Ping(now time.Time) contract.Reason
	// Waiting says how many bytes wait for the client, and whether they have waited for too long.
	Waiting(now time.Time) (bytes int, reason contract.Reason)
	// Close says why to the client and lets the connection go.
	Close(reason contract.Reason)
}

// Acknowledged is an outlet that knows what its client has received. What others were given counts as received.
type Acknowledged interface {
	// Unacknowledged is how many of the last bytes that Send was given may not have reached the client's host. They may be more
	// than it was given, since an outlet sends bytes of its own.
	Unacknowledged() int
}

// Socket is an outlet that has a connection, which its member's shard waits for, reads and writes. It outlives its member
// until the client was told why, or has had time enough.
type Socket interface {
	Outlet
	// Start hands the connection to the shard's poller.
	Start(p socket.Poller, owner any) error
	// Note takes an event of the connection. It goes on with what waits for the client.
	Note(e socket.Event) contract.Reason
	// Wants says whether the socket is to be read: something has arrived, and nothing that it led to is still to be done.
	Wants() bool
	// Read reads a share of what has arrived. The buffer is lent.
	Read(buffer []byte, now time.Time) contract.Reason
	// Resume says that what a client asked for, and the socket was not read for, is done.
	Resume()
	// Gone says whether the connection was let go, and lets it go when its time is over.
	Gone(now time.Time) bool
}
