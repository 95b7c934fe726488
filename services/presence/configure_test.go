package presence

import (
	"maps"
	"strconv"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func config(change func(*contract.ChannelConfig)) contract.ChannelConfig {
	c := contract.ChannelConfig{ChannelSettings: contract.DefaultChannelSettings()}
	change(&c)
	return c
}

func unchanged(*contract.ChannelConfig) {}

func (h *system) configure(channels map[string]contract.ChannelConfig) contract.ConfigureAnswer {
	h.t.Helper()
	return must[contract.ConfigureAnswer](h, contract.VerbConfigure, contract.ConfigureRequest{Channels: channels})
}

func TestConfigureReplacesTheSettings(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	h.connect("c1", "alice", "one")
	long := "The first"
	first := h.configure(map[string]contract.ChannelConfig{
		"one": config(func(c *contract.ChannelConfig) { c.NotifyPresence, c.LongName = true, &long }),
		"two": config(unchanged),
	})
	one, two := first.Channels["one"], first.Channels["two"]
	if !one.Settings.NotifyPresence || *one.LongName != long || one.TotalUsers != 0 || len(one.Users) != 0 || len(first.Users) != 0 {
		t.Fatalf("one: %+v", one)
	}
	if two.UUID == "" || two.Settings != contract.DefaultChannelSettings() || two.History == nil || two.Users == nil {
		t.Fatalf("two: %+v", two)
	}
	created := r.ledger.Channels.Cached("one").Created
	second := h.configure(map[string]contract.ChannelConfig{"one": config(func(c *contract.ChannelConfig) { c.HistorySize = 3 })})
	record := r.ledger.Channels.Cached("one")
	if record.Settings.NotifyPresence || record.Settings.HistorySize != 3 || record.LongName != nil || !record.Created.Equal(created) {
		t.Fatalf("record %+v", record)
	}
	if first.Settings == 0 || second.Settings <= first.Settings {
		t.Fatalf("revisions %d and %d", first.Settings, second.Settings)
	}
	again := h.configure(map[string]contract.ChannelConfig{"one": config(func(c *contract.ChannelConfig) { c.HistorySize = 3 })})
	if again.Settings != second.Settings {
		t.Fatalf("revision %d after what changes nothing, want %d", again.Settings, second.Settings)
	}
	last := h.configure(map[string]contract.ChannelConfig{"one": config(unchanged)})
	record = r.ledger.Channels.Cached("one")
	if record == nil || record.Settings != contract.DefaultChannelSettings() || last.Settings <= second.Settings {
		t.Fatalf("record %+v, answer %+v", record, last)
	}
}

func TestAChannelThatKeptHistoryIsRemembered(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	keeps := config(func(c *contract.ChannelConfig) { c.StoreHistory = true })
	a := must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c1", User: "alice", ChannelConfigs: map[string]contract.ChannelConfig{"one": keeps},
	})
	if a.Settings == 0 || h.connect("c2", "alice").Settings != 0 {
		t.Fatalf("the answer does not say what was written: %+v", a.Seen)
	}
	b := must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{
		User: "alice", ChannelConfigs: map[string]contract.ChannelConfig{"two": keeps},
	})
	if b.Settings <= a.Settings {
		t.Fatalf("the answer does not say what was written: %+v", b.Seen)
	}
	h.configure(map[string]contract.ChannelConfig{"one": config(unchanged), "two": config(unchanged)})
	for _, name := range []string{"one", "two"} {
		record := r.ledger.Channels.Cached(name)
		if record == nil || !record.History || record.Settings != contract.DefaultChannelSettings() {
			t.Fatalf("%s: %+v", name, record)
		}
	}
}

func TestAChannelShowsMoreHistoryOnceItWasTrimmed(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	sized := func(size int) map[string]contract.ChannelConfig {
		return map[string]contract.ChannelConfig{
			"one": config(func(c *contract.ChannelConfig) { c.StoreHistory, c.HistorySize = true, size }),
			"two": config(func(c *contract.ChannelConfig) { c.HistorySize = size }), // keeps none
		}
	}
	give := func(size int, trimmed map[string]int) map[string]int {
		return must[contract.ConfigureAnswer](h, contract.VerbConfigure, contract.ConfigureRequest{Channels: sized(size), Trimmed: trimmed}).Trim
	}
	want := func(what string, size int, trim, wantTrim map[string]int) {
		t.Helper()
		if one := r.ledger.Channels.Cached("one"); !maps.Equal(trim, wantTrim) || one.Settings.HistorySize != size {
			t.Errorf("%s: to be trimmed %v, want %v; the size is %d, want %d", what, trim, wantTrim, one.Settings.HistorySize, size)
		}
	}
	want("a new channel", 5, give(5, map[string]int{}), nil)
	want("smaller", 3, give(3, map[string]int{}), nil)
	want("the same", 3, give(3, map[string]int{}), nil)
	want("larger", 3, give(4, map[string]int{}), map[string]int{"one": 3})
	want("trimmed to another size", 3, give(4, map[string]int{"one": 5}), map[string]int{"one": 3})
	want("trimmed", 4, give(4, map[string]int{"one": 3}), nil)
	want("without limit", 4, give(0, map[string]int{}), map[string]int{"one": 4})
	want("without limit, trimmed", 0, give(0, map[string]int{"one": 4}), nil)
	want("from no limit", 9, give(9, map[string]int{}), nil)
	want("from a caller that knows nothing of it", 10, give(10, nil), nil)
	if two := r.ledger.Channels.Cached("two"); two.History || two.Settings != contract.DefaultChannelSettings() {
		t.Errorf("a channel without history is %+v", two)
	}
}

func TestAChannelThatWasConfiguredIsNotChangedByALaterConnect(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.start(patient())
	h.start(patient())
	loud := config(func(c *contract.ChannelConfig) { c.NotifyPresence, c.HistorySize = true, 3 })
	h.configure(map[string]contract.ChannelConfig{"as any other": config(unchanged), "once loud": loud})
	h.configure(map[string]contract.ChannelConfig{"once loud": config(unchanged)})
	introduced := map[string]contract.ChannelConfig{"as any other": loud, "once loud": loud, "never configured": loud}
	for i := range 4 { // whichever replica answers
		must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
			ConnID: "c" + strconv.Itoa(i), User: "alice", ChannelConfigs: introduced,
		})
		must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{
			ConnID: "c" + strconv.Itoa(i), Channels: []string{"one"}, ChannelConfigs: introduced,
		})
	}
	info := h.info("as any other", "once loud", "never configured").Channels
	for name, want := range map[string]contract.ChannelSettings{
		"as any other": contract.DefaultChannelSettings(), "once loud": contract.DefaultChannelSettings(),
		"never configured": loud.ChannelSettings,
	} {
		if got := info[name].Settings; got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestConfigureWithABadNameChangesNothing(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	r := h.start(patient())
	loud := config(func(c *contract.ChannelConfig) { c.NotifyPresence = true })
	refused[contract.ConfigureAnswer](h, contract.VerbConfigure, contract.ConfigureRequest{
		Channels: map[string]contract.ChannelConfig{"one": loud, "": loud},
	}, contract.CodeInvalid, "channels")
	if r.ledger.Channels.Cached("one") != nil {
		t.Fatal("the other channel was configured")
	}
}
