package record

import (
	"encoding/json"
	"maps"
)

// channel is how an answer describes one.
type channel struct {
	settings    string // those that are not the default, in JSON
	connections int
	users       []string
	history     []string
}

const defaultSettings = `{"notify_presence": false, "store_history": false, "history_size": 10,
	"broadcast_presence_with_user_lists": false, "notify_state": false, "store_frames": true}`

// describe gives channels_info: channels by name, and users.
func describe(channels map[string]channel, users ...string) string {
	described := map[string]any{}
	for name, c := range channels {
		described[name] = c.describe(name)
	}
	return encode(map[string]any{"channels": described, "users": raw(users)})
}

// The record has a time in last_active for a channel without connections, too; here nobody was active in it.
func (c channel) describe(name string) map[string]any {
	var active any
	if c.connections > 0 {
		active = "<time>"
	}
	return map[string]any{
		"uuid": "<uuid channel " + name + ">", "name": name, "long_name": nil,
		"settings": json.RawMessage(with(defaultSettings, c.settings)), "history": raw(c.history), "last_active": active,
		"total_connections": c.connections, "total_users": len(c.users), "users": list(c.users),
	}
}

func raw(items []string) []json.RawMessage {
	list := make([]json.RawMessage, len(items))
	for i, item := range items {
		list[i] = json.RawMessage(item)
	}
	return list
}

func list(items []string) []string { return append([]string{}, items...) }

// user is how an answer describes one. The record has no status.
func user(name, state string) string {
	return encode(map[string]any{"user": name, "status": 1, "state": json.RawMessage(state)})
}

// with puts the changes over an object.
func with(object, changes string) string {
	if changes == "" {
		return object
	}
	var whole, over map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &whole); err != nil {
		panic(object + ": " + err.Error())
	}
	if err := json.Unmarshal([]byte(changes), &over); err != nil {
		panic(changes + ": " + err.Error())
	}
	maps.Copy(whole, over)
	return encode(whole)
}

// posted is a message in the answer to its app: from s, and as given. The record has no `message` where none was posted.
func posted(given string) string {
	return with(`{"uuid": "<uuid>", "timestamp": "<time>", "user": "s", "channel": null, "pm_users": [], "exclude_users": [],
		"no_history": false, "message": null, "edited": null}`, given)
}

// kept is a message in the history: as posted, and with its type.
func kept(given string) string {
	return with(posted(`{"type": "message", "catchup": false}`), given)
}

// sent is a message as a client gets it.
func sent(given string) string {
	return with(`{"uuid": "<uuid>", "type": "message", "timestamp": "<time>", "user": "s", "channel": null, "message": null,
		"edited": null, "catchup": false}`, given)
}
