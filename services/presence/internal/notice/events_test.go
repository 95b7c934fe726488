package notice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

var bob = About{User: `b"o $1+1 b`, Status: 2, State: map[string]json.RawMessage{"a": json.RawMessage(`"message\":{"`), "$": json.RawMessage("1")}}

// told is what a Socket.IO client hears of a notice.
func told(t *testing.T, n Notice) string {
	t.Helper()
	var all []string
	for _, e := range contract.OpenEvents(n.Events, n.Body) {
		all = append(all, fmt.Sprintf("%s(%s)", e.Name, bytes.Join(e.Args, nil)))
	}
	return strings.Join(all, " ")
}

func TestWhoComesIsToldBeforeWhereAndWhoGoesAfter(t *testing.T) {
	t.Parallel()
	const user, state = `"b\"o $1+1 b"`, `{"$":1,"a":"message\":{"}`
	join, leave := "presence_join("+user+`,["a b"]`, "presence_leave("+user+`,["a b"]`
	who := `({"user":` + user + `,"status":2,"state":` + state + `})`
	for _, c := range []struct {
		action       string
		alone, lists bool
		want         string
	}{
		{contract.ActionJoined, true, false, "user_connect" + who + " " + join + ")"},
		{contract.ActionJoined, false, false, join + ")"},
		{contract.ActionJoined, false, true, join + `,[{"user":"x","state":null}])`},
		{contract.ActionParted, false, false, leave + ")"},
		{contract.ActionParted, true, true, leave + `,[{"user":"x","state":null}]) user_disconnect` + who},
	} {
		about := Presented{Channel: "a b", Action: c.action, About: bob, Alone: c.alone}
		if c.lists {
			about.Users = []Member{{User: "x"}}
		}
		n, err := Presence("id", about, time.Now())
		if got := told(t, n); err != nil || got != c.want {
			t.Errorf("%+v: got %s, %v", c, got, err)
		}
	}
}

func TestAStatusIsToldWithAllOfTheState(t *testing.T) {
	t.Parallel()
	n, err := StateChange("id", "a", bob, []contract.StateChange{{Key: "$", Value: json.RawMessage("1")}}, time.Now())
	want := `user_status({"user":"b\"o $1+1 b","status":2,"state":{"$":1,"a":"message\":{"},"changed":[{"key":"$","value":1}]})`
	if got := told(t, n); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}
