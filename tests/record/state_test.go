package record

import (
	"net/http"
	"strings"
	"testing"
)

func tellOfState(t *testing.T, s *stage) {
	s.story().tell(t, append([]exchange{
		{name: "alice is there", request: `POST /connect {"user": "alice-st", "conn_id": "alice-st", "fresh_user_state":
			{"status": "ready", "private": "p", "n": 2, "f": 1.5, "b": true, "extra": "e"}}`, answer: done},
	}, append(refusedStates(), states()...)...))
}

func refusedStates() []exchange {
	refusal := func(name, body string, paths ...string) exchange {
		return exchange{name: name, request: `POST /user_state ` + body, answer: refused(paths...)}
	}
	return []exchange{
		refusal("nothing", `{}`, "user"),
		refusal("a list", `[]`, "_schema"),
		{name: "unknown user", request: `POST /user_state {"user": "nobody"}`, answer: answer{http.StatusUnprocessableEntity,
			`{"error": "<sentence>", "code": "invalid", "errors": {"user": ["Unknown user"]}}`}},
		refusal("a number for the user", `{"user": 5}`, "user"),
		refusal("an empty name", `{"user": ""}`, "user"),
		refusal("values that are no scalars", `{"user": "alice-st", "user_state": {"a": [1], "b": {"c": 1}}}`, "user_state.a", "user_state.b"),
		refusal("null for the state", `{"user": "alice-st", "user_state": null}`, "user_state"),
		refusal("an empty key", `{"user": "alice-st", "state_public_keys": [""]}`, "state_public_keys.0"),
		refusal("an unknown key", `{"user": "alice-st", "zzz": 1}`, "zzz"),
		refusal("more than a state may have, with what is there", `{"user": "alice-st", "user_state": {"large": "`+
			strings.Repeat("x", 384<<10-20)+`"}}`, "user_state"),
	}
}

func states() []exchange {
	const before = `{"status": "ready", "private": "p", "n": 2, "f": 1.5, "b": true, "extra": "e"}`
	const after = `{"status": "away", "private": "p", "n": 2, "f": 1.5, "b": true, "extra": "e"}`
	state := func(name, given, state, changed, public string) exchange {
		return exchange{name: name, request: `POST /user_state ` + with(`{"user": "alice-st"}`, given),
			answer: ok(`{"user_state": ` + state + `, "changed_state": ` + changed + `, "public_keys": ` + public + `}`)}
	}
	return []exchange{
		state("nothing changes", `{}`, before, `[]`, `[]`),
		state("only real differences listed: n 2==2.0, private unchanged, newnull None on absent key = no change and not stored",
			`{"user_state": {"status": "away", "private": "p", "n": 2.0, "newnull": null}, "state_public_keys": ["status", "n"]}`,
			after, `[{"key": "status", "value": "away"}]`, `["status", "n"]`),
		state("[] clears the public keys", `{"state_public_keys": []}`, after, `[]`, `[]`),
		state("null keeps them", `{"state_public_keys": null}`, after, `[]`, `[]`),
		state("null on an existing key", `{"user_state": {"extra": null}}`, with(after, `{"extra": null}`),
			`[{"key": "extra", "value": null}]`, `[]`),
		state("1 is not true, unlike in the record", `{"user_state": {"b": 1}}`, with(after, `{"extra": null, "b": 1}`),
			`[{"key": "b", "value": 1}]`, `[]`),
		state("-0 is 0", `{"user_state": {"n": -0}}`, with(after, `{"extra": null, "b": 1, "n": 0}`), `[{"key": "n", "value": 0}]`, `[]`),
		state("0 is -0", `{"user_state": {"n": -0, "f": -0.0}}`, with(after, `{"extra": null, "b": 1, "n": 0, "f": -0.0}`),
			`[{"key": "f", "value": -0.0}]`, `[]`),
	}
}

// s1 and s2 are in ns.
func tellOfStateChanges(t *testing.T, s *stage) {
	story := s.story()
	story.tell(t, []exchange{
		{name: "ns is told", request: `POST /channel_config {"ns": {"notify_state": true}}`, answer: done},
		{name: "s1 is there", request: `POST /connect {"user": "s1", "conn_id": "s1", "channels": ["ns"],
			"fresh_user_state": {"a": 1, "priv": 1}, "state_public_keys": ["a", "b"]}`, answer: done},
	})
	story.open(t, "s1", "s1", "ns")
	story.enter(t, "s2", "ns")
	story.tell(t, stateChanges())
}

func stateChanges() []exchange {
	both := func(given string) frames {
		frame := with(`{"uuid": "<uuid>", "type": "user_state_change", "user": "s1", "timestamp": "<time>", "channel": "ns",
			"message": null, "status": 1, "catchup": false}`, given)
		return frames{"s1": {frame}, "s2": {frame}}
	}
	change := func(name, given, answered string, got frames) exchange {
		return exchange{name: name, request: `POST /user_state ` + with(`{"user": "s1"}`, given), answer: ok(answered), frames: got}
	}
	const four = `{"a": 2, "b": "x", "priv": 4}`
	return []exchange{
		change("the user itself too", `{"user_state": {"a": 2, "b": "x", "priv": 3}}`,
			`{"user_state": {"a": 2, "b": "x", "priv": 3}, "changed_state": [{"key": "a", "value": 2}, {"key": "b", "value": "x"},
				{"key": "priv", "value": 3}], "public_keys": ["a", "b"]}`,
			both(`{"uuid": "<uuid state>", "timestamp": "<time state>", "message": {"state": {"a": 2, "b": "x"},
				"changed": [{"key": "a", "value": 2}, {"key": "b", "value": "x"}]}}`)),
		change("private key only: no event, unlike in the record", `{"user_state": {"priv": 4}}`,
			`{"user_state": `+four+`, "changed_state": [{"key": "priv", "value": 4}], "public_keys": ["a", "b"]}`, nil),
		change("no change: no event", `{"user_state": {"priv": 4}}`,
			`{"user_state": `+four+`, "changed_state": [], "public_keys": ["a", "b"]}`, nil),
		{name: "a status, which the record does not have", request: `POST /user_status {"user": "s1", "status": 2}`, answer: done,
			frames: both(`{"status": 2, "message": {"state": {"a": 2, "b": "x"}, "changed": []}}`)},
		{name: "the same status: no event", request: `POST /user_status {"user": "s1", "status": 2}`, answer: done},
		change("only keys change: no event", `{"state_public_keys": ["priv"]}`,
			`{"user_state": `+four+`, "changed_state": [], "public_keys": ["priv"]}`, nil),
		{name: "user_state through /connect: no event", request: `POST /connect {"user": "s1", "conn_id": "s1", "user_state": {"priv": 5},
			"state_public_keys": ["priv"], "status": 1}`, answer: done},
	}
}
