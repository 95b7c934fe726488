package flood

import (
	"context"
	"sync"
	"time"

	"github.com/channelstream/channelstream/client"
)

// busy posts so many messages a second, ten requests a second, to a channel until the end of the test.
func (s *server) busy(channel string, rate int, text string) {
	s.t.Helper()
	list := make([]client.Message, rate/10)
	for i := range list {
		list[i] = client.Message{User: "app", Channel: channel, Message: text}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var posting sync.WaitGroup
	posting.Go(func() {
		tick := time.NewTicker(time.Second / 10)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if _, err := s.app.Publish(context.WithoutCancel(ctx), list...); err != nil {
				s.t.Errorf("post to the busy channel: %v", err)
				return
			}
		}
	})
	s.t.Cleanup(func() {
		cancel()
		posting.Wait()
	})
}
