package scenario

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/harness"
)

// What clients asked for while presence did not answer has been given up. Were it done when presence wakes, each attempt would
// take the connection from the one that came after it, and its client would stay away for good.
func TestNobodyIsReplacedByItsOwnAttemptsDuringAnOutageOfPresence(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const each, timeout, outage = 4, 500 * time.Millisecond, 4 * time.Second
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1},
			harness.Setting("REQUEST_TIMEOUT", timeout), harness.Setting("CONNECT_TIMEOUT", "1m"))
		api, gateway := c.APIs[0], c.Gateways[0]
		var plain, io, streams []string
		for i := range each {
			plain = append(plain, register(t, api, fmt.Sprint("plain ", i), "room"))
			io = append(io, register(t, api, fmt.Sprint("io ", i), "room"))
			streams = append(streams, register(t, api, fmt.Sprint("stream ", i), "room"))
		}
		goOn := pauseNode(t, c.Presences[0])
		began := time.Now()
		sockets, dialogs, sources := make([]*harness.Socket, each), make([]*harness.SocketIO, each), make([]*harness.EventSource, each)
		var coming sync.WaitGroup
		for i := range each {
			coming.Go(func() {
				for sockets[i] == nil && time.Since(began) < harness.Patience {
					sockets[i], _ = harness.TryOpen(t, gateway, plain[i])
				}
			})
			coming.Go(func() {
				for dialogs[i] == nil && time.Since(began) < harness.Patience {
					dialogs[i], _ = harness.TrySocketIOOf(t, gateway.URL(), io[i])
				}
			})
			sources[i] = harness.OpenEventSource(t, gateway.URL(), streams[i])
		}
		<-time.After(time.Until(began.Add(outage)))
		goOn()
		coming.Wait()
		for _, s := range sources {
			s.AwaitOpen()
		}
		post(t, api, "room", "hello")
		for i := range each {
			sources[i].Await("hello")
			if sockets[i] == nil || dialogs[i] == nil {
				t.Fatal("a client did not come in")
			}
			sockets[i].Await("hello")
			dialogs[i].Await("message")
		}
		if n := gateway.Metric(`channelstream_gateway_closed_total{reason="replaced"}`); n > 0 {
			t.Errorf("%v were replaced, though each is alone", n)
		}
	}, processes)
}
