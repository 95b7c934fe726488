package request

import (
	"github.com/google/uuid"

	"github.com/channelstream/channelstream/shared/contract"
)

// Connect reads the body of /connect. A connection without an id gets one that nobody can guess, and a request without
// public keys takes those away that were there, as in 0.7.
func Connect(body []byte, limits Limits) (contract.ConnectRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.ConnectRequest{}, err
	}
	request := contract.ConnectRequest{PublicKeys: []string{}}
	named := false
	r.object("", body, func(key string, value []byte) bool {
		switch key {
		case "user", "username":
			named = true
			r.account(key, value, &request.User)
		case "conn_id":
			request.ConnID = r.connID(key, value)
		case "channels":
			request.Channels = r.channels(key, value)
		case "channel_configs":
			request.ChannelConfigs = r.channelConfigs(key, value)
		case "status":
			status := r.status(key, value)
			request.Status = &status
		case "fresh_user_state":
			request.FreshState = r.state(key, value)
		case "user_state":
			request.State = r.state(key, value)
		case "state_public_keys":
			request.PublicKeys = r.names(key, value, maxStateKeys, maxStateKey)
		case "info":
			request.Info, _ = r.infoOptions(key, value)
		default:
			return false
		}
		return true
	})
	r.require("user", named)
	r.own("conn_id", request.ConnID)
	request.ChannelConfigs = configsOf(request.Channels, request.ChannelConfigs)
	if request.ConnID == "" {
		request.ConnID = newConnID(limits)
	}
	return request, r.fault()
}

func newConnID(limits Limits) string {
	if limits.Demo {
		return contract.DemoPrefix + uuid.NewString()
	}
	return uuid.NewString()
}

// require notes a field that is not there, unless the body is no object at all.
func (r *reader) require(field string, given bool) {
	if _, refused := r.fields[body]; !given && !refused {
		r.add(field, sayMissing)
	}
}

// status reads a user's status, any integer that every JSON reader holds exactly.
func (r *reader) status(at string, raw []byte) int { return r.integer(at, raw, -1<<53, 1<<53) }

// UserStatus reads the body of /user_status.
func UserStatus(body []byte, limits Limits) (contract.UserStatusRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.UserStatusRequest{}, err
	}
	var request contract.UserStatusRequest
	named, given := false, false
	r.object("", body, func(key string, value []byte) bool {
		switch key {
		case "user", "username":
			named = true
			r.account(key, value, &request.User)
		case "status":
			given = true
			request.Status = r.status(key, value)
		default:
			return false
		}
		return true
	})
	r.require("user", named)
	r.require("status", given)
	return request, r.fault()
}

// UserState reads the body of /user_state. Public keys that are null stay as they are, as in 0.7.
func UserState(body []byte, limits Limits) (contract.UserStateRequest, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return contract.UserStateRequest{}, err
	}
	var request contract.UserStateRequest
	named := false
	r.object("", body, func(key string, value []byte) bool {
		switch key {
		case "user", "username":
			named = true
			r.account(key, value, &request.User)
		case "user_state":
			request.State = r.state(key, value)
		case "state_public_keys":
			if kind(value) != 'n' {
				request.PublicKeys = r.names(key, value, maxStateKeys, maxStateKey)
			}
		default:
			return false
		}
		return true
	})
	r.require("user", named)
	return request, r.fault()
}
