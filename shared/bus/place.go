package bus

import (
	"errors"
	"net/url"
	"strings"
)

// errPlace does not quote the URL, nor does it say what url.Parse found: both may show a part of a password.
var errPlace = errors.New("the URL of a NATS server can not be read: want nats://one:4222, or several separated by commas")

// places is the URLs of servers, separated by commas, for logs and errors: without users, passwords and tokens.
func places(urls string) (string, error) {
	var shown []string
	for server := range strings.SplitSeq(urls, ",") {
		server = strings.TrimSpace(server)
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil {
			return "", errPlace
		}
		u.User = nil
		shown = append(shown, u.String())
	}
	return strings.Join(shown, ","), nil
}

// place is the server that the connection is to now; "" without one.
func (c *Conn) place() string {
	connected := c.nc.ConnectedUrl()
	if connected == "" {
		return ""
	}
	shown, err := places(connected)
	if err != nil {
		return ""
	}
	return shown
}
