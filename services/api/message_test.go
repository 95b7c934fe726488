package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func object(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return o
}

func answers(t *testing.T, body string) []map[string]any {
	t.Helper()
	var list []map[string]any
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return list
}

func TestAMessageReachesItsChannelAsTheClientObject(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("news"))
	body := s.want(s.post("/message", `{
		"channel": "news", "user": "alice", "message": {"text": "hi  there",
		"n": 1.50}, "mine": [1, 2], "no_history": "1",
		"uuid": "{B0000000-0000-4000-8000-000000000001}", "timestamp": "2020-01-02T03:04:05+02:00"}`), http.StatusOK)
	const want = `{"uuid":"b0000000-0000-4000-8000-000000000001","type":"message","user":"alice","channel":"news",` +
		`"message":{"text":"hi  there","n":1.50},"timestamp":"2020-01-02T03:04:05.000000+02:00","edited":null,"mine":[1,2],"catchup":false}`
	m := l.next()
	if string(m.Data) != want || len(m.Header) != 0 {
		t.Errorf("clients got %s with %v\nwant %s", m.Data, m.Header, want)
	}
	const stored = `[{"uuid":"b0000000-0000-4000-8000-000000000001","timestamp":"2020-01-02T03:04:05.000000+02:00","user":"alice",` +
		`"channel":"news","pm_users":[],"exclude_users":[],"no_history":true,"message":{"text":"hi  there","n":1.50},"edited":null,"mine":[1,2]}]`
	if body != stored {
		t.Errorf("the app got %s\nwant %s", body, stored)
	}
}

func TestDeliveryFactsStandInHeadersOnly(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	s.want(s.post("/message", `{"channel":"c","user":"a","message":1,"pm_users":["b.c","d","d"],"exclude_users":["e"]}`), http.StatusOK)
	m := l.next()
	if pm := m.Header[contract.HeaderPM]; len(pm) != 1 || pm[0] != contract.JoinTokens([]string{"b.c", "d"}) {
		t.Errorf("%s = %q", contract.HeaderPM, pm)
	}
	if except := m.Header[contract.HeaderExclude]; len(except) != 1 || except[0] != "e" {
		t.Errorf("%s = %q", contract.HeaderExclude, except)
	}
	for _, key := range []string{"pm_users", "exclude_users", "no_history", "username"} {
		if _, found := object(t, m.Data)[key]; found {
			t.Errorf("clients got %s: %s", key, m.Data)
		}
	}
}

func TestAPrivateMessageGoesToEachUserOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveUser("b"), ns.LiveUser("c"), ns.LiveUser("d"))
	s.want(s.post("/message", `{"user":"a","message":"x","pm_users":["b","c","b","d"],"exclude_users":["c"]}`), http.StatusOK)
	for _, user := range []string{"b", "d"} {
		m := l.next()
		if m.Subject != ns.LiveUser(user) || len(m.Header) != 0 {
			t.Errorf("%s with %v, want %s", m.Subject, m.Header, user)
		}
		if o := object(t, m.Data); o["channel"] != nil || o["message"] != "x" {
			t.Errorf("got %s", m.Data)
		}
	}
	l.silent()
}

func TestAListKeepsItsOrderAndIsAnsweredAsAList(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	var items []string
	for i := range 1000 {
		items = append(items, fmt.Sprintf(`{"channel":"c","user":"a","message":%d}`, i))
	}
	list := answers(t, s.want(s.post("/message", "["+strings.Join(items, ",")+"]"), http.StatusOK))
	if len(list) != 1000 {
		t.Fatalf("%d answers", len(list))
	}
	for i := range 1000 {
		o := object(t, l.next().Data)
		if o["message"] != float64(i) || list[i]["message"] != float64(i) || o["uuid"] != list[i]["uuid"] {
			t.Fatalf("message %d is %v, its answer %v", i, o, list[i])
		}
	}
	if body := s.want(s.post("/message", ` [ ] `), http.StatusOK); body != "[]" {
		t.Errorf("no messages: %s", body)
	}
}

func TestAnyJSONValueIsAMessage(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	for _, value := range []string{`null`, `true`, `0`, `-1.5e3`, `""`, `"\u2028\n\ud83d\ude00"`, `[]`, `{}`, `[{"a":[null]}]`, `{"__proto__":{}}`} {
		s.want(s.post("/message", `{"channel":"c","user":"a","message":`+value+`}`), http.StatusOK)
		var got struct{ Message json.RawMessage }
		if err := json.Unmarshal(l.next().Data, &got); err != nil || string(got.Message) != value {
			t.Errorf("message %s came as %s (%v)", value, got.Message, err)
		}
	}
	s.want(s.post("/message", `{"channel":"c","user":"a"}`), http.StatusOK)
	if o := object(t, l.next().Data); o["message"] != nil {
		t.Errorf("no message came as %v", o)
	}
}

