package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// presence asks the presence service over NATS. That it does not answer is in the log once, whoever asks.
type presence struct {
	conn      *bus.Conn
	namespace contract.Namespace
	failed    func() // is called when it does not answer, or can not do what it is asked
	outage    *telemetry.Outage
}

func newPresence(conn *bus.Conn, namespace contract.Namespace, failed func(), log *slog.Logger) *presence {
	return &presence{conn: conn, namespace: namespace, failed: failed, outage: telemetry.NewOutage(log,
		"presence does not do what it is asked; clients are refused, and what can be tried again is", "presence does what it is asked again")}
}

// noted takes the outcome of a request.
func noted[A any](p *presence, verb string, answer A, err error) (A, error) {
	var fault *contract.Fault
	switch {
	case errors.Is(err, context.Canceled): // the client has gone
	case errors.As(err, &fault) && fault.Code != contract.CodeUnavailable && fault.Code != contract.CodeInternal:
		p.outage.Note(nil)
	default:
		p.outage.Note(err, "verb", verb)
		if err != nil && (fault == nil || fault.Code == contract.CodeUnavailable) {
			p.failed()
		}
	}
	return answer, err
}

// ask asks once, and askAgain another replica too when one does not answer at once.
func ask[A any](ctx context.Context, p *presence, verb string, request any) (A, error) {
	answer, err := bus.Call[A](ctx, p.conn, p.namespace.Presence(verb), request)
	return noted(p, verb, answer, err)
}

func askAgain[A any](ctx context.Context, p *presence, verb string, request any) (A, error) {
	answer, err := bus.CallAgain[A](ctx, p.conn, p.namespace.Presence(verb), request)
	return noted(p, verb, answer, err)
}

func (p *presence) Attach(ctx context.Context, r contract.AttachList) (contract.AttachAnswers, error) {
	return ask[contract.AttachAnswers](ctx, p, contract.VerbAttach, r)
}

func (p *presence) Join(ctx context.Context, r contract.JoinRequest) (contract.ChannelsAnswer, error) {
	return ask[contract.ChannelsAnswer](ctx, p, contract.VerbJoin, r)
}

func (p *presence) Leave(ctx context.Context, r contract.LeaveRequest) (contract.ChannelsAnswer, error) {
	return ask[contract.ChannelsAnswer](ctx, p, contract.VerbLeave, r)
}

func (p *presence) Detach(ctx context.Context, r contract.DetachRequest) (contract.DetachAnswer, error) {
	return askAgain[contract.DetachAnswer](ctx, p, contract.VerbDetach, r)
}

// Compare may be asked of two, unless the request changes something.
func (p *presence) Compare(ctx context.Context, r contract.CompareRequest) (contract.CompareAnswer, error) {
	if r.Reattach {
		return ask[contract.CompareAnswer](ctx, p, contract.VerbCompare, r)
	}
	return askAgain[contract.CompareAnswer](ctx, p, contract.VerbCompare, r)
}

// maxOrders is how many orders are carried out at once.
const maxOrders = 256

// answerOrders carries out what presence orders, until ctx ends.
func (s *Service) answerOrders(ctx context.Context) error {
	return s.config.Conn.Serve(ctx, bus.Service{
		Name: contract.GatewayService, Description: "Holds client sockets", Version: s.config.Version,
		Metadata: map[string]string{"namespace": string(s.namespace), "id": s.id, "address": s.config.Address},
		Endpoints: map[string]bus.Endpoint{
			contract.VerbMembership: {Subject: s.namespace.Gateway(s.id, contract.VerbMembership), Handler: bus.On(s.membership)},
			contract.VerbClose:      {Subject: s.namespace.Gateway(s.id, contract.VerbClose), Handler: bus.On(s.closeSession)},
			contract.VerbSessions:   {Subject: s.namespace.Gateway(s.id, contract.VerbSessions), Handler: bus.On(s.tellSessions)},
			contract.VerbMove:       {Subject: s.namespace.Gateway(s.relay.Route(), contract.VerbMove), Handler: bus.On(s.move)},
		},
		Concurrent: maxOrders, Timeout: s.config.Settings.Timing.Request, Logger: s.log, Tracer: s.config.Tracer,
	}, func() { s.answering.Store(true) })
}

// move is for the engine that has such sessions.
func (s *Service) move(ctx context.Context, o contract.MoveOrder) (contract.MoveAnswer, error) {
	if o.Step == contract.StepClaim {
		return s.engine09.Move(ctx, o)
	}
	return s.engine.Move(ctx, o)
}

func (s *Service) membership(ctx context.Context, o contract.MembershipOrder) (contract.GatewayAnswer, error) {
	return held(s.book.Order(ctx, o))
}

func (s *Service) closeSession(ctx context.Context, o contract.CloseOrder) (contract.GatewayAnswer, error) {
	offset, err := s.book.Close(ctx, o)
	answer, err := held(err)
	answer.Offset = offset
	return answer, err
}

// tellSessions says how far sessions came that are here, or were not long ago.
func (s *Service) tellSessions(ctx context.Context, q contract.SessionsRequest) (contract.SessionsAnswer, error) {
	if len(q.Sessions) > contract.MaxSessions {
		return contract.SessionsAnswer{}, contract.Invalid("sessions", fmt.Sprintf("At most %d.", contract.MaxSessions))
	}
	return contract.SessionsAnswer{Sessions: s.book.Accounts(ctx, q.Sessions)}, nil
}

func held(err error) (contract.GatewayAnswer, error) {
	if errors.Is(err, session.ErrNotHeld) {
		return contract.GatewayAnswer{Held: false}, nil
	}
	return contract.GatewayAnswer{Held: err == nil}, err
}
