package record

import (
	"net/http"
	"testing"
)

// Of the connections of alice and bob.
const (
	alicesFirst  = "13000000-0000-4000-8000-000000000000"
	alicesSecond = "23000000-0000-4000-8000-000000000000"
	bobs         = "33000000-0000-4000-8000-000000000000"
	nobodys      = "90000000-0000-4000-8000-000000000000"
)

// unknownConnection has the sentence of the record.
var unknownConnection = answer{http.StatusUnprocessableEntity,
	`{"error": "<sentence>", "code": "invalid", "errors": {"conn_id": ["Unknown connection"]}}`}

// joined brings alice, with a channel of her own, and bob into the channel golden; all names end in mark.
func joined(mark, first, second, third string) []exchange {
	return []exchange{
		{name: "alice is there", request: `POST /connect {"username": "alice` + mark + `", "conn_id": "` + first + `", "channels": ["golden` + mark + `"],
			"fresh_user_state": {"n": 2}, "channel_configs": {"golden` + mark + `": {"history_size": 3, "notify_presence": true}}}`, answer: done},
		{name: "alice is there again", request: `POST /connect {"username": "alice` + mark + `", "conn_id": "` + second + `",
			"channels": ["golden` + mark + `"]}`, answer: done},
		{name: "bob is there", request: `POST /connect {"username": "bob` + mark + `", "conn_id": "` + third + `",
			"channels": ["golden` + mark + `"]}`, answer: done},
	}
}

const joinedSettings = `{"history_size": 3, "notify_presence": true}`

func tellOfSubscribe(t *testing.T, s *stage) {
	story := s.story()
	story.tell(t, joined("-sub", alicesFirst, alicesSecond, bobs))
	story.tell(t, refusedSubscriptions())
	story.tell(t, subscriptions())
}

func refusedSubscriptions() []exchange {
	refusal := func(name, body string, paths ...string) exchange {
		return exchange{name: name, request: `POST /subscribe ` + body, answer: refused(paths...)}
	}
	return []exchange{
		refusal("nothing", `{}`, "conn_id", "channels"),
		refusal("a list: 422, not 500", `[]`, "_schema"),
		refusal("no channels", `{"conn_id": "`+alicesFirst+`"}`, "channels"),
		{name: "unknown connection", request: `POST /subscribe {"conn_id": "` + nobodys + `", "channels": ["a-sub"]}`, answer: unknownConnection},
		{name: "unknown connection, whose id is no UUID", request: `POST /subscribe {"conn_id": "zz", "channels": ["a-sub"]}`, answer: unknownConnection},
		refusal("an empty list", `{"conn_id": "`+alicesFirst+`", "channels": []}`, "channels"),
		refusal("an empty name", `{"conn_id": "`+alicesFirst+`", "channels": [""]}`, "channels.0"),
		refusal("a string for channels", `{"conn_id": "`+alicesFirst+`", "channels": "a-sub"}`, "channels"),
		refusal("an unknown key", `{"conn_id": "`+alicesFirst+`", "channels": ["a-sub"], "x": 1}`, "x"),
	}
}

func subscriptions() []exchange {
	alice, both := []string{"alice-sub"}, []string{"alice-sub", "bob-sub"}
	users := []string{user("alice-sub", `{"n": 2}`), user("bob-sub", `{}`)}
	golden := channel{settings: joinedSettings, connections: 3, users: both}
	return []exchange{
		{name: "nothing has changed after a 4xx", request: `POST /info {"info": {"channels": ["a-sub"]}}`,
			answer: informed(describe(map[string]channel{"a-sub": {}}))},
		{name: "subscribed_to = only new ones, sorted; channels = all of this connection, sorted; existing channel's config untouched",
			request: `POST /subscribe {"conn_id": "` + alicesSecond + `", "channels": ["s2-sub", "golden-sub", "s1-sub", "s1-sub"],
				"channel_configs": {"s1-sub": {"store_history": true}, "golden-sub": {"history_size": 77}}}`,
			answer: ok(`{"channels": ["golden-sub", "s1-sub", "s2-sub"], "channels_info": ` + describe(map[string]channel{
				"golden-sub": golden,
				"s1-sub":     {settings: `{"store_history": true}`, connections: 1, users: alice},
				"s2-sub":     {connections: 1, users: alice},
			}, users...) + `, "subscribed_to": ["s1-sub", "s2-sub"]}`)},
		{name: "conn_id may come from the query string",
			request: `POST /subscribe?conn_id=` + bobs + ` {"channels": ["s1-sub"], "info": {"include_history": false, "exclude_channels": ["golden-sub"]}}`,
			answer: ok(`{"channels": ["golden-sub", "s1-sub"], "channels_info": ` + describe(map[string]channel{
				"s1-sub": {settings: `{"store_history": true}`, connections: 2, users: both},
			}, users...) + `, "subscribed_to": ["s1-sub"]}`)},
		{name: "subscribed already", request: `POST /subscribe {"conn_id": "` + alicesFirst + `", "channels": ["golden-sub"]}`,
			answer: ok(`{"channels": ["golden-sub"], "channels_info": ` +
				describe(map[string]channel{"golden-sub": golden}, users...) + `, "subscribed_to": []}`)},
	}
}

func tellOfUnsubscribe(t *testing.T, s *stage) {
	const alice = "24000000-0000-4000-8000-000000000000"
	golden := channel{settings: joinedSettings, connections: 3, users: []string{"alice-uns", "bob-uns"}}
	story := s.story()
	story.tell(t, joined("-uns", "14000000-0000-4000-8000-000000000000", alice, "34000000-0000-4000-8000-000000000000"))
	story.tell(t, []exchange{
		{name: "nothing", request: `POST /unsubscribe {}`, answer: refused("conn_id", "channels")},
		{name: "a list: 422, not 500", request: `POST /unsubscribe []`, answer: refused("_schema")},
		{name: "unknown connection", request: `POST /unsubscribe {"conn_id": "` + nobodys + `", "channels": ["a-uns"]}`, answer: unknownConnection},
		{name: "alice is in more channels", request: `POST /subscribe {"conn_id": "` + alice + `", "channels": ["s1-uns", "s2-uns"]}`, answer: done},
		{name: "unsubscribed_from sorted; unknown channels skipped",
			request: `POST /unsubscribe {"conn_id": "` + alice + `", "channels": ["s1-uns", "nope", "s1-uns"]}`,
			answer: ok(`{"channels": ["golden-uns", "s2-uns"], "channels_info": ` + describe(map[string]channel{
				"golden-uns": golden,
				"s2-uns":     {connections: 1, users: []string{"alice-uns"}},
			}, user("alice-uns", `{"n": 2}`), user("bob-uns", `{}`)) + `, "unsubscribed_from": ["s1-uns"]}`)},
		{name: "last channels: channels_info empty", request: `POST /unsubscribe {"conn_id": "` + alice + `", "channels": ["s2-uns", "golden-uns"]}`,
			answer: ok(`{"channels": [], "channels_info": {"channels": {}, "users": []}, "unsubscribed_from": ["golden-uns", "s2-uns"]}`)},
		{name: "no member any more", request: `POST /unsubscribe {"conn_id": "` + alice + `", "channels": ["golden-uns"]}`,
			answer: ok(`{"channels": [], "channels_info": {"channels": {}, "users": []}, "unsubscribed_from": []}`)},
	})
}
