package serve

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/channelstream/channelstream/shared/telemetry"
)

// heedLevelSignal has SIGUSR1 turn the level of logging to debug, and back to the one that is set now, until the returned
// function is called.
func heedLevelSignal(log *slog.Logger) (stop func()) {
	level := telemetry.LevelOf(log)
	if level == nil {
		return func() {}
	}
	configured := level.Level()
	signals, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1)
	var heeding sync.WaitGroup
	heeding.Go(func() {
		for {
			select {
			case <-signals:
			case <-ended:
				return
			}
			to := slog.LevelDebug
			if level.Level() == slog.LevelDebug {
				to = configured
			}
			setLevel(level, to, log.With("by", "SIGUSR1"))
		}
	})
	return func() {
		signal.Stop(signals)
		close(ended)
		heeding.Wait()
	}
}
