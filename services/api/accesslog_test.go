package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestTheAccessLogTellsOfEachAnswerAndNothingOfWhatWasSent(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ACCESS_LOG=true", "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.0/8", "CHANNELSTREAM_ALLOW_POSTING_FROM=198.51.100.7")
	for i, c := range []struct {
		request *http.Request
		line    string
	}{
		{signed(http.MethodPost, "/message?private-word=1", `{"user": "a", "channel": "private-word", "message": "private-word"}`), "method=POST route=/message status=200"},
		{signed(http.MethodPost, "/private-word", `{}`), "method=POST route=other status=404"},
		{signed("PRIVATE-WORD", "/info", ``), "method=other route=/info status=405"},
		{request(http.MethodGet, "/info?private-word", ``), "method=GET route=/info status=403"},
		{request(http.MethodOptions, "/info", ``), "method=OPTIONS route=/info status=204"},
	} {
		id := fmt.Sprint("r-", i)
		r := c.request.WithContext(telemetry.WithRequest(c.request.Context(), id))
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		w := s.do(r)
		line := regexp.MustCompile(fmt.Sprintf(`level=INFO msg="a request is answered" %s bytes=%d took=\S+ caller=198\.51\.100\.7 request=%s\n`, c.line, w.Body.Len(), id))
		if n := len(line.FindAllString(s.log.String(), -1)); n != 1 {
			t.Errorf("%d lines with %s and %d bytes", n, c.line, w.Body.Len())
		}
	}
	if n := s.log.Count("a request is answered"); n != 5 {
		t.Errorf("%d lines tell of 5 answers", n)
	}
	if log := strings.ToLower(s.log.String()); strings.Contains(log, "private-word") || strings.Contains(log, "signature=") {
		t.Error("the log has what was sent")
	}
	if t.Failed() {
		t.Log(s.log)
	}
}

func TestThereIsNoAccessLogUnlessSomebodyWantsIt(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.want(s.post("/message", `{"user": "a", "channel": "c", "message": "m"}`), http.StatusOK)
	if n := s.log.Count("a request is answered"); n > 0 {
		t.Errorf("%d lines tell of answers:\n%s", n, s.log)
	}
}

func TestARefusalInTheLogSaysOfWhichRequestItIs(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := request(http.MethodPost, "/connect", `{}`)
	s.fault(s.do(r.WithContext(telemetry.WithRequest(r.Context(), "r-1"))), http.StatusForbidden)
	if n := s.log.Count(`msg="a request is refused" route=/connect code=forbidden reason="The request is not signed." fields="" request=r-1`); n != 1 {
		t.Errorf("%d lines say it:\n%s", n, s.log)
	}
}
