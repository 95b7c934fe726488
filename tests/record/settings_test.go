package record

import "testing"

func tellOfSettings(t *testing.T, s *stage) {
	s.hold(t, refusedSettings())
	s.story().tell(t, []exchange{
		{name: "a bad entry", request: `POST /channel_config {"half": {"store_history": true}, "other-half": {"zzz": 1}}`,
			answer: refused("other-half.zzz")},
		{name: "a bad entry changes nothing", request: `POST /info {"info": {"channels": ["half", "other-half"]}}`,
			answer: informed(describe(map[string]channel{"half": {}, "other-half": {}}))},
	})
}

// The paths begin with the channel, which the record does not name.
func refusedSettings() []exchange {
	refusal := func(name, body string, paths ...string) exchange {
		return exchange{name: name, request: `POST /channel_config ` + body, answer: refused(paths...)}
	}
	return []exchange{
		{name: "nothing", request: `POST /channel_config {}`, answer: ok(`{"channels": {}, "users": []}`)},
		refusal("a list: 422, not 500", `[]`, "_schema"),
		refusal("a number", `{"c1": 5}`, "c1"),
		refusal("a list for a channel", `{"c1": []}`, "c1"),
		refusal("a negative size", `{"c1": {"history_size": -1}}`, "c1.history_size"),
		refusal("an unknown key", `{"c1": {"zzz": 1}}`, "c1.zzz"),
		refusal("null", `{"c1": {"notify_presence": null}}`, "c1.notify_presence"),
	}
}
