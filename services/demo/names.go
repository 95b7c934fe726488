package demo

import (
	"strings"

	"github.com/channelstream/channelstream/shared/contract"
)

// A page and its visitor know a user or channel by its plain name. The api and the gateway know it by the demo's own
// form of that, so that visitors can never be, meet or hear the users and channels of an app.

// owned is the name at the api of what pages know by name.
func owned(name string) string { return contract.DemoPrefix + name }

func ownedAll(names ...string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = owned(name)
	}
	return all
}

// shown is the name on pages of what the api knows by name.
func shown(name string) string { return strings.TrimPrefix(name, contract.DemoPrefix) }

func shownAll(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = shown(name)
	}
	return all
}
