package compat

import (
	"flag"
	"testing"

	"github.com/channelstream/channelstream/tests/harness"
)

var screenshots = flag.String("compat.screenshots", "", "a folder for pictures of the admin page, of which some minutes are told")

// An operator's browser, with axe-core, which finds what people who use a screen reader or see little would stumble over.
func TestTheAdminPageInABrowser(t *testing.T) {
	t.Parallel()
	const secret = "open sesame"
	system := harness.AllInOne(t, "CHANNELSTREAM_ADMIN_SECRET="+secret, "CHANNELSTREAM_HEARTBEAT_TIMEOUT=20s", "CHANNELSTREAM_CONNECT_TIMEOUT=1m")
	runCases(t, system, "./admin.js", 1, "COMPAT_ADMIN_SECRET="+secret, "COMPAT_SHOTS="+*screenshots)
}
