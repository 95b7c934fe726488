package api_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// Golden part 8, what is refused: as there, all faults at once, but in the form that all answers have here.
func TestEditsAndDeletionsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveSubjects())
	const uuid = `"uuid":"70000000-0000-4000-8000-000000000000"`
	for _, c := range []struct {
		method, body string
		want         []string
	}{
		{http.MethodPatch, `{}`, []string{"channel", "uuid"}},
		{http.MethodPatch, `null`, []string{"_schema"}},
		{http.MethodPatch, `[{}]`, []string{"0.channel", "0.uuid"}},
		{http.MethodPatch, `[{"uuid":"z","channel":"c"}]`, []string{"0.uuid"}},
		{http.MethodPatch, `[{` + uuid + `,"channel":"c","user":5,"timestamp":"z","edited":"z"}]`, []string{"0.edited", "0.timestamp", "0.user"}},
		{http.MethodPatch, `[{` + uuid + `,"channel":"c","user":"","edited":null,"username":"x"}]`, []string{"0.edited", "0.user"}},
		{http.MethodPatch, `[{` + uuid + `,"message":{"x":1}}]`, []string{"0.channel"}},
		{http.MethodPatch, `[{` + uuid + `,"channel":"c","message":1},{` + uuid + `,"channel":""},5]`, []string{"1.channel", "2"}},
		{http.MethodDelete, `{}`, []string{"channel", "uuid"}},
		{http.MethodDelete, `[{}]`, []string{"0.channel", "0.uuid"}},
		{http.MethodDelete, `[{"uuid":"z","channel":"c"}]`, []string{"0.uuid"}},
		{http.MethodDelete, `[{` + uuid + `,"channel":"c","extra":1,"user":"x"}]`, []string{"0.extra", "0.user"}},
		{http.MethodDelete, `[{` + uuid + `,"channel":"c"},{` + uuid + `,"channel":null,"pm_users":[]}]`, []string{"1.channel"}},
	} {
		paths := slices.Sorted(maps.Keys(s.paths(s.do(signed(c.method, "/message", c.body)))))
		if !slices.Equal(paths, c.want) {
			t.Errorf("%s %s: faults at %q, want %q", c.method, c.body, paths, c.want)
		}
	}
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		if body := s.want(s.do(signed(method, "/message", `[]`)), http.StatusOK); body != "[]" {
			t.Errorf("%s of nothing: %s", method, body)
		}
		s.fault(s.do(signed(method, "/message", `[`)), http.StatusBadRequest)
		s.fault(s.do(request(method, "/message", `[]`)), http.StatusForbidden)
	}
	l.silent()
}

// wantEvent wants a live event with exactly these keys.
func wantEvent(t *testing.T, l *listener, subject, header, want string) {
	t.Helper()
	m := l.next()
	if m.Subject != subject || !sameJSON(t, string(m.Data), want) || m.Header.Get(header) == "" ||
		m.Header.Get(header) != object(t, m.Data)["uuid"] {
		t.Errorf("heard %s on %s with %v\nwant %s", m.Data, m.Subject, m.Header, want)
	}
}

