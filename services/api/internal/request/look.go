package request

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
)

// Looks are what operators ask for: some of a list, by its order, a search, or what it belongs to. A look is in the query, or in the body
// if there is one.

// Totals reads what /admin/admin.json is asked for.
func Totals(body []byte, query url.Values, limits Limits) (contract.Page, error) {
	var page contract.Page
	err := look(body, query, limits, func(r *reader, key string, value []byte) bool {
		return r.page(key, value, max(limits.User, limits.Channel), &page)
	})
	return page, err
}

// Nothing reads a request that says nothing.
func Nothing(body []byte, query url.Values, limits Limits) error {
	return look(body, query, limits, func(*reader, string, []byte) bool { return false })
}

// ListChannels reads which channels are to be listed.
func ListChannels(body []byte, query url.Values, limits Limits) (contract.ListChannelsRequest, error) {
	var request contract.ListChannelsRequest
	err := look(body, query, limits, func(r *reader, key string, value []byte) bool {
		return r.searched(key, value, limits.Channel, &request.Page)
	})
	return request, err
}

// ListUsers reads which users are to be listed.
func ListUsers(body []byte, query url.Values, limits Limits) (contract.ListUsersRequest, error) {
	var request contract.ListUsersRequest
	err := look(body, query, limits, func(r *reader, key string, value []byte) bool {
		return r.searched(key, value, limits.User, &request.Page)
	})
	return request, err
}

// ListConnections reads which connections are to be listed.
func ListConnections(body []byte, query url.Values, limits Limits) (contract.ListConnectionsRequest, error) {
	var request contract.ListConnectionsRequest
	err := look(body, query, limits, func(r *reader, key string, value []byte) bool {
		switch key {
		case "user":
			request.User = r.text(key, value, limits.User)
		case "channel":
			request.Channel = r.text(key, value, limits.Channel)
		default:
			return r.page(key, value, limits.ConnID, &request.Page)
		}
		return true
	})
	return request, err
}

func (r *reader) searched(key string, value []byte, length int, page *contract.Page) bool {
	if key == "search" {
		page.Search = r.text(key, value, length)
		return true
	}
	return r.page(key, value, length, page)
}

func (r *reader) page(key string, value []byte, length int, page *contract.Page) bool {
	switch key {
	case "after":
		page.After = r.text(key, value, length)
	case "limit":
		page.Limit = r.integer(key, value, 1, contract.MaxPage)
	default:
		return false
	}
	return true
}

// look reads the members of the body, or else of the query.
func look(body []byte, query url.Values, limits Limits, read func(r *reader, key string, value []byte) bool) error {
	r, err := given(body, query, limits, read)
	if err != nil {
		return err
	}
	return r.fault()
}

// given is look for what has more to be said about what was read.
func given(body []byte, query url.Values, limits Limits, read func(r *reader, key string, value []byte) bool) (*reader, error) {
	if len(bytes.TrimSpace(body)) > 0 {
		r, err := newReader(body, limits)
		if err != nil {
			return nil, err
		}
		r.object("", body, func(key string, value []byte) bool { return read(r, key, value) })
		return r, nil
	}
	r := &reader{limits: limits}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if key == "secret" { // the signature
			continue
		}
		switch value := query[key]; {
		case len(value) > 1:
			r.add(key, sayTwice)
		case !utf8.ValidString(key), !utf8.ValidString(value[0]):
			r.add(key, sayControl)
		default:
			quoted, err := json.Marshal(value[0])
			if err != nil {
				return nil, err
			}
			if !read(r, key, quoted) {
				r.add(key, sayUnknown)
			}
		}
	}
	return r, nil
}
