package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/contract"
)

// What operators look at: presence answers it out of its memory, a page at a time.

// instances shows the processes that live.
func (s *Service) instances(r *http.Request, body []byte) (any, error) {
	if err := request.Nothing(body, r.URL.Query(), s.limits); err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	answer, err := s.overview(ctx)
	return struct {
		Instances []contract.Instance `json:"instances"`
	}{answer.Instances}, err
}

func (s *Service) overview(ctx context.Context) (contract.OverviewAnswer, error) {
	answer, err := ask[contract.OverviewAnswer](ctx, s, contract.VerbOverview, contract.OverviewRequest{Seen: s.sawUntil()})
	answer.Instances = some(answer.Instances)
	return answer, err
}

// sawUntil is what an app that asked this process has seen the effect of.
func (s *Service) sawUntil() contract.Seen { return contract.Seen{Revision: s.seen.Load()} }

func (s *Service) listChannels(r *http.Request, body []byte) (any, error) {
	request, err := request.ListChannels(body, r.URL.Query(), s.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Seen = s.sawUntil()
	return ask[contract.ListChannelsAnswer](ctx, s, contract.VerbListChannels, request)
}

func (s *Service) listUsers(r *http.Request, body []byte) (any, error) {
	request, err := request.ListUsers(body, r.URL.Query(), s.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Seen = s.sawUntil()
	return ask[contract.ListUsersAnswer](ctx, s, contract.VerbListUsers, request)
}

func (s *Service) listConnections(r *http.Request, body []byte) (any, error) {
	request, err := request.ListConnections(body, r.URL.Query(), s.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	request.Seen = s.sawUntil()
	return ask[contract.ListConnectionsAnswer](ctx, s, contract.VerbListConnections, request)
}

// totals is the answer of /admin/admin.json, with the keys that 0.7 had; Next is ours.
type totals struct {
	RememberedUsers  int                             `json:"remembered_user_count"`
	UniqueUsers      int                             `json:"unique_user_count"`
	TotalConnections int                             `json:"total_connections"`
	TotalChannels    int                             `json:"total_channels"`
	TotalMessages    uint64                          `json:"total_messages"`
	UniqueMessages   uint64                          `json:"total_unique_messages"`
	Channels         map[string]contract.ChannelInfo `json:"channels"`
	Users            []contract.UserInfo             `json:"users"`
	Uptime           string                          `json:"uptime"`
	Version          string                          `json:"version"`
	Next             string                          `json:"next,omitempty"`
}

// totals shows all that there is, as 0.7 did, but a page of it at a time: the channels and the users whose names are in one range.
func (s *Service) totals(r *http.Request, body []byte) (any, error) {
	page, err := request.Totals(body, r.URL.Query(), s.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	page.Seen = s.sawUntil()
	overview, err := s.overview(ctx)
	if err != nil {
		return nil, err
	}
	channels, err := ask[contract.ListChannelsAnswer](ctx, s, contract.VerbListChannels, contract.ListChannelsRequest{Page: page, Whole: true})
	if err != nil {
		return nil, err
	}
	users, err := ask[contract.ListUsersAnswer](ctx, s, contract.VerbListUsers, contract.ListUsersRequest{Page: page, Present: true, Whole: true})
	if err != nil {
		return nil, err
	}
	info, next := inOneRange(channels, users)
	return s.recall(ctx, totals{
		RememberedUsers: overview.RememberedUsers, UniqueUsers: overview.UniqueUsers, TotalConnections: overview.TotalConnections,
		TotalChannels: overview.TotalChannels, TotalMessages: overview.TotalMessages, UniqueMessages: overview.TotalUniqueMessages,
		Channels: info.Channels, Users: info.Users, Uptime: elapsed(overview.Uptime), Version: s.version, Next: next,
	}, info, contract.InfoOptions{})
}

// inOneRange gives those channels and users of two pages that are in both ranges of names, so that whoever goes on behind next gets
// each once.
func inOneRange(channels contract.ListChannelsAnswer, users contract.ListUsersAnswer) (info contract.ChannelsInfo, next string) {
	next = channels.Next
	if next == "" || users.Next != "" && users.Next < next {
		next = users.Next
	}
	within := func(name string) bool { return next == "" || name <= next }
	info = contract.ChannelsInfo{Channels: map[string]contract.ChannelInfo{}, Users: []contract.UserInfo{}}
	for _, c := range channels.Channels {
		if within(c.Name) && c.Info != nil {
			info.Channels[c.Name] = *c.Info
		}
	}
	for _, u := range users.Users {
		if within(u.User) {
			info.Users = append(info.Users, contract.UserInfo{
				User: u.User, Status: u.Status, State: u.PublicState(), Connections: u.ConnIDs,
			})
		}
	}
	return info, next
}

// elapsed writes a time as 0.7 did: "0:01:31", "1 day, 0:00:05", "2 days, 10:00:00".
func elapsed(seconds float64) string {
	d := time.Duration(seconds) * time.Second
	clock := fmt.Sprintf("%d:%02d:%02d", int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60)
	switch days := int(d.Hours()) / 24; days {
	case 0:
		return clock
	case 1:
		return "1 day, " + clock
	default:
		return fmt.Sprintf("%d days, %s", days, clock)
	}
}
