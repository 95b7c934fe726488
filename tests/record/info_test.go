package record

import "testing"

func tellOfInfo(t *testing.T, s *stage) {
	s.hold(t, refusedInfos())
	s.story().tell(t, infos())
}

func refusedInfos() []exchange {
	return []exchange{
		{name: "null for info", request: `POST /info {"info": null}`, answer: refused("info")},
		{name: "an unknown option", request: `POST /info {"info": {"zz": 1}}`, answer: refused("info.zz")},
		{name: "an unknown key", request: `POST /info {"zz": 1}`, answer: refused("zz")},
		{name: "a list", request: `POST /info []`, answer: refused("_schema")},
		{name: "no signature", request: `GET /info`, unsigned: true, answer: forbidden},
	}
}

// informed is the whole of an answer, of which the record has channels and users alone.
func informed(described string) answer {
	return ok(with(`{"unique_users": "<number>", "remembered_users": "<number>", "total_connections": "<number>",
		"total_messages": "<number>", "total_unique_messages": "<number>", "uptime": "<number>"}`, described))
}

func infos() []exchange {
	both := []string{"alice-info", "bob-info"}
	golden := map[string]channel{"golden-info": {connections: 2, users: both}}
	withNobody := map[string]channel{"golden-info": golden["golden-info"], "nope": {}}
	users := []string{user("alice-info", `{"color": "red", "n": 2}`), user("bob-info", `{}`)}
	all := ok(`{"channels": {"golden-info": ` + encode(golden["golden-info"].describe("golden-info")) + `, "side-info": {"…": 0}, "…": 0},
		"users": ["…", ` + users[0] + `, ` + users[1] + `], "…": 0}`)
	public := with(users[0], `{"state": {"color": "red"}, "connections": ["15000000-0000-4000-8000-000000000000"]}`)
	return []exchange{
		{name: "alice is there", request: `POST /connect {"username": "alice-info", "conn_id": "15000000-0000-4000-8000-000000000000",
			"channels": ["golden-info", "side-info"], "user_state": {"color": "red", "n": 2}, "state_public_keys": ["color"]}`, answer: done},
		{name: "bob is there", request: `POST /connect {"username": "bob-info", "conn_id": "35000000-0000-4000-8000-000000000000",
			"channels": ["golden-info"]}`, answer: done},
		{name: "a name that nobody uses: zeros, not skipped", request: `POST /info {"info": {"channels": ["nope", "golden-info"]}}`,
			answer: informed(describe(withNobody, users...))},
		{name: "excluded though named", request: `POST /info {"info": {"channels": ["nope", "golden-info"], "exclude_channels": ["nope"]}}`,
			answer: informed(describe(golden, users...))},
		{name: "channels as the first release asked for them", request: `POST /info {"channels": ["golden-info"]}`,
			answer: informed(describe(golden, users...))},
		{name: "exclude_channels, include_users false: users [] and total_users 0",
			request: `POST /info {"info": {"channels": ["golden-info", "side-info"], "exclude_channels": ["side-info"], "include_history": false,
				"include_users": false, "include_connections": true, "return_public_state": true}}`,
			answer: informed(describe(map[string]channel{"golden-info": {connections: 2}}))},
		{name: "include_connections and return_public_state",
			request: `POST /info {"info": {"channels": ["side-info"], "include_connections": true, "return_public_state": true}}`,
			answer:  informed(describe(map[string]channel{"side-info": {connections: 1, users: both[:1]}}, public))},
		{name: "no info: all channels, not 422", request: `POST /info {}`, answer: all},
		{name: "all channels", request: `POST /info {"info": {}}`, answer: all},
		{name: "[] = all channels, not none", request: `POST /info {"info": {"channels": []}}`, answer: all},
		{name: "GET with no body: all channels", request: `GET /info`, answer: all},
	}
}
