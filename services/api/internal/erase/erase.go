// Package erase takes messages that were removed out of the logs, bytes and all.
//
// It promises that when Erase returns without an error, neither the messages nor any edit of them that was acknowledged
// before lie in the message log or in the history, and that their bytes there were written over. What left a log before,
// by its age or for want of room, is not found any more. The same again is no error, and completes what broke off.
package erase

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// atOnce is how many subjects are read, and how many messages of each are erased, at a time.
const atOnce = 8

// Log is what erasing needs of a log.
type Log interface {
	Each(ctx context.Context, subject string, after uint64, take func(bus.LogMessage) error) error
	Erase(ctx context.Context, sequence uint64) error
	Trim(ctx context.Context, subject string, before uint64) error
}

// Eraser erases messages.
type Eraser struct {
	Namespace contract.Namespace
	Log       Log                      // of messages
	History   func(channel string) Log // where the history of a channel lies
	Most      func(channel string) int // messages that the history of a channel may keep
}

// place is a subject of a log.
type place struct {
	log     Log
	subject string
	most    int // messages that it may keep; 0: any number
}

// Erase erases the messages that the deletions are about, where these say that they are: in the channel, or else with the
// users. Those who were excluded from hearing of it do not keep the message.
func (e *Eraser) Erase(ctx context.Context, deletions []message.Message) error {
	uuids := map[place][]string{}
	for i := range deletions {
		for _, p := range e.places(&deletions[i]) {
			uuids[p] = append(uuids[p], deletions[i].UUID)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for p, uuids := range uuids {
		group.Go(func() error { return p.erase(ctx, uuids) })
	}
	return group.Wait()
}

func (e *Eraser) places(m *message.Message) []place {
	if m.Channel != "" {
		return []place{
			{log: e.Log, subject: e.Namespace.LogSubject(e.Namespace.LiveChannel(m.Channel))},
			{log: e.History(m.Channel), subject: e.Namespace.HistorySubject(m.Channel), most: e.Most(m.Channel)},
		}
	}
	places := make([]place, len(m.PMUsers))
	for i, user := range m.PMUsers {
		places[i] = place{log: e.Log, subject: e.Namespace.LogSubject(e.Namespace.LiveUser(user))}
	}
	return places
}

// erase erases the messages with these uuids and their edits. The deletions themselves stay: who was away is to hear of
// them. Then it trims, so that no older message comes to show in the place of one that is gone.
func (p *place) erase(ctx context.Context, uuids []string) error {
	slices.Sort(uuids)
	asked := func(uuid string) bool {
		_, found := slices.BinarySearch(uuids, uuid)
		return found
	}
	var found, messages []uint64
	err := p.log.Each(ctx, p.subject, 0, func(e bus.LogMessage) error {
		uuid := e.Header.Get(contract.HeaderEdit)
		if uuid == "" {
			if uuid = contract.UUIDOfMessage(e.ID()); uuid != "" {
				messages = append(messages, e.Sequence)
			}
		}
		if asked(uuid) {
			found = append(found, e.Sequence)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("find messages to erase: %w", err)
	}
	if err := p.eraseAll(ctx, found); err != nil || p.most == 0 || len(messages) <= p.most {
		return err
	}
	return p.log.Trim(ctx, p.subject, messages[len(messages)-p.most])
}

func (p *place) eraseAll(ctx context.Context, sequences []uint64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, sequence := range sequences {
		group.Go(func() error { return p.log.Erase(ctx, sequence) })
	}
	return group.Wait()
}
