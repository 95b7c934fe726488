// Package reaper removes what has died: connections that never opened, that dropped and did not come back, or whose
// gateway is gone, and users who were away for long. Those that dropped are dormant before they are removed. Only the
// leading replica reaps.
//
// Each removal is a compare-and-swap that looks at the record again, so that a connection which comes back at that
// moment is kept.
package reaper

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/leader"
	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// atOnce is how many records are written at a time.
const atOnce = 64

// Config says what is dead.
type Config struct {
	Ledger         *ledger.Ledger
	Leader         *leader.Candidate
	ConnectTimeout time.Duration // a pending connection lives
	Linger         time.Duration // a lingering connection lives
	ResumeWindow   time.Duration // a connection that dropped lives, as a dormant one after Linger
	LeaseTTL       time.Duration
	UserRetention  time.Duration // a user without a connection lives
	RequestTimeout time.Duration // of one write
	Logger         *slog.Logger
}

// Reaper looks for the dead now and then.
type Reaper struct {
	Config
	outage *telemetry.Outage

	// owned by Run
	missing   map[string]bool    // gateways that had no lease at the last look
	fallen    map[string]*fallen // gateways whose connections linger since they are gone
	usersSeen time.Time          // when users were last looked through
}

// New makes a reaper.
func New(c Config) *Reaper {
	return &Reaper{
		Config: c, missing: map[string]bool{}, fallen: map[string]*fallen{},
		outage: telemetry.NewOutage(c.Logger, "not all that has died could be removed; trying again", "what has died is removed again"),
	}
}

// Run reaps until ctx ends.
func (r *Reaper) Run(ctx context.Context) error {
	tick := time.NewTicker(min(max(r.LeaseTTL/6, 100*time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.sweep(ctx, time.Now().UTC())
		}
	}
}

func (r *Reaper) sweep(ctx context.Context, now time.Time) {
	leads, ok := r.Leader.Since()
	steady := r.Ledger.SteadySince()
	if !ok || steady.IsZero() {
		clear(r.missing)
		clear(r.fallen)
		return
	}
	r.removeConnections(ctx, now)
	r.tellOfFallen(now)
	// After NATS was away, or at a change of its leader, every lease may have ended through no fault of its gateway.
	// Each gets the time to renew.
	if now.Sub(leads) > r.LeaseTTL && now.Sub(steady) > r.LeaseTTL {
		r.detachOrphans(ctx, now)
	}
	if now.Sub(r.usersSeen) > min(r.UserRetention/4, time.Minute) {
		r.usersSeen = now
		r.removeUsers(ctx, now)
	}
}

func (r *Reaper) removeConnections(ctx context.Context, now time.Time) {
	var dead []*contract.ConnectionRecord
	r.Ledger.Read(func(index *roster.Roster) {
		for _, state := range []contract.ConnectionState{contract.Pending, contract.Lingering, contract.Dormant} {
			dead = slices.AppendSeq(dead, index.Waiting(state, now.Add(-r.life(state))))
		}
	})
	each(ctx, r, dead, func(ctx context.Context, c *contract.ConnectionRecord) error {
		outcome, err := r.Ledger.Connections.Change(ctx, c.ConnID, r.bury(now))
		if err != nil || !outcome.Changed() || roster.There(outcome.Before) == nil {
			return err
		}
		return r.Ledger.Touch(ctx, c.User, now, r.UserRetention/8)
	})
}

// life is how long a connection without a socket stays in a state.
func (r *Reaper) life(state contract.ConnectionState) time.Duration {
	switch state {
	case contract.Pending:
		return r.ConnectTimeout
	case contract.Lingering:
		return r.Linger
	}
	return r.ResumeWindow - r.Linger
}

// bury removes a connection whose time is over, or makes it dormant while its client may still resume.
func (r *Reaper) bury(now time.Time) ledger.Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if c == nil || c.State == contract.Attached || now.Sub(c.Since) < r.life(c.State) {
			return c, nil
		}
		if c.State != contract.Lingering || now.Sub(c.Since) >= r.ResumeWindow {
			return nil, nil
		}
		next := *c
		next.State, next.Since, next.By = contract.Dormant, now, contract.CauseExpired
		return &next, nil
	}
}

// detachOrphans lets connections linger whose gateway has had no lease for two looks.
func (r *Reaper) detachOrphans(ctx context.Context, now time.Time) {
	missing := map[string]bool{}
	var orphans []*contract.ConnectionRecord
	for _, gateway := range r.withoutLease() {
		if !r.missing[gateway] || !r.leaseEnded(ctx, gateway) {
			missing[gateway] = true
			continue
		}
		var its []*contract.ConnectionRecord
		r.Ledger.Read(func(index *roster.Roster) { its = slices.Collect(index.At(gateway)) })
		r.fell(gateway, its, now)
		orphans = append(orphans, its...)
	}
	r.missing = missing
	each(ctx, r, orphans, func(ctx context.Context, orphan *contract.ConnectionRecord) error {
		_, err := r.Ledger.Connections.Change(ctx, orphan.ConnID, ledger.Orphan(orphan.Gateway, orphan.Session, now))
		return err
	})
}

func (r *Reaper) withoutLease() []string {
	var gateways []string
	r.Ledger.Read(func(index *roster.Roster) {
		for gateway := range index.Gateways() {
			if index.Lease(contract.LeaseKey(contract.LeaseGateway, gateway)).Record == nil {
				gateways = append(gateways, gateway)
			}
		}
	})
	return gateways
}

// leaseEnded asks the bucket itself: the watch of leases may be behind the watch of connections.
func (r *Reaper) leaseEnded(ctx context.Context, gateway string) bool {
	ctx, cancel := context.WithTimeout(ctx, r.RequestTimeout)
	defer cancel()
	_, err := r.Ledger.Leases.Get(ctx, contract.LeaseKey(contract.LeaseGateway, gateway))
	return errors.Is(err, bus.ErrNotFound)
}

func (r *Reaper) removeUsers(ctx context.Context, now time.Time) {
	idle := func(u *contract.UserRecord) bool { return now.Sub(u.LastActive) >= r.UserRetention }
	var dead []*contract.UserRecord
	r.Ledger.Read(func(index *roster.Roster) {
		for u := range index.Absent() {
			if idle(u) {
				dead = append(dead, u)
			}
		}
	})
	remove := func(u *contract.UserRecord) (*contract.UserRecord, error) {
		if u == nil || !idle(u) {
			return u, nil
		}
		return nil, nil
	}
	each(ctx, r, dead, func(ctx context.Context, u *contract.UserRecord) error {
		_, err := r.Ledger.Users.Change(ctx, u.User, remove)
		return err
	})
}

// each does something for each record, some at once. What fails is tried again at the next look.
func each[R any](ctx context.Context, r *Reaper, records []*R, do func(context.Context, *R) error) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, record := range records {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, r.RequestTimeout)
			defer cancel()
			return do(ctx, record)
		})
	}
	if err := g.Wait(); len(records) > 0 && ctx.Err() == nil {
		r.outage.Note(err, "records", len(records))
	}
}
