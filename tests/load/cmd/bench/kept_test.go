package main

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/procfs"
)

var channelsKept = flag.Int("kept", 200, "channels of which ten messages are kept; a hundred thousand take minutes")

// What ten messages of many channels take, in the log and in the history, in memory and on disk.
func TestTenMessagesOfManyChannelsAreKept(t *testing.T) {
	const each = 10
	server := startServer(t, "all-in-one")
	app, err := client.New("http://"+server.Target.Publish, server.Target.Secret)
	if err != nil {
		t.Fatal(err)
	}
	defer app.CloseIdleConnections()
	weigh(t, server, "empty")
	keepHistory(t, app, each)
	weigh(t, server, "configured")
	began := time.Now()
	for range each {
		for first := 0; first < *channelsKept; first += 1000 {
			var list []client.Message
			for n := first; n < min(first+1000, *channelsKept); n++ {
				list = append(list, client.Message{User: "app", Channel: fmt.Sprint("kept ", n), Message: hundred})
			}
			if _, err := app.Publish(t.Context(), list...); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d messages posted in %v", each**channelsKept, time.Since(began))
	weigh(t, server, "full")
	info, err := app.Info(t.Context(), "kept 0", fmt.Sprint("kept ", *channelsKept-1))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Channels) != 2 {
		t.Errorf("%d channels are known", len(info.Channels))
	}
	for name, channel := range info.Channels {
		if len(channel.History) != each {
			t.Errorf("%s keeps %d messages", name, len(channel.History))
		}
	}
}

const hundred = "a hundred bytes, more or less, as a message of a chat may have, with some words to whom it may concern"

func weigh(t *testing.T, server *contestant.Server, when string) {
	t.Helper()
	rss, _, err := procfs.Memory(server.Target.Processes[0].PID)
	if err != nil {
		t.Fatal(err)
	}
	disk, err := server.Disk()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d MB of memory, %d MB on disk", when, rss>>20, disk>>20)
}

func keepHistory(t *testing.T, app *client.Client, size int) {
	t.Helper()
	for first := 0; first < *channelsKept; first += 100 {
		channels := map[string]client.ChannelConfig{}
		for n := first; n < min(first+100, *channelsKept); n++ {
			channels[fmt.Sprint("kept ", n)] = client.ChannelConfig{StoreHistory: true, HistorySize: &size}
		}
		if _, err := app.Configure(t.Context(), channels); err != nil {
			t.Fatal(err)
		}
	}
}
