package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/tests/harness"
)

// front is a cluster behind the proxy of the compose file: HAProxy with the configuration that is shipped.
type front struct {
	*harness.Cluster
	hosts *harness.Hosts
	url   string
	app   *client.Client
}

func startFront(t *testing.T) *front { t.Helper(); return startFrontOf(t, harness.HAProxy, 2) }

func startFrontOf(t *testing.T, proxy harness.Proxy, gateways int) *front {
	t.Helper()
	f := &front{hosts: harness.StartHosts(t)}
	f.Cluster = harness.StartOn(t, f.hosts, processes, harness.Size{APIs: 1, Presences: 1, Gateways: gateways}, harness.Setting("REQUEST_TIMEOUT", "1s"))
	f.url = proxy.Start(t, f.hosts)
	var err error
	if f.app, err = client.New(f.url, f.Secret); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.app.CloseIdleConnections)
	f.await(t)
	return f
}

// await waits until the proxy knows that there are apis and gateways.
func (f *front) await(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "the proxy has found the services", func() bool {
		_, err := f.app.Info(t.Context())
		status, _, _ := ask(t, http.MethodGet, f.url+"/listen")
		return err == nil && status == http.StatusUnprocessableEntity
	})
}

// source registers a connection and opens its stream.
func (f *front) source(t *testing.T, user string) *harness.EventSource {
	t.Helper()
	c, err := f.app.Connect(t.Context(), client.Connect{User: user, Channels: []string{"news"}})
	if err != nil {
		t.Fatal(err)
	}
	return harness.OpenEventSource(t, f.url, c.ConnID)
}

// post posts a text until it is accepted.
func (f *front) post(t *testing.T, text string) {
	t.Helper()
	uuid := ""
	harness.Eventually(t, "a message is accepted", func() bool {
		_, err := f.app.Publish(t.Context(), client.Message{UUID: uuid, User: "app", Channel: "news", Message: text})
		failed := new(client.Error)
		if errors.As(err, &failed) && len(failed.UUIDs) == 1 {
			uuid = failed.UUIDs[0]
		}
		return err == nil
	})
}

func TestNoEventSourceGivesUpBehindTheProxyWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	f := startFront(t)
	early := f.source(t, "early")
	f.post(t, "before")
	early.Await("before")
	registered, err := f.app.Connect(t.Context(), client.Connect{User: "late", Channels: []string{"news"}})
	if err != nil {
		t.Fatal(err)
	}

	f.NATS.Stop()
	late := harness.OpenEventSource(t, f.url, registered.ConnID)
	refused := postWhileAway(t, f.app, client.Message{User: "app", Channel: "news", Message: "meanwhile"})
	late.AwaitAsked(4) // which takes longer than the proxy needs to take out those that are not ready
	postWhileAway(t, f.app, client.Message{User: "app", Channel: "news", Message: "never"})
	late.AwaitAsked(1)

	f.NATS.Start()
	harness.Eventually(t, "the message is accepted", func() bool {
		_, err := f.app.Publish(t.Context(), refused...)
		return err == nil
	})
	late.AwaitOpen()
	f.post(t, "after")
	late.Await("after")
	if got := early.Await("after"); !slices.Equal(got, []string{"before", "meanwhile", "after"}) {
		t.Errorf("who was there before got %q", got)
	}
}

func TestTheProxyAnswersInOurWordsWhenNobodyElseDoes(t *testing.T) {
	t.Parallel()
	f := startFront(t)
	source := f.source(t, "alice")
	f.post(t, "before")
	source.Await("before")

	services := append(f.Gateways, f.APIs...)
	for _, n := range services {
		n.Stop()
	}
	f.speaksForAll(t) // it does not know yet, and can not connect
	source.AwaitAsked(2)
	f.speaksForAll(t) // its checks have failed
	f.hosts.Forget("gateway", "api")
	source.AwaitAsked(2)
	f.speaksForAll(t)

	for _, n := range services {
		n.Launch()
	}
	f.hosts.Know("gateway", "api")
	f.AwaitReady()
	f.await(t)
	socket, status := harness.TryOpenAt(t, f.url, register(t, f.APIs[0], "bob", "news"))
	if socket == nil {
		t.Fatalf("a socket was answered with %d", status)
	}
	f.post(t, "after")
	source.Await("after")
	socket.Await("after")
	if status, _, body := ask(t, http.MethodGet, f.url+"/sse?conn_id=unknown"); status != http.StatusUnprocessableEntity {
		t.Errorf("what a gateway refuses for good is answered with %d %s", status, body)
	}
}

