package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

// bulky has a channel remember messages of 100 KB.
func (k *keeper) bulky(channel string, messages int) {
	k.t.Helper()
	log := k.conn.BindLog(ns.HistoryStream(contract.HistoryShard(channel)))
	pad := strings.Repeat("x", 100_000)
	for n := range messages {
		record := fmt.Sprintf(`{"message":%d,"pad":"%s"}`, n, pad)
		pending, err := log.Store(ns.HistorySubject(channel), contract.ChannelMessageID(id(n), channel), nil, []byte(record))
		if err == nil {
			_, err = pending.Wait(k.t.Context())
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// describes lets presence describe channels in what it answers to /connect.
func (k *keeper) describes(names ...string) {
	info := contract.ChannelsInfo{Users: []contract.UserInfo{}, Channels: map[string]contract.ChannelInfo{}}
	for _, name := range names {
		info.Channels[name] = contract.ChannelInfo{Name: name, Settings: keeps(0), History: []json.RawMessage{}, Users: []string{}}
	}
	state := map[string]json.RawMessage{"history": json.RawMessage(`"<b>\"[]"`)}
	k.presence.answer(contract.VerbConnect, contract.ConnectAnswer{History: true, ConnID: "c", State: state, ChannelsInfo: info})
}

// connected is what /connect tells of channels.
type connected struct {
	State    map[string]string
	Channels struct {
		Channels map[string]struct {
			History []struct {
				Message json.RawMessage
			}
			Truncated bool `json:"history_truncated"`
		}
	} `json:"channels_info"`
}

func TestTheHistoryOfOneAnswerIsBoundedAndTheNewestIsShown(t *testing.T) {
	t.Parallel()
	k := run(t, "CHANNELSTREAM_MAX_HISTORY_ANSWER=1MiB")
	for _, name := range []string{"large", "small", "none"} {
		k.configure(name, keeps(0))
	}
	k.bulky("large", 20)
	k.say("small", `"one"`, `{"<two>":[1.50]}`)
	k.describes("large", "small", "none")
	server := httptest.NewServer(k.service.Handler())
	defer server.Close()
	request := signed(http.MethodPost, server.URL+"/connect", `{"user":"a","channels":["large","small","none"]}`)
	request.RequestURI = ""
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.ContentLength != int64(len(body)) || len(body) > 1<<20+4096 {
		t.Fatalf("status %d, %d bytes of %d: %v", response.StatusCode, len(body), response.ContentLength, err)
	}
	var got connected
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	large, small, none := got.Channels.Channels["large"], got.Channels.Channels["small"], got.Channels.Channels["none"]
	if n := len(large.History); n != 10 || !large.Truncated {
		t.Errorf("%d of 20 messages are shown; truncated is %t", n, large.Truncated)
	}
	for i, m := range large.History {
		if string(m.Message) != fmt.Sprint(10+i) {
			t.Errorf("message %d is %s", i, m.Message)
		}
	}
	if len(small.History) != 2 || string(small.History[1].Message) != `{"<two>":[1.50]}` || small.Truncated || none.History == nil || none.Truncated {
		t.Errorf("small is %s, none is %v", small.History, none)
	}
	if got.State["history"] != `<b>"[]` {
		t.Errorf("the state is %v", got.State)
	}
}

// stalled is a caller who does not read the answer until it is let go.
type stalled struct {
	*httptest.ResponseRecorder
	begun *sync.WaitGroup
	once  sync.Once
	let   chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	s.once.Do(s.begun.Done)
	<-s.let
	return len(p), nil
}

// It measures memory, so nothing else runs beside it.
func TestAnswersWithMuchHistoryHoldLittleMemory(t *testing.T) {
	const clients, most = 4, 1 << 20
	k := run(t, fmt.Sprintf("CHANNELSTREAM_MAX_HISTORY_ANSWER=%d", most))
	k.configure("large", keeps(0))
	k.bulky("large", 100)
	k.describes("large")
	var begun, done sync.WaitGroup
	let := make(chan struct{})
	begun.Add(clients)
	for range clients {
		done.Go(func() {
			w := &stalled{ResponseRecorder: httptest.NewRecorder(), begun: &begun, let: let}
			k.service.Handler().ServeHTTP(w, signed(http.MethodPost, "/connect", `{"user":"a","channels":["large"]}`))
		})
	}
	begun.Wait()
	during := heap()
	close(let)
	done.Wait()
	if held := during - heap(); held > clients*most*3/2 || held < clients*most/2 {
		t.Errorf("%d answers from 10 MB of history hold %d bytes, want about %d each", clients, held, most)
	}
}

// heap is what lives on the heap.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools held is gone with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // less than an int64 holds
}
