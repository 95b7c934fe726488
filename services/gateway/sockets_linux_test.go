package gateway_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// Not parallel: it counts the goroutines of the whole process.
func TestAnIdleSocketHasNoGoroutine(t *testing.T) {
	const sockets = 300
	g := gatewaytest.Start(t)
	for n := range sockets {
		g.Presence.Register(fmt.Sprint("plain", n), fmt.Sprint("user", n), "news")
		g.Presence.Register(fmt.Sprint("io", n), fmt.Sprint("user", n), "news")
	}
	g.Plain("plain0")
	before := runtime.NumGoroutine()
	for n := 1; n < sockets; n++ {
		g.Plain(fmt.Sprint("plain", n))
		s := g.Engine(fmt.Sprint("conn_id=io", n))
		s.Send("40/stream,")
		s.Want("40/stream,")
	}
	gatewaytest.Eventually(t, "goroutines of handshakes have ended", func() bool {
		return runtime.NumGoroutine() < before+sockets/10
	})
}
