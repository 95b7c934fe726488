package scenario

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// An attack: bodies that never come whole, on more connections than an api may have files. The app, elsewhere, goes on.
func TestBodiesThatTrickleTakeNoAPIOutOfService(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const files, attackers, messages = 300, 400, 20
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1})
		api := c.APIs[0]
		if err := unix.Prlimit(api.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var attack, begun sync.WaitGroup
		defer attack.Wait()
		defer stop()
		for range attackers {
			begun.Add(1)
			attack.Go(func() { trickle(ctx, strings.TrimPrefix(api.URL(), "http://"), sync.OnceFunc(begun.Done)) })
		}
		begun.Wait()
		often := time.NewTicker(150 * time.Millisecond)
		defer often.Stop()
		for n := range messages {
			<-often.C
			api.API().CloseIdleConnections() // each message has to get a connection
			within, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err := api.API().Publish(within, client.Message{User: "app", Channel: "room", Message: fmt.Sprint(n)})
			cancel()
			if err != nil {
				t.Fatalf("message %d: %v", n, err)
			}
		}
		if api.Metric("channelstream_bodies_evicted_total") == 0 {
			t.Error("no body was ended: there was no attack")
		}
	}, processes)
}

// trickle sends the body of one request after the other, unsigned and a byte a second, from an address that is not the
// app's. begun is called when it has tried to send the first.
func trickle(ctx context.Context, address string, begun func()) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 5 * time.Second}
	text := "POST /message HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
	for ctx.Err() == nil {
		conn, err := from.DialContext(ctx, "tcp4", address)
		for next := text; err == nil && ctx.Err() == nil; next = "x" {
			_, err = io.WriteString(conn, next)
			begun()
			select {
			case <-second.C:
			case <-ctx.Done():
			}
		}
		if conn != nil {
			_ = conn.Close()
		}
		begun()
	}
}
