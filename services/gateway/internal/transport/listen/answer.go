package listen

import (
	"bytes"
	"net/http"
	"regexp"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/shared/contract"
)

// Answer is what a poll has got.
type Answer struct {
	lists  []byte // each with a line end
	Offset uint64 // how far the client has come with it; 0: not known
	Reason contract.Reason
}

// Tell says in the answer from where the client goes on that stopped at since (nil: it did not say), unless the last
// message says that, or nothing has changed.
func (a *Answer) Tell(since *uint64) {
	unchanged := len(a.lists) == 0 && since != nil && *since == a.Offset
	if a.Offset == 0 || unchanged {
		return
	}
	list := frame.AppendOffset(nil, frame.BareList, a.Offset)
	if said := list[bytes.LastIndexByte(list, ','):]; !bytes.HasSuffix(a.lists, said) {
		a.lists = append(a.lists, list...)
	}
}

// Write answers a poll: with one list or, for a callback, with a script that calls it.
func (a *Answer) Write(w http.ResponseWriter, callback string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	body := a.list()
	if callback == "" {
		h.Set("Content-Type", "application/json")
	} else {
		h.Set("Content-Type", "application/javascript; charset=utf-8")
		body = script(callback, body)
	}
	w.Write(body) //nolint:errcheck // the client has gone then
}

// list makes one list of all.
func (a *Answer) list() []byte {
	list := append(make([]byte, 0, len(a.lists)+2), '[')
	for line := range bytes.Lines(a.lists) {
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = append(list, line[len("["):len(line)-len("]\n")]...)
	}
	return append(list, ']')
}

// The line ends of Unicode may stand in JSON but, before ECMAScript 2019, not in a script's strings.
var (
	lineSeparator      = []byte("\u2028")
	paragraphSeparator = []byte("\u2029")
)

// script calls the function with the list. The comment before it keeps what a caller chose away from the file's first
// bytes, by which a plug-in might take it for something else than a script (CVE-2014-4671).
func script(callback string, list []byte) []byte {
	list = bytes.ReplaceAll(list, lineSeparator, []byte(`\u2028`))
	list = bytes.ReplaceAll(list, paragraphSeparator, []byte(`\u2029`))
	return append(append(append([]byte("/**/"+callback), '('), list...), ");"...)
}

var function = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$.]{0,63}$`)

// IsCallback says whether a script may call this: the name of a function, or where it is kept.
func IsCallback(name string) bool { return function.MatchString(name) }
