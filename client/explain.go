package client

import "context"

// Verdict says what became of a message for a client.
type Verdict string

// The verdicts.
const (
	Delivered Verdict = "delivered"
	OnItsWay  Verdict = "on_its_way"
	NotForIt  Verdict = "not_for_it"
	Missed    Verdict = "missed"
	Unknown   Verdict = "unknown"
)

// Explain is the request of Client.Explain: Message, and one of ConnID and User.
type Explain struct {
	// Message is the uuid of the message, or its offset as a number.
	Message string `json:"message"`
	// Channel is that of the message. It need not be said, but then the log is looked through, and no history.
	Channel string `json:"channel,omitempty"`
	// ConnID is the connection that got the message, or did not.
	ConnID string `json:"conn_id,omitempty"`
	// User, in place of ConnID, asks about all connections of a user.
	User string `json:"user,omitempty"`
}

// Explanation is the answer of Client.Explain.
type Explanation struct {
	Verdict Verdict `json:"verdict"`
	// Reason is the machine word for Because.
	Reason  string `json:"reason"`
	Because string `json:"because"`
	// Facts are those about the message, and about the connection that was asked about.
	Facts []Fact `json:"facts"`
	// Connections are those of the user that was asked about.
	Connections []ExplainedConnection `json:"connections,omitempty"`
}

// ExplainedConnection is what became of the message for one connection of a user.
type ExplainedConnection struct {
	ConnID  string  `json:"conn_id"`
	User    string  `json:"user"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
	Because string  `json:"because"`
	Facts   []Fact  `json:"facts"`
}

// Fact is one thing that is known. Which values it has depends on Key, its machine word.
type Fact struct {
	// At is when it came to be so, ISO 8601 in UTC; empty if that is not known.
	At        string `json:"at,omitempty"`
	Key       string `json:"key"`
	Fact      string `json:"fact"`
	Offset    uint64 `json:"offset,omitempty"`
	Channel   string `json:"channel,omitempty"`
	Count     int    `json:"count,omitempty"`
	Bytes     int    `json:"bytes,omitempty"`
	By        string `json:"by,omitempty"`
	State     string `json:"state,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	Session   string `json:"session,omitempty"`
	Transport string `json:"transport,omitempty"`
	Reason    string `json:"reason,omitempty"`
	API       string `json:"api,omitempty"`
	Address   string `json:"address,omitempty"`
	Trace     string `json:"trace,omitempty"`
}

// Explain says why a connection, or those of a user, got a message or did not. A message or connection of which nothing is known
// is no error: the verdict is Unknown then.
func (c *Client) Explain(ctx context.Context, in Explain) (*Explanation, error) {
	var out Explanation
	if err := c.call(ctx, "/admin/explain", in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
