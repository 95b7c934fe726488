package hub

import (
	"time"

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
