package presence

import (
	"context"
	"encoding/json"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// catchUp is how long a read waits for what its caller has seen.
const catchUp = time.Second

// info answers who is where, from this replica's roster.
func (s *Service) info(ctx context.Context, q contract.InfoRequest) (contract.InfoAnswer, error) {
	s.await(ctx, q.Revision)
	var a contract.InfoAnswer
	s.ledger.Read(func(r *roster.Roster) {
		names := q.Channels // each of them is in the answer: apps look them up
		if len(names) == 0 {
			names = r.ChannelNames()
		}
		a.ChannelsInfo = r.Describe(names, q.Options)
		counts := r.Counts()
		a.UniqueUsers, a.RememberedUsers, a.TotalConnections = counts.Present, counts.Remembered, counts.Connections
		now := time.Now()
		for lease := range r.Leases() {
			a.TotalMessages += lease.Load.Delivered
			a.TotalUniqueMessages += lease.Load.Accepted
			a.Uptime = max(a.Uptime, now.Sub(lease.Started).Seconds())
		}
	})
	return a, nil
}

// describe shows channels, and says whether one of them has history to be shown with it.
func (s *Service) describe(channels []string, o contract.InfoOptions) (info contract.ChannelsInfo, history bool) {
	s.ledger.Read(func(r *roster.Roster) {
		info, history = r.Describe(channels, o), !o.OmitHistory && r.HaveHistory(channels)
	})
	return info, history
}

// lease notes that a process is alive.
func (s *Service) lease(ctx context.Context, q contract.LeaseRequest) (contract.LeaseAnswer, error) {
	if err := need("id", q.ID); err != nil {
		return contract.LeaseAnswer{}, err
	}
	if q.Kind != contract.LeaseGateway && q.Kind != contract.LeaseAPI {
		return contract.LeaseAnswer{}, contract.Invalid("kind", "Unknown kind of process.")
	}
	q.Renewed = time.Now().UTC()
	value, err := json.Marshal(q.LeaseRecord)
	if err != nil {
		return contract.LeaseAnswer{}, err
	}
	if err := s.ledger.PutLease(ctx, contract.LeaseKey(q.Kind, q.ID), value); err != nil {
		return contract.LeaseAnswer{}, err
	}
	s.meet(q.LeaseRecord)
	answer := contract.LeaseAnswer{TTL: s.config.LeaseTTL.Seconds(), Contract: contract.Version}
	if q.Held != nil {
		s.ledger.Read(func(r *roster.Roster) { has := r.Digest(q.ID); answer.Differs = has.Differs(*q.Held) })
	}
	return answer, nil
}

// meet tells the log once of a process that speaks an older contract, as it says itself: in the bucket that may be missing, where
// an older replica wrote it down. While all are updated, presence first, that is as it should be.
func (s *Service) meet(r contract.LeaseRecord) {
	if r.Contract >= contract.Version || !s.elders.begins(contract.LeaseKey(r.Kind, r.ID), time.Now()) {
		return
	}
	s.log.Info("a process speaks an older contract than this one", "kind", r.Kind, "id", r.ID, "address", r.Address,
		"contract", r.Contract, "own", contract.Version)
}
