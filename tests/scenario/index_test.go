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
	for demo, want := range map[string]bool{"true": true, "false": false} {
		system := harness.AllInOne(t, harness.Setting("DEMO", demo))
		response, err := http.Get(system.URL + "/")
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
		if strings.Contains(string(page), `href="./demo"`) != want || !strings.Contains(string(page), `href="/readyz"`) {
			t.Errorf("with the demo %s: %s", demo, page)
		}
	}
}
