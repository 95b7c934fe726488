package ledger

import (
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// Detach lets a connection linger from now on, if it is still attached to that session of that gateway. offset is how far
// the session got in the log; 0, not known, leaves what the record says.
func Detach(gateway, session string, offset uint64, now time.Time) Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !Holds(c, gateway, session) {
			return c, nil
		}
		next := *c
		next.State, next.Since = contract.Lingering, now
		next.Gateway, next.Session, next.Transport = "", "", ""
		if offset > 0 {
			next.Offset = offset
		}
		return &next, nil
	}
}

// Holds says whether a connection, which may be nil, is attached to that session of that gateway.
func Holds(c *contract.ConnectionRecord, gateway, session string) bool {
	return c != nil && c.State == contract.Attached && c.Gateway == gateway && c.Session == session
}
