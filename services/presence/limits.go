package presence

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/shared/contract"
)

// Some limits are of what adds up over many requests. They are kept in the write, and so that a record fits into its
// bucket, and an event about a user into a message: what is over them is refused with the field that was too much.

// besides is more than a record, or an event about a user, takes beside lists of channels and states: its names, the
// names of what changed, the headers.
const besides = 64 << 10

// room is how many bytes one message leaves for lists and states.
func (s *Service) room() int {
	payload := int(s.config.Conn.MaxPayload())
	return payload - min(besides, payload/4)
}

// mostState is how many bytes a user's state may have. The record has it beside what the user may join, and an event may
// have it twice, as what it is and as what changed.
func (s *Service) mostState() int { return min(s.config.MaxState, s.room()/2) }

// checkState refuses a state that is too large, after a request.
func (s *Service) checkState(u *contract.UserRecord, k knowing) error {
	state, keys, most := size(u.State), size(u.PublicKeys), s.mostState()
	if state+keys <= most {
		return nil
	}
	field := "state_public_keys"
	switch {
	case len(k.keys) > 0 && keys > state:
	case len(k.state) > 0:
		field = "user_state"
	case len(k.fresh) > 0:
		field = "fresh_user_state"
	}
	return contract.Invalid(field,
		fmt.Sprintf("The state of a user and the names of its public keys may have at most %d bytes of JSON.", most))
}

// checkAllowed refuses more channels than a user may be allowed.
func (s *Service) checkAllowed(channels []string) error {
	if len(channels) > s.config.MaxUserChannels {
		return contract.Invalid("channels", fmt.Sprintf("A user may be allowed at most %d channels.", s.config.MaxUserChannels))
	}
	if most := s.room() / 2; size(channels) > most {
		return contract.Invalid("channels",
			fmt.Sprintf("The names of the channels that a user may join may have at most %d bytes of JSON.", most))
	}
	return nil
}

// checkChannels refuses more channels than a connection may have.
func (s *Service) checkChannels(channels []string) error {
	if len(channels) > s.config.MaxChannels {
		return contract.Invalid("channels", fmt.Sprintf("A connection may have at most %d channels.", s.config.MaxChannels))
	}
	if most := s.room(); size(channels) > most {
		return contract.Invalid("channels",
			fmt.Sprintf("The names of a connection's channels may have at most %d bytes of JSON.", most))
	}
	return nil
}

// size is how long something is in a record.
func size(part any) int {
	text, err := json.Marshal(part)
	if err != nil {
		return 0 // it came out of JSON, so it can be written as JSON
	}
	return len(text)
}

// decided is for what a request must know before it writes anything: an error if the change would be refused. What the
// roster refuses, the bucket decides.
func decided[R any](ctx context.Context, t *ledger.Table[R], name string, change ledger.Change[R]) error {
	if _, err := change(t.Cached(name)); err == nil {
		return nil
	}
	_, err := t.Change(ctx, name, change)
	return err
}
