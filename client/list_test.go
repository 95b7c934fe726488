package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/channelstream/channelstream/client"
)

// lists is an api that has three pages of each list, with one entry each, and notes what it is asked for.
type lists struct {
	t         *testing.T
	key, name string
	asked     []string
}

func (l *lists) RoundTrip(r *http.Request) (*http.Response, error) {
	if !signed(r) {
		l.t.Errorf("%s came without a signature for its path", r.URL.Path)
	}
	body, err := io.ReadAll(r.Body)
	var in struct{ After string }
	if err = errors.Join(err, json.Unmarshal(body, &in)); err != nil {
		return nil, err
	}
	l.asked = append(l.asked, r.URL.Path+" "+string(body))
	next := map[string]string{"": "a", "a": "b"}[in.After]
	this := map[string]string{"": "a", "a": "b", "b": "c"}[in.After]
	answer := httptest.NewRecorder()
	fmt.Fprintf(answer, `{%q:[{%q:%q}],"next":%q}`, l.key, l.name, this, next) //nolint:errcheck // a recorder takes everything
	return answer.Result(), nil
}

// read reads a list up to a number of entries.
func read[T any](t *testing.T, list iter.Seq2[T, error], most int, name func(T) string) (names []string) {
	t.Helper()
	for entry, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		if names = append(names, name(entry)); len(names) == most {
			break
		}
	}
	return names
}

func TestListsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key, name string
		read      func(context.Context, *client.Client, int) []string
		asked     []string
	}{
		"connections": {
			"connections", "conn_id",
			func(ctx context.Context, c *client.Client, most int) []string {
				return read(t, c.Connections(ctx, client.ListConnections{User: "alice", Channel: "news"}), most, func(c client.ListedConnection) string { return c.ConnID })
			},
			[]string{
				`/admin/connections {"user":"alice","channel":"news","limit":1000}`, `/admin/connections {"user":"alice","channel":"news","after":"a","limit":1000}`,
				`/admin/connections {"user":"alice","channel":"news","after":"b","limit":1000}`,
			},
		},
		"channels": {
			"channels", "name",
			func(ctx context.Context, c *client.Client, most int) []string {
				return read(t, c.Channels(ctx, "x"), most, func(c client.ListedChannel) string { return c.Name })
			},
			[]string{
				`/admin/channels {"search":"x","limit":1000}`, `/admin/channels {"search":"x","after":"a","limit":1000}`, `/admin/channels {"search":"x","after":"b","limit":1000}`,
			},
		},
		"users": {
			"users", "user",
			func(ctx context.Context, c *client.Client, most int) []string {
				return read(t, c.Users(ctx, ""), most, func(u client.ListedUser) string { return u.User })
			},
			[]string{`/admin/users {"limit":1000}`, `/admin/users {"after":"a","limit":1000}`, `/admin/users {"after":"b","limit":1000}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lists{t: t, key: test.key, name: test.name}
			c := clientOver(t, l)
			if names := test.read(t.Context(), c, -1); !slices.Equal(names, []string{"a", "b", "c"}) || !slices.Equal(l.asked, test.asked) {
				t.Errorf("it read %q, and asked %q", names, l.asked)
			}
			l.asked = nil
			if names := test.read(t.Context(), c, 2); !slices.Equal(names, []string{"a", "b"}) || !slices.Equal(l.asked, test.asked[:2]) {
				t.Errorf("it read %q, and asked %q", names, l.asked)
			}
		})
	}
}

func TestAListEndsWithItsError(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.StatusServiceUnavailable, `{"error":"Try again.","code":"unavailable"}`)
	times := 0
	for _, err := range c.Users(t.Context(), "") {
		var fault *client.Error
		if times++; !errors.As(err, &fault) || fault.Status != http.StatusServiceUnavailable {
			t.Errorf("err = %v", err)
		}
	}
	if times != 1 {
		t.Errorf("it was given %d times", times)
	}
}

// What Config gives is what is in force, also where that is not the default.
func TestTheSettingsOfAChannelCanBeGivenBack(t *testing.T) {
	t.Parallel()
	var c client.Channel
	const answer = `{"long_name":"News","settings":{"notify_presence":true,"store_history":true,"history_size":0,` +
		`"broadcast_presence_with_user_lists":true,"notify_state":true,"store_frames":false}}`
	if err := json.Unmarshal([]byte(answer), &c); err != nil {
		t.Fatal(err)
	}
	const want = `{"notify_presence":true,"store_history":true,"history_size":0,"broadcast_presence_with_user_lists":true,` +
		`"notify_state":true,"store_frames":false,"long_name":"News"}`
	if got, err := json.Marshal(c.Config()); err != nil || string(got) != want {
		t.Errorf("Config() is %s, %v", got, err)
	}
}
