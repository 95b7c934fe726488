package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/admin"
	"github.com/channelstream/channelstream/services/api/internal/explain"
	"github.com/channelstream/channelstream/services/api/internal/explorer"
	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/signature"
)

// newPage makes the admin page over this service.
func (s *Service) newPage(c Config) (*admin.Page, error) {
	s.most.log, s.most.history = uint64(max(c.Settings.Messages.LogBytes, 0)), uint64(max(c.Settings.Messages.HistoryBytes, 0)) //nolint:gosec // not below 0
	s.stores.Store(&[]admin.Store{})
	var tried admin.Explorer
	if c.Settings.Operator.Port == 0 { // else what is tried would be at another port than the page
		tried = explores{described: s.described, service: s, secret: c.Settings.Access.Secrets[0]}
	}
	return admin.New(admin.Config{
		Explorer: tried,
		User:     c.Settings.Access.AdminUser, Secret: c.Settings.Access.AdminSecret, Version: c.Version,
		Reader: insight{s}, App: insider{s}, Stores: func() []admin.Store { return *s.stores.Load() },
		Transport: edge.NewTransport(c.Settings.Access), Logger: c.Logger,
	})
}

// explores is what the admin page shows of the API, and signs.
type explores struct {
	described *described
	service   *Service
	secret    string
}

func (e explores) Page(r *http.Request, token string) (page []byte, policy string, err error) {
	page, err = e.described.signed(r, token)
	return page, explorer.Policy, err
}

func (e explores) Sign(path, known string) (string, bool) {
	if _, found := e.service.endpoints[known]; !found {
		return "", false
	}
	return signature.Sign(e.secret, path, time.Now()), true
}

// insight is what the admin page reads.
type insight struct{ s *Service }

func (i insight) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, i.s.timeout)
}

func (i insight) Overview(ctx context.Context) (contract.OverviewAnswer, error) {
	ctx, cancel := i.within(ctx)
	defer cancel()
	return i.s.overview(ctx)
}

func (i insight) Channels(ctx context.Context, q contract.ListChannelsRequest) (contract.ListChannelsAnswer, error) {
	ctx, cancel := i.within(ctx)
	defer cancel()
	q.Seen = i.s.sawUntil()
	return ask[contract.ListChannelsAnswer](ctx, i.s, contract.VerbListChannels, q)
}

func (i insight) Users(ctx context.Context, q contract.ListUsersRequest) (contract.ListUsersAnswer, error) {
	ctx, cancel := i.within(ctx)
	defer cancel()
	q.Seen = i.s.sawUntil()
	return ask[contract.ListUsersAnswer](ctx, i.s, contract.VerbListUsers, q)
}

func (i insight) Connections(ctx context.Context, q contract.ListConnectionsRequest) (contract.ListConnectionsAnswer, error) {
	ctx, cancel := i.within(ctx)
	defer cancel()
	q.Seen = i.s.sawUntil()
	return ask[contract.ListConnectionsAnswer](ctx, i.s, contract.VerbListConnections, q)
}

func (i insight) History(ctx context.Context, channel string) ([]json.RawMessage, error) {
	settings := i.s.channels.Settings(channel)
	if !settings.StoreHistory && !i.s.channels.History(channel) {
		return nil, nil
	}
	ctx, cancel := i.within(ctx)
	defer cancel()
	recall, err := i.s.history.Read(ctx, map[string]int{channel: settings.HistorySize})
	if err != nil {
		return nil, err
	}
	defer recall.Release()
	var messages []json.RawMessage
	for _, m := range recall.Channels[channel].Messages {
		messages = append(messages, append(json.RawMessage(nil), m...))
	}
	return messages, nil
}

func (i insight) Explain(ctx context.Context, message, channel, who string) (*explain.Answer, error) {
	ctx, cancel := i.within(ctx)
	defer cancel()
	answer, err := i.explain(ctx, message, channel, "conn_id", who)
	if err == nil && answer.Reason == explain.NoConnection {
		return i.explain(ctx, message, channel, "user", who)
	}
	return answer, err
}

// explain explains as the endpoint does for such a query.
func (i insight) explain(ctx context.Context, message, channel, as, who string) (*explain.Answer, error) {
	query := url.Values{"message": {message}, as: {who}}
	if channel != "" {
		query.Set("channel", channel)
	}
	q, err := request.ReadExplain(nil, query, i.s.limits)
	if err != nil {
		return nil, err
	}
	return i.s.explainer.Explain(ctx, explain.Question(q))
}

// insider does what the admin page asks for, as an app would. What is about names of the demo is done as the demo.
type insider struct{ s *Service }

func (i insider) Do(r *http.Request, path string, body any) error {
	handle, found := map[string]func(*http.Request, []byte) (any, error){
		"/message": i.s.message, "/channel_config": i.s.channelConfig, "/disconnect": i.s.disconnect,
	}[path]
	if !found {
		return fmt.Errorf("the admin page asks for %s", path)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // a message goes out as it was written
	if err := encoder.Encode(body); err != nil {
		return fmt.Errorf("encode what the admin page asks for: %w", err)
	}
	if demos(body) {
		r = r.WithContext(context.WithValue(r.Context(), byDemo{}, true))
	}
	_, err := handle(r, text.Bytes())
	return err
}

// demos says whether a body is about a channel of the demo.
func demos(body any) bool {
	fields, _ := body.(map[string]any)
	for key, value := range fields {
		if name, is := value.(string); contract.OfDemo(key) || key == "channel" && is && contract.OfDemo(name) {
			return true
		}
	}
	return false
}
