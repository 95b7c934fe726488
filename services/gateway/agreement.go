package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// Presence and a gateway may come to differ on what the gateway holds: an order was lost while NATS was away, or the gateway
// was paused for longer than its lease and its connections were taken for gone. So the gateway says with each renewal of its
// lease what it holds, in a digest, and presence in which parts it has it otherwise. That is so for a moment whenever
// sessions change; a part that differs twice in a row is compared session by session, and all are after a reconnect or a
// lease that lapsed. Then the gateway does what presence has.

// retryCompare is when presence is asked again if it did not answer.
const retryCompare = 250 * time.Millisecond

// doubts are the parts of the sessions that are to be compared. They are safe for use by many goroutines.
type doubts struct {
	some chan struct{} // holds one when there are any

	mu      sync.Mutex
	parts   contract.Parts // to be compared; guarded by mu
	differs contract.Parts // that differed at the last renewal; guarded by mu
}

func newDoubts() *doubts { return &doubts{some: make(chan struct{}, 1)} }

// renewed takes note of the answer to a renewal; away tells that more may have been missed than can be seen.
func (d *doubts) renewed(answer contract.LeaseAnswer, away bool) {
	d.mu.Lock()
	again := d.differs & answer.Differs
	d.differs = answer.Differs &^ again // those are compared now, and count anew
	d.mu.Unlock()
	if away {
		again = contract.AllParts
	}
	d.add(again)
}

func (d *doubts) add(parts contract.Parts) {
	if parts == 0 {
		return
	}
	d.mu.Lock()
	d.parts |= parts
	d.mu.Unlock()
	select {
	case d.some <- struct{}{}:
	default:
	}
}

func (d *doubts) take() (parts contract.Parts) {
	d.mu.Lock()
	defer d.mu.Unlock()
	parts, d.parts = d.parts, 0
	return parts
}

// standing is whether presence may have taken this gateway for gone without its knowing: it was paused, or cut off from NATS,
// for longer than its lease. Then it delivers nothing, until it has heard what is so. That presence does not answer is
// no reason: who does not answer tells nobody anything else. It is safe for use by many goroutines.
type standing struct {
	origin time.Time    // set at construction; what is measured from it goes on while the process is paused
	ttl    atomic.Int64 // of the lease, as presence said last
	until  atomic.Int64 // it stands, in nanoseconds since origin
}

func newStanding(ttl time.Duration) *standing {
	s := &standing{origin: time.Now()}
	s.ttl.Store(int64(ttl))
	s.restore()
	return s
}

// lost says whether it does not stand now.
func (s *standing) lost() bool { return int64(time.Since(s.origin)) > s.until.Load() }

// restore lets it stand for the time of a lease.
func (s *standing) restore() { s.until.Store(int64(time.Since(s.origin)) + s.ttl.Load()) }

// beatEvery is how often a gateway that is connected notes that it is. A lease lasts a second at least.
const beatEvery = 250 * time.Millisecond

// leaseRequest is what presence is told with each renewal.
func (s *Service) leaseRequest() contract.LeaseRequest {
	held := s.book.Digest()
	return contract.LeaseRequest{Held: &held, LeaseRecord: contract.LeaseRecord{
		ID: s.id, Kind: contract.LeaseGateway, Address: s.config.Address, Started: s.started, Version: s.config.Version,
		Load: contract.Load{Sessions: s.hub.Sessions(), Delivered: s.hub.Delivered()},
	}}
}

// renewed takes note of the answer to a renewal.
func (s *Service) renewed(answer contract.LeaseAnswer, away bool) {
	s.standing.ttl.Store(int64(answer.TTL * float64(time.Second)))
	s.doubts.renewed(answer, away)
}

// keepStanding notes that the gateway is connected, or has its standing regained, until ctx ends.
func (s *Service) keepStanding(ctx context.Context) error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
		}
		switch {
		case !s.config.Conn.Connected():
		case s.standing.lost():
			s.doubts.add(contract.AllParts)
		default:
			s.standing.restore()
		}
	}
}

// keepAgreement compares the sessions with what presence has whenever they are in doubt, until ctx ends.
func (s *Service) keepAgreement(ctx context.Context) error {
	outage := telemetry.NewOutage(s.log, "the sessions could not be compared with what presence has; trying again",
		"the sessions are compared with what presence has again")
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.doubts.some:
		case <-retry.C:
		}
		parts := s.doubts.take()
		if parts == 0 { // they were compared since
			continue
		}
		n, err := s.book.Compare(ctx, parts)
		s.observer.Differences(n)
		if ctx.Err() == nil {
			outage.Note(err)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			s.doubts.add(parts)
			<-s.doubts.some
			retry.Reset(retryCompare)
		case n > 0:
			s.log.Info("presence had some sessions otherwise; what it has is in force", "sessions", n)
		}
		if err == nil && parts == contract.AllParts {
			s.standing.restore()
		}
	}
}

// begin returns when presence was told to be gone what it has at this gateway of an earlier life under its name, or ctx ends.
func (s *Service) begin(ctx context.Context) {
	if s.config.Settings.NATS.GatewayID == "" {
		return // nobody had the name
	}
	for {
		_, err := s.book.DropStrangers(ctx, contract.AllParts)
		if err == nil {
			return
		}
		s.log.Debug("presence does not say what it has here of an earlier life; trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryCompare):
		}
	}
}
