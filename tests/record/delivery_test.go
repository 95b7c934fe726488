package record

import "testing"

// wa and wb are in the room, wc is in another.
func tellOfDelivery(t *testing.T, s *stage) {
	story := s.story()
	story.enter(t, "wa", "room")
	story.enter(t, "wb", "room")
	story.enter(t, "wc", "quiet")
	story.tell(t, deliveries())
	several := s.story()
	several.enterThrice(t)
	several.tell(t, deliveriesToSeveralConnections())
}

func deliveries() []exchange {
	post := func(name, given, answered string, got frames) exchange {
		return exchange{name: name, request: `POST /message [` + given + `]`, answer: ok(`[` + answered + `]`), frames: got}
	}
	toBoth := func(messages ...string) frames { return frames{"wa": messages, "wb": messages} }
	const custom = `"uuid": "7b7edea3-024c-460c-8a45-177ccbe374d9", "user": "system", "channel": "room", "message": {"text": "héllo"}, "extra": 1`
	const excl = `"uuid": "<uuid excl>", "timestamp": "<time excl>", "channel": "room", "message": {"t": "excl"}`
	const within = `"uuid": "<uuid within>", "timestamp": "<time within>", "channel": "room", "message": {"t": "pm-in-channel"}`
	const pm = `"uuid": "<uuid pm>", "timestamp": "<time pm>", "message": {"t": "pm"}`
	const pmExcl = `"uuid": "<uuid pm-excl>", "timestamp": "<time pm-excl>", "message": {"t": "pm-excl"}`
	const tz = `{"channel": "room", "message": {"t": "tz"}, "timestamp": "2020-01-02T03:04:05.000000Z"}`
	n := []string{
		`{"uuid": "<uuid 0>", "timestamp": "<time 0>", "channel": "room", "message": {"n": 0}}`,
		`{"uuid": "<uuid 1>", "timestamp": "<time 1>", "channel": "room", "message": {"n": 1}}`,
		`{"uuid": "<uuid 2>", "timestamp": "<time 2>", "channel": "room", "message": {"n": 2}}`,
	}
	return []exchange{
		post("a channel message: extra keys are delivered", `{`+custom+`}`,
			posted(`{`+custom+`, "timestamp": "<time custom>"}`),
			toBoth(sent(`{`+custom+`, "timestamp": "<time custom>"}`))),
		post("exclude_users", `{"user": "s", "channel": "room", "message": {"t": "excl"}, "exclude_users": ["wa"]}`,
			posted(`{`+excl+`, "exclude_users": ["wa"]}`), frames{"wb": {sent(`{` + excl + `}`)}}),
		post("pm_users inside a channel", `{"user": "s", "channel": "room", "message": {"t": "pm-in-channel"}, "pm_users": ["wb", "wc"]}`,
			posted(`{`+within+`, "pm_users": ["wb", "wc"]}`), frames{"wb": {sent(`{` + within + `}`)}}),
		post("pm only", `{"user": "s", "message": {"t": "pm"}, "pm_users": ["wa", "wc", "nobody"]}`,
			posted(`{`+pm+`, "pm_users": ["wa", "wc", "nobody"]}`), frames{"wa": {sent(`{` + pm + `}`)}, "wc": {sent(`{` + pm + `}`)}}),
		post("pm and exclude_users, which is honoured without a channel, too",
			`{"user": "s", "message": {"t": "pm-excl"}, "pm_users": ["wa", "wc"], "exclude_users": ["wa"]}`,
			posted(`{`+pmExcl+`, "pm_users": ["wa", "wc"], "exclude_users": ["wa"]}`), frames{"wc": {sent(`{` + pmExcl + `}`)}}),
		post("exclude wins", `{"user": "s", "channel": "room", "message": {"t": "both"}, "pm_users": ["wa"], "exclude_users": ["wa"]}`,
			posted(`{"channel": "room", "message": {"t": "both"}, "pm_users": ["wa"], "exclude_users": ["wa"]}`), nil),
		post("3 messages, in order; in frames of any number",
			`{"user": "s", "channel": "room", "message": {"n": 0}}, {"user": "s", "channel": "room", "message": {"n": 1}},
			{"user": "s", "channel": "room", "message": {"n": 2}}`,
			posted(n[0])+`, `+posted(n[1])+`, `+posted(n[2]), toBoth(sent(n[0]), sent(n[1]), sent(n[2]))),
		post("a time with a zone: with it in the answer and in the frame",
			`{"user": "s", "channel": "room", "timestamp": "2020-01-02T03:04:05+00:00", "message": {"t": "tz"}}`, posted(tz), toBoth(sent(tz))),
		post("no_history: delivered", `{"user": "s", "channel": "room", "no_history": true, "message": {"t": "nohist"}}`,
			posted(`{"channel": "room", "no_history": true, "message": {"t": "nohist"}}`),
			toBoth(sent(`{"channel": "room", "message": {"t": "nohist"}}`))),
		post("any JSON value for a message", `{"user": "s", "channel": "room", "message": [1.50, "é", null]}`,
			posted(`{"channel": "room", "message": [1.50, "é", null]}`), toBoth(sent(`{"channel": "room", "message": [1.50, "é", null]}`))),
		post("a message that is left out: null", `{"user": "s", "channel": "room"}`,
			posted(`{"channel": "room"}`), toBoth(sent(`{"channel": "room"}`))),
	}
}

// enterThrice opens two connections of one user in a channel and a third in none.
func (s *story) enterThrice(t *testing.T) {
	t.Helper()
	for connID, channels := range map[string][]string{"conn0": {"mu"}, "conn1": {"mu"}, "conn2": {}} {
		s.exchange(t, exchange{
			request: "POST /connect " + encode(map[string]any{"user": "mu", "conn_id": connID, "channels": channels}), answer: done,
		}, s.known)
		s.open(t, connID, "mu", channels...)
	}
}

func deliveriesToSeveralConnections() []exchange {
	const inChannel, private = `{"uuid": "<uuid chan>", "channel": "mu", "message": {"n": "chan"}}`, `{"uuid": "<uuid pm>", "message": {"n": "pm"}}`
	const same = `"uuid": "c0000000-0000-4000-8000-000000000017", "channel": "mu"`
	return []exchange{
		{name: "one user, two connections in the channel and a third in none: channel message goes to the two, PM to all three",
			request: `POST /message [{"user": "s", "channel": "mu", "message": {"n": "chan"}}, {"user": "s", "pm_users": ["mu"], "message": {"n": "pm"}}]`,
			answer:  ok(`[` + posted(inChannel) + `, ` + posted(with(private, `{"pm_users": ["mu"]}`)) + `]`),
			frames: frames{
				"conn0": {sent(inChannel), sent(private)},
				"conn1": {sent(inChannel), sent(private)},
				"conn2": {sent(private)},
			}},
		{name: "same uuid twice in a list: refused, unlike in the record",
			request: `POST /message [{` + same + `, "user": "s", "message": {"n": 1}}, {` + same + `, "user": "s", "message": {"n": 2}}]`,
			answer:  refused("1.uuid")},
		{name: "same uuid", request: `POST /message [{` + same + `, "user": "s", "message": {"n": 1}}]`, answer: done,
			frames: frames{"conn0": {sent(`{` + same + `, "message": {"n": 1}}`)}, "conn1": {sent(`{` + same + `, "message": {"n": 1}}`)}}},
		{name: "same uuid again: not delivered again, unlike in the record",
			request: `POST /message [{` + same + `, "user": "s", "message": {"n": 2}}]`, answer: done},
	}
}
