package record

import (
	"fmt"
	"testing"
)

func tellOfHistory(t *testing.T, s *stage) {
	for name, tell := range map[string][]exchange{
		"7 what is kept":      keptMessages(),
		"7 no limit":          unlimitedHistory(),
		"8 edits, deletions":  editedHistory(),
		"17 smaller and less": changedHistory(),
		"17 same uuid":        repeatedMessages(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.story().tell(t, tell)
		})
	}
}

// shown asks for the history of a channel, in which there is this and nothing else.
func shown(name, channel string, messages ...string) exchange {
	return exchange{name: name, request: `POST /info {"info": {"channels": ["` + channel + `"]}}`,
		answer: ok(`{"channels": {"` + channel + `": {"history": ` + encode(raw(messages)) + `, "…": 0}}, "…": 0}`)}
}

// saying is a message in the history of which only what it says counts.
func saying(content string) string { return `{"message": ` + content + `, "…": 0}` }

func configured(channel, settings string) exchange {
	return exchange{name: "settings of " + channel + ": " + settings,
		request: `POST /channel_config {"` + channel + `": ` + settings + `}`, answer: done}
}

func postAll(name, channel string, contents ...string) exchange {
	var list []any
	for _, content := range raw(contents) {
		list = append(list, map[string]any{"user": "s", "channel": channel, "message": content})
	}
	return exchange{name: name, request: `POST /message ` + encode(list), answer: done}
}

func keptMessages() []exchange {
	const keys = `"uuid": "d0000000-0000-4000-8000-000000000001", "channel": "hist", "message": {"t": "tz"}, "extra": 1,
		"pm_users": ["q"], "exclude_users": ["r"]`
	n2 := kept(`{"channel": "hist", "message": {"n": 2}}`)
	tz := kept(`{` + keys + `, "timestamp": "2020-01-02T03:04:05.000000Z"}`)
	info := func(messages ...string) string {
		return describe(map[string]channel{"hist": {settings: `{"store_history": true, "history_size": 2}`, connections: 1,
			users: []string{"hist"}, history: messages}}, user("hist", `{}`))
	}
	return []exchange{
		{name: "a channel is made", request: `POST /connect {"user": "hist", "conn_id": "hist", "channels": ["hist"],
			"channel_configs": {"hist": {"store_history": true, "history_size": 2}}}`, answer: ok(`{"channels_info": ` + info() + `, "…": 0}`)},
		postAll("messages", "hist", `{"n": 0}`, `{"n": 1}`, `{"n": 2}`),
		{name: "one with keys of its own", request: `POST /message [{` + keys + `, "user": "s",
			"timestamp": "2020-01-02T03:04:05+00:00"}]`, answer: done},
		{name: "history keeps the last 2, and the delivery keys plus type/catchup/edited", request: `POST /info {"info": {"channels": ["hist"]}}`,
			answer: informed(info(n2, tz))},
		{name: "no_history", request: `POST /message [{"user": "s", "channel": "hist", "no_history": true, "message": {"t": "nohist"}}]`, answer: done},
		shown("no_history: not stored", "hist", n2, tz),
		{name: "connect shows it", request: `POST /connect {"user": "hist", "conn_id": "hist"}`, answer: ok(`{"channels_info": ` + info(n2, tz) + `, "…": 0}`)},
		{name: "subscribe shows it", request: `POST /subscribe {"conn_id": "hist", "channels": ["hist"]}`,
			answer: ok(`{"channels_info": ` + info(n2, tz) + `, "…": 0}`)},
		{name: "include_history false", request: `POST /connect {"user": "hist", "conn_id": "hist", "info": {"include_history": false}}`,
			answer: ok(`{"channels_info": ` + info() + `, "…": 0}`)},
		{name: "channel_config does not show it", request: `POST /channel_config {"hist": {"store_history": true, "history_size": 2}}`,
			answer: ok(describe(map[string]channel{"hist": {settings: `{"store_history": true, "history_size": 2}`, connections: 1}}))},
	}
}

func unlimitedHistory() []exchange {
	var contents, messages []string
	for n := range 15 {
		contents = append(contents, fmt.Sprint(n))
		messages = append(messages, saying(fmt.Sprint(n)))
	}
	return []exchange{
		configured("unlimited", `{"store_history": true, "history_size": 0}`),
		postAll("15 messages sent", "unlimited", contents...),
		shown("history_size 0 means unlimited", "unlimited", messages...),
	}
}

