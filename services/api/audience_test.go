package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// A retry has the same uuid and the same audience.
func TestTheSameUUIDForAnotherAudienceIsAnotherMessage(t *testing.T) {
	t.Parallel()
	k := run(t)
	fleeting := keeps(10)
	fleeting.StoreFrames = false
	k.configure("fleeting", fleeting)
	k.configure("room", keeps(10))
	channels := []string{ns.LiveChannel("room"), ns.LiveChannel("other"), ns.LiveChannel("fleeting")}
	l := k.listen(append(channels, ns.LiveUser("a"), ns.LiveUser("b"))...)
	n := 0
	post := func(audience string, deliveries int) {
		t.Helper()
		n++
		for range 2 {
			k.want(k.post("/message", fmt.Sprintf(`{"user":"s","uuid":%q,"message":%d,%s}`, id(1), n, audience)), http.StatusOK)
		}
		for range deliveries {
			if got := object(t, l.next().Data)["message"]; got != float64(n) {
				t.Errorf("heard %v, want %d", got, n)
			}
		}
		l.silent()
	}
	for _, channel := range []string{"fleeting", "room"} {
		channel = fmt.Sprintf(`"channel":%q`, channel)
		post(channel+`,"pm_users":["a","b"]`, 1)
		post(channel+`,"pm_users":["b","a","b"]`, 0)
		post(channel, 1)
		post(channel+`,"exclude_users":["a","b"]`, 1)
		post(channel+`,"pm_users":["a"],"exclude_users":["b"]`, 1)
	}
	post(`"channel":"other"`, 1)
	post(`"pm_users":["a"]`, 1)
	post(`"pm_users":["a","b"]`, 2)
	post(`"pm_users":["a","b"],"exclude_users":["a"]`, 1)
	k.wantHistory("room", "6 8 9 10")
}

func TestTheSameUUIDTwiceInOneList(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"), ns.LiveUser("a"), ns.LiveUser("b"))
	one := func(rest string) string { return fmt.Sprintf(`{"user":"s","uuid":%q,%s}`, id(1), rest) }
	for _, c := range []struct{ first, second string }{
		{`"channel":"c","message":1`, `"channel":"c","message":2`},
		{`"channel":"c","message":1`, `"channel":"c","message":1,"own":1`},
		{`"channel":"c"`, `"channel":"c","no_history":true`},
		{`"channel":"c","pm_users":["a","b"],"message":1`, `"channel":"c","pm_users":["b","a"],"message":2`},
		{`"pm_users":["a"],"message":1`, `"pm_users":["a"],"message":2`},
		{`"pm_users":["a","b"],"message":1`, `"pm_users":["b","a"],"message":2`},
	} {
		list := "[" + one(c.first) + `,{"user":"s","channel":"c"},` + one(c.second) + "]"
		if got := s.paths(s.post("/message", list)); !maps.Equal(got, map[string]bool{"2.uuid": true}) {
			t.Errorf("%s: faults at %v", list, got)
		}
	}
	l.silent()
	for _, c := range []struct {
		first, second string
		deliveries    int
	}{
		{`"channel":"c","message":1`, `"message": 1, "channel":"c"`, 1},
		{`"pm_users":["a"]`, `"pm_users":["b"],"message":2`, 2},
		{`"channel":"c","pm_users":["a"]`, `"channel":"c","pm_users":["b"],"message":2`, 2},
	} {
		answer := s.want(s.post("/message", "["+one(c.first)+","+one(c.second)+"]"), http.StatusOK)
		if got := answers(t, answer); len(got) != 2 || got[0]["uuid"] != got[1]["uuid"] {
			t.Errorf("answered %s", answer)
		}
		for range c.deliveries {
			l.next()
		}
		l.silent()
	}
}

func TestAnEditIsOfTheMessageToItsAudience(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	l := k.listen(ns.LiveChannel("room"))
	for n, audience := range []string{``, `,"pm_users":["a","b"]`, `,"exclude_users":["c"]`} {
		k.want(k.post("/message", fmt.Sprintf(`{"user":"s","channel":"room","uuid":%q,"message":%d%s}`, id(1), n, audience)), http.StatusOK)
		l.next()
	}
	edit := func(message int, audience string) {
		t.Helper()
		k.patch(fmt.Sprintf(`{"channel":"room","uuid":%q,"message":%d%s}`, id(1), message, audience))
		if m := l.next(); (m.Header.Get(contract.HeaderOf) == "") != (audience == "") {
			t.Errorf("the edit says that it is of %q", m.Header.Get(contract.HeaderOf))
		}
	}
	edit(10, `,"pm_users":["b","a"]`)
	k.wantHistory("room", "0 10 2")
	edit(20, ``)
	edit(30, `,"exclude_users":["c"]`)
	k.wantHistory("room", "20 10 30")
	edit(40, `,"pm_users":["x"]`) // nothing went to these: it is of the first
	k.wantHistory("room", "40 10 30")
	k.remove(`{"channel":"room","uuid":"` + id(1) + `"}`)
	k.wantHistory("room", "")
	if n := len(k.records("room")) + len(k.logged(ns.LiveChannel("room"))); n != 2 {
		t.Errorf("%d are left, want the deletion in the history and in the log", n)
	}
}
