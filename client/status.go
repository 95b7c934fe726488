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
