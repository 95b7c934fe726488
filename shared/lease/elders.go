package lease

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/channelstream/channelstream/shared/contract"
)

// ErrOlder is returned by CheckContract while a replica of presence is older than this process.
var ErrOlder = errors.New("presence speaks an older contract than this process: update presence first")

// remembered is for how many answers it counts that one came from an older replica: each may come from another one.
const remembered = 10

// elders are the replicas of presence that do not know every word which this process says.
type elders struct {
	log *slog.Logger

	mu   sync.Mutex
	left int // answers for which it counts that there is one; guarded by mu
}

// heard takes note of the contract that an answer speaks. The log is told when the first one is older, and when none is any more.
func (e *elders) heard(spoken int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case spoken < contract.Version && e.left == 0:
		e.log.Warn("presence speaks an older contract than this process, and may refuse what clients and apps ask for: update presence first",
			"presence", spoken, "own", contract.Version)
		e.left = remembered
	case spoken < contract.Version:
		e.left = remembered
	case e.left > 0:
		if e.left--; e.left == 0 {
			e.log.Info("presence speaks the contract of this process", "presence", spoken, "own", contract.Version)
		}
	}
}

// CheckContract says whether presence knows every word that this process says: nil, or ErrOlder. Before the first answer that
// is not known, and Check fails.
func (k *Keeper) CheckContract(context.Context) error {
	k.elders.mu.Lock()
	defer k.elders.mu.Unlock()
	if k.elders.left > 0 {
		return ErrOlder
	}
	return nil
}
