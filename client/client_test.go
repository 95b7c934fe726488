package client_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/signature"
)

const secret = "a secret"

// seen is one request as the api got it.
type seen struct {
	method, path, contentType string
	body                      string
}

// serve starts an api that gives one answer to everything and refuses what is not signed for its path. The returned
// function tells what it was asked; it may be called after the client's call has returned.
func serve(t *testing.T, status int, answer string, opts ...client.Option) (*client.Client, func() seen) {
	t.Helper()
	requests := make(chan seen, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signed(r) {
			t.Errorf("%s came without a signature for its path", r.URL.Path)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		requests <- seen{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body)}
		w.Header().Set("Content-Type", "application/json")
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "2")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL+"/", secret, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c, func() seen { return <-requests }
}

func signed(r *http.Request) bool {
	header := r.Header.Get("X-Channelstream-Secret")
	_, seconds, _ := strings.Cut(header, ".")
	at, err := strconv.ParseInt(seconds, 10, 64)
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < time.Minute &&
		header == signature.Sign(secret, r.URL.Path, time.Unix(at, 0))
}

func TestCalls(t *testing.T) {
	t.Parallel()
	busy := client.Busy
	for _, test := range []struct {
		name   string
		call   func(context.Context, *client.Client) (any, error)
		method string // POST unless set
		path   string
		body   string
		answer string
		want   string // the part of the decoded answer that shows it was read
	}{
		{
			name: "connect",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Connect(ctx, client.Connect{
					User: "alice", Channels: []string{"a"}, Status: &busy,
					ChannelConfigs: map[string]client.ChannelConfig{"a": {NotifyPresence: true}},
				})
			},
			path:   "/connect",
			body:   `{"user":"alice","channels":["a"],"status":4,"channel_configs":{"a":{"notify_presence":true}}}`,
			answer: `{"conn_id":"c1","user":"alice","username":"alice","status":4,"state":{},"public_state":{},"channels":["a"],"channels_info":{"channels":{"a":{"name":"a","long_name":null,"users":["alice"]}},"users":[{"user":"alice","status":4}]}}`,
			want:   `"conn_id":"c1"`,
		},
		{
			name: "subscribe",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Subscribe(ctx, client.Subscribe{ConnID: "c1", Channels: []string{"b"}})
			},
			path:   "/subscribe",
			body:   `{"conn_id":"c1","channels":["b"]}`,
			answer: `{"channels":["a","b"],"channels_info":{},"subscribed_to":["b"]}`,
			want:   `"subscribed_to":["b"]`,
		},
		{
			name: "subscribe a user",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Subscribe(ctx, client.Subscribe{User: "alice", Channels: []string{"b"}})
			},
			path:   "/subscribe",
			body:   `{"user":"alice","channels":["b"]}`,
			answer: `{"channels":["a","b"]}`,
			want:   `"channels":["a","b"]`,
		},
		{
			name: "unsubscribe",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Unsubscribe(ctx, client.Unsubscribe{ConnID: "c1", Channels: []string{"b"}})
			},
			path:   "/unsubscribe",
			body:   `{"conn_id":"c1","channels":["b"]}`,
			answer: `{"channels":["a"],"channels_info":{},"unsubscribed_from":["b"]}`,
			want:   `"unsubscribed_from":["b"]`,
		},
		{
			name: "unsubscribe a user",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Unsubscribe(ctx, client.Unsubscribe{User: "alice", Channels: []string{"b"}})
			},
			path:   "/unsubscribe",
			body:   `{"user":"alice","channels":["b"]}`,
			answer: `{"channels":["a"],"unsubscribed_from":["b"]}`,
			want:   `"unsubscribed_from":["b"]`,
		},
		{
			name: "publish a list",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Publish(ctx,
					client.Message{User: "alice", Channel: "a", Message: map[string]string{"text": "hi"}},
					client.Message{User: "alice", PMUsers: []string{"bob"}, Message: 7, Extra: map[string]any{"kind": "x", "user": "mallory"}},
				)
			},
			path:   "/message",
			body:   `[{"user":"alice","channel":"a","message":{"text":"hi"}},{"user":"alice","pm_users":["bob"],"message":7,"kind":"x"}]`,
			answer: `[{"uuid":"u1","user":"alice","channel":"a","message":{"text":"hi"},"edited":null},{"uuid":"u2","channel":null,"message":7}]`,
			want:   `"uuid":"u2"`,
		},
		{
			name: "edit",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.EditMessages(ctx,
					client.Edit{UUID: "u1", Channel: "a", Message: map[string]string{"text": "ho"}, Extra: map[string]any{"kind": "x", "edited": "no"}},
					client.Edit{UUID: "u2", PMUsers: []string{"bob"}, User: "eve", Message: json.RawMessage("null"), Edited: "2026-01-02T03:04"},
				)
			},
			method: http.MethodPatch,
			path:   "/message",
			body: `[{"uuid":"u1","channel":"a","message":{"text":"ho"},"kind":"x"},` +
				`{"uuid":"u2","pm_users":["bob"],"user":"eve","message":null,"edited":"2026-01-02T03:04"}]`,
			answer: `[{"uuid":"u1","channel":"a","edited":"2026-01-02T03:04:05.000000","pm_users":[]},{"uuid":"u2","channel":null,"user":"eve"}]`,
			want:   `"edited":"2026-01-02T03:04:05.000000"`,
		},
		{
			name: "delete",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return true, c.DeleteMessages(ctx, client.Deletion{UUID: "u1", Channel: "a", ExcludeUsers: []string{"b"}}, client.Deletion{UUID: "u2", PMUsers: []string{"b"}})
			},
			method: http.MethodDelete,
			path:   "/message",
			body:   `[{"uuid":"u1","channel":"a","exclude_users":["b"]},{"uuid":"u2","pm_users":["b"]}]`,
			answer: `[{"uuid":"u1"},{"uuid":"u2"}]`,
			want:   `true`,
		},
		{
			name: "configure",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				size := 0
				return c.Configure(ctx, map[string]client.ChannelConfig{"a": {StoreHistory: true, HistorySize: &size, LongName: "A"}, "b": {}})
			},
			path:   "/channel_config",
			body:   `{"a":{"store_history":true,"history_size":0,"long_name":"A"},"b":{}}`,
			answer: `{"channels":{"a":{"name":"a","settings":{"store_history":true},"history":[]}},"users":[]}`,
			want:   `"store_history":true`,
		},
		{
			name:   "configure nothing",
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Configure(ctx, nil) },
			path:   "/channel_config",
			body:   `{}`,
			answer: `{"channels":{},"users":[]}`,
			want:   `"channels":{}`,
		},
		{
			name: "explain",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Explain(ctx, client.Explain{Message: "u1", Channel: "a", User: "alice"})
			},
			path: "/admin/explain",
			body: `{"message":"u1","channel":"a","user":"alice"}`,
			answer: `{"verdict":"missed","reason":"away_too_long","because":"So it is.","facts":[{"at":"2026-01-02T03:04:05.000000","key":"stored","fact":"It was stored.","offset":9}],` +
				`"connections":[{"conn_id":"c1","user":"alice","verdict":"missed","reason":"away_too_long","because":"So it is.","facts":[{"key":"now","fact":"It is gone.","state":"forgotten"}]}]}`,
			want: `"state":"forgotten"`,
		},
		{
			name: "user status",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.UserStatus(ctx, "alice", client.Away)
			},
			path:   "/user_status",
			body:   `{"user":"alice","status":2}`,
			answer: `{"user":"alice","status":2,"state":{}}`,
			want:   `"status":2`,
		},
		{
			name: "user state",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.UserState(ctx, client.UserState{User: "alice", State: map[string]any{"color": "red"}, PublicKeys: []string{}})
			},
			path:   "/user_state",
			body:   `{"user":"alice","user_state":{"color":"red"},"state_public_keys":[]}`,
			answer: `{"user_state":{"color":"red"},"changed_state":[{"key":"color","value":"red"}],"public_keys":[]}`,
			want:   `"changed_state":[{"key":"color","value":"red"}]`,
		},
		{
			name:   "info of some channels",
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Info(ctx, "a") },
			path:   "/info",
			body:   `{"channels":["a"]}`,
			answer: `{"channels":{"a":{"name":"a","users":["alice"],"total_users":1}},"users":[{"user":"alice","status":1}],"unique_users":1,"uptime":"0:01:31"}`,
			want:   `"unique_users":1`,
		},
		{
			name:   "info of all channels",
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Info(ctx) },
			path:   "/info",
			body:   `{}`,
			answer: `{"channels":{},"users":[],"uptime":91}`,
			want:   `"uptime":91`,
		},
		{
			name: "info with options",
			call: func(ctx context.Context, c *client.Client) (any, error) {
				no := false
				return c.InfoWith(ctx, client.InfoOptions{ExcludeChannels: []string{"a"}, IncludeUsers: &no})
			},
			path:   "/info",
			body:   `{"info":{"exclude_channels":["a"],"include_users":false}}`,
			answer: `{"channels":{},"users":[],"uptime":null,"total_connections":3}`,
			want:   `"total_connections":3`,
		},
		{
			name:   "instances",
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Instances(ctx) },
			path:   "/admin/instances",
			body:   `{}`,
			answer: `{"instances":[{"service":"gateway","id":"g1","sessions":3,"leads":false,"renewed":"2026-01-02T03:04:05.000000"}]}`,
			want:   `"sessions":3`,
		},
		{
			name:   "disconnect",
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Disconnect(ctx, "c1") },
			path:   "/disconnect",
			body:   `{"conn_id":"c1"}`,
			answer: `true`,
			want:   `true`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, request := serve(t, http.StatusOK, test.answer)
			got, err := test.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if want := (seen{cmp.Or(test.method, http.MethodPost), test.path, "application/json", test.body}); request() != want {
				t.Errorf("the api did not get %+v", want)
			}
			if decoded, err := json.Marshal(got); err != nil || !strings.Contains(string(decoded), test.want) {
				t.Errorf("answer %s (%v) lacks %s", decoded, err, test.want)
			}
		})
	}
}

