package contract

import (
	"errors"
	"fmt"
)

// DefaultNamespace is the prefix of every subject and bucket when none is configured.
const DefaultNamespace Namespace = "channelstream"

// ErrNamespace is returned for a namespace that is not one plain NATS token.
var ErrNamespace = errors.New("a namespace is 1 to 64 letters, digits, _ and -")

// Namespace separates installations that share one NATS cluster.
type Namespace string

// Validate says whether the namespace can stand in subjects and bucket names.
func (n Namespace) Validate() error {
	if n == "" || len(n) > 64 {
		return ErrNamespace
	}
	for i := range len(n) {
		if !plain(n[i]) {
			return fmt.Errorf("namespace %q: %w", string(n), ErrNamespace)
		}
	}
	return nil
}

// LiveChannel is the subject on which gateways hear the messages of a channel. api and presence write.
func (n Namespace) LiveChannel(channel string) string {
	return string(n) + ".live.channel." + EncodeToken(channel)
}

// LiveUser is the subject on which gateways hear the private messages of a user. api writes.
func (n Namespace) LiveUser(user string) string {
	return string(n) + ".live.user." + EncodeToken(user)
}

// Presence is the request subject of a presence verb; any presence replica answers.
func (n Namespace) Presence(verb string) string { return string(n) + ".presence." + verb }

// PresenceReplica is the request subject of a presence verb that one replica answers, by the id in its lease.
func (n Namespace) PresenceReplica(id, verb string) string {
	return n.Presence(verb) + "." + EncodeToken(id)
}

// Gateway is the request subject of a verb at one gateway.
func (n Namespace) Gateway(id, verb string) string {
	return string(n) + ".gateway." + EncodeToken(id) + "." + verb
}
