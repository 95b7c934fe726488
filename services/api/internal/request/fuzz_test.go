package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

// judged fails for an error that is not a fault, and for an accepted body that encoding/json does not take.
func judged(t *testing.T, body []byte, err error) (accepted bool) {
	t.Helper()
	var fault *contract.Fault
	switch {
	case err == nil:
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
	case !errors.As(err, &fault):
		t.Fatalf("error that is no fault: %v", err)
	case fault.Code == contract.CodeMalformed && json.Valid(body) && utf8.Valid(body) &&
		!strings.Contains(fault.Message, "twice") && !strings.Contains(fault.Message, "nests") && !strings.Contains(fault.Message, "surrogate"):
		t.Fatalf("%q is JSON, but: %v", body, err)
	case fault.Code == contract.CodeInvalid && len(fault.Fields) == 0:
		t.Fatalf("nothing named: %v", err)
	}
	return err == nil
}

// good fails for a name that may not stand where names stand.
func good(t *testing.T, name string, limit int) {
	t.Helper()
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > limit || strings.ContainsAny(name, "\x00\r\n\x7f") {
		t.Fatalf("accepted the name %q", name)
	}
}

func seed(f *testing.F) {
	for _, body := range []string{
		`{"user":"a","channel":"c","message":{"x":[1,-2.5e3,"\u00fc\ud83d\ude42",null,true]},"k":1}`,
		`[{"username":"a","pm_users":["b"],"exclude_users":["c"],"uuid":"b0000000000040008000000000000001","timestamp":"2020-01-02T03:04:05Z"}]`,
		`{"user":"a","conn_id":"x","channels":["a","b"],"channel_configs":{"a":{"history_size":"3"}},"info":{"include_users":"no"},"user_state":{"a":1}}`,
		`{"channels":[]}`, `{"info":{"channels":["a"]}}`, `{"user":"a","status":3}`, `[]`, `{`, `{"a":1,"a":2}`, `"\ud800"`, ` [ 1 , 2 ] `,
	} {
		f.Add([]byte(body))
	}
}

func FuzzMessages(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := Messages(bytes.Clone(body), limits, 1<<20, time.Unix(0, 0))
		if !judged(t, body, err) {
			return
		}
		for i := range list {
			good(t, list[i].User, limits.User)
			wellWritten(t, &list[i])
			if !bytes.HasSuffix(list[i].Object, []byte(contract.LiveMark)) || !bytes.HasSuffix(list[i].Record, []byte(contract.LiveMark)) {
				t.Fatalf("%q and %q do not end in the live mark", list[i].Object, list[i].Record)
			}
		}
	})
}

