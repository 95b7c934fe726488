package ledger

import (
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// Detach lets a connection linger from now on, if it is still attached to that session of that gateway. offset is how far
// the session got in the log; 0, not known, leaves what the record says: nothing has reached the client since.
func Detach(gateway, session string, offset uint64, now time.Time) Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !Holds(c, gateway, session) {
			return c, nil
		}
		next := lingering(*c, contract.CauseEnded, now)
		if offset > 0 {
			next.Offset, next.Exact = offset, true
		}
		return &next, nil
	}
}

// Orphan is Detach for a gateway that is gone and said nothing: where the client has come since its socket opened is not known.
func Orphan(gateway, session string, now time.Time) Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !Holds(c, gateway, session) {
			return c, nil
		}
		next := lingering(*c, contract.CauseOrphaned, now)
		next.Exact = false
		return &next, nil
	}
}

// Leave makes a connection dormant at once, if it is still attached to that session of that gateway: its client left. It may be
// opened again, but nobody goes on where it stopped.
func Leave(gateway, session string, now time.Time) Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if !Holds(c, gateway, session) {
			return c, nil
		}
		next := *c
		next.State, next.Since, next.Left, next.By = contract.Dormant, now, true, contract.CauseLeft
		next.Gateway, next.Session, next.Transport, next.Opened = "", "", "", time.Time{}
		next.Offset, next.Exact = 0, false
		return &next, nil
	}
}

func lingering(c contract.ConnectionRecord, by contract.Cause, now time.Time) contract.ConnectionRecord {
	c.State, c.Since, c.By = contract.Lingering, now, by
	c.Gateway, c.Session, c.Transport, c.Opened = "", "", "", time.Time{}
	return c
}

// Holds says whether a connection, which may be nil, is attached to that session of that gateway.
func Holds(c *contract.ConnectionRecord, gateway, session string) bool {
	return c != nil && c.State == contract.Attached && c.Gateway == gateway && c.Session == session
}
