package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
)

// explained is what of an answer is looked at here.
type explained struct {
	Verdict, Reason string
	Facts           []struct {
		Key                 string
		Offset              uint64
		API, Address, Trace string
	}
	Connections []struct {
		ConnID          string `json:"conn_id"`
		Verdict, Reason string
	}
}

func (s *system) explained(body string) (e explained) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		s.t.Fatal(err)
	}
	return e
}

// posted posts a message and gives its uuid.
func (s *system) posted(body string) (uuid string) {
	s.t.Helper()
	var list []struct{ UUID string }
	if err := json.Unmarshal([]byte(s.want(s.post("/message", body), http.StatusOK)), &list); err != nil {
		s.t.Fatal(err)
	}
	return list[0].UUID
}

func there(connID, user string) contract.ChronicleAnswer {
	return contract.ChronicleAnswer{From: time.Now().Add(-time.Hour), Connections: []contract.ConnectionLife{{
		ConnID: connID, User: user,
		Before: &contract.Standing{State: contract.Attached, In: true, Gateway: "nobody", Session: "s1", Transport: "ws"},
	}}}
}

func TestExplainIsAnsweredToGETAndPOST(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbConnect, contract.ConnectAnswer{Seen: contract.Seen{Revision: 9}})
	s.want(s.post("/connect", `{"user":"alice"}`), http.StatusOK)
	s.presence.answer(contract.VerbChronicle, there("c1", "alice"))
	s.posted(`{"user":"app","channel":"a b","message":1}`)
	uuid := s.posted(`{"user":"app","channel":"a b","message":2}`)
	query := url.Values{"message": {uuid}, "channel": {"a b"}, "conn_id": {"c1"}}
	for _, body := range []string{
		s.want(s.do(signed(http.MethodGet, "/admin/explain?"+query.Encode(), "")), http.StatusOK),
		s.want(s.post("/admin/explain", `{"message":"`+uuid+`","conn_id":"c1"}`), http.StatusOK),
	} {
		e := s.explained(body)
		if e.Verdict != "unknown" || e.Reason != "gateway_silent" || len(e.Facts) < 4 || e.Facts[0].Key != "stored" || e.Connections != nil {
			t.Errorf("got %s", body)
		}
		asked := last[contract.ChronicleRequest](t, s.presence, contract.VerbChronicle)
		if asked.Revision != 9 || asked.ConnID != "c1" || asked.User != "" || asked.Channel != "a b" {
			t.Errorf("asked %+v", asked)
		}
		query.Set("message", strconv.FormatUint(e.Facts[0].Offset, 10))
	}
	byOffset := s.explained(s.want(s.do(signed(http.MethodGet, "/admin/explain?"+query.Encode(), "")), http.StatusOK))
	if byOffset.Reason != "gateway_silent" || byOffset.Facts[0].Offset == 0 {
		t.Errorf("by its offset it is %+v", byOffset)
	}
	paths := s.paths(s.post("/admin/explain", `{"message":"x"}`))
	if !paths["message"] || !paths["conn_id"] {
		t.Errorf("wrong are %v", paths)
	}
}

func TestWhoBroughtAMessageInIsToldOfWhatTheLogHasAndOfWhatOnlyTheHistoryHas(t *testing.T) {
	t.Parallel()
	s := run(t, "CHANNELSTREAM_TRACES_URL="+tracetest.Start(t).URL)
	s.presence.answer(contract.VerbChronicle, there("c1", "alice"))
	fleeting := keeps(10)
	fleeting.StoreFrames = false
	s.configure("fleeting", fleeting)
	for _, channel := range []string{"stored", "fleeting"} {
		const uuid = "5b3b5ff5-1a6c-4f4a-8c39-0a4f5a9d2c11"
		s.postTraced("/message", `{"uuid":"`+uuid+`","user":"app","channel":"`+channel+`","message":1}`, sampled)
		e := s.explained(s.want(s.post("/admin/explain", `{"message":"`+uuid+`","channel":"`+channel+`","conn_id":"c1"}`), http.StatusOK))
		if f := e.Facts[1]; f.Key != "accepted" || f.API == "" || f.Address != "127.0.0.1" || f.Trace != sampled[3:35] {
			t.Errorf("%s: %+v", channel, e)
		}
	}
}

// Each user who is named has a copy of a private message, and another's is not the one that counts.
func TestAPrivateMessageIsExplainedByTheUsersOwnCopy(t *testing.T) {
	t.Parallel()
	s := start(t)
	uuid := s.posted(`{"user":"app","pm_users":["alice","bob","carol"],"message":1}`)
	for user, want := range map[string]string{"alice": "gateway_silent", "bob": "gateway_silent", "dave": "other_users"} {
		s.presence.answer(contract.VerbChronicle, there("c1", user))
		for _, whose := range []string{`"conn_id":"c1"`, `"user":"` + user + `"`} {
			e := s.explained(s.want(s.post("/admin/explain", `{"message":"`+uuid+`",`+whose+`}`), http.StatusOK))
			if e.Reason != want {
				t.Errorf("%s, by %s: %+v", user, whose, e)
			}
		}
	}
}

func TestAMessageToSomeIsExplainedByItsAudience(t *testing.T) {
	t.Parallel()
	s := start(t)
	const uuid = "09d65887-4e12-46d1-96d1-e8441645235b"
	s.posted(`{"uuid":"` + uuid + `","user":"app","channel":"a","pm_users":["bob"],"message":1}`)
	s.posted(`{"uuid":"` + uuid + `","user":"app","channel":"a","pm_users":["alice"],"message":2}`)
	for user, want := range map[string]string{"alice": "gateway_silent", "bob": "gateway_silent", "carol": "not_among_pm_users"} {
		s.presence.answer(contract.VerbChronicle, there("c1", user))
		e := s.explained(s.want(s.post("/admin/explain", `{"message":"`+uuid+`","channel":"a","user":"`+user+`"}`), http.StatusOK))
		if e.Reason != want || len(e.Connections) != 1 || e.Connections[0].ConnID != "c1" {
			t.Errorf("%s: %+v", user, e)
		}
	}
}
