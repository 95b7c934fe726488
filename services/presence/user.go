package presence

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// knowing is what a request says of a user.
type knowing struct {
	user   string
	status *int
	fresh  map[string]json.RawMessage // state of a user not known before
	state  map[string]json.RawMessage // merged over the state
	keys   []string                   // public; nil leaves those before
	allow  []string                   // channels
}

// known makes a user known, with what the request says of it. A user who is known as that already costs no write.
func (s *Service) known(k knowing, now time.Time) ledger.Change[contract.UserRecord] {
	slack := min(time.Minute, s.config.UserRetention/8)
	return func(u *contract.UserRecord) (*contract.UserRecord, error) {
		var next contract.UserRecord
		stated := false // the state changed, or what of it is public
		if u == nil {
			next = contract.UserRecord{User: k.user, Status: roster.DefaultStatus}
			stated = merge(&next.State, k.fresh)
		} else {
			next = *u
		}
		changed := u == nil || now.Sub(u.LastActive) > slack
		if k.status != nil && *k.status != next.Status {
			next.Status, changed = *k.status, true
		}
		stated = merge(&next.State, k.state) || stated
		if k.keys != nil && !slices.Equal(k.keys, next.PublicKeys) {
			next.PublicKeys, stated = k.keys, true
		}
		if stated {
			if err := s.checkState(&next, k); err != nil {
				return nil, err
			}
		}
		if fresh := without(k.allow, next.Allowed); len(fresh) > 0 {
			next.Allowed, changed = merged(next.Allowed, fresh), true
			if err := s.checkAllowed(next.Allowed); err != nil {
				return nil, err
			}
		}
		if !changed && !stated {
			return u, nil
		}
		next.LastActive = now
		return &next, nil
	}
}

// notAllowed takes channels from those that a user may join.
func notAllowed(channels []string) ledger.Change[contract.UserRecord] {
	return func(u *contract.UserRecord) (*contract.UserRecord, error) {
		if u == nil {
			return nil, nil
		}
		gone := common(channels, u.Allowed)
		if len(gone) == 0 {
			return u, nil
		}
		next := *u
		next.Allowed = without(u.Allowed, gone)
		return &next, nil
	}
}

// merge puts values over a state, which is replaced and not changed in place, and says whether that changed it. A
// null for a key that is not there is passed over.
func merge(state *map[string]json.RawMessage, over map[string]json.RawMessage) bool {
	changed := false
	for key, value := range over {
		before, exists := (*state)[key]
		if !exists && string(value) == "null" {
			continue
		}
		if exists && same(before, stored(value)) {
			continue
		}
		if !changed {
			*state = maps.Clone(*state)
			if *state == nil {
				*state = map[string]json.RawMessage{}
			}
			changed = true
		}
		(*state)[key] = stored(value)
	}
	return changed
}

// stored gives a value in the form that it has after it was stored, in which two are compared. An integer has no negative
// zero.
func stored(value json.RawMessage) json.RawMessage {
	if string(value) == "-0" {
		return json.RawMessage("0")
	}
	form, err := json.Marshal(value)
	if err != nil {
		return value // it came out of JSON, so it can be written as JSON
	}
	return form
}

func stateOf(u *contract.UserRecord) map[string]json.RawMessage {
	if u == nil || u.State == nil {
		return map[string]json.RawMessage{}
	}
	return u.State
}

// need refuses an empty name. Names come checked from the edges; an empty one could not be a key.
func need(field, name string) error {
	if name == "" {
		return contract.Invalid(field, "Missing.")
	}
	return nil
}
