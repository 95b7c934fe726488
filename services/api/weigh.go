package api

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/admin"
)

// weighEvery is how often the logs are asked for what they hold. Every api shows the same.
const weighEvery = 15 * time.Second

// weighRetry is when they are asked again if they did not answer.
const weighRetry = time.Second

// weigh notes what the logs hold, for the metrics, until ctx ends.
func (s *Service) weigh(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		wait := weighEvery
		if err := s.weighOnce(ctx); err != nil { // at the start they may not be there yet
			s.log.Debug("the logs could not be asked what they hold; trying again", "error", err)
			wait = weighRetry
		}
		next.Reset(wait)
	}
}

func (s *Service) weighOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	log, err := s.conn.BindLog(s.ns.LogStream()).State(ctx)
	if err != nil {
		return err
	}
	s.metrics.holds(storeLog, log)
	history, err := s.history.Holds(ctx)
	if err != nil {
		return err
	}
	s.metrics.holds(storeHistory, history)
	s.stores.Store(&[]admin.Store{
		{Name: "Message log", Messages: log.Messages, Bytes: log.Bytes, MostBytes: s.most.log},
		{Name: "History of channels", Messages: history.Messages, Bytes: history.Bytes, MostBytes: s.most.history},
	})
	return nil
}