func TestKeysThatTheServerWritesItselfAreRefusedByName(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	const own = `"type":"message","catchup":false,"offset":9,"Offset":1,"ok":1`
	want := map[string]bool{"1.type": true, "1.catchup": true, "1.offset": true, "1.edited": true}
	got := s.paths(s.post("/message", `[{"channel":"c","user":"a"},{"channel":"c","user":"a","edited":"2020-01-02T03:04",`+own+`}]`))
	if !maps.Equal(got, want) {
		t.Errorf("faults at %v, want %v", got, want)
	}
	delete(want, "1.edited")
	edits := fmt.Sprintf(`[{"channel":"c","uuid":%q},{"channel":"c","uuid":%q,"edited":"2020-01-02T03:04",%s}]`, id(1), id(2), own)
	if got := s.paths(s.do(signed(http.MethodPatch, "/message", edits))); !maps.Equal(got, want) {
		t.Errorf("faults of edits at %v, want %v", got, want)
	}
	l.silent()
}

func TestTheAnswerToAMessageMayBePostedAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	answer := s.want(s.post("/message", `[{"channel":"c","user":"a","message":{"n":1},"mine":2,"pm_users":["b"],"timestamp":"2020-01-02T03:04Z"},
		{"channel":"c","user":"a"}]`), http.StatusOK)
	if again := s.want(s.post("/message", answer), http.StatusOK); again != answer {
		t.Errorf("posted again %s became %s", answer, again)
	}
	l.next()
	l.next()
	l.silent()
}

func TestOneBadMessageRejectsTheListAndAllFaultsAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	got := s.paths(s.post("/message", `[
		{"channel":"c","user":"a","message":1},
		{"user":5,"message":"m","channel":"","pm_users":[1,""],"exclude_users":null,"uuid":"z","timestamp":"z","no_history":"z"},
		5, "a", null,
		{"user":"a"},
		{"channel":"c"},
		{"channel":null,"user":"a","pm_users":[]},
		{"channel":"c","user":"a","username":"b"}]`))
	want := map[string]bool{
		"1.user": true, "1.channel": true, "1.pm_users.0": true, "1.pm_users.1": true, "1.exclude_users": true,
		"1.uuid": true, "1.timestamp": true, "1.no_history": true, "2": true, "3": true, "4": true,
		"5.channel": true, "6.user": true, "7.channel": true, "8.username": true,
	}
	if !maps.Equal(got, want) {
		t.Errorf("faults at %v\nwant %v", got, want)
	}
	l.silent()
}

func TestFaultsOfASingleMessageHaveNoIndex(t *testing.T) {
	t.Parallel()
	s := start(t)
	if got := s.paths(s.post("/message", `{"message":1}`)); !maps.Equal(got, map[string]bool{"user": true, "channel": true}) {
		t.Errorf("faults at %v", got)
	}
}

func TestUserAndUsernameAreTheSame(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	for _, names := range []string{`"username":"a"`, `"user":"a","username":"a"`, `"username":"\u0061","user":"a"`} {
		s.want(s.post("/message", `{"channel":"c",`+names+`}`), http.StatusOK)
		if o := object(t, l.next().Data); o["user"] != "a" || o["username"] != nil {
			t.Errorf("%s: %v", names, o)
		}
	}
}

func TestATimestampKeepsItsZone(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	l := k.listen(ns.LiveChannel("room"))
	wantTime := func(key, want, answer string) {
		t.Helper()
		frame, history := object(t, l.next().Data), k.history("room")
		for where, got := range map[string]any{"answer": answers(t, answer)[0][key], "frame": frame[key], "history": history[0][key]} {
			if got != want {
				t.Errorf("the %s has the %s %v, want %s", where, key, got, want)
			}
		}
	}
	const at = `{"channel":"room","uuid":"b0000000-0000-4000-8000-000000000001",`
	wantTime("timestamp", "2020-01-02T03:04:05.000000Z",
		k.want(k.post("/message", at+`"user":"a","timestamp":"2020-01-02T03:04:05Z"}`), http.StatusOK))
	wantTime("timestamp", "2020-01-02T03:04:05.500000+02:00", k.patch(at+`"timestamp":"2020-01-02 03:04:05.5+0200"}`))
	wantTime("edited", "2020-01-02T03:04:00.000000-05:30", k.patch(at+`"edited":"2020-01-02T03:04-05:30"}`))
}