func FuzzEditsAndDeletions(f *testing.F) {
	seed(f)
	f.Add([]byte(`[{"uuid":"b0000000000040008000000000000001","channel":"c","message":{"user":1},"edited":"2020-01-02T03:04:05Z","own":{}}]`))
	f.Add([]byte(`{"uuid":"b0000000000040008000000000000001","channel":null,"pm_users":["b"],"exclude_users":["b"],"no_history":"1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		edits, err := Edits(bytes.Clone(body), limits, 1<<20, time.Unix(0, 0))
		if judged(t, body, err) {
			for i := range edits {
				wellWritten(t, &edits[i])
				if _, err := fold.Edit([]byte(`{"user":"u","catchup":false}`), edits[i].Object); err != nil {
					t.Fatalf("%q does not fold: %v", edits[i].Object, err)
				}
			}
		}
		deletions, err := Deletions(bytes.Clone(body), limits, 1<<20)
		if judged(t, body, err) {
			for i := range deletions {
				wellWritten(t, &deletions[i])
			}
		}
	})
}

// wellWritten fails for a form of a message that is not one line of JSON with each key once.
func wellWritten(t *testing.T, m *message.Message) {
	t.Helper()
	m.Keep()
	if m.Kind != message.Post && uuid.Validate(m.UUID) != nil {
		t.Fatalf("accepted the uuid %q", m.UUID)
	}
	for _, object := range [][]byte{m.Object, m.AppendAnswer(nil), m.Record} {
		if !json.Valid(object) || !utf8.Valid(object) || bytes.ContainsAny(object, "\r\n") || object[len(object)-1] != '}' {
			t.Fatalf("wrote %q", object)
		}
		if m := walk(object); !drained(&m) {
			t.Fatalf("wrote %q: %v", object, m.err)
		}
	}
}

func FuzzConfigure(f *testing.F) {
	seed(f)
	f.Add([]byte(`{"a":{"store_history":true,"history_size":"3","long_name":null},"":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := Configure(body, limits)
		if judged(t, body, err) {
			for channel, config := range request.Channels {
				good(t, channel, limits.Channel)
				if config.HistorySize < 0 || config.HistorySize > maxHistory {
					t.Fatalf("accepted a history of %d", config.HistorySize)
				}
			}
		}
	})
}

func drained(m *members) bool {
	for m.next() { //nolint:revive // only its error counts
	}
	return m.err == nil
}

func FuzzConnect(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := Connect(body, limits)
		if !judged(t, body, err) {
			return
		}
		good(t, request.User, limits.User)
		good(t, request.ConnID, limits.ConnID)
		for _, channel := range request.Channels {
			good(t, channel, limits.Channel)
		}
		if _, err := json.Marshal(request); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzSubscribe(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := Subscribe(body, "", limits)
		if judged(t, body, err) {
			good(t, request.ConnID+request.User, limits.User)
		}
		_, err = Unsubscribe(body, "id", limits)
		judged(t, body, err)
	})
}

func FuzzDisconnect(f *testing.F) {
	f.Add([]byte(`{"conn_id":"x","y":[]}`), "")
	f.Add([]byte(``), "x")
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		request, err := Disconnect(body, query, limits)
		if len(bytes.TrimSpace(body)) == 0 {
			body = []byte("{}")
		}
		if judged(t, body, err) {
			good(t, request.ConnID, limits.ConnID)
		}
	})
}

func FuzzInfo(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := Info(body, limits)
		if len(bytes.TrimSpace(body)) == 0 {
			return
		}
		if judged(t, body, err) {
			for _, channel := range request.Channels {
				good(t, channel, limits.Channel)
			}
		}
	})
}

func FuzzUserStatus(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := UserStatus(body, limits)
		if judged(t, body, err) {
			good(t, request.User, limits.User)
		}
	})
}

func FuzzUserState(f *testing.F) {
	seed(f)
	f.Add([]byte(`{"user":"a","user_state":{"n":1e400,"x":null,"y":[]},"state_public_keys":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := UserState(body, limits)
		if !judged(t, body, err) {
			return
		}
		good(t, request.User, limits.User)
		for _, key := range request.PublicKeys {
			good(t, key, maxStateKey)
		}
		if _, err := json.Marshal(request); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzLooks(f *testing.F) {
	for _, query := range []string{"user=a&channel=b&after=c&limit=7", "search=x&limit=1001", "after=%ff&after=b", "secret=x&limit=", "limit=1e2"} {
		f.Add([]byte(nil), query)
	}
	f.Add([]byte(`{"user":"a","limit":3,"search":"\ud800"}`), "")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		query, _ := url.ParseQuery(text)
		check := func(page contract.Page, err error, names ...string) {
			var fault *contract.Fault
			if err != nil && !errors.As(err, &fault) {
				t.Fatalf("error that is no fault: %v", err)
			}
			if err != nil {
				return
			}
			if page.Limit < 0 || page.Limit > contract.MaxPage {
				t.Fatalf("accepted a page of %d", page.Limit)
			}
			for _, name := range append(names, page.After, page.Search) {
				if name != "" {
					good(t, name, 512)
				}
			}
		}
		limits := Limits{User: 512, Channel: 256, ConnID: 128}
		totals, err := Totals(body, query, limits)
		check(totals, err)
		channels, err := ListChannels(body, query, limits)
		check(channels.Page, err)
		users, err := ListUsers(body, query, limits)
		check(users.Page, err)
		connections, err := ListConnections(body, query, limits)
		check(connections.Page, err, connections.User, connections.Channel)
	})
}
