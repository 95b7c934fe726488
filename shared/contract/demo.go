package contract

import "strings"

// DemoPrefix begins the names of the demo's users, channels and connections. An app can have no name of this form, and
// the demo no other: the demo lets anybody in under any name, and must never let them in as a user of the app.
const DemoPrefix = "channelstream-demo:"

// OfDemo says whether a name is of the demo's form.
func OfDemo(name string) bool { return strings.HasPrefix(name, DemoPrefix) }
