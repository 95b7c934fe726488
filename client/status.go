package client

import "context"

// Status is a user's status. The named ones are those of the API; other numbers are the app's own.
type Status int

// The statuses that have a name.
const (
	Offline Status = iota
	Online
	Away
	Hidden
	Busy
)

// UserStatus is the answer of Client.UserStatus.
type UserStatus struct {
	User   string         `json:"user"`
	Status Status         `json:"status"`
	State  map[string]any `json:"state"`
}

// UserStatus sets a user's status. An unknown user is an *Error of status 422 with the field user.
func (c *Client) UserStatus(ctx context.Context, user string, status Status) (*UserStatus, error) {
	in := struct {
		User   string `json:"user"`
		Status Status `json:"status"`
	}{user, status}
	var out UserStatus
	if err := c.call(ctx, "/user_status", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// UserState is what Client.UserState changes.
type UserState struct {
	User string `json:"user"`
	// State is put over what is there; its values are strings, numbers, booleans or nil.
	State map[string]any `json:"user_state,omitempty"`
	// PublicKeys are the keys that other users may see, in place of those before. Nil leaves them, an empty list takes
	// them away.
	PublicKeys []string `json:"state_public_keys,omitzero"`
}

// UserStateChanged is the answer of Client.UserState.
type UserStateChanged struct {
	State map[string]any `json:"user_state"`
	// Changed are the keys that have another value now, sorted.
	Changed []StateChange `json:"changed_state"`
	// PublicKeys are the keys that other users may see.
	PublicKeys []string `json:"public_keys"`
}

// StateChange is a key of a user's state and its new value.
type StateChange struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// UserState changes the state of a user. An unknown user is an *Error of status 422 with the field user.
func (c *Client) UserState(ctx context.Context, state UserState) (*UserStateChanged, error) {
	var out UserStateChanged
	if err := c.call(ctx, "/user_state", state, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
