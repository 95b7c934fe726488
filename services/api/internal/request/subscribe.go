package request

import (
	"bytes"

	"github.com/channelstream/channelstream/shared/contract"
)

// Subscribe reads the body of /subscribe. connID is that of the query, which counts if the body has none; "" for none.
func Subscribe(body []byte, connID string, limits Limits) (contract.SubscribeRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.SubscribeRequest{}, err
	}
	request := r.subscription(body, connID, true)
	request.ChannelConfigs = configsOf(request.Channels, request.ChannelConfigs)
	return request, r.fault()
}

// Unsubscribe reads the body of /unsubscribe. connID is as with Subscribe.
func Unsubscribe(body []byte, connID string, limits Limits) (contract.UnsubscribeRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.UnsubscribeRequest{}, err
	}
	q := r.subscription(body, connID, false)
	return contract.UnsubscribeRequest{ConnID: q.ConnID, User: q.User, Channels: q.Channels, Info: q.Info}, r.fault()
}

// subscription reads channels of a connection or of a user; configs says whether it may configure them.
func (r *reader) subscription(body []byte, connID string, configs bool) (request contract.SubscribeRequest) {
	named, identified, listed := false, false, false
	r.object("", body, func(key string, value []byte) bool {
		switch key {
		case "conn_id":
			identified = true
			request.ConnID = r.connID(key, value)
		case "user", "username":
			named = true
			r.account(key, value, &request.User)
		case "channels":
			listed = true
			request.Channels = r.someChannels(key, value)
		case "info":
			request.Info, _ = r.infoOptions(key, value)
		case "channel_configs":
			if configs {
				request.ChannelConfigs = r.channelConfigs(key, value)
			}
			return configs
		default:
			return false
		}
		return true
	})
	if !identified && connID != "" {
		identified = true
		request.ConnID = r.queryID(connID)
	}
	if identified && named {
		r.add("user", sayTwoTargets)
	}
	r.require("conn_id", identified || named)
	r.own("conn_id", request.ConnID)
	r.require("channels", listed)
	return request
}

// Disconnect reads the conn_id to disconnect from the body, of which nothing else counts, or else from the query.
func Disconnect(body []byte, connID string, limits Limits) (contract.DisconnectRequest, error) {
	r := &reader{limits: limits}
	request := contract.DisconnectRequest{}
	identified := false
	if len(bytes.TrimSpace(body)) > 0 {
		var err error
		if r, err = newReader(body, limits); err != nil {
			return request, err
		}
		r.object("", body, func(key string, value []byte) bool {
			if key == "conn_id" {
				identified = true
				request.ConnID = r.connID(key, value)
			}
			return true
		})
	}
	if !identified && connID != "" {
		identified = true
		request.ConnID = r.queryID(connID)
	}
	r.require("conn_id", identified)
	return request, r.fault()
}

// someChannels reads channels, of which there must be one.
func (r *reader) someChannels(at string, raw []byte) []string {
	if kind(raw) == '[' && len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0 {
		r.add(at, sayEmptyList)
		return nil
	}
	return r.channels(at, raw)
}
