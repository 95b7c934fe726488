package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// busy is a client for which bytes wait.
type busy struct {
	client
	waiting int // guarded by mu
}

func (b *busy) Waiting(time.Time) (int, contract.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting, ""
}

func (b *busy) Send([]byte, time.Time) contract.Reason { return "" }

func (b *busy) wait(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = bytes
}

func TestABacklogIsCountedWhileItLastsAndNoLonger(t *testing.T) {
	story(t, 2, func(t *testing.T, h *hub.Hub) {
		clients := []*busy{{waiting: 100}, {waiting: 20}, {}}
		for _, c := range clients {
			h.Open(c, frame.Lists, "test", c.closed)
		}
		wantBacklog := func(bytes, members int64) {
			t.Helper()
			time.Sleep(3 * time.Second) // each is looked at within
			synctest.Wait()
			if gotBytes, gotMembers := h.Backlog(); gotBytes != bytes || gotMembers != members {
				t.Errorf("%d bytes wait for %d clients, want %d for %d", gotBytes, gotMembers, bytes, members)
			}
		}
		wantBacklog(120, 2)
		clients[0].wait(0)
		clients[1].wait(30)
		wantBacklog(30, 1)
		clients[1].member.Close(contract.ReasonSlowConsumer)
		wantBacklog(0, 0)
	})
}

func TestAQueueIsWhatAShardHasNotTakenYet(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		news := h.NewTopic("news", "s.news")
		a := open(t, h, "a", news)
		body := []byte(`{"n":1}`)
		hold(a.member, func() {
			for range 3 {
				h.Publish(news, hub.Message{Message: frame.Message{Body: body}})
			}
			if q := h.Queue(0); h.Shards() != 1 || q.Items != 3 || q.Bytes != 3*len(body) || q.Waited != 0 {
				t.Errorf("%d shards, of which the first has %+v", h.Shards(), q)
			}
		})
		synctest.Wait()
		if q := h.Queue(0); q.Items != 0 || q.Bytes != 0 {
			t.Errorf("behind all, %+v waits", q)
		}
	})
}

func TestPublishingThatWaitsForAShardIsCounted(t *testing.T) {
	story(t, 1, func(t *testing.T, h *hub.Hub) {
		news := h.NewTopic("news", "s.news")
		b := &busy{}
		change(t, h.Open(b, frame.Lists, "test", b.closed), hub.Change{User: "b", Join: []*hub.Topic{news}})
		const room = 1 << 16
		published := make(chan struct{})
		hold(b.member, func() {
			go func() {
				defer close(published)
				for range room + 1 {
					h.Publish(news, hub.Message{Message: frame.Message{Body: []byte(`{}`)}})
				}
			}()
			synctest.Wait()
			if q := h.Queue(0); q.Items != room || q.Waited != 1 {
				t.Errorf("%+v waits", q)
			}
		})
		<-published
	})
}
