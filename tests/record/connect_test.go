package record

import (
	"strings"
	"testing"
)

func tellOfConnect(t *testing.T, s *stage) {
	s.hold(t, refusedConnects())
	s.hold(t, plainConnects())
	s.story().tell(t, fullConnects())
}

func refusedConnects() []exchange {
	return []exchange{
		{name: "no user", request: `POST /connect {}`, answer: refused("user")},
		{name: "a list", request: `POST /connect []`, answer: refused("_schema")},
		{name: "no body: 400, not 500", request: `POST /connect`, answer: malformed},
		{name: "null", request: `POST /connect null`, answer: refused("_schema")},
		{name: "a number", request: `POST /connect 5`, answer: refused("_schema")},
		{name: "a string", request: `POST /connect "str"`, answer: refused("_schema")},
		{name: "an empty name", request: `POST /connect {"username": ""}`, answer: refused("username")},
		{name: "null for a name", request: `POST /connect {"username": null}`, answer: refused("username")},
		{name: "a number for a name", request: `POST /connect {"username": 5}`, answer: refused("username")},
		{name: "a name that is too long", request: `POST /connect {"username": "` + strings.Repeat("u", 513) + `"}`, answer: refused("username")},
		{name: "a number for a conn_id", request: `POST /connect {"username": "x", "conn_id": 5}`, answer: refused("conn_id")},
		{name: "null for a conn_id", request: `POST /connect {"username": "x", "conn_id": null}`, answer: refused("conn_id")},
		{name: "a string for channels", request: `POST /connect {"username": "x", "channels": "a"}`, answer: refused("channels")},
		{name: "bad names of channels", request: `POST /connect {"username": "x", "channels": ["", 1, "` + strings.Repeat("c", 257) + `"]}`,
			answer: refused("channels.0", "channels.1", "channels.2")},
		{name: "null for channels", request: `POST /connect {"username": "x", "channels": null}`, answer: refused("channels")},
		{name: "an object for channels", request: `POST /connect {"username": "x", "channels": {"a": 1}}`, answer: refused("channels")},
		{name: "unknown keys", request: `POST /connect {"username": "x", "foo": 1, "bar": 2}`, answer: refused("bar", "foo")},
		{name: "values of a fresh state that are no scalars",
			request: `POST /connect {"username": "x", "fresh_user_state": {"a": [], "b": {}, "c": 1}}`,
			answer:  refused("fresh_user_state.a", "fresh_user_state.b")},
		{name: "a list for a state", request: `POST /connect {"username": "x", "user_state": []}`, answer: refused("user_state")},
		{name: "bad public keys", request: `POST /connect {"username": "x", "state_public_keys": ["", 1]}`,
			answer: refused("state_public_keys.0", "state_public_keys.1")},
		{name: "null for public keys", request: `POST /connect {"username": "x", "state_public_keys": null}`, answer: refused("state_public_keys")},
		{name: "bad channel_configs", request: `POST /connect {"username": "x", "channel_configs": {"a": {"history_size": -1}, "b": 5,
			"c": {"foo": 1}, "d": {"notify_presence": "maybe", "store_history": null, "history_size": "z"}}}`,
			answer: refused("channel_configs.a.history_size", "channel_configs.b", "channel_configs.c.foo",
				"channel_configs.d.notify_presence", "channel_configs.d.store_history", "channel_configs.d.history_size")},
		{name: "a list for channel_configs", request: `POST /connect {"username": "x", "channel_configs": []}`, answer: refused("channel_configs")},
		{name: "a bad info", request: `POST /connect {"username": "x", "info": {"foo": 1, "include_users": "maybe", "exclude_channels": "a", "channels": [""]}}`,
			answer: refused("info.foo", "info.include_users", "info.exclude_channels", "info.channels.0")},
		{name: "null for info", request: `POST /connect {"username": "x", "info": null}`, answer: refused("info")},
		{name: "a list for info", request: `POST /connect {"username": "x", "info": []}`, answer: refused("info")},
		{name: "all faults at once; the conn_id is none, it may be any string", request: `POST /connect {"channels": 5, "conn_id": "z"}`,
			answer: refused("user", "channels")},
	}
}

// connected is the answer for a user without channels and state, and as given.
func connected(given string) answer {
	return ok(with(`{"conn_id": "<uuid>", "status": 1, "state": {}, "public_state": {}, "channels": [],
		"channels_info": {"channels": {}, "users": []}}`, given))
}

