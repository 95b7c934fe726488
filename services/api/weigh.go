package api

import (
	"context"
	"time"
)

// weighEvery is how often the logs are asked for what they hold. Every api shows the same.
const weighEvery = 15 * time.Second

// weigh notes what the logs hold, for the metrics, until ctx ends.
func (s *Service) weigh(ctx context.Context) {
	tick := time.NewTicker(weighEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := s.weighOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Debug("the logs could not be asked what they hold; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (s *Service) weighOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	log, err := s.conn.BindLog(s.ns.LogStream()).State(ctx)
	if err != nil {
		return err
	}
	s.metrics.holds("log", log.Messages, log.Bytes)
	messages, bytes, err := s.history.Holds(ctx)
	if err != nil {
		return err
	}
	s.metrics.holds("history", messages, bytes)
	return nil
}