// A server that looks well to checks may fail all the same.
func TestTheProxyAnswersInOurWordsForServersThatBreakOff(t *testing.T) {
	t.Parallel()
	f := &front{hosts: harness.StartHosts(t)}
	var asked sync.Map // which services were
	for _, name := range []string{"gateway", "api"} {
		service, operator := f.hosts.Listen(t, name)
		serve(t, operator, func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }) //nolint:errcheck // asked again
		serve(t, service, func(net.Conn) { asked.Store(name, true) })
	}
	f.url = harness.HAProxy.Start(t, f.hosts)
	harness.Eventually(t, "the proxy has found the services", func() bool {
		ask(t, http.MethodGet, f.url+"/info")
		ask(t, http.MethodGet, f.url+"/listen")
		_, api := asked.Load("api")
		_, gateway := asked.Load("gateway")
		return api && gateway
	})
	f.speaksForAll(t)
}

// serve answers each connection once, when something has been read from it, until the end of the test.
func serve(t *testing.T, l net.Listener, answer func(net.Conn)) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096)) //nolint:errcheck // it is not looked at
			answer(conn)
			conn.Close() //nolint:errcheck // the proxy sees it
		}
	})
	t.Cleanup(func() {
		l.Close() //nolint:errcheck // nobody asks any more
		serving.Wait()
	})
}

// ofClients are the paths of the gateways.
var ofClients = regexp.MustCompile(`^/(ws|sse|listen|socket\.io)\b`)

// speaksForAll checks what the proxy itself answers on every way in.
func (f *front) speaksForAll(t *testing.T) {
	t.Helper()
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, request := range []string{
		"POST /message", "GET /info", "POST /connect", "GET /listen?conn_id=x", "GET /ws?conn_id=x",
		"GET /socket.io/?EIO=4&transport=polling", "POST /socket.io/?EIO=4&transport=polling&sid=x", "GET /elsewhere",
	} {
		method, path, _ := strings.Cut(request, " ")
		asking.Go(func() {
			status, header, body := ask(t, method, f.url+path)
			var fault contract.Fault
			if err := json.Unmarshal([]byte(body), &fault); err != nil || status != http.StatusServiceUnavailable ||
				fault.Code != contract.CodeUnavailable || fault.Message == "" {
				t.Errorf("%s: %d %s", request, status, body)
			}
			origin, credentials := "https://app.example", "true"
			if !ofClients.MatchString(path) {
				origin, credentials = "*", ""
			}
			for name, want := range map[string]string{
				"Content-Type": "application/json; charset=utf-8", "Retry-After": "1", "Cache-Control": "no-store",
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": credentials,
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", request, name, got, want)
				}
			}
		})
	}
	asking.Go(func() {
		status, header, body := ask(t, http.MethodGet, f.url+"/sse?conn_id=x")
		if status != http.StatusOK || !comeBack.MatchString(body) {
			t.Errorf("an EventSource was answered with %d %q", status, body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Retry-After": "", "Cache-Control": "no-store",
			"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("an EventSource: %s is %q, want %q", name, got, want)
			}
		}
	})
}

// comeBack is a stream that says when to come back, and nothing else.
var comeBack = regexp.MustCompile(`^retry: [12]\d\d\d\n$`)

// ask makes a request as a page of another origin does.
func ask(t *testing.T, method, url string) (status int, h http.Header, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Error(err)
		return 0, http.Header{}, ""
	}
	request.Header.Set("Origin", "https://app.example")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Error(err)
		return 0, http.Header{}, ""
	}
	defer response.Body.Close() //nolint:errcheck // read only
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
	return response.StatusCode, response.Header, string(all)
}
