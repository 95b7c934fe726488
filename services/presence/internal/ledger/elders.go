package ledger

import (
	"cmp"
	"log/slog"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// elders are the processes with a lease that speak an older contract than this one. That is as it should be while all are
// updated, presence first: the log is told once of each.
type elders struct {
	log   *slog.Logger
	known map[string]struct{} // by the key of the lease; owned by the watch of leases
}

func (e *elders) saw(row roster.Row[contract.LeaseRecord]) {
	if row.Record == nil || row.Record.Contract >= contract.Version {
		delete(e.known, row.Key)
		return
	}
	if _, told := e.known[row.Key]; told {
		return
	}
	e.known[row.Key] = struct{}{}
	e.log.Info("a process speaks an older contract than this one", "kind", cmp.Or(string(row.Record.Kind), "leader of presence"),
		"id", row.Record.ID, "address", row.Record.Address, "contract", row.Record.Contract, "own", contract.Version)
}
