package record

import "testing"

// presence is a frame that tells of a user. The record has no status.
func presence(given string) string {
	return with(`{"uuid": "<uuid>", "type": "presence", "timestamp": "<time>", "users": [], "state": null, "status": 1, "catchup": false}`, given)
}

func tellOfPresence(t *testing.T, s *stage) {
	const first, second = "19000000-0000-4000-8000-000000000000", "29000000-0000-4000-8000-000000000000"
	const red, blue = `{"user": "p1", "state": {"col": "red"}}`, `{"user": "p2", "state": {"col": "blue"}}`
	const withoutList = `{"user": "p2", "channel": "pres2", "message": {"action": "joined"}, "state": {"col": "blue"}}`
	const parted = `{"user": "p2", "channel": "pres", "message": {"action": "parted"}, "users": [` + red + `]}`
	story := s.story()
	story.tell(t, []exchange{
		{name: "pres has lists, pres2 has not", request: `POST /channel_config {"pres2": {"notify_presence": true},
			"pres": {"notify_presence": true, "broadcast_presence_with_user_lists": true}}`, answer: done},
		{name: "p1 is there", request: `POST /connect {"user": "p1", "conn_id": "p1", "channels": ["pres", "pres2"],
			"fresh_user_state": {"col": "red", "own": 1}, "state_public_keys": ["col"]}`, answer: done},
	})
	story.open(t, "p1", "p1", "pres", "pres2")
	story.tell(t, []exchange{
		{name: "p1 alone: own join is not delivered to itself", request: `POST /info {"channels": ["pres"]}`, answer: done},
		{name: "p2 connects: user list incl. the joiner; pres2: users []; state = public state of the joiner",
			request: `POST /connect {"user": "p2", "conn_id": "` + first + `", "channels": ["pres", "pres2"],
				"fresh_user_state": {"col": "blue"}, "state_public_keys": ["col"]}`, answer: done,
			frames: frames{"p1": {
				presence(`{"user": "p2", "channel": "pres", "message": {"action": "joined"}, "users": [` + red + `, ` + blue + `], "state": {"col": "blue"}}`),
				presence(withoutList),
			}}},
	})
	story.open(t, first, "p2", "pres", "pres2")
	story.tell(t, []exchange{
		{name: "p2's socket opens: nothing", request: `POST /info {"channels": ["pres"]}`, answer: done},
		{name: "p2's second connection: no presence", request: `POST /connect {"user": "p2", "conn_id": "` + second + `", "channels": ["pres"]}`, answer: done},
		{name: "p2 unsubscribes 1 of 2 connections from pres: nothing",
			request: `POST /unsubscribe {"conn_id": "` + second + `", "channels": ["pres"]}`, answer: done},
	})
	story.clients[first].channels = []string{"pres2"}
	story.tell(t, []exchange{
		{name: "the last one: parted (state null, users without p2)",
			request: `POST /unsubscribe {"conn_id": "` + first + `", "channels": ["pres"]}`, answer: done,
			frames: frames{"p1": {presence(parted)}}},
		{name: "and again, though not a member: nothing, unlike in the record",
			request: `POST /unsubscribe {"conn_id": "` + first + `", "channels": ["pres"]}`, answer: done},
		{name: "subscribe again: joined, with the public keys of the newest connect",
			request: `POST /subscribe {"conn_id": "` + second + `", "channels": ["pres"]}`, answer: done,
			frames: frames{"p1": {presence(`{"user": "p2", "channel": "pres", "message": {"action": "joined"}, "state": {},
				"users": [` + red + `, {"user": "p2", "state": {}}]}`)}}},
		{name: "disconnect: parted", request: `POST /disconnect {"conn_id": "` + second + `"}`, answer: done,
			frames: frames{"p1": {presence(parted)}}},
	})
}
