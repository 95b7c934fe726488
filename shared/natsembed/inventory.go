package natsembed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// inventoryEvery is how often the inventory is taken: what a damaged store had got in the time before is lost unseen.
const inventoryEvery = time.Second

// inventory is how far each stream was: the sequence of its newest message. It is kept in a file beside the store, since
// a store whose files are damaged begins where they are sound, as if there had never been more.
type inventory map[string]uint64

// Loss is what a stream had and has no more.
type Loss struct {
	Stream string // KV_ and its name for a bucket
	Had    uint64 // the sequence of its newest message
	Has    uint64 // the same now; 0: there is no such stream
}

func inventoryFile(dir string) string { return filepath.Join(dir, "inventory.json") }

// readInventory gives the one that was kept last; none for a new store, or one of an older version.
func readInventory(dir string) (inventory, error) {
	content, err := os.ReadFile(inventoryFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept inventory
	if err == nil {
		err = json.Unmarshal(content, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read what the store had: %w", err)
	}
	return kept, nil
}

// keep writes the inventory, whole or not at all.
func (i inventory) keep(dir string) error {
	content, err := json.Marshal(i)
	if err != nil {
		return err
	}
	next := inventoryFile(dir) + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return err
	}
	return os.Rename(next, inventoryFile(dir))
}

// losses compares what was there with what is there now.
func losses(had, has inventory) []Loss {
	var lost []Loss
	for name, last := range had {
		if has[name] < last {
			lost = append(lost, Loss{Stream: name, Had: last, Has: has[name]})
		}
	}
	slices.SortFunc(lost, func(a, b Loss) int { return cmp.Compare(a.Stream, b.Stream) })
	return lost
}

// take asks the server how far its streams are.
func (s *Server) take() (inventory, error) {
	all, err := s.server().Jsz(&server.JSzOptions{Accounts: true, Streams: true, Config: true})
	if err != nil {
		return nil, fmt.Errorf("ask the embedded NATS server for its streams: %w", err)
	}
	now := inventory{}
	for _, account := range all.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Config.Storage == server.FileStorage { // what is in memory is meant to be lost
				now[stream.Name] = stream.State.LastSeq
			}
		}
	}
	return now, nil
}

// stocktaking keeps the inventory up to date until stop is closed, and once more then. It also looks after a disk that was
// full.
func (s *Server) stocktaking(kept inventory) {
	defer close(s.stocktaken)
	tick := time.NewTicker(inventoryEvery)
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-tick.C:
		case <-s.stop:
			stopped = true
		}
		if s.full.Load() && !stopped {
			s.regain()
			continue
		}
		now, err := s.take()
		if err == nil && !maps.Equal(now, kept) {
			err = now.keep(s.options.StoreDir)
			kept = now
		}
		if err != nil && !s.full.Load() {
			s.log.Warn("what the store has could not be noted", "error", err)
		}
	}
}

// roomAgain is how much of a disk that was full must be free for the store to be used again.
const roomAgain = 16 << 20

// Full says whether the disk had no room for something, and has none yet.
func (s *Server) Full() bool { return s.full.Load() }

// regain starts the server anew when a disk that was full has room: a stream that could not be written once takes nothing
// any more.
func (s *Server) regain() {
	if freeBytes(s.options.StoreDir) < roomAgain {
		return
	}
	s.end()
	s.full.Store(false)
	if err := s.run(); err != nil {
		s.full.Store(true)
		s.log.Error("the disk has room again, but the NATS server does not start; trying again", "error", err)
		return
	}
	s.log.Info("the disk has room again, and the store is used again")
}

// soundBuckets lets NATS read the buckets whole when it starts, and check each record, instead of believing its index: a
// record that can not be read would keep a watch from ever coming into step. Buckets are small.
func soundBuckets(dir string) error {
	indexes, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "KV_*", "msgs", "index.db"))
	for _, index := range indexes {
		err = errors.Join(err, os.Remove(index))
	}
	return err
}
