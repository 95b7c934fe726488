package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// Message is one message to publish. Who gets it:
//   - Channel alone: every connection subscribed to the channel.
//   - Channel and PMUsers: the connections in that channel that belong to those users.
//   - PMUsers alone: all connections of those users.
//
// ExcludeUsers is taken off in every case. Neither Channel nor PMUsers is an error.
type Message struct {
	// User is the name of the one who posts.
	User string `json:"user"`
	// Channel is where to.
	Channel string `json:"channel,omitempty"`
	// PMUsers makes the message private to these users.
	PMUsers []string `json:"pm_users,omitempty"`
	// ExcludeUsers are users who do not get it.
	ExcludeUsers []string `json:"exclude_users,omitempty"`
	// Message is the content: anything encoding/json can write.
	Message any `json:"message"`
	// UUID names the message; empty lets the API make one. The same UUID to the same channel and users again is delivered
	// once.
	UUID string `json:"uuid,omitempty"`
	// Timestamp is ISO 8601, UTC when it names no zone; empty means now. A zone is kept.
	Timestamp string `json:"timestamp,omitempty"`
	// NoHistory keeps the message out of the channel's history.
	NoHistory bool `json:"no_history,omitempty"`
	// Extra are further keys of the object that clients get. A key that is also one of the above does not count; type, catchup
	// and offset are the server's and refused.
	Extra map[string]any `json:"-"`
}

// MarshalJSON writes the message with its extra keys beside the others.
func (m Message) MarshalJSON() ([]byte, error) {
	type plain Message
	return marshalWith(plain(m), m.Extra)
}

// marshalWith writes an object with at least one key, and extra keys beside its own.
func marshalWith(object any, extra map[string]any) ([]byte, error) {
	body, err := json.Marshal(object)
	if err != nil || len(extra) == 0 {
		return body, err
	}
	own := make(map[string]any, len(extra))
	for key, value := range extra {
		if !reserved(key) {
			own[key] = value
		}
	}
	if len(own) == 0 {
		return body, nil
	}
	tail, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("encode extra keys: %w", err)
	}
	body[len(body)-1] = ',' // both are objects with at least one key: {...} and {...} become {...,...}
	return append(body, tail[1:]...), nil
}

func reserved(key string) bool {
	switch key {
	case "user", "username", "channel", "pm_users", "exclude_users", "message", "uuid", "timestamp", "no_history", "edited":
		return true
	}
	return false
}

// Published is a message as the API has accepted it.
type Published struct {
	// UUID is the message's name, made by the API if the request had none.
	UUID string `json:"uuid"`
	// User is the name of the one who posted.
	User string `json:"user"`
	// Channel is where it went; empty for a private message without a channel.
	Channel string `json:"channel"`
	// PMUsers and ExcludeUsers are those of the request.
	PMUsers      []string `json:"pm_users"`
	ExcludeUsers []string `json:"exclude_users"`
	// Message is the content as JSON.
	Message json.RawMessage `json:"message"`
	// Timestamp is ISO 8601, in UTC unless the request named a zone.
	Timestamp string `json:"timestamp"`
	// NoHistory says that the message was kept out of the history.
	NoHistory bool `json:"no_history"`
}

// Publish posts one message or a list of up to 1,000, in order. When it returns without an error all of them have
// been accepted. An *Error of a 4xx means that none was; one of status 503 carries the UUIDs with which the same
// list can be posted again. No message at all is no call.
func (c *Client) Publish(ctx context.Context, messages ...Message) ([]Published, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var out []Published
	if err := c.call(ctx, "/message", messages, &out); err != nil {
		return nil, err
	}
	return out, nil
}