func editedHistory() []exchange {
	const uuid = `"uuid": "d0000000-0000-4000-8000-000000000008"`
	return []exchange{
		configured("hist-edit", `{"store_history": true, "history_size": 2}`),
		postAll("a message", "hist-edit", `{"t": "tz"}`),
		{name: "one to edit", request: `POST /message [{` + uuid + `, "user": "s", "channel": "hist-edit", "message": {"text": "first"}, "extra": 1}]`,
			answer: done},
		{name: "edit only text", request: `PATCH /message [{` + uuid + `, "channel": "hist-edit", "message": {"text": "changed"}, "foreign": 7}]`, answer: done},
		shown("message and edited replaced, other keys kept, foreign keys not added, type still message", "hist-edit", saying(`{"t": "tz"}`),
			kept(`{`+uuid+`, "channel": "hist-edit", "message": {"text": "changed"}, "extra": 1, "edited": "<time>"}`)),
		{name: "edit of all", request: `PATCH /message [{` + uuid + `, "channel": "hist-edit", "user": "editor", "timestamp": "2010-01-01T01:01",
			"edited": "2010-01-01T01:02", "message": {"text": "full"}, "exclude_users": ["wb"]}]`, answer: done},
		shown("uuid/timestamp/user/message/edited replaced", "hist-edit", saying(`{"t": "tz"}`),
			kept(`{`+uuid+`, "channel": "hist-edit", "user": "editor", "message": {"text": "full"}, "extra": 1,
				"timestamp": "2010-01-01T01:01:00.000000", "edited": "2010-01-01T01:02:00.000000"}`)),
		{name: "unknown uuid", request: `PATCH /message [{"uuid": "80000000-0000-4000-8000-000000000008", "channel": "hist-edit", "message": 1}]`, answer: done},
		{name: "pm edit", request: `PATCH /message [{` + uuid + `, "pm_users": ["wc"], "message": {"x": 1}}]`, answer: done},
		{name: "pm delete", request: `DELETE /message [{` + uuid + `, "pm_users": ["wc"]}]`, answer: done},
		shown("events are never in history; those of private messages do not touch it", "hist-edit", saying(`{"t": "tz"}`), saying(`{"text": "full"}`)),
		{name: "delete", request: `DELETE /message [{` + uuid + `, "channel": "hist-edit"}]`, answer: done},
		shown("history after delete", "hist-edit", saying(`{"t": "tz"}`)),
	}
}

func changedHistory() []exchange {
	messages := func(from, to int) (list []string) {
		for n := from; n <= to; n++ {
			list = append(list, saying(fmt.Sprint(n)))
		}
		return list
	}
	return []exchange{
		configured("hist-less", `{"store_history": true}`),
		postAll("5 messages", "hist-less", `0`, `1`, `2`, `3`, `4`),
		shown("all of them", "hist-less", messages(0, 4)...),
		configured("hist-less", `{"store_history": true, "history_size": 2}`),
		shown("after lowering to 2: two at once; in the record there are all until the next message", "hist-less", messages(3, 4)...),
		postAll("one more", "hist-less", `5`),
		shown("after one more message", "hist-less", messages(4, 5)...),
		configured("hist-less", `{"history_size": 2}`),
		postAll("one that is not to be kept", "hist-less", `6`),
		shown("store_history switched off: old history stays visible, new messages are not added", "hist-less", messages(4, 5)...),
		configured("hist-less", `{"store_history": true, "history_size": 0}`),
		shown("raised again: what was trimmed does not come back", "hist-less", messages(4, 5)...),
		postAll("two more", "hist-less", `7`, `8`),
		shown("after two more messages", "hist-less", saying(`4`), saying(`5`), saying(`7`), saying(`8`)),
	}
}

func repeatedMessages() []exchange {
	const uuid = `"uuid": "d0000000-0000-4000-8000-000000000017", "channel": "hist-same"`
	post := func(content string) exchange {
		return exchange{name: "message " + content, request: `POST /message [{` + uuid + `, "user": "s", "message": ` + content + `}]`, answer: done}
	}
	return []exchange{
		configured("hist-same", `{"store_history": true}`),
		post(`1`),
		post(`2`),
		shown("same uuid posted twice: kept once, unlike in the record", "hist-same", saying(`1`)),
		{name: "edit", request: `PATCH /message [{` + uuid + `, "message": "edited"}]`, answer: done},
		shown("history", "hist-same", saying(`"edited"`)),
		{name: "delete", request: `DELETE /message [{` + uuid + `}]`, answer: done},
		shown("after one delete", "hist-same"),
	}
}
