package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Edit changes a message that was published. It reaches whom Channel and PMUsers say, as a Message does: give those of
// the message. What is left empty stays as it is.
type Edit struct {
	// UUID is the name of the message.
	UUID string `json:"uuid"`
	// Channel is where the message went.
	Channel string `json:"channel,omitempty"`
	// PMUsers are the users it was private to.
	PMUsers []string `json:"pm_users,omitempty"`
	// ExcludeUsers are users who do not hear of the edit.
	ExcludeUsers []string `json:"exclude_users,omitempty"`
	// User is who the message is from now.
	User string `json:"user,omitempty"`
	// Message is the new content: anything encoding/json can write. json.RawMessage("null") makes it null.
	Message any `json:"message,omitempty"`
	// Timestamp is the message's new time, ISO 8601, UTC when it names no zone.
	Timestamp string `json:"timestamp,omitempty"`
	// Edited is when the edit was made; empty means now.
	Edited string `json:"edited,omitempty"`
	// Extra are further keys of the object that clients hear now. They are not put into the message.
	Extra map[string]any `json:"-"`
}

// MarshalJSON writes the edit with its extra keys beside the others.
func (e Edit) MarshalJSON() ([]byte, error) {
	type plain Edit
	return marshalWith(plain(e), e.Extra)
}

// Edited is an edit as the API has accepted it. What the edit left as it was is empty.
type Edited struct {
	// UUID is the name of the message.
	UUID string `json:"uuid"`
	// Channel is where the edit went; empty for a private message without a channel.
	Channel string `json:"channel"`
	// PMUsers and ExcludeUsers are those of the request.
	PMUsers      []string `json:"pm_users"`
	ExcludeUsers []string `json:"exclude_users"`
	// User, Message and Timestamp are those of the request.
	User      string          `json:"user"`
	Message   json.RawMessage `json:"message"`
	Timestamp string          `json:"timestamp"`
	// Edited is ISO 8601, in UTC unless the request named a zone.
	Edited string `json:"edited"`
}

// EditMessages changes one message or a list of up to 1,000, in the history and for those who hear of it. Whether there
// are such messages is not checked. Errors are as with Publish, but what is posted again is heard again. No edit at all
// is no call.
func (c *Client) EditMessages(ctx context.Context, edits ...Edit) ([]Edited, error) {
	if len(edits) == 0 {
		return nil, nil
	}
	var out []Edited
	if err := c.send(ctx, http.MethodPatch, "/message", edits, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// Deletion takes a message back that was published. It reaches whom Channel and PMUsers say, as a Message does: give
// those of the message, of which every user's copy is erased.
type Deletion struct {
	// UUID is the name of the message.
	UUID string `json:"uuid"`
	// Channel is where the message went.
	Channel string `json:"channel,omitempty"`
	// PMUsers are the users it was private to.
	PMUsers []string `json:"pm_users,omitempty"`
	// ExcludeUsers are users who do not hear of it.
	ExcludeUsers []string `json:"exclude_users,omitempty"`
}

// DeleteMessages takes back one message or a list of up to 1,000. When it returns without an error, the messages and
// their edits are erased, from the history and for clients that come back. After an *Error of status 503 some may not
// be: the same call again completes it. No deletion at all is no call.
func (c *Client) DeleteMessages(ctx context.Context, deletions ...Deletion) error {
	if len(deletions) == 0 {
		return nil
	}
	return c.send(ctx, http.MethodDelete, "/message", deletions, &[]json.RawMessage{})
}
