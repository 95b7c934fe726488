package request

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
)

// Configure reads the body of /channel_config: configurations by the name of their channel.
func Configure(body []byte, limits Limits) (contract.ConfigureRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.ConfigureRequest{}, err
	}
	request := contract.ConfigureRequest{Channels: r.channelConfigs("", body)}
	return request, r.fault()
}

// channelConfigs reads configurations by the name of their channel.
func (r *reader) channelConfigs(at string, raw []byte) map[string]contract.ChannelConfig {
	configs := map[string]contract.ChannelConfig{}
	r.object(at, raw, func(channel string, value []byte) bool {
		path := join(at, channel)
		switch {
		case channel == "" || utf8.RuneCountInString(channel) > r.limits.Channel:
			r.add(path, sayLength, r.limits.Channel)
		case hasControl([]byte(channel)):
			r.add(path, sayControl)
		case r.foreign(channel):
			r.add(path, sayForeign)
		case len(configs) == r.limits.Channels:
			r.tooMany(at, r.limits.Channels)
		default:
			configs[channel] = r.channelConfig(path, value)
		}
		return true
	})
	return configs
}

// configsOf leaves configurations of these channels, which are sorted. As in 0.7, any other in a request that brings a
// client into channels makes no channel.
func configsOf(channels []string, configs map[string]contract.ChannelConfig) map[string]contract.ChannelConfig {
	maps.DeleteFunc(configs, func(channel string, _ contract.ChannelConfig) bool {
		_, found := slices.BinarySearch(channels, channel)
		return !found
	})
	return configs
}

// channelConfig reads one configuration; what it leaves out has its default.
func (r *reader) channelConfig(at string, raw []byte) contract.ChannelConfig {
	config := contract.ChannelConfig{ChannelSettings: contract.DefaultChannelSettings()}
	r.object(at, raw, func(key string, value []byte) bool {
		path := join(at, key)
		switch key {
		case "notify_presence":
			config.NotifyPresence = r.boolean(path, value)
		case "store_history":
			config.StoreHistory = r.boolean(path, value)
		case "history_size":
			config.HistorySize = r.integer(path, value, 0, maxHistory)
		case "broadcast_presence_with_user_lists":
			config.BroadcastPresenceWithUserLists = r.boolean(path, value)
		case "notify_state":
			config.NotifyState = r.boolean(path, value)
		case "store_frames":
			config.StoreFrames = r.boolean(path, value)
		case "long_name":
			if kind(value) != 'n' {
				name := r.text(path, value, maxLongName)
				config.LongName = &name
			}
		default:
			return false
		}
		return true
	})
	return config
}
