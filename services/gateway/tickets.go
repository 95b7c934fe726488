package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
)

// newDesk makes the desk that sessions are admitted at.
func newDesk(l settings.Limits) *admission.Desk {
	return admission.New(admission.Limits{
		Sessions: mostSessions(l.MaxSessions), PerAddress: l.MaxSessionsPerAddress,
		PerUser: l.MaxSessionsPerUser, PerSecond: l.OpensPerSecond,
	})
}

// mostSessions is what is configured, or else what the process may open files for. A twentieth is left for NATS, for
// requests, and for those who are told that there is no room.
func mostSessions(configured int) int {
	most := serve.FileLimit()
	if configured > 0 || most == 0 {
		return configured
	}
	return max(most-most/20-100, 1)
}

// ticket admits a request that opens a session, or says why not.
func (s *Service) ticket(r *http.Request) (*admission.Ticket, *contract.Fault) {
	ticket, err := s.desk.Admit(s.transport.Caller(r), time.Now())
	if err != nil {
		return nil, s.refused(err)
	}
	return ticket, nil
}

// refused counts a refusal and gives the fault that says it. All of them pass.
func (s *Service) refused(err error) *contract.Fault {
	var refusal admission.Refusal
	if errors.As(err, &refusal) {
		s.observer.Refused(string(refusal))
	}
	if refusal == admission.Full {
		return contract.Unavailable(err.Error())
	}
	return &contract.Fault{Code: contract.CodeTooMany, Message: err.Error()}
}
