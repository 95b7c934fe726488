package request

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/api/description"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// find finds a value in the description of the API. Its path has spaces between, and @0 and @1 for the first and the second of a
// list.
func find(t *testing.T, path string) any {
	t.Helper()
	tree, err := description.OpenAPI().Tree()
	if err != nil {
		t.Fatal(err)
	}
	value := any(tree)
	for key := range strings.FieldsSeq(path) {
		if n := strings.Index("@0@1", key); n >= 0 {
			list, _ := value.([]any)
			if n/2 >= len(list) {
				return nil
			}
			value = list[n/2]
			continue
		}
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func TestEveryLimitOfAFieldIsDescribed(t *testing.T) {
	t.Parallel()
	s, err := settings.Load(t.Context(), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	const schemas, list = "components schemas ", " requestBody content application/json schema anyOf @1 maxItems"
	for path, want := range map[string]int{
		"paths /message post" + list:   s.Limits.MaxMessages,
		"paths /message patch" + list:  s.Limits.MaxMessages,
		"paths /message delete" + list: s.Limits.MaxMessages,

		schemas + "Name maxLength":                s.Limits.MaxUser,
		schemas + "Account maxLength":             s.Limits.MaxUser,
		schemas + "ChannelName maxLength":         s.Limits.MaxChannel,
		schemas + "ConnID maxLength":              s.Limits.MaxConnID,
		schemas + "ChannelNames maxItems":         s.Limits.MaxChannels,
		schemas + "SomeChannelNames maxItems":     s.Limits.MaxChannels,
		schemas + "ChannelConfigs maxProperties":  s.Limits.MaxChannels,
		schemas + "UserNames maxItems":            maxUsers,
		schemas + "State maxProperties":           maxStateKeys,
		schemas + "State propertyNames maxLength": maxStateKey,
		schemas + "StateKeys maxItems":            maxStateKeys,
		schemas + "StateKeys items maxLength":     maxStateKey,
		schemas + "AnyUUID maxLength":             maxUUID,
		schemas + "AnyTimestamp maxLength":        maxTimestamp,
		schemas + "Status anyOf @0 minimum":       -1 << 53,
		schemas + "Status anyOf @0 maximum":       1 << 53,

		schemas + "PageSize anyOf @0 maximum":                  contract.MaxPage,
		schemas + "PageSize default":                           contract.DefaultPage,
		"components parameters Limit schema maximum":           contract.MaxPage,
		"components parameters Limit schema default":           contract.DefaultPage,
		schemas + "ConnectionsPage properties after maxLength": s.Limits.MaxConnID,

		schemas + "ChannelConfig properties long_name maxLength":           maxLongName,
		schemas + "ChannelConfig properties history_size anyOf @0 maximum": maxHistory,
		schemas + "ChannelConfig properties history_size default":          contract.DefaultChannelSettings().HistorySize,
	} {
		if got := find(t, path); got != want {
			t.Errorf("%s is described as %v, and is %d", path, got, want)
		}
	}
}

func TestEveryLimitOfASettingIsDescribed(t *testing.T) {
	t.Parallel()
	s, err := settings.Load(t.Context(), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"MAX_BODY": s.Limits.MaxBody, "MAX_MESSAGE": s.Limits.MaxMessage, "MAX_MESSAGES": s.Limits.MaxMessages,
		"MAX_CHANNELS": s.Limits.MaxChannels, "MAX_USER_CHANNELS": s.Limits.MaxUserChannels, "MAX_STATE": s.Limits.MaxState,
		"MAX_USER": s.Limits.MaxUser, "MAX_CHANNEL": s.Limits.MaxChannel, "MAX_CONN_ID": s.Limits.MaxConnID,
		"MAX_HISTORY_ANSWER": s.Limits.MaxHistoryAnswer, "HISTORY_MESSAGES": s.Messages.HistoryMessages,
		"MAX_BODIES_PER_ADDRESS": s.Limits.MaxBodiesPerAddress, "BACKLOG_BYTES": s.Limits.BacklogBytes,
		"SIGNATURE_MAX_AGE": int(s.Access.SignatureMaxAge.Seconds()), "CONNECT_TIMEOUT": int(s.Presence.ConnectTimeout.Seconds()),
		"RESUME_WINDOW": int(s.Messages.ResumeWindow.Seconds()), "WAKE_CONNECTIONS_AFTER": int(s.Clients.WakeConnectionsAfter.Seconds()),
	}
	got, _ := find(t, "x-limits").(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if got[key] != want[key] {
			t.Errorf("%s is described as %v, and is %d", key, got[key], want[key])
		}
		delete(want, key)
	}
	for key := range want {
		t.Errorf("%s is not described", key)
	}
	known := map[string]bool{}
	for _, key := range settings.Reference() {
		known[key.Env] = true
	}
	for key := range got {
		if !known[settings.Prefix+key] {
			t.Errorf("%s is no setting", key)
		}
	}
}

func TestEveryDefaultOfAChannelIsDescribed(t *testing.T) {
	t.Parallel()
	defaults := contract.DefaultChannelSettings()
	for key, want := range map[string]bool{
		"notify_presence": defaults.NotifyPresence, "store_history": defaults.StoreHistory, "notify_state": defaults.NotifyState,
		"broadcast_presence_with_user_lists": defaults.BroadcastPresenceWithUserLists, "store_frames": defaults.StoreFrames,
	} {
		if got := find(t, "components schemas ChannelConfig properties "+key+" default"); got != want {
			t.Errorf("%s is described as %v unless it is given, and is %t", key, got, want)
		}
	}
}
