package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

type question struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

type answer struct {
	Text string `json:"text"`
}

// serve answers on a connection of its own and returns when it does.
func serve(t testing.TB, s *server, group string, endpoints map[string]bus.Handler) {
	t.Helper()
	conn := s.dial()
	service := bus.Service{
		Name: "test", Version: "1.2.3", QueueGroup: group, Concurrent: 4, Timeout: 3 * time.Second, Logger: quiet(),
		Endpoints: map[string]bus.Endpoint{},
	}
	for name, handler := range endpoints {
		service.Endpoints[name] = bus.Endpoint{Subject: "test." + name, Handler: handler}
	}
	ready := make(chan struct{})
	background(t, func(ctx context.Context) error { return conn.Serve(ctx, service, func() { close(ready) }) })
	select {
	case <-ready:
	case <-time.After(patience):
		t.Fatal("the service did not start")
	}
}

func call(conn *bus.Conn, verb string, q any) (answer, error) {
	ctx, cancel := patiently()
	defer cancel()
	return bus.Call[answer](ctx, conn, "test."+verb, q)
}

func TestCallGetsAnAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "", map[string]bus.Handler{
		"repeat": bus.On(func(_ context.Context, q question) (answer, error) {
			return answer{Text: strings.Repeat(q.Text, q.N)}, nil
		}),
	})
	conn := s.dial()
	for _, text := range []string{"a", "\U0001f980", "<&>"} {
		got, err := call(conn, "repeat", question{Text: text, N: 3})
		if err != nil || got.Text != strings.Repeat(text, 3) {
			t.Errorf("%q: %q, %v", text, got.Text, err)
		}
	}
}

func TestLargeAnswersComeInParts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "group", map[string]bus.Handler{
		"repeat": bus.On(func(_ context.Context, q question) (answer, error) {
			return answer{Text: strings.Repeat(q.Text, q.N)}, nil
		}),
	})
	conn := s.dial()
	for _, size := range []int{512<<10 - 20, 512 << 10, 512<<10 + 1, 1 << 20, 5<<20 + 7} {
		got, err := call(conn, "repeat", question{Text: "x", N: size})
		if err != nil || len(got.Text) != size || strings.Trim(got.Text, "x") != "" {
			t.Errorf("%d bytes: got %d, %v", size, len(got.Text), err)
		}
	}
}

func TestALargeAnswerRunsItsRequestOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var runs atomic.Int64
	serve(t, s, "group", map[string]bus.Handler{
		"count": bus.On(func(_ context.Context, q question) (answer, error) {
			return answer{Text: fmt.Sprint(runs.Add(1), strings.Repeat("x", q.N))}, nil
		}),
	})
	conn := s.dial()
	for i, size := range []int{1, 512 << 10, 3 << 20} {
		got, err := call(conn, "count", question{N: size})
		if err != nil || !strings.HasPrefix(got.Text, fmt.Sprint(i+1, "x")) || runs.Load() != int64(i+1) {
			t.Errorf("%d bytes: run number %.3s of %d, %v", size, got.Text, runs.Load(), err)
		}
	}
}

func TestFaultsCrossAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "", map[string]bus.Handler{
		"refuse": bus.On(func(context.Context, question) (answer, error) {
			return answer{}, fmt.Errorf("look: %w", contract.Invalid("user", contract.UnknownUser))
		}),
		"fail": bus.On(func(context.Context, question) (answer, error) {
			return answer{}, errors.New("password 1234 is wrong")
		}),
		"hang": bus.On(func(ctx context.Context, _ question) (answer, error) {
			<-ctx.Done()
			return answer{}, ctx.Err()
		}),
	})
	conn := s.dial()
	for verb, want := range map[string]contract.Code{
		"refuse": contract.CodeInvalid, "fail": contract.CodeInternal, "hang": contract.CodeUnavailable,
	} {
		_, err := call(conn, verb, question{})
		fault := new(contract.Fault)
		if !errors.As(err, &fault) || fault.Code != want {
			t.Errorf("%s: %v, want a fault %s", verb, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "1234") {
			t.Errorf("%s tells the caller what only the log may know", verb)
		}
	}
	if _, err := call(conn, "refuse", []string{"no object"}); !isFault(err, contract.CodeMalformed) {
		t.Errorf("malformed: %v", err)
	}
	fault := new(contract.Fault)
	if _, err := call(conn, "refuse", question{}); !errors.As(err, &fault) || fault.Fields["user"][0] != contract.UnknownUser {
		t.Errorf("fields: %v", err)
	}
}

func isFault(err error, code contract.Code) bool {
	fault := new(contract.Fault)
	return errors.As(err, &fault) && fault.Code == code
}

func TestNobodyThereIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	conn := newServer(t).dial()
	began := time.Now()
	if _, err := call(conn, "nobody", question{}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it took %v", took)
	}
}

func TestARequestThatNoMessageHoldsIsRefused(t *testing.T) {
	t.Parallel()
	conn := newServer(t).dial()
	if _, err := call(conn, "x", question{Text: strings.Repeat("x", 2<<20)}); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestAQueueGroupAnswersOnceAndNoGroupEach(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var mu sync.Mutex
	counts := map[string]int{}
	count := func(name string) bus.Handler {
		return bus.On(func(context.Context, question) (answer, error) {
			mu.Lock()
			defer mu.Unlock()
			counts[name]++
			return answer{}, nil
		})
	}
	for range 3 {
		serve(t, s, "group", map[string]bus.Handler{"one": count("one")})
		serve(t, s, "", map[string]bus.Handler{"all": count("all")})
	}
	conn := s.dial()
	for _, verb := range []string{"one", "all"} {
		if _, err := call(conn, verb, question{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all without a group have answered", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return counts["all"] == 3
	})
	mu.Lock()
	defer mu.Unlock()
	if counts["one"] != 1 {
		t.Errorf("%d of the group answered", counts["one"])
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	begun, finish, ready := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	conn := s.dial()
	go func() {
		ended <- conn.Serve(ctx, bus.Service{
			Name: "test", Version: "1.2.3", Concurrent: 1, Timeout: patience, Logger: quiet(),
			Endpoints: map[string]bus.Endpoint{"slow": {Subject: "test.slow", Handler: bus.On(
				func(ctx context.Context, _ question) (answer, error) {
					close(begun)
					<-finish
					return answer{Text: "done"}, ctx.Err()
				})}},
		}, func() { close(ready) })
	}()
	<-ready
	caller := s.dial()
	got := make(chan error, 1)
	go func() {
		a, err := call(caller, "slow", question{})
		if err == nil && a.Text != "done" {
			err = errors.New("no answer")
		}
		got <- err
	}()
	<-begun
	cancel()
	close(finish)
	if err := <-got; err != nil {
		t.Errorf("the caller got %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the service ended with %v", err)
	}
}