// sameJSON compares without regard to the order of keys.
func sameJSON(t *testing.T, one, other string) bool {
	t.Helper()
	var a, b any
	if json.Unmarshal([]byte(one), &a) != nil || json.Unmarshal([]byte(other), &b) != nil {
		t.Fatalf("not JSON: %s or %s", one, other)
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

func wantAnswer(t *testing.T, got, want string) {
	t.Helper()
	if !sameJSON(t, got, want) {
		t.Errorf("answered %s\nwant %s", got, want)
	}
}

// Golden part 8: the event has what the PATCH body had, `edited` and `type`; the answer the delivery keys.
func TestAnEditIsHeardAsItWasPosted(t *testing.T) {
	t.Parallel()
	k := run(t)
	l := k.listen(ns.LiveChannel("room"), ns.LiveUser("wc"), ns.LiveUser("wd"))
	got := k.patch(`[{"uuid":"` + id(1) + `","channel":"room","message":{"text": "changed"},"foreign":7}]`)
	edited, _ := answers(t, got)[0]["edited"].(string)
	if len(edited) != len(contract.TimestampLayout) {
		t.Errorf("edited at %q", edited)
	}
	wantAnswer(t, got, `[{"pm_users":[],"exclude_users":[],"no_history":false,"message":{"text":"changed"},"edited":"`+edited+`","uuid":"`+id(1)+`","channel":"room","foreign":7}]`)
	wantEvent(t, l, ns.LiveChannel("room"), contract.HeaderEdit,
		`{"message":{"text":"changed"},"edited":"`+edited+`","uuid":"`+id(1)+`","channel":"room","foreign":7,"type":"message:edit"}`)

	got = k.patch(`{"uuid":"` + id(1) + `","channel":"room","user":"editor","timestamp":"2010-01-01T01:01","edited":"2010-01-01T01:02",
		"message":{"text":"full"},"exclude_users":["wb"],"pm_users":["wa"],"no_history":true}`)
	wantAnswer(t, got, `[{"pm_users":["wa"],"exclude_users":["wb"],"no_history":true,"user":"editor","message":{"text":"full"},
		"edited":"2010-01-01T01:02:00.000000","uuid":"`+id(1)+`","channel":"room","timestamp":"2010-01-01T01:01:00.000000"}]`)
	m := l.next()
	if m.Header.Get(contract.HeaderPM) != "wa" || m.Header.Get(contract.HeaderExclude) != "wb" || m.Header.Get(contract.HeaderEdit) != id(1) {
		t.Errorf("headers %v", m.Header)
	}
	wantAnswer(t, string(m.Data), `{"user":"editor","message":{"text":"full"},"edited":"2010-01-01T01:02:00.000000","uuid":"`+id(1)+`","channel":"room",
		"timestamp":"2010-01-01T01:01:00.000000","type":"message:edit"}`)

	const at = `"edited":"2010-01-01T01:02:00.000000"`
	k.patch(`{"uuid":"` + id(1) + `","pm_users":["wc","wd"],"exclude_users":["wd"],"message":{"x":1},` + at + `}`)
	wantEvent(t, l, ns.LiveUser("wc"), contract.HeaderEdit, `{"message":{"x":1},`+at+`,"uuid":"`+id(1)+`","channel":null,"type":"message:edit"}`)
	l.silent()
}

// Golden part 8: history shows the edited keys replaced, other keys kept, foreign keys not added.
func TestHistoryShowsEdits(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(2))
	k.say("room", `"tz"`)
	k.want(k.post("/message", `{"user":"s","channel":"room","uuid":"`+id(7)+`","message":{"text":"old"},"extra":1}`), http.StatusOK)
	k.patch(`{"uuid":"` + id(7) + `","channel":"room","message":{"text":"changed"},"foreign":7}`)
	k.patch(`{"uuid":"` + id(9) + `","channel":"room","message":"of nothing"}`)
	k.patch(`{"uuid":"` + id(7) + `","channel":"room","user":"editor","timestamp":"2010-01-01T01:01","edited":"2010-01-01T01:02","message":{"text":"full"}}`)
	history := k.history("room")
	if len(history) != 2 || history[0]["message"] != "tz" {
		t.Fatalf("history %v", history)
	}
	got, _ := json.Marshal(history[1])
	wantAnswer(t, string(got), `{"pm_users":[],"exclude_users":[],"channel":"room","no_history":false,"uuid":"`+id(7)+`","timestamp":"2010-01-01T01:01:00.000000",
		"user":"editor","message":{"text":"full"},"extra":1,"edited":"2010-01-01T01:02:00.000000","catchup":false,"type":"message"}`)
}

// Golden part 8: the history after a deletion; what it had dropped before does not come back.
func TestHistoryAfterADeletion(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(2))
	k.say("room", 0, 1, `"tz"`)
	k.named("room", 7, `"gone"`)
	k.remove(`{"uuid":"` + id(7) + `","channel":"room"}`)
	k.wantHistory("room", "tz")
	k.say("room", 8)
	k.wantHistory("room", "tz 8")
}

// Golden part 8: a deletion, again, and of a private message.
func TestADeletionIsHeardEachTime(t *testing.T) {
	t.Parallel()
	k := run(t)
	l := k.listen(ns.LiveChannel("room"), ns.LiveUser("wc"))
	event := `{"channel":"room","uuid":"` + id(1) + `","type":"message:delete"}`
	got := k.remove(`[{"uuid":"` + id(1) + `","channel":"room"}]`)
	wantAnswer(t, got, `[{"pm_users":[],"exclude_users":[],"channel":"room","no_history":false,"uuid":"`+id(1)+`"}]`)
	wantEvent(t, l, ns.LiveChannel("room"), contract.HeaderDelete, event)
	got = k.remove(`{"uuid":"` + strings.ToUpper(id(1)) + `","channel":"room","pm_users":["wb"]}`)
	wantAnswer(t, got, `[{"pm_users":["wb"],"exclude_users":[],"channel":"room","no_history":false,"uuid":"`+id(1)+`"}]`)
	m := l.next()
	if !sameJSON(t, string(m.Data), event) || m.Header.Get(contract.HeaderPM) != "wb" {
		t.Errorf("heard %s with %v", m.Data, m.Header)
	}
	got = k.remove(`{"uuid":"` + id(1) + `","pm_users":["wc"]}`)
	wantAnswer(t, got, `[{"pm_users":["wc"],"exclude_users":[],"channel":null,"no_history":false,"uuid":"`+id(1)+`"}]`)
	wantEvent(t, l, ns.LiveUser("wc"), contract.HeaderDelete, `{"channel":null,"uuid":"`+id(1)+`","type":"message:delete"}`)
	l.silent()
}

