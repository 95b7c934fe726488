package record

import "testing"

func tellOfEdits(t *testing.T, s *stage) {
	s.hold(t, refusedEdits())
	story := s.story()
	story.enter(t, "ea", "edits")
	story.enter(t, "eb", "edits")
	story.enter(t, "ec", "edits-quiet")
	story.tell(t, edits())
	story.tell(t, deletions())
}

func refusedEdits() []exchange {
	const uuid = `"uuid": "70000000-0000-4000-8000-000000000000"`
	refusal := func(name, request string, paths ...string) exchange {
		return exchange{name: name, request: request, answer: refused(paths...)}
	}
	return []exchange{
		refusal("PATCH of one edit that is empty, which may come without a list", `PATCH /message {}`, "uuid", "channel"),
		{name: "PATCH of nothing", request: `PATCH /message []`, answer: ok(`[]`)},
		refusal("PATCH of an empty edit; for nobody, too", `PATCH /message [{}]`, "0.uuid", "0.channel"),
		refusal("PATCH with a bad uuid", `PATCH /message [{"uuid": "z", "channel": "edits"}]`, "0.uuid"),
		refusal("PATCH with bad fields; message may be any JSON value",
			`PATCH /message [{`+uuid+`, "channel": "edits", "user": 5, "message": "s", "timestamp": "z", "edited": "z"}]`,
			"0.user", "0.edited", "0.timestamp"),
		refusal("PATCH, neither channel nor pm_users: refused, not echoed", `PATCH /message [{`+uuid+`, "message": {"x": 1}}]`, "0.channel"),
		refusal("DELETE of one deletion that is empty, which may come without a list", `DELETE /message {}`, "uuid", "channel"),
		{name: "DELETE of nothing", request: `DELETE /message []`, answer: ok(`[]`)},
		refusal("DELETE of an empty deletion; of nobody, too", `DELETE /message [{}]`, "0.uuid", "0.channel"),
		refusal("DELETE with a bad uuid", `DELETE /message [{"uuid": "z", "channel": "edits"}]`, "0.uuid"),
		refusal("DELETE with unknown keys", `DELETE /message [{`+uuid+`, "channel": "edits", "extra": 1, "user": "x"}]`, "0.user", "0.extra"),
		refusal("DELETE, neither channel nor pm_users: refused", `DELETE /message [{`+uuid+`}]`, "0.channel"),
	}
}

const original = `"uuid": "7a8f9510-5764-42d4-ae94-136c37cc19d4"`

func edits() []exchange {
	edit := func(name, given, answered string, got frames) exchange {
		answered = with(`{"pm_users": [], "exclude_users": [], "no_history": false, "channel": null}`, answered)
		return exchange{name: name, request: `PATCH /message [` + given + `]`, answer: ok(`[` + answered + `]`), frames: got}
	}
	event := func(given string) []string { return []string{with(given, `{"type": "message:edit"}`)} }
	const text = `{` + original + `, "channel": "edits", "message": {"text": "changed"}, "edited": "<time 1>", "foreign": 7}`
	const full = `{` + original + `, "channel": "edits", "user": "editor", "message": {"text": "full"},
		"timestamp": "2010-01-01T01:01:00.000000", "edited": "2010-01-01T01:02:00.000000"}`
	const unknown = `{"uuid": "80000000-0000-4000-8000-000000000000", "channel": "edits", "message": {"x": 1}, "edited": "<time 2>"}`
	const private = `{` + original + `, "channel": null, "message": {"x": 1}, "edited": "<time 3>"}`
	message := sent(`{` + original + `, "channel": "edits", "message": {"text": "first"}, "extra": 1}`)
	return []exchange{
		{name: "a message", request: `POST /message [{` + original + `, "user": "s", "channel": "edits", "message": {"text": "first"}, "extra": 1}]`,
			answer: done, frames: frames{"ea": {message}, "eb": {message}}},
		edit("edit only text: event has only what the PATCH body had, plus edited and type",
			`{`+original+`, "channel": "edits", "message": {"text": "changed"}, "foreign": 7}`, text,
			frames{"ea": event(text), "eb": event(text)}),
		edit("edit of all, with exclude_users; times in UTC with microseconds",
			`{`+original+`, "channel": "edits", "user": "editor", "timestamp": "2010-01-01T01:01", "edited": "2010-01-01T01:02",
				"message": {"text": "full"}, "exclude_users": ["eb"]}`,
			with(full, `{"exclude_users": ["eb"]}`), frames{"ea": event(full)}),
		edit("unknown uuid: event is sent all the same", `{"uuid": "80000000-0000-4000-8000-000000000000", "channel": "edits", "message": {"x": 1}}`,
			unknown, frames{"ea": event(unknown), "eb": event(unknown)}),
		edit("pm edit", `{`+original+`, "pm_users": ["ec"], "message": {"x": 1}}`, with(private, `{"pm_users": ["ec"]}`),
			frames{"ec": event(private)}),
		edit("pm edit and exclude_users, which is honoured", `{`+original+`, "pm_users": ["ec", "ea"], "exclude_users": ["ec"], "message": {"x": 1}}`,
			with(private, `{"pm_users": ["ec", "ea"], "exclude_users": ["ec"], "edited": "<time 4>"}`),
			frames{"ea": event(with(private, `{"edited": "<time 4>"}`))}),
	}
}

func deletions() []exchange {
	remove := func(name, given, answered string, got frames) exchange {
		answered = with(`{`+original+`, "pm_users": [], "exclude_users": [], "no_history": false, "channel": null}`, answered)
		return exchange{name: name, request: `DELETE /message [` + given + `]`, answer: ok(`[` + answered + `]`), frames: got}
	}
	event := []string{`{` + original + `, "channel": "edits", "type": "message:delete"}`}
	return []exchange{
		remove("delete", `{`+original+`, "channel": "edits"}`, `{"channel": "edits"}`, frames{"ea": event, "eb": event}),
		remove("again: event repeated; pm_users restricts", `{`+original+`, "channel": "edits", "pm_users": ["eb"]}`,
			`{"channel": "edits", "pm_users": ["eb"]}`, frames{"eb": event}),
		remove("pm delete", `{`+original+`, "pm_users": ["ec"]}`, `{"pm_users": ["ec"]}`,
			frames{"ec": {`{` + original + `, "channel": null, "type": "message:delete"}`}}),
	}
}
