package presence

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/channelstream/channelstream/services/presence/internal/chronicle"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/contract"
)

// mostTold is how many changes of one connection are told, the newest. One that comes and goes all the time has more.
const mostTold = 1000

// askedLater is how long after a client could come back for a message an app is told what became of it.
const askedLater = 10 * time.Minute

// tellChronicle says what became lately of a connection, or of those of a user, as this replica has seen it.
func (s *Service) tellChronicle(ctx context.Context, q contract.ChronicleRequest) (contract.ChronicleAnswer, error) {
	if (q.ConnID == "") == (q.User == "") {
		return contract.ChronicleAnswer{}, contract.Invalid("conn_id", "Give either conn_id or user.")
	}
	waiting, cancel := context.WithTimeout(ctx, min(catchUp, s.config.RequestTimeout/2))
	s.ledger.Await(waiting, q.Revision)
	cancel()
	key := contract.EncodeToken(q.ConnID)
	asked := func(c *chronicle.Change) bool { return c.Key == key }
	if q.ConnID == "" {
		asked = func(c *chronicle.Change) bool { return belongs(c.Before, q.User) || belongs(c.After, q.User) }
	}
	var answer contract.ChronicleAnswer
	lives := map[string]contract.ConnectionLife{}
	s.ledger.Read(func(r *roster.Roster) {
		from, changes := s.chronicle.Of(asked)
		answer.From = from
		for key, of := range changes {
			if untold := len(of) - mostTold; untold > 0 {
				of = of[untold:]
				answer.From = later(answer.From, of[0].At)
			}
			lives[key] = s.lifeOf(of, q.Channel)
		}
		ids := []string{q.ConnID}
		if q.ConnID == "" {
			ids = r.ConnectionsOf(q.User)
		}
		for _, id := range ids { // of which nothing has changed
			key := contract.EncodeToken(id)
			if c := r.Connection(key).Record; c != nil && len(changes[key]) == 0 {
				lives[key] = contract.ConnectionLife{ConnID: c.ConnID, User: c.User, Before: standing(c, q.Channel)}
			}
		}
	})
	answer.Connections = slices.SortedFunc(maps.Values(lives), func(a, b contract.ConnectionLife) int {
		return cmp.Compare(a.ConnID, b.ConnID)
	})
	return answer, nil
}

func belongs(c *contract.ConnectionRecord, user string) bool { return c != nil && c.User == user }

// lifeOf tells the changes of one connection, of which there is one at least.
func (s *Service) lifeOf(changes []chronicle.Change, channel string) contract.ConnectionLife {
	last := changes[len(changes)-1]
	record := cmp.Or(last.After, last.Before)
	life := contract.ConnectionLife{ConnID: record.ConnID, User: record.User, Before: standing(changes[0].Before, channel)}
	for i := range changes {
		c := &changes[i]
		life.Changes = append(life.Changes, contract.StandingChange{
			At: c.At, Revision: c.Revision, By: s.causeOf(c), After: standing(c.After, channel),
		})
	}
	return life
}

// causeOf says by whose word a record changed. One that is gone does not say: either its time was over, or the app, or whoever
// knew the conn_id, has ended it.
func (s *Service) causeOf(c *chronicle.Change) contract.Cause {
	if c.After != nil {
		return c.After.By
	}
	life := s.config.ResumeWindow - s.config.Linger
	switch c.Before.State {
	case contract.Attached:
		return contract.CauseDisconnect
	case contract.Pending:
		life = s.config.ConnectTimeout
	case contract.Lingering:
		life = s.config.Linger
	}
	if c.At.Sub(c.Before.Since) < life {
		return contract.CauseDisconnect
	}
	return contract.CauseExpired
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func standing(c *contract.ConnectionRecord, channel string) *contract.Standing {
	if c == nil {
		return nil
	}
	_, in := slices.BinarySearch(c.Channels, channel)
	return &contract.Standing{
		State: c.State, In: in, Gateway: c.Gateway, Session: c.Session, Transport: c.Transport, Since: c.Since,
		Offset: c.Offset, Exact: c.Exact, Left: c.Left,
	}
}