func TestEventsAreNotCountedAsMessages(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.say("room", 1)
	k.patch(`{"uuid":"` + id(1) + `","channel":"room","message":1}`)
	k.remove(`{"uuid":"` + id(1) + `","channel":"room"}`)
	k.eventually("the lease says so", func() bool {
		return k.presence.count(contract.VerbLease) > 0 && last[contract.LeaseRecord](t, k.presence, contract.VerbLease).Load.Accepted == 1
	})
}

// Whoever asks for a deletion asks for the words to be gone, not just for them not to be shown.
func TestWhatWasRemovedIsNotOnTheDiskAnyMore(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(100)) // what is trimmed lies on the disk for a while, and can not be found there
	const gone, stays = "MARK-gone", "MARK-stays"
	for n := range 20 {
		k.named("room", n, `"`+stays+` before"`)
		k.named("room", 100+n, fmt.Sprintf(`"%s posted %d"`, gone, n))
		k.patch(fmt.Sprintf(`{"uuid":%q,"channel":"room","message":"%s edited"}`, id(100+n), gone))
		k.patch(fmt.Sprintf(`{"uuid":%q,"channel":"room","message":"%s edited again"}`, id(100+n), gone))
	}
	private := fmt.Sprintf(`"pm_users":["a","b"],"uuid":%q`, id(500))
	k.want(k.post("/message", `{"user":"s","message":"`+gone+` private",`+private+`}`), http.StatusOK)
	k.patch(`{"message":"` + gone + ` private edited",` + private + `}`)
	var list []string
	for n := range 20 {
		list = append(list, fmt.Sprintf(`{"uuid":%q,"channel":"room"}`, id(100+n)))
	}
	k.remove(`[` + strings.Join(list, ",") + `,{` + private + `}]`)

	for _, e := range append(k.records("room"), k.logged(ns.LiveChannel("room"))...) {
		if strings.Contains(string(e.Data), gone) {
			t.Errorf("%s still has %s", e.Subject, e.Data)
		}
	}
	if n := len(k.logged(ns.LiveUser("a"))) + len(k.logged(ns.LiveUser("b"))); n != 2 {
		t.Errorf("%d events for users, want the two deletions", n)
	}
	if n := len(k.logged(ns.LiveChannel("room"))); n != 40 {
		t.Errorf("%d in the log, want 20 messages and 20 deletions", n)
	}
	k.nats.Stop()
	if found := k.onDisk(gone); len(found) > 0 {
		t.Errorf("the words are still in %v", found)
	}
	if found := k.onDisk(stays); len(found) < 2 { // or else nothing was looked at
		t.Errorf("the words of others are in %v, want log and history", found)
	}
}

// onDisk names the files of the server that have a text in them.
func (s *system) onDisk(text string) (found []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // a file of this test
		if strings.Contains(string(content), text) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

func TestADeletionThatCanNotEraseIs503AndIsCompletedByTheNext(t *testing.T) {
	t.Parallel()
	s := start(t) // its logs of history are not there
	l := s.listen(ns.LiveChannel("room"))
	s.want(s.post("/message", `{"user":"s","channel":"room","uuid":"`+id(1)+`","message":"m"}`), http.StatusOK)
	l.next()
	body := `{"uuid":"` + id(1) + `","channel":"room"}`
	w := s.do(signed(http.MethodDelete, "/message", body))
	if fault := s.fault(w, http.StatusServiceUnavailable); len(fault.UUIDs) != 1 || fault.UUIDs[0] != id(1) || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered %+v", fault)
	}
	k := &keeper{system: s}
	k.open()
	k.remove(body)
	if entries := k.logged(ns.LiveChannel("room")); len(entries) != 2 {
		t.Errorf("%d in the log, want the two deletions", len(entries))
	}
}
