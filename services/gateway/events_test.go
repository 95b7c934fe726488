package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// joined is what presence sends when bob comes, and the events that it names.
const joined = `{"type":"presence","user":"bob","channel":"news","state":null,"status":1,"catchup":false}`

var bobComes = contract.JoinEvents(
	`user_connect,{"user":`+place(`"bob"`)+`,"status":`+place("1")+`,"state":`+place("null")+`}`,
	"presence_join,"+place(`"bob"`)+",["+place(`"news"`)+"]")

func place(value string) string { return contract.EventValue(strings.Index(joined, value), len(value)) }

const (
	userConnect  = `["user_connect",{"user":"bob","status":1,"state":null}`
	presenceJoin = `["presence_join","bob",["news"]`
)

func TestAnAnnouncementIsToldByItsEventsOverSocketIOAndByItsObjectElsewhere(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for _, id := range []string{"plain", "socket", "events"} {
		g.Presence.Register(id, "user-"+id, "news")
	}
	plain, events := g.Plain("plain"), g.Events("conn_id=events")
	socket := g.Engine("conn_id=socket")
	socket.Send("40")
	socket.Want(`40{`)
	one := g.Store("news", said(1))
	plain.Want("[" + live(1, one) + "]")
	events.Want(one, "["+live(1, one)+"]")
	socket.Want(fmt.Sprintf(`42["message",[%s],"%d"]`, live(1, one), one))
	two := g.Store("news", joined, contract.HeaderEvents, bobComes)
	object := strings.TrimSuffix(joined, "}") + fmt.Sprintf(`,"offset":%d}`, two)
	plain.Want("[" + object + "]")
	events.Want(two, "["+object+"]")
	socket.Want(fmt.Sprintf(`42%s,"%d.1"]`, userConnect, two))
	socket.Want(fmt.Sprintf(`42%s,"%d"]`, presenceJoin, two))
	three := g.Store("news", said(2))
	plain.Want("[" + live(2, three) + "]")
	socket.Want(fmt.Sprintf(`42["message",[%s],"%d"]`, live(2, three), three))
}

func TestAnAnnouncementThatIsNotStoredAndOneOfAnOlderPresence(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(`40/stream,{`)
	g.Announce("news", joined, bobComes)
	if got, want := p.Want("4"), "42/stream,"+userConnect+"]\x1e42/stream,"+presenceJoin+"]"; got != want {
		t.Errorf("got %q", got)
	}
	for _, events := range []string{"", "no events at all", "user_connect,$1000+1"} {
		g.Announce("news", joined, events)
		if got := p.Want("4"); got != `42/stream,["message",[`+joined+"]]" {
			t.Errorf("got %q", got)
		}
	}
}

func TestAClientThatDropsInTheMiddleOfAnAnnouncementIsToldTheRest(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	var welcome struct{ PID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(s.Want("40/stream,"), "40/stream,")), &welcome); err != nil {
		t.Fatal(err)
	}
	first, second := g.Store("news", joined, contract.HeaderEvents, bobComes), g.Store("news", joined, contract.HeaderEvents, bobComes)
	s.Want("42")
	s.Drop()
	all := []string{
		fmt.Sprintf(`%s,"%d.1"]`, userConnect, first), fmt.Sprintf(`%s,"%d"]`, presenceJoin, first),
		fmt.Sprintf(`%s,"%d.1"]`, userConnect, second), fmt.Sprintf(`%s,"%d"]`, presenceJoin, second),
	}
	offsets := []string{"", fmt.Sprintf("%d.1", first), fmt.Sprint(first), fmt.Sprintf("%d.1", second), fmt.Sprint(second)}
	for told, offset := range offsets {
		s := g.Engine("conn_id=c1")
		s.Send(fmt.Sprintf(`40/stream,{"pid":%q,"offset":%q}`, welcome.PID, offset))
		if got := s.Want("40/stream,"); !strings.Contains(got, welcome.PID) {
			t.Fatalf("with %s: %s", offset, got)
		}
		for _, want := range all[told:] {
			if got := s.Next(); got != "42/stream,"+want {
				t.Errorf("with %s: got %s, want %s", offset, got, want)
			}
		}
		s.WantNothing()
		s.Drop()
	}
}
