package request

import (
	"bytes"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
)

// Info reads the body of /info: `{channels}` as the first release had it, or `{info: {…}}` as 0.7. No body, as a GET
// has, asks for all.
func Info(body []byte, limits Limits) (contract.InfoRequest, error) {
	var request contract.InfoRequest
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	r, err := newReader(body, limits)
	if err != nil {
		return request, err
	}
	var channels, info bool
	r.object("", body, func(key string, value []byte) bool {
		switch key {
		case "channels":
			channels = true
			request.Channels = r.channels(key, value)
		case "info":
			info = true
			request.Options, request.Channels = r.infoOptions(key, value)
		default:
			return false
		}
		return true
	})
	if channels && info {
		r.add("channels", sayTwoInfos)
	}
	r.require("channels", len(request.Channels) > 0 || !limits.Demo) // to name none is to ask about all
	return request, r.fault()
}

// infoOptions reads `info`, of which all but /info ignore the channels.
func (r *reader) infoOptions(at string, raw []byte) (options contract.InfoOptions, channels []string) {
	r.object(at, raw, func(key string, value []byte) bool {
		path := join(at, key)
		switch key {
		case "channels":
			channels = r.channels(path, value)
		case "exclude_channels":
			options.ExcludeChannels = r.channels(path, value)
		case "include_history":
			options.OmitHistory = !r.boolean(path, value)
		case "include_users":
			options.OmitUsers = !r.boolean(path, value)
		case "include_connections":
			options.IncludeConnections = r.boolean(path, value)
		case "return_public_state":
			options.PublicState = r.boolean(path, value)
		default:
			return false
		}
		return true
	})
	return options, channels
}

// newReader begins to read a body. What is not JSON in it comes out while its fields are read, and then nothing else
// counts.
func newReader(body []byte, limits Limits) (*reader, error) {
	r := &reader{limits: limits}
	if !utf8.Valid(body) {
		r.malformed(errUTF8)
		return nil, r.fault()
	}
	return r, nil
}
