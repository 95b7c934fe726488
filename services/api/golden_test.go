package api_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Golden part 5, what is refused; the paths are ours, `message` may be any JSON value, and a message for nobody is a fault.
func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveSubjects())
	for _, c := range []struct {
		body string
		want []string
	}{
		{`{}`, []string{"channel", "user"}},
		{`null`, []string{"_schema"}},
		{`[{}]`, []string{"0.channel", "0.user"}},
		{`[5, "a", null]`, []string{"0", "1", "2"}},
		{`[{"user":"s","channel":"golden"},{"user":5,"message":"str","channel":"golden"}]`, []string{"1.user"}},
		{`[{"user":"","message":[],"channel":"golden"}]`, []string{"0.user"}},
		{`[{"user":"s","pm_users":"x"}]`, []string{"0.pm_users"}},
		{`[{"user":"s","channel":"c","pm_users":[1,""]}]`, []string{"0.pm_users.0", "0.pm_users.1"}},
		{`[{"user":"s","channel":"c","exclude_users":null}]`, []string{"0.exclude_users"}},
		{`[{"user":"s","channel":""}]`, []string{"0.channel"}},
		{`[{"user":"s","channel":"` + strings.Repeat("c", 257) + `"}]`, []string{"0.channel"}},
		{`[{"user":"s","channel":"c","uuid":"z"}]`, []string{"0.uuid"}},
		{`[{"user":"s","channel":"c","timestamp":"z"}]`, []string{"0.timestamp"}},
		{`[{"user":"s","channel":"c","timestamp":5}]`, []string{"0.timestamp"}},
		{`[{"user":"s","channel":"c","timestamp":"2020-01-02"}]`, []string{"0.timestamp"}},
		{`[{"user":"s","channel":"c","no_history":"z"}]`, []string{"0.no_history"}},
		{`[{"user":"s","channel":"c","type":"custom","edited":"x","catchup":5,"offset":1}]`, []string{"0.catchup", "0.edited", "0.offset", "0.type"}},
		{`[{"user":"s","message":{"a":1}}]`, []string{"0.channel"}},
		{`[{"user":"s","channel":null,"pm_users":[],"message":{"a":1}}]`, []string{"0.channel"}},
	} {
		if got := slices.Sorted(maps.Keys(s.paths(s.post("/message", c.body)))); !slices.Equal(got, c.want) {
			t.Errorf("%s: faults at %q, want %q", c.body, got, c.want)
		}
	}
	l.silent()
}

// Golden part 5, what is accepted; `type`, `catchup` and a time for `edited`, which the record overwrites, are refused here,
// and a timestamp keeps its zone.
func TestMessagesThatAreAccepted(t *testing.T) {
	t.Parallel()
	s := start(t)
	const uuid, at = `"uuid":"b0000000-0000-4000-8000-000000000001"`, `"timestamp":"2020-01-02T03:04:05.000000+02:00"`
	for _, c := range []struct{ body, want string }{
		{`[]`, `[]`},
		{`[{"user":"s","channel":"golden",` + uuid + `,` + at + `}]`,
			`[{"pm_users":[],"exclude_users":[],"channel":"golden","no_history":false,` + uuid + `,` + at + `,"user":"s","message":null,"edited":null}]`},
		{`[{"user":"s","channel":"no-such-channel","message":{"a":1},` + uuid + `,` + at + `}]`,
			`[{"pm_users":[],"exclude_users":[],"channel":"no-such-channel","no_history":false,` + uuid + `,` + at + `,"user":"s","message":{"a":1},"edited":null}]`},
		{`[{"user":"s","pm_users":["nobody"],"message":{"a":1},` + uuid + `,` + at + `}]`,
			`[{"pm_users":["nobody"],"exclude_users":[],"channel":null,"no_history":false,` + uuid + `,` + at + `,"user":"s","message":{"a":1},"edited":null}]`},
		{`[{"uuid":"{B0000000-0000-4000-8000-000000000001}","timestamp":"2020-01-02T03:04:05+02:00","user":"s","channel":"golden",
			"message":{"é":[1,{"x":null}]},"extra":{"k":1},"edited":null,"no_history":"1","pm_users":["q"],"exclude_users":["r"]}]`,
			`[{"pm_users":["q"],"exclude_users":["r"],"channel":"golden","no_history":true,` + uuid + `,` + at + `,"user":"s",
			"message":{"é":[1,{"x":null}]},"extra":{"k":1},"edited":null}]`},
	} {
		wantAnswer(t, s.want(s.post("/message", c.body), http.StatusOK), c.want)
	}
}
