package record

import (
	"strings"
	"testing"
)

func tellOfMessage(t *testing.T, s *stage) {
	s.hold(t, refusedMessages())
	s.hold(t, acceptedMessages())
	s.story().tell(t, []exchange{
		{name: "unknown channel: 200", request: `POST /message [{"user": "s", "channel": "no-such-channel", "message": {"a": 1}}]`,
			answer: ok(`[` + posted(`{"channel": "no-such-channel", "message": {"a": 1}}`) + `]`)},
		{name: "unknown channel: not created", request: `POST /info {"info": {"channels": ["no-such-channel"]}}`,
			answer: informed(describe(map[string]channel{"no-such-channel": {}}))},
	})
}

func refusedMessages() []exchange {
	refusal := func(name, body string, paths ...string) exchange {
		return exchange{name: name, request: `POST /message ` + body, answer: refused(paths...)}
	}
	return []exchange{
		refusal("one message that is empty, which may come without a list", `{}`, "user", "channel"),
		refusal("null", `null`, "_schema"),
		refusal("an empty message; for nobody, too", `[{}]`, "0.user", "0.channel"),
		refusal("no messages", `[5, "a", null]`, "0", "1", "2"),
		refusal("one invalid item rejects the whole list; message may be any JSON value",
			`[{"user": "s", "channel": "msg"}, {"user": 5, "channel": "msg", "message": "str"}]`, "1.user"),
		refusal("an empty name", `[{"user": "", "channel": "msg", "message": []}]`, "0.user"),
		refusal("a string for pm_users", `[{"user": "s", "pm_users": "x"}]`, "0.pm_users"),
		refusal("bad names in pm_users", `[{"user": "s", "pm_users": [1, ""]}]`, "0.pm_users.0", "0.pm_users.1"),
		refusal("null for exclude_users", `[{"user": "s", "channel": "msg", "exclude_users": null}]`, "0.exclude_users"),
		refusal("an empty channel", `[{"user": "s", "channel": ""}]`, "0.channel"),
		refusal("a channel that is too long", `[{"user": "s", "channel": "`+strings.Repeat("c", 257)+`"}]`, "0.channel"),
		refusal("a bad uuid", `[{"user": "s", "channel": "msg", "uuid": "z"}]`, "0.uuid"),
		refusal("a bad timestamp", `[{"user": "s", "channel": "msg", "timestamp": "z"}]`, "0.timestamp"),
		refusal("a number for a timestamp", `[{"user": "s", "channel": "msg", "timestamp": 5}]`, "0.timestamp"),
		refusal("a date alone", `[{"user": "s", "channel": "msg", "timestamp": "2020-01-02"}]`, "0.timestamp"),
		refusal("a bad no_history", `[{"user": "s", "channel": "msg", "no_history": "z"}]`, "0.no_history"),
		refusal("keys of the server, which the record echoes and overwrites",
			`[{"user": "s", "channel": "msg", "type": "custom", "catchup": 5, "edited": "x", "offset": 1}]`, "0.type", "0.catchup", "0.edited", "0.offset"),
		refusal("neither channel nor pm_users: refused, not dropped", `[{"user": "s", "message": {"a": 1}}]`, "0.channel"),
		refusal("no channel and no pm_users: refused, not dropped",
			`[{"user": "s", "channel": null, "pm_users": [], "message": {"a": 1}}]`, "0.channel"),
	}
}

func acceptedMessages() []exchange {
	at := func(given, canonical string) exchange {
		return exchange{name: "timestamp " + given + ": with microseconds, and its zone",
			request: `POST /message [{"user": "s", "channel": "none", "timestamp": "` + given + `"}]`,
			answer:  ok(`[` + posted(`{"channel": "none", "timestamp": "`+canonical+`"}`) + `]`)}
	}
	return []exchange{
		{name: "no messages at all", request: `POST /message []`, answer: ok(`[]`)},
		{name: "message is optional; response has no type", request: `POST /message [{"user": "s", "channel": "msg"}]`,
			answer: ok(`[` + posted(`{"channel": "msg"}`) + `]`)},
		{name: "one message without a list", request: `POST /message {"user": "s", "channel": "msg", "message": "text"}`,
			answer: ok(`[` + posted(`{"channel": "msg", "message": "text"}`) + `]`)},
		{name: "null for message, which is refused in the record", request: `POST /message [{"user": "s", "channel": "msg", "message": null}]`,
			answer: ok(`[` + posted(`{"channel": "msg"}`) + `]`)},
		{name: "unknown pm user: 200", request: `POST /message [{"user": "s", "pm_users": ["nobody"], "message": {"a": 1}}]`,
			answer: ok(`[` + posted(`{"pm_users": ["nobody"], "message": {"a": 1}}`) + `]`)},
		{name: "extra keys kept; a time keeps its zone",
			request: `POST /message [{"uuid": "{B0000000-0000-4000-8000-000000000001}", "timestamp": "2020-01-02T03:04:05+02:00", "user": "s",
				"channel": "msg", "message": {"é": [1, {"x": null}]}, "extra": {"k": 1}, "edited": null,
				"no_history": "1", "pm_users": ["q"], "exclude_users": ["r"]}]`,
			answer: ok(`[` + posted(`{"uuid": "b0000000-0000-4000-8000-000000000001", "timestamp": "2020-01-02T03:04:05.000000+02:00",
				"channel": "msg", "message": {"é": [1, {"x": null}]}, "extra": {"k": 1},
				"no_history": true, "pm_users": ["q"], "exclude_users": ["r"]}`) + `]`)},
		at("2020-01-02T03:04", "2020-01-02T03:04:00.000000"),
		at("2020-01-02T03:04:05.5", "2020-01-02T03:04:05.500000"),
		at("2020-01-02 03:04:05", "2020-01-02T03:04:05.000000"),
		at("2020-01-02T03:04:05Z", "2020-01-02T03:04:05.000000Z"),
		at("2020-01-02T03:04:05.123456789", "2020-01-02T03:04:05.123456"),
	}
}
