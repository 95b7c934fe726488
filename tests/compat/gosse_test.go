package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"
	tmaxmax "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"
)

// goClients are clients of Server-Sent Events in Go. Each is run by a goroutine of its own.
type goClients struct {
	tell    func(event)
	run     func(ctx context.Context, url string, hear func(kind, data string), tell func(name, word string))
	running sync.WaitGroup

	mu   sync.Mutex
	open map[int]goClient // guarded by mu
}

type goClient struct {
	request request
	cancel  context.CancelFunc
	ended   <-chan struct{}
}

func startGo(t *testing.T, tell func(event), run func(context.Context, string, func(kind, data string), func(name, word string))) *goClients {
	g := &goClients{tell: tell, run: run, open: map[int]goClient{}}
	t.Cleanup(func() {
		g.mu.Lock()
		for _, c := range g.open {
			c.cancel()
		}
		g.mu.Unlock()
		g.running.Wait()
	})
	return g
}

func (g *goClients) do(r request) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.Do {
	case "open":
		g.begin(r)
	case "fresh":
		old := g.open[r.Client]
		old.cancel()
		<-old.ended
		next := old.request
		next.Query = r.Args[0].(map[string]string)
		g.begin(next)
	case "close":
		g.open[r.Client].cancel()
		<-g.open[r.Client].ended
	default:
		return fmt.Errorf("a Go client can not %s", r.Do)
	}
	return nil
}

func (g *goClients) begin(r request) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	g.open[r.Client] = goClient{request: r, cancel: cancel, ended: ended}
	tell := func(name string, arg any) {
		raw, err := json.Marshal(arg)
		if err != nil {
			name, raw = "failed", []byte(`"`+err.Error()+`"`)
		}
		g.tell(event{Client: r.Client, Event: name, Args: []json.RawMessage{raw}})
	}
	hear := func(kind, data string) {
		switch kind {
		case "message":
			tell("message", json.RawMessage(data))
		case "close":
			var word string
			json.Unmarshal([]byte(data), &word) //nolint:errcheck // it is none that ends anything
			if slices.Contains([]string{"replaced", "disconnected"}, word) {
				tell("over", word)
				cancel()
			}
		case "offset": // nobody need listen to it
		default:
			tell("failed", "an event of kind "+kind+": "+data)
		}
	}
	g.running.Go(func() {
		defer close(ended)
		g.run(ctx, r.URL+"/sse?conn_id="+r.Query["conn_id"], hear, func(name, word string) { tell(name, word) })
	})
}

// again is how soon the libraries are told to come back.
const again = 200 * time.Millisecond

// dropped tells that a client lost its connection. The libraries say so, too, of one that was told to end, and does.
func dropped(ctx context.Context, err error, tell func(name, word string)) {
	if ctx.Err() == nil {
		tell("drop", fmt.Sprint(err))
	}
}

// runR3labs runs a client of r3labs/sse, which ends with a stream that ends well, and has to be called again.
func runR3labs(ctx context.Context, url string, hear func(kind, data string), tell func(name, word string)) {
	transport := &http.Transport{DisableKeepAlives: true}
	c := r3labs.NewClient(url)
	c.Connection.Transport = transport
	c.ReconnectStrategy = backoff.WithContext(backoff.NewConstantBackOff(again), ctx)
	c.ReconnectNotify = func(err error, _ time.Duration) { dropped(ctx, err, tell) }
	empty := false                                                                // an event has come that is one only if the stream goes on: what is cut off within an event is taken for one, too
	c.ResponseValidator = func(_ *r3labs.Client, response *http.Response) error { // OnConnect is called for the first one alone
		if response.StatusCode != http.StatusOK {
			return errors.Join(errors.New(response.Status), response.Body.Close())
		}
		empty = false
		tell("connect", "")
		return nil
	}
	for ctx.Err() == nil {
		err := c.SubscribeRawWithContext(ctx, func(e *r3labs.Event) {
			if empty {
				tell("failed", "an empty event")
			}
			if empty = len(e.Event) == 0 && len(e.Data) == 0; !empty {
				hear(string(e.Event), string(e.Data))
			}
		})
		if ctx.Err() != nil {
			return
		}
		tell("drop", fmt.Sprint(err))
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

// runTmaxmax runs a client of tmaxmax/go-sse, which gives up at any status but 200.
func runTmaxmax(ctx context.Context, url string, hear func(kind, data string), tell func(name, word string)) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		tell("failed", err.Error())
		return
	}
	c := &tmaxmax.Client{
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		OnRetry:    func(err error, _ time.Duration) { dropped(ctx, err, tell) },
		Backoff:    tmaxmax.Backoff{InitialInterval: again, MaxInterval: time.Second},
		ResponseValidator: func(response *http.Response) error {
			err := tmaxmax.DefaultValidator(response)
			if err == nil {
				tell("connect", "")
			}
			return err
		},
	}
	connection := c.NewConnection(request)
	connection.SubscribeToAll(func(e tmaxmax.Event) { hear(e.Type, e.Data) })
	err = connection.Connect()
	if ctx.Err() == nil {
		tell("over", fmt.Sprint(err))
	}
}
