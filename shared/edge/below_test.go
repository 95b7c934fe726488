package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestABasePathIsTakenOffAndRemembered(t *testing.T) {
	t.Parallel()
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path+" of "+PathOf(r)) })
	const proxy, stranger = "10.0.0.1:1", "198.51.100.1:1"
	for _, c := range []struct {
		base, from, script, path string
		want                     string // "" is not found
	}{
		{"", stranger, "", "/message", "/message of /message"},
		{"/push", stranger, "", "/push/message", "/message of /push/message"},
		{"/push", stranger, "", "/push/", "/ of /push/"},
		{"/push", stranger, "", "/push", "/ of /push"},
		{"/push", stranger, "", "/message", ""},
		{"/push", stranger, "", "/pushed/message", ""},
		{"/push", stranger, "", "/push/push/message", "/push/message of /push/push/message"},
		{"/a/b", stranger, "", "/a/b/ws", "/ws of /a/b/ws"},
		{"", proxy, "/pfx", "/message", "/message of /pfx/message"},
		{"", proxy, "/pfx/", "/pfx/message", "/message of /pfx/message"}, // one that does not take the path off
		{"", proxy, "/pfx", "/pfxed", "/pfxed of /pfx/pfxed"},
		{"", stranger, "/pfx", "/message", "/message of /message"},
		{"", stranger, "/pfx", "/pfx/message", "/pfx/message of /pfx/message"},
		{"", proxy, "pfx", "/message", "/message of /pfx/message"},
		{"", proxy, "/", "/message", "/message of /message"},
		{"/push", proxy, "/push", "/message", "/message of /push/message"},
		{"/push", proxy, "/push", "/push/message", "/message of /push/message"},
		{"/push", proxy, "/outer", "/push/message", "/message of /outer/push/message"},
		{"/push", proxy, "/outer", "/message", ""},
		{"/push", proxy, "", "/push/message", "/message of /push/message"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.path+"?a=b", nil)
		r.RemoteAddr = c.from
		if c.script != "" {
			r.Header.Set("X-Script-Name", c.script)
		}
		w := httptest.NewRecorder()
		Below(settings.Settings{
			Listen: settings.Listen{BasePath: c.base}, Access: settings.Access{TrustedProxies: proxies},
		}, seen).ServeHTTP(w, r)
		if c.want == "" && (w.Code != http.StatusNotFound || codeOf(t, w) != contract.CodeNotFound) || c.want != "" && w.Body.String() != c.want {
			t.Errorf("base %q, %q says %q, %s: %d %s", c.base, c.from, c.script, c.path, w.Code, w.Body)
		}
		if r.URL.Path != c.path {
			t.Errorf("the caller's request is changed: %v", r.URL)
		}
	}
}