func TestTimestampsAreNormalized(t *testing.T) {
	t.Parallel()
	s := start(t)
	for given, want := range map[string]string{
		"2020-01-02T03:04":              "2020-01-02T03:04:00.000000",
		"2020-01-02T03:04:05.5":         "2020-01-02T03:04:05.500000",
		"2020-01-02 03:04:05":           "2020-01-02T03:04:05.000000",
		"2020-01-02T03:04:05Z":          "2020-01-02T03:04:05.000000Z",
		"2020-01-02T03:04:05+00:00":     "2020-01-02T03:04:05.000000Z",
		"2020-01-02T03:04:05.123456789": "2020-01-02T03:04:05.123456",
		"2020-01-02T03:04:05+0200":      "2020-01-02T03:04:05.000000+02:00",
		"2020-01-02T03:04:05-05":        "2020-01-02T03:04:05.000000-05:00",
	} {
		body := s.want(s.post("/message", fmt.Sprintf(`{"channel":"c","user":"a","timestamp":%q}`, given)), http.StatusOK)
		if got := answers(t, body)[0]["timestamp"]; got != want {
			t.Errorf("%s became %v, want %s", given, got, want)
		}
	}
	for _, given := range []string{`"2020-01-02"`, `5`, `"z"`, `"9999-12-31T23:59:59-01:00"`, `"0001-01-01T00:30+01:00"`, `"2020-01-02T03:04:05+24:00"`, `"2020-02-30T00:00"`, `null`, `""`} {
		if got := s.paths(s.post("/message", `{"channel":"c","user":"a","timestamp":`+given+`}`)); !got["timestamp"] {
			t.Errorf("%s: faults at %v", given, got)
		}
	}
}

func TestTheSameUUIDIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveChannel("c"))
	const body = `{"channel":"c","user":"a","uuid":"b0000000-0000-4000-8000-000000000001"}`
	for range 3 {
		s.want(s.post("/message", body), http.StatusOK)
	}
	s.want(s.post("/message", "["+body+","+body+"]"), http.StatusOK)
	l.next()
	l.silent()
}

func TestAMessageOverTheLimitIsNamed(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_MAX_MESSAGE=1000")
	l := s.listen(ns.LiveChannel("c"))
	big := `{"channel":"c","user":"a","message":"` + strings.Repeat("x", 1000) + `"}`
	if got := s.paths(s.post("/message", big)); !maps.Equal(got, map[string]bool{"message": true}) {
		t.Errorf("faults at %v", got)
	}
	if got := s.paths(s.post("/message", `[{"channel":"c","user":"a"},`+big+`]`)); !maps.Equal(got, map[string]bool{"1.message": true}) {
		t.Errorf("faults at %v", got)
	}
	l.silent()
}

func TestAMessageThatNATSCanNotTakeIsRefusedBeforeItIsPublished(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_MAX_MESSAGE=4MiB", "CHANNELSTREAM_BACKLOG_BYTES=8MiB")
	l := s.listen(ns.LiveChannel("c"))
	big := `{"channel":"c","user":"a","message":"` + strings.Repeat("x", 1<<20) + `"}`
	if got := s.paths(s.post("/message", `[{"channel":"c","user":"a"},`+big+`]`)); !got["1.message"] {
		t.Errorf("faults at %v", got)
	}
	l.silent()
}

