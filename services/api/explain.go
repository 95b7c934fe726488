package api

import (
	"context"
	"net/http"

	"github.com/channelstream/channelstream/services/api/internal/explain"
	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// explain says why a client got a message, or did not.
func (s *Service) explain(r *http.Request, body []byte) (any, error) {
	q, err := request.ReadExplain(body, r.URL.Query(), s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	return s.explainer.Explain(ctx, explain.Question(q))
}

// chronicle asks presence what became of connections, those too that this process has changed last.
func (s *Service) chronicle(ctx context.Context, q contract.ChronicleRequest) (contract.ChronicleAnswer, error) {
	q.Seen = s.sawUntil()
	return ask[contract.ChronicleAnswer](ctx, s, contract.VerbChronicle, q)
}

// sessionsAt asks a gateway how far sessions came.
func (s *Service) sessionsAt(ctx context.Context, gateway string, q contract.SessionsRequest) (contract.SessionsAnswer, error) {
	return bus.Call[contract.SessionsAnswer](ctx, s.conn, s.ns.Gateway(gateway, contract.VerbSessions), q)
}
