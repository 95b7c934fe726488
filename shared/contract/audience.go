package contract

import (
	"bytes"
	"strconv"
)

// HeaderAudience is how many bytes of a live message's body are the object that clients get. Behind the object stand the
// values of HeaderPM and HeaderExclude, each ended by a line end: together they are too large for headers, which NATS stores
// up to 64 KiB. HeaderPM is nobody then, so that a gateway of a version that knows nothing of this sends the message to none.
const HeaderAudience = "Cs-Audience"

const (
	nobody       = "=="     // no user's token: EncodeToken writes a hash behind it
	mostInHeader = 16 << 10 // bytes of both lists; what else is in a header is small
	listEnd      = "\n"     // is in no token
)

// SetAudience writes who gets a channel's message, as the values of HeaderPM and HeaderExclude, into its header, and gives
// the body: the object, or a longer one where the lists are too large for a header. header is written only for a list that is
// not empty.
func SetAudience(header map[string][]string, object []byte, pm, exclude string) (body []byte) {
	if len(pm)+len(exclude) > mostInHeader {
		header[HeaderPM] = []string{nobody}
		header[HeaderAudience] = []string{strconv.Itoa(len(object))}
		body = append(make([]byte, 0, len(object)+len(pm)+len(exclude)+2), object...)
		body = append(append(body, pm...), listEnd...)
		return append(append(body, exclude...), listEnd...)
	}
	setLists(header, pm, exclude)
	return object
}

func setLists(header map[string][]string, pm, exclude string) {
	if pm != "" {
		header[HeaderPM] = []string{pm}
	}
	if exclude != "" {
		header[HeaderExclude] = []string{exclude}
	}
}

// OpenAudience undoes SetAudience: it gives the object in a body, and puts lists of users that are in the body into the
// header. It does nothing where there are none, or when it was called before; a body that is not as its header says stays for
// nobody.
func OpenAudience(header map[string][]string, body []byte) (object []byte) {
	size := header[HeaderAudience]
	if len(size) == 0 {
		return body
	}
	at, err := strconv.Atoi(size[0])
	if err != nil || at < 0 || at > len(body) {
		return body
	}
	pm, rest, found := bytes.Cut(body[at:], []byte(listEnd))
	exclude, rest, whole := bytes.Cut(rest, []byte(listEnd))
	if !found || !whole || len(rest) > 0 {
		return body
	}
	delete(header, HeaderAudience)
	delete(header, HeaderPM)
	setLists(header, string(pm), string(exclude))
	return body[:at:at]
}