func TestPublishNothingIsNoCall(t *testing.T) {
	t.Parallel()
	c, err := client.New("http://127.0.0.1:1", secret)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.Publish(t.Context()); out != nil || err != nil {
		t.Errorf("Publish() = %v, %v", out, err)
	}
	if out, err := c.EditMessages(t.Context()); out != nil || err != nil {
		t.Errorf("EditMessages() = %v, %v", out, err)
	}
	if err := c.DeleteMessages(t.Context()); err != nil {
		t.Errorf("DeleteMessages() = %v", err)
	}
}

func TestErrorNamesFields(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusUnprocessableEntity,
		`{"error":"The request has faults.","code":"invalid","errors":{"1.message":["Too long."]}}`)
	_, err := c.Publish(t.Context(), client.Message{User: "a", Channel: "c"})
	var fault *client.Error
	if !errors.As(err, &fault) {
		t.Fatalf("err = %v", err)
	}
	if fault.Status != 422 || fault.Code != "invalid" || fault.Message != "The request has faults." ||
		len(fault.Fields["1.message"]) != 1 || fault.RetryAfter != 0 {
		t.Errorf("fault = %+v", fault)
	}
}

func TestErrorTellsHowToRetry(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusServiceUnavailable, `{"error":"Try again.","code":"unavailable","uuids":["u1","u2"]}`)
	_, err := c.Publish(t.Context(), client.Message{User: "a", Channel: "c"}, client.Message{User: "a", Channel: "c"})
	var fault *client.Error
	if !errors.As(err, &fault) {
		t.Fatalf("err = %v", err)
	}
	if fault.Status != 503 || fault.RetryAfter != 2*time.Second || strings.Join(fault.UUIDs, " ") != "u1 u2" {
		t.Errorf("fault = %+v", fault)
	}
}

