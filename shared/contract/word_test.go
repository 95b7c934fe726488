package contract

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFaultSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	fault := Invalid("channels.0", "Too long.")
	fault.Fields["a"] = []string{"One.", "Two."}
	if got, want := fault.Error(), InvalidMessage+" (a: One. Two.; channels.0: Too long.)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var found *Fault
	if err := fmt.Errorf("wrapped: %w", Unavailable("Later.")); !errors.As(err, &found) || found.Code != CodeUnavailable {
		t.Errorf("%v", err)
	}
}

func TestKeysOfTheServer(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{"type": true, "catchup": true, "offset": true, "Type": false, "edited": false, "message": false, "": false} {
		if Reserved(key) != want {
			t.Errorf("%q: reserved is %t", key, !want)
		}
	}
}

func TestAnAudienceIsSetsOfUsers(t *testing.T) {
	t.Parallel()
	same := Audience([]string{"a", "b,c"}, []string{"d"})
	if again := Audience([]string{"b,c", "a"}, []string{"d"}); again != same || len(same) != 32 {
		t.Errorf("%q and %q", same, again)
	}
	seen := map[string]bool{"": true, same: true}
	for _, other := range []string{
		Audience([]string{"a", "b", "c"}, []string{"d"}), Audience([]string{"a"}, []string{"b,c", "d"}), Audience([]string{"d"}, []string{"a", "b,c"}),
		Audience([]string{"a", "b,c"}, nil), Audience([]string{"a;d"}, nil), Audience([]string{"a"}, []string{"d"}),
	} {
		if seen[other] {
			t.Errorf("two audiences are %q", other)
		}
		seen[other] = true
	}
	const uuid = "09d65887-4e12-46d1-96d1-e8441645235b"
	for _, id := range []string{ChannelMessageID(uuid, "a.b"), UserMessageID(uuid, ".")} {
		for _, audience := range []string{"", same} {
			with := WithAudience(id, audience)
			if AudienceOfMessage(with) != audience || UUIDOfMessage(with) != uuid {
				t.Errorf("%s is of %q, for %q", with, UUIDOfMessage(with), AudienceOfMessage(with))
			}
		}
	}
	if got := AudienceOfMessage("other.id.entirely"); got != "" {
		t.Errorf("another id is for %q", got)
	}
}

func TestCloseCodes(t *testing.T) {
	t.Parallel()
	for reason, want := range map[Reason]int{
		ReasonReplaced: 1000, ReasonDisconnected: 1000, ReasonClosed: 1000, ReasonSlowConsumer: 1008,
		ReasonHeartbeatTimeout: 1008, ReasonDraining: 1012, ReasonShuttingDown: 1012, ReasonProtocolError: 1002,
		ReasonTooLarge: 1009, ReasonInvalidPayload: 1007, ReasonRateLimited: 1008,
	} {
		if got := reason.CloseCode(); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
		if len(reason) > 123 { // RFC 6455 section 5.5: a control frame has 125 bytes, two of them the code
			t.Errorf("%s does not fit into a close frame", reason)
		}
	}
}

func TestDefaultChannelNeedsNoRecord(t *testing.T) {
	t.Parallel()
	config := ChannelConfig{ChannelSettings: DefaultChannelSettings()}
	if !config.IsDefault() {
		t.Error("the default is not the default")
	}
	name := ""
	if config.LongName = &name; config.IsDefault() {
		t.Error("an empty long name is lost")
	}
	config.LongName, config.HistorySize = nil, 11
	if config.IsDefault() {
		t.Error("a setting is lost")
	}
}

func TestSubjectsAndBuckets(t *testing.T) {
	t.Parallel()
	const ns Namespace = "cs"
	const uuid = "09d65887-4e12-46d1-96d1-e8441645235b"
	for _, id := range []string{ChannelMessageID(uuid, "news"), UserMessageID(uuid, strings.Repeat("\U0001f980", 400))} {
		if got := UUIDOfMessage(id); got != uuid {
			t.Errorf("the uuid in %s is %q", id, got)
		}
	}
	for _, id := range []string{"", uuid, uuid[1:] + ".news", "news"} {
		if got := UUIDOfMessage(id); got != "" {
			t.Errorf("the uuid in %s is %q", id, got)
		}
	}
	for got, want := range map[string]string{
		ns.LiveChannel("a.b"):                    "cs.live.channel.a=2Eb",
		ns.LiveUser("a b"):                       "cs.live.user.a=20b",
		ns.Presence(VerbConnect):                 "cs.presence.connect",
		ns.Gateway("g.1", VerbClose):             "cs.gateway.g=2E1.close",
		ns.PresenceReplica("r.1", VerbAnnounced): "cs.presence.announced.r=2E1",
		ns.Bucket(BucketConnections):             "cs-connections",
		ns.HistoryStream(3):                      "cs-history-3",
		ns.HistorySubjects(3):                    "cs.history.3.>",
		ns.HistorySubject("a.b"):                 "cs.history.12.a=2Eb",
		LeaseKey(LeaseAPI, "host:80"):            "api.host=3A80",
		ChannelMessageID(uuid, "a.b"):            uuid + ".a=2Eb",
		UserMessageID(uuid, "a.b"):               uuid + "..a=2Eb",
		WithAudience(uuid+".a=2Eb", ""):          uuid + ".a=2Eb",
		WithAudience(uuid+".a=2Eb", "0f"):        uuid + ".a=2Eb.0f",
		Audience(nil, []string{}):                "",
		Audience([]string{"b", "a"}, nil):        "5c51d9178b82d267bc1a29ebd5545b2d",
		Audience(nil, []string{"a", "b"}):        "04496f61fcf3c2269716b286f13123b9",
		LeaseKey(LeaseGateway, "plain"):          "gateway.plain",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
