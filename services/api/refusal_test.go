package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

// Whoever looks for the reason of a 4xx finds one line at debug, in which nothing stands that an app or a client has sent.
func TestTheLogSaysWhyARequestIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbDisconnect, contract.Invalid("conn_id", contract.UnknownConnection))
	wrong := request(http.MethodPost, "/connect", `{"user": "private-word"}`)
	wrong.Header.Set("x-channelstream-secret", signature.Sign("private-word", "/connect", time.Now()))
	for _, c := range []struct {
		request *http.Request
		status  int
		line    string
	}{
		{wrong, 401, `route=/connect code=bad_signature reason="The request is not accepted: its signature is wrong." fields=""`},
		{request(http.MethodPost, "/connect", `{}`), 403, `route=/connect code=forbidden reason="The request is not signed." fields=""`},
		{signed(http.MethodPost, "/private-word", `{}`), 404, `route=other code=not_found`},
		{signed(http.MethodPut, "/message", `{}`), 405, `route=/message code=method_not_allowed`},
		{signed(http.MethodPost, "/message", `{"user": private-word`), 400, `route=/message code=malformed`},
		{signed(http.MethodPost, "/message", `[{"channel": "private-word"}, {"user": "private-word"}]`), 422,
			`route=/message code=invalid reason="Some fields of the request are not valid." fields="0.user 1.channel"`},
		{signed(http.MethodPost, "/disconnect", `{"conn_id": "private-word"}`), 422, `route=/disconnect code=invalid reason="Some fields of the request are not valid." fields=conn_id`},
	} {
		s.fault(s.do(c.request), c.status)
		if n := strings.Count(s.log.String(), `level=DEBUG msg="a request is refused" `+c.line); n != 1 {
			t.Errorf("%d lines with %s", n, c.line)
		}
	}
	if strings.Contains(s.log.String(), "private-word") {
		t.Error("the log has what was sent")
	}
	if t.Failed() {
		t.Log(s.log)
	}
}

func TestTheLogNamesSomeOfManyFields(t *testing.T) {
	t.Parallel()
	s := start(t)
	list := strings.TrimSuffix(strings.Repeat(`{},`, 500), ",")
	s.fault(s.post("/message", fmt.Sprintf(`[%s]`, list)), http.StatusUnprocessableEntity)
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "a request is refused") && (len(line) > 1000 || !strings.Contains(line, "…")) {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}