func plainConnects() []exchange {
	form := func(name, given, canonical string) exchange {
		return exchange{name: "forms of a conn_id: " + name, request: `POST /connect {"username": "form", "conn_id": "` + given + `"}`,
			answer: connected(`{"user": "form", "username": "form", "conn_id": "` + canonical + `"}`)}
	}
	return []exchange{
		{name: "minimal, conn_id is generated", request: `POST /connect {"username": "min"}`,
			answer: connected(`{"user": "min", "username": "min"}`)},
		{name: "user for username", request: `POST /connect {"user": "min3"}`,
			answer: connected(`{"user": "min3", "username": "min3"}`)},
		{name: "channels come back sorted, duplicates are not kept", request: `POST /connect {"username": "min2", "channels": ["zz", "a", "a"]}`,
			answer: connected(`{"user": "min2", "username": "min2", "channels": ["a", "zz"], "channels_info": ` +
				describe(map[string]channel{"a": {connections: 1, users: []string{"min2"}}, "zz": {connections: 1, users: []string{"min2"}}},
					user("min2", `{}`)) + `}`)},
		{name: "null for an absent key of the state", request: `POST /connect {"username": "min4", "user_state": {"": null}}`,
			answer: connected(`{"user": "min4", "username": "min4"}`)},
		form("upper case", "A0000000-0000-4000-8000-00000000000B", "a0000000-0000-4000-8000-00000000000b"),
		form("no dashes", "a0000000000040008000000000000002", "a0000000-0000-4000-8000-000000000002"),
		form("braces", "{a0000000-0000-4000-8000-000000000003}", "a0000000-0000-4000-8000-000000000003"),
		form("urn:uuid:", "urn:uuid:a0000000-0000-4000-8000-000000000004", "a0000000-0000-4000-8000-000000000004"),
		form("any string, which is refused in the record", "abc", "abc"),
	}
}

func fullConnects() []exchange {
	const golden = `{"notify_presence": true, "store_history": true, "history_size": 3, "broadcast_presence_with_user_lists": true, "notify_state": true}`
	const before = `{"status": "ready", "private": "p", "n": 1, "f": 1.5, "b": true, "extra": "e"}`
	const after = `{"status": "ready", "private": "p", "n": 2, "f": 1.5, "b": true, "extra": "e"}`
	const public = `{"status": "ready", "extra": "e"}`
	alice, both := []string{"alice"}, []string{"alice", "bob"}
	return []exchange{
		{name: "full", request: `POST /connect {"username": "alice", "conn_id": "10000000-0000-4000-8000-000000000000",
			"channels": ["golden", "plain"], "fresh_user_state": {"status": "ready", "private": "p", "n": 1, "f": 1.5, "b": true, "nil": null},
			"user_state": {"extra": "e"}, "state_public_keys": ["status", "extra", "absent"], "info": {"return_public_state": true},
			"channel_configs": {"golden": {"notify_presence": "yes", "notify_state": 1, "store_history": "on", "history_size": "3",
			"broadcast_presence_with_user_lists": "True"}, "other": {"store_history": true}}}`,
			answer: connected(`{"user": "alice", "username": "alice", "conn_id": "10000000-0000-4000-8000-000000000000",
				"state": ` + before + `, "public_state": ` + public + `, "channels": ["golden", "plain"], "channels_info": ` +
				describe(map[string]channel{
					"golden": {settings: golden, connections: 1, users: alice},
					"plain":  {connections: 1, users: alice},
				}, user("alice", public)) + `}`)},
		{name: "channel_configs for a channel that is not in channels are ignored", request: `POST /info {"info": {"channels": ["other"]}}`,
			answer: informed(describe(map[string]channel{"other": {}}))},
		{name: "second connect of the same user: fresh state ignored, state merged, public keys replaced, configs ignored",
			request: `POST /connect {"username": "alice", "conn_id": "20000000-0000-4000-8000-000000000000", "channels": ["golden"],
			"fresh_user_state": {"status": "IGNORED"}, "user_state": {"n": 2}, "channel_configs": {"golden": {"history_size": 99}}}`,
			answer: connected(`{"user": "alice", "username": "alice", "conn_id": "20000000-0000-4000-8000-000000000000",
				"state": ` + after + `, "channels": ["golden"], "channels_info": ` +
				describe(map[string]channel{"golden": {settings: golden, connections: 2, users: alice}}, user("alice", after)) + `}`)},
		{name: "include_users false: users [] and total_users 0", request: `POST /connect {"username": "bob",
			"conn_id": "30000000-0000-4000-8000-000000000000", "channels": ["golden"], "info": {"include_users": false, "include_history": false}}`,
			answer: connected(`{"user": "bob", "username": "bob", "conn_id": "30000000-0000-4000-8000-000000000000", "channels": ["golden"],
				"channels_info": ` + describe(map[string]channel{"golden": {settings: golden, connections: 3}}) + `}`)},
		{name: "exclude_channels; info.channels has no effect here", request: `POST /connect {"username": "bob",
			"conn_id": "40000000-0000-4000-8000-000000000000", "channels": ["golden", "plain"],
			"info": {"exclude_channels": ["golden"], "channels": ["golden"]}}`,
			answer: connected(`{"user": "bob", "username": "bob", "conn_id": "40000000-0000-4000-8000-000000000000",
				"channels": ["golden", "plain"], "channels_info": ` +
				describe(map[string]channel{"plain": {connections: 2, users: both}}, user("alice", after), user("bob", `{}`)) + `}`)},
	}
}
