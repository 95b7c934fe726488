package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func (s *Service) connect(r *http.Request, body []byte) (any, error) {
	request, err := request.Connect(body, s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := s.ask(ctx, contract.VerbConnect, request)
	if err != nil {
		return nil, err
	}
	head, passed, cut := contract.CutConnectAnswer(answer)
	if !cut {
		return s.connected(ctx, request, contract.Seen{}, answer)
	}
	if head.History {
		return s.connected(ctx, request, head.Seen, passed)
	}
	if err := s.saw(ctx, &head.Seen); err != nil {
		return nil, err
	}
	username, err := json.Marshal(request.User)
	if err != nil {
		return nil, err
	}
	return slices.Concat(passed[:len(passed)-1], []byte(`,"username":`), username, []byte("}")), nil
}

// connected makes the answer to /connect of one that can not be passed on as it came. seen is what was cut from it.
func (s *Service) connected(ctx context.Context, request contract.ConnectRequest, seen contract.Seen, data []byte) (any, error) {
	answer := contract.ConnectAnswer{Seen: seen}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("decode the answer of presence: %w", err)
	}
	if err := s.saw(ctx, &answer.Seen); err != nil {
		return nil, err
	}
	answer.History = false
	return s.recall(ctx, struct {
		contract.ConnectAnswer
		Username string `json:"username"`
	}{answer, answer.User}, answer.ChannelsInfo, request.Info)
}

func (s *Service) subscribe(r *http.Request, body []byte) (any, error) {
	request, err := request.Subscribe(body, queryID(r), s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := ask[contract.SubscribeAnswer](ctx, s, contract.VerbSubscribe, request)
	if err != nil {
		return nil, err
	}
	if err := s.saw(ctx, &answer.Seen); err != nil {
		return nil, err
	}
	if request.User != "" {
		return struct {
			Channels []string `json:"channels"`
		}{answer.Channels}, nil
	}
	var info contract.ChannelsInfo
	if answer.ChannelsInfo != nil {
		info = *answer.ChannelsInfo
	}
	return s.recall(ctx, struct {
		contract.SubscribeAnswer
		SubscribedTo []string `json:"subscribed_to"` // also when it is empty
	}{answer, some(answer.SubscribedTo)}, info, request.Info)
}

func (s *Service) unsubscribe(r *http.Request, body []byte) (any, error) {
	request, err := request.Unsubscribe(body, queryID(r), s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := ask[contract.UnsubscribeAnswer](ctx, s, contract.VerbUnsubscribe, request)
	if err != nil {
		return nil, err
	}
	if err := s.saw(ctx, &answer.Seen); err != nil {
		return nil, err
	}
	answer.UnsubscribedFrom = some(answer.UnsubscribedFrom)
	if request.User != "" {
		return struct {
			Channels         []string `json:"channels"`
			UnsubscribedFrom []string `json:"unsubscribed_from"`
			contract.Force
		}{answer.Channels, answer.UnsubscribedFrom, answer.Force}, nil
	}
	return s.recall(ctx, answer, answer.ChannelsInfo, request.Info)
}

func (s *Service) disconnect(r *http.Request, body []byte) (any, error) {
	request, err := request.Disconnect(body, queryID(r), s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := ask[contract.DisconnectAnswer](ctx, s, contract.VerbDisconnect, request)
	if err != nil {
		return nil, err
	}
	return answer.Known, s.saw(ctx, &answer.Seen)
}

func (s *Service) info(r *http.Request, body []byte) (any, error) {
	request, err := request.Info(body, s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Revision = s.seen.Load()
	answer, err := ask[contract.InfoAnswer](ctx, s, contract.VerbInfo, request)
	if err != nil {
		return nil, err
	}
	return s.recall(ctx, answer, answer.ChannelsInfo, request.Options)
}

func (s *Service) userStatus(r *http.Request, body []byte) (any, error) {
	request, err := request.UserStatus(body, s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Revision = s.seen.Load()
	return ask[contract.UserStatusAnswer](ctx, s, contract.VerbUserStatus, request)
}

func (s *Service) userState(r *http.Request, body []byte) (any, error) {
	request, err := request.UserState(body, s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Revision = s.seen.Load()
	return ask[contract.UserStateAnswer](ctx, s, contract.VerbUserState, request)
}

// channelConfig gives channels their settings. It answers when messages posted to this process obey them.
func (s *Service) channelConfig(r *http.Request, body []byte) (any, error) {
	request, err := request.Configure(body, s.limitsOf(r))
	if err != nil {
		return nil, err
	}
	if len(request.Channels) == 0 {
		return contract.ChannelsInfo{Channels: map[string]contract.ChannelInfo{}, Users: []contract.UserInfo{}}, nil
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := s.configure(ctx, request)
	if err != nil {
		return nil, err
	}
	return answer.ChannelsInfo, s.saw(ctx, &answer.Seen)
}

// configure has presence write the settings. A channel that is to show more of its history from now on is trimmed first to
// what it shows, so that nothing comes back: presence says which and decides, since another process may configure it too.
func (s *Service) configure(ctx context.Context, request contract.ConfigureRequest) (contract.ConfigureAnswer, error) {
	request.Trimmed = map[string]int{}
	for {
		answer, err := ask[contract.ConfigureAnswer](ctx, s, contract.VerbConfigure, request)
		if err != nil || len(answer.Trim) == 0 {
			return answer, err
		}
		if err := s.history.Trim(ctx, answer.Trim); err != nil {
			return contract.ConfigureAnswer{}, err
		}
		maps.Copy(request.Trimmed, answer.Trim)
	}
}

// bounded bounds what a request waits for.
func (s *Service) bounded(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), s.timeout)
}

// ask puts a request to presence, and decodes the answer.
func ask[A any](ctx context.Context, s *Service, verb string, request any) (answer A, err error) {
	raw, err := s.ask(ctx, verb, request)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return answer, fmt.Errorf("decode the answer of %s: %w", verb, err)
	}
	return answer, nil
}

// ask puts a request to presence. While nobody listens, as when presence is starting, it waits.
func (s *Service) ask(ctx context.Context, verb string, request any) ([]byte, error) {
	for {
		answer, err := s.conn.Ask(ctx, s.ns.Presence(verb), request)
		if !errors.Is(err, bus.ErrNobody) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(askAgain):
		}
	}
}

// askAgain is how soon presence is asked again when nobody listens.
const askAgain = 20 * time.Millisecond

// saw remembers the newest revision that an app has seen the effect of, waits for the settings that it has seen the
// effect of, and takes both out of the answer.
func (s *Service) saw(ctx context.Context, seen *contract.Seen) error {
	for {
		before := s.seen.Load()
		if seen.Revision <= before || s.seen.CompareAndSwap(before, seen.Revision) {
			break
		}
	}
	settings := seen.Settings
	*seen = contract.Seen{}
	return s.channels.Await(ctx, settings)
}

func queryID(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return r.URL.Query().Get("conn_id")
}

// some makes an empty list of none.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
