package scenario

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

func TestWhoOpensTheServerInABrowserReadsWhatItIsAndWhereToGo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, path, demo, link string }{
		{"", "/", "true", `href="./demo"`},
		{"", "/", "false", ""},
		{"/push", "/push", "true", `href="/push/demo"`}, // where a relative link would lead out of the base path
	} {
		system := harness.AllInOne(t, harness.Setting("DEMO", c.demo), harness.Setting("BASE_PATH", c.base))
		response, err := http.Get(system.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close() //nolint:errcheck // read to its end
		if response.StatusCode != http.StatusOK || !strings.Contains(string(page), "<h1>Channelstream</h1>") {
			t.Fatalf("%d %s", response.StatusCode, page)
		}
		if strings.Contains(string(page), "/demo") != (c.link != "") || !strings.Contains(string(page), c.link) || !strings.Contains(string(page), `href="/readyz"`) {
			t.Errorf("%+v: %s", c, page)
		}
	}
}
