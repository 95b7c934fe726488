package engine

import (
	"net/http"
	"net/url"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
)

// Engine.IO 3: payloads and frames as engineio/revision3.go has them; the client pings, and the server ends what was silent for
// an interval and a timeout. Every session is connected to the namespace / by the server; see connectByItself.

// byItself is how long the server waits for the client to name a namespace, before it connects / by itself. Clients that want
// another one say so at once, and are to miss nothing that came before.
const byItself = 500 * time.Millisecond

// octetStream is the content type of a payload of bytes.
const octetStream = "application/octet-stream"

// connectByItself connects a client to /, unless it has named a namespace by then. One that does not listen waits: it may be gone, and
// have come back with another session, from which this one must not take the connection.
func (c *conversation) connectByItself() {
	look := time.NewTicker(byItself)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-c.member.Over():
			return
		}
		if polling.IsHeard(c.member, c.polls) {
			break
		}
	}
	c.inbound.Lock()
	defer c.inbound.Unlock()
	if reason := c.dialog.ConnectRoot(c.member.Life()); reason != "" {
		c.member.Close(reason)
	}
}

// payload3 puts a payload into the form that a client asks for by its query: a script, text, or else bytes. In a browser that can
// read bytes clients 1.0 to 1.3 read nothing else.
func payload3(h http.Header, query url.Values, payload []byte) []byte {
	switch {
	case query.Has("j"):
		h.Set("Content-Type", "text/javascript; charset=UTF-8")
		return engineio.AppendScript(nil, query.Get("j"), payload)
	case query.Has("b64"):
		return payload
	}
	h.Set("Content-Type", octetStream)
	return engineio.AppendBinaryPayload3(nil, payload)
}

// isScript says whether a request is one of JSONP polling.
func isScript(query url.Values) bool {
	return engineio.IsRevision3(query.Get("EIO")) && query.Has("j")
}

// through gives the way of the session's packets.
func (c *conversation) through(w frame.Way) frame.Way {
	if c.revision3 {
		return w.Revision3()
	}
	return w
}

// decodeFrame reads a text frame.
func (c *conversation) decodeFrame(data []byte) (engineio.Packet, error) {
	if c.revision3 {
		return engineio.DecodeText3(data)
	}
	return engineio.DecodeText(data)
}

// decode reads the body of a POST.
func (c *conversation) decode(r *http.Request, body []byte) ([]engineio.Packet, error) {
	switch {
	case !c.revision3:
		return engineio.DecodePayload(body, maxPackets)
	case r.Header.Get("Content-Type") == octetStream:
		return engineio.DecodeBinaryPayload3(body, maxPackets)
	case isScript(r.URL.Query()):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err //nolint:wrapcheck // it is not told
		}
		body = engineio.UnescapeForm([]byte(form.Get("d")))
	}
	return engineio.DecodePayload3(body, maxPackets)
}
