package presence

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/notice"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// userState puts values over the state of a user, and tells the channels of the user what of it is public and new.
func (s *Service) userState(ctx context.Context, q contract.UserStateRequest) (contract.UserStateAnswer, error) {
	outcome, err := s.changeUser(ctx, knowing{user: q.User, state: q.State, keys: q.PublicKeys})
	if err != nil {
		return contract.UserStateAnswer{}, err
	}
	user := outcome.After
	changed := changes(outcome.Before.State, user.State)
	public := slices.DeleteFunc(slices.Clone(changed), func(c contract.StateChange) bool {
		return !slices.Contains(user.PublicKeys, c.Key)
	})
	if len(public) > 0 {
		if err := s.tellState(ctx, q.Seen, user, public); err != nil {
			return contract.UserStateAnswer{}, err
		}
	}
	return contract.UserStateAnswer{State: stateOf(user), Changed: changed, PublicKeys: list(user.PublicKeys)}, nil
}

func (s *Service) userStatus(ctx context.Context, q contract.UserStatusRequest) (contract.UserStatusAnswer, error) {
	outcome, err := s.changeUser(ctx, knowing{user: q.User, status: &q.Status})
	if err != nil {
		return contract.UserStatusAnswer{}, err
	}
	if outcome.Before.Status != outcome.After.Status {
		if err := s.tellState(ctx, q.Seen, outcome.After, nil); err != nil {
			return contract.UserStatusAnswer{}, err
		}
	}
	return contract.UserStatusAnswer{User: q.User, Status: outcome.After.Status, State: stateOf(outcome.After)}, nil
}

// changeUser changes a user who must be known.
func (s *Service) changeUser(ctx context.Context, k knowing) (ledger.Outcome[contract.UserRecord], error) {
	if err := need("user", k.user); err != nil {
		return ledger.Outcome[contract.UserRecord]{}, err
	}
	known := s.known(k, time.Now().UTC())
	return s.ledger.Users.Change(ctx, k.user, func(u *contract.UserRecord) (*contract.UserRecord, error) {
		if u == nil {
			return nil, contract.Invalid("user", contract.UnknownUser)
		}
		return known(u)
	})
}

// tellState returns when the channels that the user is in have been told of its state, those that want to know.
func (s *Service) tellState(ctx context.Context, seen contract.Seen, user *contract.UserRecord, changed []contract.StateChange) error {
	waiting, cancel := context.WithTimeout(ctx, min(catchUp, s.config.RequestTimeout/2))
	s.ledger.Await(waiting, seen.Revision)
	cancel()
	fleeting := map[string]bool{} // by channel
	s.ledger.Read(func(r *roster.Roster) {
		for _, channel := range r.ChannelsOf(user.User) {
			if settings := r.Settings(channel); settings.NotifyState {
				fleeting[channel] = !settings.StoreFrames
			}
		}
	})
	id, now, about := uuid.NewString(), time.Now(), aboutUser(user.User, user)
	notices := make([]notice.Notice, 0, len(fleeting))
	for channel, isFleeting := range fleeting {
		n, err := notice.StateChange(id, channel, about, changed, now)
		if err != nil {
			return err
		}
		n.Fleeting = isFleeting
		notices = append(notices, n)
	}
	if len(notices) == 0 {
		return nil
	}
	_, err := s.notices.Send(ctx, notices)
	return err
}

// changes gives what differs between two states, by key. Keys are never taken out of a state.
func changes(before, after map[string]json.RawMessage) []contract.StateChange {
	changed := []contract.StateChange{}
	for key, value := range after {
		if old, there := before[key]; !there || !same(old, value) {
			changed = append(changed, contract.StateChange{Key: key, Value: value})
		}
	}
	slices.SortFunc(changed, func(a, b contract.StateChange) int { return strings.Compare(a.Key, b.Key) })
	return changed
}

// same says whether two scalars are, numbers by their value. Both are written as they are stored.
func same(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || isNumber(a) && isNumber(b) && sameNumber(string(a), string(b))
}

func isNumber(value json.RawMessage) bool {
	return len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

// sameNumber compares as floats do, which is what most readers of JSON make of a number; but whole ones, as ids are,
// exactly. Those differ if they are written differently.
func sameNumber(a, b string) bool {
	if !strings.ContainsAny(a, ".eE") && !strings.ContainsAny(b, ".eE") {
		return a == b
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}
