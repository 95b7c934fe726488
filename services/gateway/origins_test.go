package gateway

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestAnOriginIsInTheLogAgainAfterAMinuteAndStrangersAreForgotten(t *testing.T) {
	t.Parallel()
	s := newStrangers(slog.New(slog.DiscardHandler))
	now := time.Now()
	for n := range mostStrangers {
		if !s.isNew(fmt.Sprint(n), now) {
			t.Errorf("origin %d is not in the log", n)
		}
	}
	for _, after := range []time.Duration{0, strangerAgain - 1} {
		if s.isNew("0", now.Add(after)) || s.isNew("another", now.Add(after)) {
			t.Errorf("after %v there is a line", after)
		}
	}
	if now = now.Add(strangerAgain); !s.isNew("another", now) || !s.isNew("0", now) || s.isNew("0", now) || len(s.noted) != 2 {
		t.Errorf("after a minute %v are known", s.noted)
	}
}
