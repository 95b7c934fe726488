package api

import (
	"context"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func (s *Service) connect(r *http.Request, body []byte) (any, error) {
	request, err := request.Connect(body, s.limits)
	if err != nil {
		return nil, err
	}
	answer, err := ask[contract.ConnectAnswer](r.Context(), s, contract.VerbConnect, request)
	if err != nil {
		return nil, err
	}
	s.saw(&answer.Seen)
	return struct {
		contract.ConnectAnswer
		Username string `json:"username"`
	}{answer, answer.User}, nil
}

func (s *Service) subscribe(r *http.Request, body []byte) (any, error) {
	request, err := request.Subscribe(body, queryID(r), s.limits)
	if err != nil {
		return nil, err
	}
	answer, err := ask[contract.SubscribeAnswer](r.Context(), s, contract.VerbSubscribe, request)
	if err != nil {
		return nil, err
	}
	s.saw(&answer.Seen)
	if request.User != "" {
		return struct {
			Channels []string `json:"channels"`
		}{answer.Channels}, nil
	}
	return struct {
		contract.SubscribeAnswer
		SubscribedTo []string `json:"subscribed_to"` // also when it is empty
	}{answer, some(answer.SubscribedTo)}, nil
}

func (s *Service) unsubscribe(r *http.Request, body []byte) (any, error) {
	request, err := request.Unsubscribe(body, queryID(r), s.limits)
	if err != nil {
		return nil, err
	}
	answer, err := ask[contract.UnsubscribeAnswer](r.Context(), s, contract.VerbUnsubscribe, request)
	if err != nil {
		return nil, err
	}
	s.saw(&answer.Seen)
	answer.UnsubscribedFrom = some(answer.UnsubscribedFrom)
	return answer, nil
}

func (s *Service) disconnect(r *http.Request, body []byte) (any, error) {
	request, err := request.Disconnect(body, queryID(r), s.limits)
	if err != nil {
		return nil, err
	}
	answer, err := ask[contract.DisconnectAnswer](r.Context(), s, contract.VerbDisconnect, request)
	if err != nil {
		return nil, err
	}
	s.saw(&answer.Seen)
	return answer.Known, nil
}

func (s *Service) info(r *http.Request, body []byte) (any, error) {
	request, err := request.Info(body, s.limits)
	if err != nil {
		return nil, err
	}
	request.Revision = s.seen.Load()
	return ask[contract.InfoAnswer](r.Context(), s, contract.VerbInfo, request)
}

func (s *Service) userStatus(r *http.Request, body []byte) (any, error) {
	request, err := request.UserStatus(body, s.limits)
	if err != nil {
		return nil, err
	}
	return ask[contract.UserStatusAnswer](r.Context(), s, contract.VerbUserStatus, request)
}

// message publishes. It asks nobody.
func (s *Service) message(r *http.Request, body []byte) (any, error) {
	messages, err := request.Messages(body, s.limits, s.conn.MaxPayload(), time.Now())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
	defer cancel()
	if err := s.publisher.Publish(ctx, messages); err != nil {
		fault := asFault(err)
		if fault.Code != contract.CodeUnavailable {
			return nil, err
		}
		for i := range messages {
			fault.UUIDs = append(fault.UUIDs, messages[i].UUID)
		}
		return nil, fault
	}
	s.accepted.Add(uint64(len(messages)))
	size := 2
	for i := range messages {
		size += len(messages[i].Object) + 64
	}
	answer := append(make([]byte, 0, size), '[')
	for i := range messages {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = messages[i].AppendAnswer(answer)
	}
	return append(answer, ']'), nil
}

// ask puts a request to presence.
func ask[A any](ctx context.Context, s *Service, verb string, request any) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return bus.Call[A](ctx, s.conn, s.ns.Presence(verb), request)
}

// saw remembers the newest revision that an app has seen the effect of, and takes it out of the answer.
func (s *Service) saw(seen *contract.Seen) {
	for {
		before := s.seen.Load()
		if seen.Revision <= before || s.seen.CompareAndSwap(before, seen.Revision) {
			break
		}
	}
	seen.Revision = 0
}

func queryID(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("conn_id")
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