// users writes a list of users with long names as JSON.
func users(n, length int, letter string) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"%s%06d"`, strings.Repeat(letter, length-6), i)
	}
	return "[" + strings.Join(names, ",") + "]"
}

// NATS stores headers of up to 64 KiB.
func TestAListOfUsersOfAnyLegalSizeWorks(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	l := k.listen(ns.LiveChannel("room"))
	pm, exclude := users(1000, 66, "p"), users(1000, 66, "e")
	lists := fmt.Sprintf(`"uuid":%q,"channel":"room","pm_users":%s,"exclude_users":%s`, id(1), pm, exclude)
	answer := k.want(k.post("/message", `{"user":"a","message":1,`+lists+`}`), http.StatusOK)
	k.patch(`{"message":2,` + lists + `}`)
	if got := object(t, []byte(answer[1:len(answer)-1])); fmt.Sprint(got["pm_users"]) != fmt.Sprint(k.history("room")[0]["pm_users"]) {
		t.Error("the history has other users than the answer")
	}
	k.wantHistory("room", "2")
	k.remove(`{` + lists + `}`)
	for _, header := range []string{"", contract.HeaderEdit, contract.HeaderDelete} {
		m := l.next()
		if header != "" && m.Header.Get(header) != id(1) {
			t.Errorf("%s is %v", header, m.Header)
		}
		if m.Header.Get(contract.HeaderAudience) == "" {
			t.Errorf("the lists are in the header, of %d bytes", len(m.Header.Get(contract.HeaderPM)))
		}
		body := contract.OpenAudience(m.Header, m.Data)
		object(t, body)
		only, except := strings.Split(m.Header.Get(contract.HeaderPM), ","), strings.Split(m.Header.Get(contract.HeaderExclude), ",")
		if len(only) != 1000 || len(except) != 1000 || "\""+only[999]+"\"" != pm[len(pm)-69:len(pm)-1] {
			t.Errorf("for %d users, but %d; the last is %s", len(only), len(except), only[len(only)-1])
		}
	}
}

// What can never work is not to be tried again.
func TestListsOfUsersThatDoNotFitAreNamedWithTheLimit(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	l := k.listen(ns.LiveChannel("room"))
	for field, lists := range map[string]string{
		"1.pm_users":      `"pm_users":` + users(1000, 512, "\U0001f980"),
		"1.exclude_users": `"pm_users":["a"],"exclude_users":` + users(1000, 512, "\U0001f980"),
	} {
		fault := k.fault(k.post("/message", `[{"user":"a","channel":"room"},{"user":"a","channel":"room",`+lists+`}]`), http.StatusUnprocessableEntity)
		if sentences := fault.Fields[field]; len(fault.Fields) != 1 || len(sentences) != 1 || !strings.Contains(sentences[0], fmt.Sprint(1<<20)) {
			t.Errorf("%s: %v", field, fault.Fields)
		}
	}
	l.silent()
	// Without a channel the list is nowhere but in the request.
	k.want(k.post("/message", `{"user":"a","message":1,"pm_users":`+users(1000, 512, "ü")+`}`), http.StatusOK)
}

// As much as the request lets through is stored, whatever of it goes where.
func TestNoMessageThatIsTakenIsTooLargeForItsHistory(t *testing.T) {
	t.Parallel()
	k := run(t, "CHANNELSTREAM_MAX_MESSAGE=4MiB", "CHANNELSTREAM_BACKLOG_BYTES=8MiB")
	k.configure("room", keeps(2))
	for _, c := range []struct{ lists, field string }{
		{`"pm_users":[]`, "message"},
		{`"pm_users":` + users(1000, 100, "'"), "pm_users"},
		{`"pm_users":` + users(1000, 100, "q") + `,"exclude_users":` + users(1000, 120, "."), "exclude_users"},
	} {
		taken, refused := 0, 1<<20
		for refused-taken > 100 {
			size := (taken + refused) / 2
			body := fmt.Sprintf(`{"user":"a","channel":"room","message":%q,%s}`, strings.Repeat("x", size), c.lists)
			switch w := k.post("/message", body); w.Code {
			case http.StatusOK:
				taken = size
			default:
				if paths := k.paths(w); !paths[c.field] || len(paths) != 1 {
					t.Fatalf("faults at %v, want %s", paths, c.field)
				}
				refused = size
			}
		}
		if taken < 1<<19 {
			t.Errorf("with %.20s messages of up to %d bytes are taken", c.lists, taken)
		}
	}
}

func TestWithoutNATSTheAnswerIs503WithTheUUIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.nats.Stop()
	w := s.post("/message", `[{"channel":"c","user":"a","uuid":"b0000000-0000-4000-8000-000000000001"},{"channel":"c","user":"a"}]`)
	fault := s.fault(w, http.StatusServiceUnavailable)
	if len(fault.UUIDs) != 2 || fault.UUIDs[0] != "b0000000-0000-4000-8000-000000000001" || len(fault.UUIDs[1]) != 36 {
		t.Errorf("uuids %v", fault.UUIDs)
	}
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if fault := s.fault(s.post("/connect", `{"user":"a"}`), http.StatusServiceUnavailable); fault.UUIDs != nil {
		t.Errorf("uuids of /connect: %v", fault.UUIDs)
	}
	if err := s.service.Ready(t.Context()); err == nil {
		t.Error("ready without NATS")
	}
}
