package presence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// What operators look at, from this replica's roster. It is bounded by pages, however many there are.

func (s *Service) overview(ctx context.Context, q contract.OverviewRequest) (a contract.OverviewAnswer, err error) {
	s.await(ctx, q.Revision)
	s.ledger.Read(func(r *roster.Roster) { a = r.Overview(time.Now()) })
	return a, nil
}

func (s *Service) listChannels(ctx context.Context, q contract.ListChannelsRequest) (a contract.ListChannelsAnswer, err error) {
	s.await(ctx, q.Revision)
	s.ledger.Read(func(r *roster.Roster) { a = r.ListChannels(q) })
	return a, nil
}

func (s *Service) listUsers(ctx context.Context, q contract.ListUsersRequest) (a contract.ListUsersAnswer, err error) {
	s.await(ctx, q.Revision)
	s.ledger.Read(func(r *roster.Roster) { a = r.ListUsers(q) })
	return a, nil
}

func (s *Service) listConnections(ctx context.Context, q contract.ListConnectionsRequest) (a contract.ListConnectionsAnswer, err error) {
	s.await(ctx, q.Revision)
	s.ledger.Read(func(r *roster.Roster) { a = r.ListConnections(q) })
	return a, nil
}

// await waits, for a moment, for what the caller has seen.
func (s *Service) await(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, min(catchUp, s.config.RequestTimeout/2))
	defer cancel()
	s.ledger.Await(ctx, revision)
}

// beSeen keeps a lease of this replica among those of all processes, for operators alone, until ctx ends. Which replica leads is
// another lease. One that could not be written is written at the next turn; why is said by whoever needs NATS.
func (s *Service) beSeen(ctx context.Context) error {
	record := contract.LeaseRecord{
		ID: s.id, Kind: contract.LeasePresence, Started: time.Now().UTC(), Version: s.version, Contract: contract.Version,
	}
	tick := time.NewTicker(s.config.LeaseTTL / 3)
	defer tick.Stop()
	for ctx.Err() == nil {
		record.Renewed = time.Now().UTC()
		value, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("encode the lease of a replica: %w", err)
		}
		within, cancel := context.WithTimeout(ctx, s.config.LeaseTTL)
		if err := s.ledger.PutLease(within, contract.LeaseKey(record.Kind, record.ID), value); err != nil && ctx.Err() == nil {
			s.log.Debug("the lease of this replica could not be written; trying again", "error", err)
		}
		cancel()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}