func TestErrorOfAProxy(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusBadGateway, `<h1>oops</h1>`)
	_, err := c.Info(t.Context())
	var fault *client.Error
	if !errors.As(err, &fault) || fault.Status != 502 || fault.Code != "" || fault.Message != "Bad Gateway" {
		t.Errorf("err = %v", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the signature went along with a redirect")
	}))
	t.Cleanup(thief.Close)
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, secret, client.WithHTTPClient(server.Client()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Info(t.Context())
	var fault *client.Error
	if !errors.As(err, &fault) || fault.Status != http.StatusTemporaryRedirect {
		t.Errorf("err = %v", err)
	}
}

func TestContextEndsACall(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusOK, `true`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Disconnect(ctx, "c1"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestAnswerThatIsNoJSON(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusOK, `<html>`)
	if _, err := c.Info(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "127.0.0.1:8000", "ftp://host", "http://", "http://host?x=1", "http://host#x", "http://a b"} {
		if _, err := client.New(base, secret); err == nil {
			t.Errorf("New(%q) gave no error", base)
		}
	}
	if _, err := client.New("http://host", ""); err == nil {
		t.Error("an empty secret gave no error")
	}
}

func TestUserSignature(t *testing.T) {
	t.Parallel()
	c, err := client.New("http://host", secret)
	if err != nil {
		t.Fatal(err)
	}
	sig := c.UserSignature("alice")
	_, seconds, _ := strings.Cut(sig, ".")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || sig != signature.Sign(secret, "alice", time.Unix(at, 0)) {
		t.Errorf("UserSignature = %q", sig)
	}
	if sig := c.UserSignature("/message"); sig != "" {
		t.Errorf("a user named as a path got the signature of a request: %q", sig)
	}
}

// The server checks what the app used, and a base path is part of that.
func TestAPathInTheBaseURLIsSigned(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !signed(r) {
			t.Errorf("%s came without a signature for its path", r.URL.Path)
		}
		asked <- r.URL.Path
		_, _ = io.WriteString(w, "true")
	}))
	t.Cleanup(server.Close)
	for base, want := range map[string]string{"/push/": "/push/disconnect", "/a%20b/c": "/a b/c/disconnect"} {
		c, err := client.New(server.URL+base, secret)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		if _, err := c.Disconnect(t.Context(), "c1"); err != nil {
			t.Error(err)
		}
		if got := <-asked; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
}
