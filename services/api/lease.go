package api

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// leaseRetry is the wait after a renewal that failed, and for an answer.
const leaseRetry = time.Second

// keepLease renews the lease three times within its life until ctx ends. What it counts shows in /info.
func (s *Service) keepLease(ctx context.Context) {
	held, failing := false, false // until it was held once, presence may just not be up yet
	for {
		wait, err := s.renewLease(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && held && !failing:
			s.log.Warn("the lease could not be renewed; trying again", "error", err)
		case err == nil && held && failing:
			s.log.Info("the lease is renewed again")
		}
		held, failing = held || err == nil, err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (s *Service) renewLease(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseRetry)
	defer cancel()
	lease := s.lease
	lease.Load.Accepted = s.accepted.Load()
	answer, err := bus.CallAgain[contract.LeaseAnswer](ctx, s.conn, s.ns.Presence(contract.VerbLease), lease)
	if err != nil {
		return leaseRetry, err
	}
	return max(time.Duration(answer.TTL*float64(time.Second))/3, leaseRetry/10), nil
}
