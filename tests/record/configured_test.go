package record

import "testing"

func tellOfConfiguredChannels(t *testing.T, s *stage) {
	s.story().tell(t, configurations())
}

func configurations() []exchange {
	const full = `{"notify_presence": true, "store_history": true, "history_size": 3, "broadcast_presence_with_user_lists": true,
		"notify_state": true, "store_frames": false}`
	alice := []string{"alice-cfg"}
	return []exchange{
		{name: "all settings and none; without history and users", request: `POST /channel_config {"cfg": ` + full + `, "cfg2": {}}`,
			answer: ok(describe(map[string]channel{"cfg": {settings: full}, "cfg2": {}}))},
		{name: "everything else is back at defaults", request: `POST /channel_config {"cfg": {"notify_state": true}}`,
			answer: ok(describe(map[string]channel{"cfg": {settings: `{"notify_state": true}`}}))},
		{name: "the settings last", request: `POST /info {"info": {"channels": ["cfg", "nope"]}}`,
			answer: informed(describe(map[string]channel{"cfg": {settings: `{"notify_state": true}`}, "nope": {}}))},
		{name: "what was configured as any channel is stays so", request: `POST /subscribe {"user": "alice-cfg", "channels": ["cfg2"],
			"channel_configs": {"cfg2": {"history_size": 99}}}`, answer: done},
		{name: "it has stayed so", request: `POST /info {"channels": ["cfg2"]}`, answer: informed(describe(map[string]channel{"cfg2": {}}))},
		{name: "alice connects to it", request: `POST /connect {"username": "alice-cfg", "conn_id": "16000000-0000-4000-8000-000000000000",
			"channels": ["cfg"], "channel_configs": {"cfg": {"history_size": 99}}}`,
			answer: ok(`{"channels_info": ` + describe(map[string]channel{
				"cfg": {settings: `{"notify_state": true}`, connections: 1, users: alice},
			}, user("alice-cfg", `{}`)) + `, "…": 0}`)},
		{name: "users are not counted in the answer", request: `POST /channel_config {"cfg": {"history_size": "5"}}`,
			answer: ok(describe(map[string]channel{"cfg": {settings: `{"history_size": 5}`, connections: 1}}))},
	}
}
