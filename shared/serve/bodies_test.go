package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
)

// crowd is clients of one server in a bubble.
type crowd struct {
	t       *testing.T
	pipes   *pipes
	evicted func() map[string]float64 // bodies by bound
}

// addressed is the server's end of a connection from somewhere.
type addressed struct {
	net.Conn
	from net.Addr
}

func (c addressed) RemoteAddr() net.Addr { return c.from }

// bound are settings under which one address may have so many bodies waiting.
func bound(perAddress int) settings.Settings {
	return settings.Settings{
		Access: settings.Access{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		Limits: settings.Limits{MaxBodiesPerAddress: perAddress},
	}
}

// crowded serves a handler in a bubble.
func crowded(t *testing.T, s settings.Settings, files int, h http.HandlerFunc, story func(c *crowd)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, pipes: newPipes()}
		server := serve.New(c.pipes, h, quiet)
		c.evicted = serve.Bound(server, s, files)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		t.Cleanup(func() { // behind those of the clients
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		story(c)
	})
}

// visit opens a connection from an address.
func (c *crowd) visit(from string) net.Conn {
	c.t.Helper()
	client, server := net.Pipe()
	c.pipes.conns <- addressed{server, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 1000))}
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

const (
	begun = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{"
	large = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{"
	rest  = "}"
)

// stall begins a request. When it returns, the server waits for the rest of the body.
func (c *crowd) stall(from, request string) net.Conn {
	c.t.Helper()
	client := c.visit(from)
	say(c.t, client, request)
	synctest.Wait()
	return client
}

// goes checks that a client was told to go, at once, and that its connection has ended.
func (c *crowd) goes(client net.Conn, code contract.Code, retryAfter string) {
	c.t.Helper()
	began := time.Now()
	reader := bufio.NewReader(client)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var fault contract.Fault
	if err := json.NewDecoder(answer.Body).Decode(&fault); err != nil {
		c.t.Error(err)
	}
	if answer.StatusCode != code.HTTPStatus() || fault.Code != code || answer.Header.Get("Retry-After") != retryAfter || !answer.Close {
		c.t.Errorf("answered with %s %v %v", answer.Status, fault, answer.Header)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil || time.Since(began) > 0 {
		c.t.Errorf("the connection ended after %v: %v", time.Since(began), err)
	}
}

// stays checks that a client is answered well when the rest of its body has come.
func (c *crowd) stays(client net.Conn) {
	c.t.Helper()
	say(c.t, client, rest)
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Close {
		c.t.Errorf("answered with %s", answer.Status)
	}
}

// counted checks how many had to go.
func (c *crowd) counted(want map[string]float64) {
	c.t.Helper()
	if got := c.evicted(); !maps.Equal(got, want) {
		c.t.Errorf("counted %v, want %v", got, want)
	}
}

// silent reads the body and leaves it to the server to answer for one that does not come.
func silent(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

func TestTheOldestBodyOfAnAddressGoes(t *testing.T) {
	crowded(t, bound(2), 0, silent, func(c *crowd) {
		first, second := c.stall("192.0.2.1", begun), c.stall("192.0.2.1", begun)
		other := c.stall("192.0.2.2", begun)
		third := c.stall("192.0.2.1", begun)
		c.goes(first, contract.CodeTooMany, "10")
		c.stays(second)
		c.stays(third)
		c.stays(other)
		c.counted(map[string]float64{"address": 1})
	})
}

// net/http would keep the connection for a moment.
func TestALargeBodyThatGoesHoldsNoConnection(t *testing.T) {
	crowded(t, bound(1), 0, silent, func(c *crowd) {
		first := c.stall("192.0.2.1", large)
		c.stall("192.0.2.1", large)
		c.goes(first, contract.CodeTooMany, "10")
	})
}

func TestTheOldestBodyOfAllGoes(t *testing.T) {
	crowded(t, bound(0), 6, silent, func(c *crowd) {
		var clients []net.Conn
		for _, from := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
			clients = append(clients, c.stall(from, begun))
		}
		c.goes(clients[0], contract.CodeUnavailable, "1")
		for _, client := range clients[1:] {
			c.stays(client)
		}
		c.counted(map[string]float64{"process": 1})
	})
}

// An address has half of what all have, whatever is configured.
func TestOneAddressDoesNotTakeThePlacesOfAll(t *testing.T) {
	crowded(t, bound(1000), 12, silent, func(c *crowd) {
		other := c.stall("192.0.2.2", begun)
		for range 10 {
			c.stall("192.0.2.1", begun)
		}
		c.stays(other)
		c.counted(map[string]float64{"address": 7})
	})
}

func TestAnAddressIsThatOfTheCaller(t *testing.T) {
	by := func(caller string) string {
		return "POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + caller + "\r\nContent-Length: 2\r\n\r\n{"
	}
	crowded(t, bound(1), 0, silent, func(c *crowd) {
		network, neighbour := c.stall("2001:db8::1", begun), c.stall("2001:db8:0:1::1", begun)
		proxied, another := c.stall("10.0.0.1", by("192.0.2.1")), c.stall("10.0.0.1", by("192.0.2.2"))
		liar := c.stall("192.0.2.9", by("192.0.2.3"))
		c.counted(map[string]float64{})

		c.stall("2001:db8::2", begun)
		c.goes(network, contract.CodeTooMany, "10")
		c.stall("192.0.2.1", begun)
		c.goes(proxied, contract.CodeTooMany, "10")
		c.stall("192.0.2.9", by("192.0.2.4"))
		c.goes(liar, contract.CodeTooMany, "10")
		c.stays(neighbour)
		c.stays(another)
	})
}

// Whoever sends requests whole is not refused for those who trickle, were they at the same address.
func TestARequestThatComesWholeIsNotRefused(t *testing.T) {
	crowded(t, bound(1), 0, silent, func(c *crowd) {
		for range 100 {
			c.stall("192.0.2.1", begun)
			client := c.visit("192.0.2.1")
			say(t, client, begun+rest)
			answer, err := http.ReadResponse(bufio.NewReader(client), nil)
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatal(answer, err)
			}
		}
	})
}

// A request counts until its body has come, and not until it is answered; nor when its client has gone, or its
// connection was given away.
func TestOnlyAWaitingBodyCounts(t *testing.T) {
	crowded(t, bound(1), 0, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			silent(w, r)
			time.Sleep(time.Minute)
		case "/given":
			_, _ = r.Body.Read(make([]byte, 1))
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "yours")
			_ = conn.Close()
		default:
			silent(w, r)
		}
	}, func(c *crowd) {
		client := c.visit("192.0.2.1")
		say(t, client, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		synctest.Wait()
		given := c.stall("192.0.2.1", "POST /given HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
		_ = c.stall("192.0.2.1", begun).Close()
		synctest.Wait()
		c.stays(c.stall("192.0.2.1", begun))
		if text, err := io.ReadAll(given); err != nil || string(text) != "yours" {
			t.Errorf("%q %v", text, err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Error(answer, err)
		}
		c.counted(map[string]float64{})
	})
}

// What is left of a request that was refused counts too; its client has its answer already.
func TestTheRestOfARefusedBodyGoes(t *testing.T) {
	crowded(t, bound(1), 0, refuse, func(c *crowd) {
		begin := func(client net.Conn) (whenEnded <-chan time.Time) {
			ended := make(chan time.Time, 1)
			go func() {
				if status, answered, _ := hear(t, client); status != http.StatusForbidden || answered > 0 {
					t.Errorf("answered with %d after %v", status, answered)
				}
				ended <- time.Now()
			}()
			say(t, client, large)
			synctest.Wait()
			return ended
		}
		first := c.visit("192.0.2.1")
		ended := begin(first)
		for range 2 {
			time.Sleep(time.Second)
			say(t, first, "x")
		}
		came := time.Now()
		last := begin(c.visit("192.0.2.1"))
		if at := <-ended; !at.Equal(came) {
			t.Errorf("the first ended after %v", at.Sub(came))
		}
		<-last // of silence
		c.counted(map[string]float64{"address": 1})
	})
}

func TestNoBoundIsSetWhereNoneIsKnown(t *testing.T) {
	crowded(t, bound(0), 0, silent, func(c *crowd) {
		for range 500 {
			c.stall("192.0.2.1", begun)
		}
		c.counted(map[string]float64{})
	})
}
