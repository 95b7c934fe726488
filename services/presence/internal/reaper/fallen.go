package reaper

import (
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// fallen is a gateway that is gone, and whose connections linger. The log tells of it twice: when it is found, and when its
// connections have come back or are taken for gone; and never of one connection.
type fallen struct {
	since       time.Time // they linger, at the latest
	connections map[string]struct{}
}

// fell notes that connections of a gateway that is gone are about to linger.
func (r *Reaper) fell(gateway string, connections []*contract.ConnectionRecord, now time.Time) {
	f := r.fallen[gateway]
	if f == nil { // or else not all of them could be written the last time
		f = &fallen{connections: map[string]struct{}{}}
		r.fallen[gateway] = f
		r.Logger.Warn("a gateway is gone; its connections linger", "gateway", gateway, "connections", len(connections))
	}
	f.since = now
	for _, c := range connections {
		f.connections[c.ConnID] = struct{}{}
	}
}

// tellOfFallen says what became of connections whose time is over.
func (r *Reaper) tellOfFallen(now time.Time) {
	for gateway, f := range r.fallen {
		if now.Sub(f.since) < r.Linger {
			continue
		}
		gone, unwritten := 0, false
		r.Ledger.Read(func(index *roster.Roster) {
			for id := range f.connections {
				c := roster.There(index.Connection(contract.EncodeToken(id)).Record)
				switch {
				case c == nil:
					gone++
				case c.State == contract.Lingering && now.Sub(c.Since) >= r.Linger:
					unwritten = true // the next look tries again
				}
			}
		})
		if unwritten {
			continue
		}
		delete(r.fallen, gateway)
		r.Logger.Info("what a gateway held that is gone has come back, or is taken for gone",
			"gateway", gateway, "gone", gone, "back", len(f.connections)-gone)
	}
}
