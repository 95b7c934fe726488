// Package explain says why a client got a message, or did not.
//
//	message log, history ── the message, and whom it was for ──┐
//	presence ── what became of the connection lately ──────────┼──► a verdict, and the facts behind it
//	gateways ── how far its sessions came ─────────────────────┘
//
// Nothing is written down for a message, so nothing here knows that a client has one. What is known is up to which offset a client
// has everything that was for it; and as messages reach a client in the order of the log, that is as good. The package promises
// that it says "delivered" only where that follows, and "unknown" where nothing does. It asks each party once.
package explain

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/contract"
)

// Question is what an app asks.
type Question struct {
	UUID    string // of the message
	Offset  uint64 // of the message, in place of its UUID
	Channel string // of the message; empty: it is not said
	ConnID  string
	User    string // all connections of the user, in place of one
}

// Answer is what it is told.
type Answer struct {
	Judgement
	Facts       []Fact       `json:"facts"`                 // of the message, and of the connection, if it was asked about one
	Connections []Connection `json:"connections,omitempty"` // of the user, if it was asked about one
}

// Connection is what a user's connection has got of the message.
type Connection struct {
	ConnID string `json:"conn_id"`
	User   string `json:"user"`
	Judgement
	Facts []Fact `json:"facts"`
}

// Explainer explains. It is safe for use by many goroutines.
type Explainer struct {
	Namespace contract.Namespace
	Log       Log                      // of messages
	History   func(channel string) Log // where the history of a channel lies
	Stored    func(channel string) bool
	Presence  func(context.Context, contract.ChronicleRequest) (contract.ChronicleAnswer, error)
	Gateway   func(ctx context.Context, id string, q contract.SessionsRequest) (contract.SessionsAnswer, error)
	Patience  time.Duration // for a gateway, which may be gone
	Window    time.Duration // a client that was away may come back
}

// Explain answers a question.
func (e *Explainer) Explain(ctx context.Context, q Question) (*Answer, error) {
	f, err := e.find(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("find the message: %w", err)
	}
	chronicle, err := e.Presence(ctx, contract.ChronicleRequest{ConnID: q.ConnID, User: q.User, Channel: f.channel})
	if err != nil {
		return nil, fmt.Errorf("ask presence: %w", err)
	}
	if err := e.findCopy(ctx, f, chronicle.Connections); err != nil {
		return nil, fmt.Errorf("find the user's copy of the message: %w", err)
	}
	sessions := e.ask(ctx, chronicle.Connections)
	answer := &Answer{Facts: []Fact{}}
	for i := range chronicle.Connections {
		life := &chronicle.Connections[i]
		v := e.evidence(q, f, life.User, chronicle.From, sessions)
		v.follow(life)
		answer.Connections = append(answer.Connections, Connection{
			ConnID: life.ConnID, User: life.User, Judgement: v.judge(), Facts: v.facts(),
		})
	}
	v := e.evidence(q, f, q.User, chronicle.From, sessions)
	if len(answer.Connections) > 0 {
		v.message = f.pick(answer.Connections[0].User)
	}
	answer.Facts = append(answer.Facts, v.messageFacts()...)
	switch {
	case len(answer.Connections) == 0:
		answer.Judgement = v.judge()
	case q.ConnID != "":
		answer.Judgement = answer.Connections[0].Judgement
		answer.Facts = append(answer.Facts, answer.Connections[0].Facts...)
		answer.Connections = nil
	default:
		answer.Judgement = together(answer.Connections)
	}
	return answer, nil
}

func (e *Explainer) evidence(q Question, f *found, user string, from time.Time, sessions sessions) *evidence {
	v := &evidence{
		question: q, found: f, message: f.pick(user), from: from, sessions: sessions.accounts, silent: sessions.silent, window: e.Window,
	}
	v.unlogged = f.channel != "" && !e.Stored(f.channel)
	return v
}

// findCopy looks for the copy of a private message that the user of a connection has: what was found may be another's.
func (e *Explainer) findCopy(ctx context.Context, f *found, lives []contract.ConnectionLife) error {
	if len(lives) == 0 || len(f.messages) == 0 || !f.messages[0].private() || f.messages[0].uuid == "" {
		return nil
	}
	user := lives[0].User
	if is, _ := f.pick(user).audience(user); is {
		return nil
	}
	own := found{}
	if err := e.findIn(ctx, e.Namespace.LiveUser(user), f.messages[0].uuid, &own); err != nil {
		return err
	}
	f.messages = append(f.messages, own.messages...)
	return nil
}

// sessions is what gateways say.
type sessions struct {
	accounts map[string]contract.SessionAccount // by id of the session
	silent   map[string]bool                    // gateways that did not answer
}

// ask asks the gateways at which connections were, each once.
func (e *Explainer) ask(ctx context.Context, lives []contract.ConnectionLife) sessions {
	wanted := map[string]map[string]bool{} // by gateway
	for i := range lives {
		for _, s := range spansOf(&lives[i]) {
			if wanted[s.gateway] == nil {
				wanted[s.gateway] = map[string]bool{}
			}
			if len(wanted[s.gateway]) < contract.MaxSessions {
				wanted[s.gateway][s.session] = true
			}
		}
	}
	all := sessions{accounts: map[string]contract.SessionAccount{}, silent: map[string]bool{}}
	var mu sync.Mutex
	var asking errgroup.Group
	asking.SetLimit(askAtOnce)
	for gateway, ids := range wanted {
		q := contract.SessionsRequest{}
		for id := range ids {
			q.Sessions = append(q.Sessions, id)
		}
		asking.Go(func() error {
			within, cancel := context.WithTimeout(ctx, e.Patience)
			defer cancel()
			answer, err := e.Gateway(within, gateway, q)
			mu.Lock()
			defer mu.Unlock()
			all.silent[gateway] = err != nil
			for id, account := range answer.Sessions {
				all.accounts[id] = account
			}
			return nil
		})
	}
	asking.Wait() //nolint:errcheck // none of them fails: one that does not answer is silent
	return all
}

// askAtOnce is how many gateways are asked at a time.
const askAtOnce = 16

// together is the judgement about a user with several connections: the best of theirs.
func together(connections []Connection) Judgement {
	best, count := connections[0].Judgement, 0
	for i := range connections {
		if rank[connections[i].Verdict] < rank[best.Verdict] {
			best = connections[i].Judgement
		}
	}
	for i := range connections {
		if connections[i].Verdict == best.Verdict {
			count++
		}
	}
	if len(connections) > 1 {
		best.Because = fmt.Sprintf("So it is with %d of the user's %d connections: %s", count, len(connections), best.Because)
	}
	return best
}
