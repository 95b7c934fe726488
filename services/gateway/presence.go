package gateway

import (
	"context"
	"errors"

	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// presence asks the presence service over NATS.
type presence struct {
	conn      *bus.Conn
	namespace contract.Namespace
}

func (p *presence) Attach(ctx context.Context, r contract.AttachList) (contract.AttachAnswers, error) {
	return bus.Call[contract.AttachAnswers](ctx, p.conn, p.namespace.Presence(contract.VerbAttach), r)
}

func (p *presence) Join(ctx context.Context, r contract.JoinRequest) (contract.ChannelsAnswer, error) {
	return bus.Call[contract.ChannelsAnswer](ctx, p.conn, p.namespace.Presence(contract.VerbJoin), r)
}

func (p *presence) Leave(ctx context.Context, r contract.LeaveRequest) (contract.ChannelsAnswer, error) {
	return bus.Call[contract.ChannelsAnswer](ctx, p.conn, p.namespace.Presence(contract.VerbLeave), r)
}

func (p *presence) Detach(ctx context.Context, r contract.DetachRequest) (contract.DetachAnswer, error) {
	return bus.CallAgain[contract.DetachAnswer](ctx, p.conn, p.namespace.Presence(contract.VerbDetach), r)
}

// Compare asks another replica too when one does not answer at once, unless the request changes something.
func (p *presence) Compare(ctx context.Context, r contract.CompareRequest) (contract.CompareAnswer, error) {
	if r.Reattach {
		return bus.Call[contract.CompareAnswer](ctx, p.conn, p.namespace.Presence(contract.VerbCompare), r)
	}
	return bus.CallAgain[contract.CompareAnswer](ctx, p.conn, p.namespace.Presence(contract.VerbCompare), r)
}

// maxOrders is how many orders are carried out at once.
const maxOrders = 256

// answerOrders carries out what presence orders, until ctx ends.
func (s *Service) answerOrders(ctx context.Context) error {
	return s.config.Conn.Serve(ctx, bus.Service{
		Name: "channelstream-gateway", Description: "Holds client sockets.", Version: s.config.Version,
		Endpoints: map[string]bus.Endpoint{
			contract.VerbMembership: {Subject: s.namespace.Gateway(s.id, contract.VerbMembership), Handler: bus.On(s.membership)},
			contract.VerbClose:      {Subject: s.namespace.Gateway(s.id, contract.VerbClose), Handler: bus.On(s.closeSession)},
		},
		Concurrent: maxOrders, Timeout: s.config.Settings.Timing.Request, Logger: s.log,
	}, func() { s.answering.Store(true) })
}

func (s *Service) membership(ctx context.Context, o contract.MembershipOrder) (contract.GatewayAnswer, error) {
	return held(s.book.Order(ctx, o))
}

func (s *Service) closeSession(ctx context.Context, o contract.CloseOrder) (contract.GatewayAnswer, error) {
	return held(s.book.Close(ctx, o))
}

func held(err error) (contract.GatewayAnswer, error) {
	if errors.Is(err, session.ErrNotHeld) {
		return contract.GatewayAnswer{Held: false}, nil
	}
	return contract.GatewayAnswer{Held: err == nil}, err
}
