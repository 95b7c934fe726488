package presence

import (
	"context"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/presence/internal/announce"
	"github.com/channelstream/channelstream/services/presence/internal/notice"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func (s *Service) leads() bool {
	_, leads := s.leader.Since()
	return leads
}

// leaderLease is nil while nobody is known to lead.
func (s *Service) leaderLease() (lease *contract.LeaseRecord) {
	s.ledger.Read(func(r *roster.Roster) { lease = r.Lease(contract.KeyLeader).Record })
	return lease
}

func (s *Service) recorded() uint64 {
	if lease := s.leaderLease(); lease != nil {
		return lease.Announced
	}
	return 0
}

func (s *Service) notifiesPresence(channel string) (told bool) {
	s.ledger.Read(func(r *roster.Roster) { told = r.Settings(channel).NotifyPresence })
	return told
}

// tells says whether one of the channels is told who comes and goes, as they are configured or will be.
func (s *Service) tells(channels []string, configs map[string]contract.ChannelConfig) (told bool) {
	for _, config := range configs {
		told = told || config.NotifyPresence
	}
	s.ledger.Read(func(r *roster.Roster) {
		told = told || slices.ContainsFunc(channels, func(channel string) bool { return r.Settings(channel).NotifyPresence })
	})
	return told
}

// awaitAnnounced returns when the leader has announced who came and left up to a revision, so that what is posted after
// the answer comes after it; or when that takes too long. Also while no replica leads it waits: whoever comes and goes in the
// same moment leaves one record in the bucket, and the replicas that do not lead must have seen each.
func (s *Service) awaitAnnounced(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, min(catchUp, s.config.RequestTimeout/2))
	defer cancel()
	for !s.isAnnounced(ctx, revision) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(leaderWait):
		}
	}
}

// leaderWait is when it is asked again whether something is announced.
const leaderWait = 20 * time.Millisecond

func (s *Service) isAnnounced(ctx context.Context, revision uint64) bool {
	if s.leads() {
		return s.announcer.Await(ctx, revision)
	}
	lease := s.leaderLease()
	if lease == nil {
		return false
	}
	subject := s.config.Namespace.PresenceReplica(lease.ID, contract.VerbAnnounced)
	request := contract.AnnouncedRequest{Seen: contract.Seen{Revision: revision}}
	answer, err := bus.Call[contract.AnnouncedAnswer](ctx, s.config.Conn, subject, request)
	s.unheard.Note(err)
	return err == nil && answer.Announced
}

// announced answers when this replica has announced who came and left up to a revision, unless it does not lead.
func (s *Service) announced(ctx context.Context, q contract.AnnouncedRequest) (contract.AnnouncedAnswer, error) {
	if !s.leads() {
		return contract.AnnouncedAnswer{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(catchUp, s.config.RequestTimeout/2))
	defer cancel()
	return contract.AnnouncedAnswer{Announced: s.announcer.Await(ctx, q.Revision)}, nil
}

// announce tells channels who came and who left, and gives the number of events, from the first on, that are told. The
// same events have the same ids, whichever replica tells of them.
func (s *Service) announce(ctx context.Context, events []announce.Event) (told int, err error) {
	if err := s.lookUp(ctx, events); err != nil {
		return 0, err
	}
	now := time.Now()
	notices := make([]notice.Notice, len(events))
	for i, e := range events {
		if notices[i], err = s.presence(e, now); err != nil {
			return 0, err
		}
	}
	told, err = s.notices.Send(ctx, notices)
	for _, e := range events[:told] {
		s.metrics.told.WithLabelValues(action(e)).Inc()
	}
	return told, err
}

func action(e announce.Event) string {
	if e.Joined {
		return contract.ActionJoined
	}
	return contract.ActionParted
}

// lookUps is how many users are read at a time.
const lookUps = 64

// lookUp lets the roster know the users who joined: the watch of users may be behind that of connections.
func (s *Service) lookUp(ctx context.Context, events []announce.Event) error {
	users := map[string]struct{}{}
	for _, e := range events {
		if e.Joined {
			users[e.User] = struct{}{}
		}
	}
	var g errgroup.Group
	g.SetLimit(lookUps)
	for user := range users {
		g.Go(func() error {
			_, _, err := s.ledger.Users.Fresh(ctx, user)
			return err
		})
	}
	return g.Wait()
}

// presence writes the notice of an event. A list of users that no message can hold is left out, and the notice says so.
func (s *Service) presence(e announce.Event, now time.Time) (notice.Notice, error) {
	about := aboutUser(e.User, s.ledger.Users.Cached(e.User))
	var settings contract.ChannelSettings
	var users []notice.Member
	s.ledger.Read(func(r *roster.Roster) {
		settings = r.Settings(e.Channel)
		if settings.BroadcastPresenceWithUserLists {
			users = members(r, e, about)
		}
	})
	if !e.Joined {
		about.State = nil
	}
	id := notice.UUID(strconv.FormatUint(e.Revision, 10), e.Key, e.User, e.Channel, action(e))
	said := notice.Presented{Channel: e.Channel, Action: action(e), About: about, Alone: e.Alone, Users: users}
	n, err := notice.Presence(id, said, now)
	if most := s.config.Conn.MaxPayload(); err == nil && most > 0 && int64(len(n.Body)+noticeRoom) > most {
		s.log.Warn("a list of users is too large for a message and is left out", "users", len(users))
		said.Users, said.LeftOut = nil, len(users)
		n, err = notice.Presence(id, said, now)
	}
	n.Fleeting = !settings.StoreFrames
	return n, err
}

// noticeRoom is more than the headers of a notice take, its id and their framing.
const noticeRoom = 2 << 10

// members gives who is in a channel after an event, sorted. The roster may have gone on meanwhile.
func members(r *roster.Roster, e announce.Event, about notice.About) []notice.Member {
	var names []string
	for user := range r.UsersIn(e.Channel) {
		if user != e.User {
			names = append(names, user)
		}
	}
	if e.Joined {
		names = append(names, e.User)
	}
	slices.Sort(names)
	all := make([]notice.Member, len(names))
	for i, user := range names {
		state := about.State
		if user != e.User {
			state = aboutUser(user, r.User(contract.EncodeToken(user)).Record).State
		}
		all[i] = notice.Member{User: user, State: state}
	}
	return all
}

// aboutUser says what others may know of a user, whose record may be nil.
func aboutUser(user string, record *contract.UserRecord) notice.About {
	if record == nil {
		record = &contract.UserRecord{Status: roster.DefaultStatus}
	}
	return notice.About{User: user, Status: record.Status, State: roster.PublicState(record)}
}
