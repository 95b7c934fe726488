package harness

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/described"
)

// Client makes a client of an api until the end of the test, which fails for what is not as it is described. The api has limits as they
// are described, unless one of its options says otherwise.
func Client(t testing.TB, at, secret string, options ...Option) *client.Client {
	t.Helper()
	witness := described.Watch(t)
	witness.OtherLimits = slices.ContainsFunc(options, func(o Option) bool { return strings.HasPrefix(o, "CHANNELSTREAM_MAX_") })
	server, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Transport{MaxIdleConnsPerHost: 64} // as the client's own
	c, err := client.New(at, secret, client.WithHTTPClient(&http.Client{
		Transport: witness.Over(server.Path, own), Timeout: Patience,
	}))
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}
