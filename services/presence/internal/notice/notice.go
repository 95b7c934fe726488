// Package notice writes what channels are told of their users, and sends it: to the message log, or, for a channel with
// store_frames false, straight to the gateways.
//
// It promises that notices go out in the order of their list, that Send returns without an error only when every notice
// of the list is stored, or NATS has it, and that a notice which is sent again is stored once.
package notice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/shared/contract"
)

// Notice is a message to a channel.
type Notice struct {
	UUID, Channel string
	Exclude       string // user who does not get it; empty: none
	Fleeting      bool   // the log does not get it
	Body          []byte // the JSON object that clients get
	Events        string // by which Socket.IO clients are told instead, as contract.HeaderEvents has it
}

// About is what a notice says of a user.
type About struct {
	User   string
	Status int
	State  map[string]json.RawMessage // public; nil is written as null
}

// Member is one of a channel's users.
type Member struct {
	User  string                     `json:"user"`
	State map[string]json.RawMessage `json:"state"` // public
}

// names separates the uuids that are made of names from those of others. It must never change.
var names = uuid.UUID{
	0x3f, 0x6d, 0x1c, 0x1e, 0x6f, 0x0a, 0x4f, 0x0e, 0x9a, 0x55, 0x52, 0xa5, 0xf0, 0xc8, 0xd7, 0xb1,
}

// UUID makes a uuid that is the same for the same words.
func UUID(words ...string) string {
	var all bytes.Buffer
	for _, word := range words {
		fmt.Fprintf(&all, "%d:%s", len(word), word)
	}
	return uuid.NewSHA1(names, all.Bytes()).String()
}

// Presented is what a notice of a user who joined or parted says.
type Presented struct {
	Channel, Action string
	About           About
	Alone           bool     // the channel is the first of the user's that is told, or was the last
	Users           []Member // who is there; nil: the channel is not told
	LeftOut         int      // how many there are whom no message holds
}

// Presence tells a channel that a user joined or parted.
func Presence(id string, p Presented, now time.Time) (Notice, error) {
	users := p.Users
	if users == nil {
		users = []Member{}
	}
	body, err := json.Marshal(struct {
		head
		Users   []Member                   `json:"users"`
		LeftOut int                        `json:"users_left_out,omitempty"`
		Message map[string]string          `json:"message"`
		State   map[string]json.RawMessage `json:"state"`
		tail
	}{
		newHead(id, contract.TypePresence, p.Channel, p.About.User, now), users, p.LeftOut,
		map[string]string{"action": p.Action}, p.About.State, tail{Status: p.About.Status},
	})
	if err != nil {
		return Notice{}, fmt.Errorf("encode presence in a channel: %w", err)
	}
	events, err := presenceEvents(body, p.Action == contract.ActionJoined, p.Alone, p.Users != nil)
	return Notice{UUID: id, Channel: p.Channel, Exclude: p.About.User, Body: body, Events: events}, err
}

// StateChange tells a channel that the public state of a user changed, or its status.
func StateChange(id, channel string, about About, changed []contract.StateChange, now time.Time) (Notice, error) {
	if changed == nil {
		changed = []contract.StateChange{}
	}
	type message struct {
		State   map[string]json.RawMessage `json:"state"`
		Changed []contract.StateChange     `json:"changed"`
	}
	body, err := json.Marshal(struct {
		head
		Message message `json:"message"`
		tail
	}{newHead(id, contract.TypeUserState, channel, about.User, now), message{about.State, changed}, tail{Status: about.Status}})
	if err != nil {
		return Notice{}, fmt.Errorf("encode the state of a user: %w", err)
	}
	events, err := statusEvents(body)
	return Notice{UUID: id, Channel: channel, Body: body, Events: events}, err
}

// head is what every notice begins with.
type head struct {
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	User      string `json:"user"`
	Timestamp string `json:"timestamp"`
	Channel   string `json:"channel"`
}

func newHead(id, kind, channel, user string, now time.Time) head {
	return head{UUID: id, Type: kind, User: user, Timestamp: now.UTC().Format(contract.TimestampLayout), Channel: channel}
}

// tail is what every notice ends with: gateways write something else in place of the live mark.
type tail struct {
	Status  int  `json:"status"`
	Catchup bool `json:"catchup"`
}
