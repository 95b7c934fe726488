package contract

// ChannelSettings say what a channel keeps and announces.
type ChannelSettings struct {
	NotifyPresence                 bool `json:"notify_presence"`
	StoreHistory                   bool `json:"store_history"`
	HistorySize                    int  `json:"history_size"` // messages; 0 means no limit by count
	BroadcastPresenceWithUserLists bool `json:"broadcast_presence_with_user_lists"`
	NotifyState                    bool `json:"notify_state"`
	StoreFrames                    bool `json:"store_frames"`
}

// ShowsMore says whether a channel with these settings may show more messages of its history than one with others.
func (s ChannelSettings) ShowsMore(than ChannelSettings) bool {
	return than.HistorySize != 0 && (s.HistorySize == 0 || s.HistorySize > than.HistorySize)
}

// DefaultChannelSettings are those of a channel that nobody configured.
func DefaultChannelSettings() ChannelSettings {
	return ChannelSettings{HistorySize: 10, StoreFrames: true}
}

// ChannelConfig is the configuration of a channel as an app gives it: all settings, defaults filled in.
type ChannelConfig struct {
	ChannelSettings
	LongName *string `json:"long_name,omitempty"`
}

// IsDefault says whether this is the configuration of a channel that nobody configured.
func (c ChannelConfig) IsDefault() bool {
	return c.LongName == nil && c.ChannelSettings == DefaultChannelSettings()
}
