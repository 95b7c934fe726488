package api

import (
	"context"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/services/api/internal/request"
	"github.com/channelstream/channelstream/shared/contract"
)

// message publishes. It asks nobody.
func (s *Service) message(r *http.Request, body []byte) (any, error) {
	messages, err := request.Messages(body, s.limitsOf(r), s.conn.MaxPayload(), time.Now())
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	if err := s.publisher.Publish(ctx, s.from(r), messages); err != nil {
		return nil, s.uncompleted(err, messages)
	}
	s.accepted.Add(uint64(len(messages)))
	return answerMessages(messages), nil
}

// edit publishes edits. Whether there are messages with these uuids is not looked up.
func (s *Service) edit(r *http.Request, body []byte) (any, error) {
	edits, err := request.Edits(body, s.limitsOf(r), s.conn.MaxPayload(), time.Now())
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	if err := s.publisher.Publish(ctx, s.from(r), edits); err != nil {
		return nil, s.uncompleted(err, edits)
	}
	return answerMessages(edits), nil
}

// remove publishes deletions, and then erases what they are about.
func (s *Service) remove(r *http.Request, body []byte) (any, error) {
	deletions, err := request.Deletions(body, s.limitsOf(r), s.conn.MaxPayload())
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(r)
	defer cancel()
	if err := s.publishAndErase(ctx, s.from(r), deletions); err != nil {
		return nil, s.uncompleted(err, deletions)
	}
	return answerMessages(deletions), nil
}

// from says who brings messages.
func (s *Service) from(r *http.Request) contract.From {
	return contract.From{API: s.id, Address: s.transport.Caller(r).String()}
}

func (s *Service) publishAndErase(ctx context.Context, from contract.From, deletions []message.Message) error {
	if err := s.publisher.Publish(ctx, from, deletions); err != nil {
		return err
	}
	return s.eraser.Erase(ctx, deletions)
}

// uncompleted makes the error of a list an answer, which names the list if it may be posted again.
func (s *Service) uncompleted(err error, messages []message.Message) error {
	fault := s.asFault(err)
	if fault.Code != contract.CodeUnavailable {
		return err
	}
	for i := range messages {
		fault.UUIDs = append(fault.UUIDs, messages[i].UUID)
	}
	return fault
}

func answerMessages(messages []message.Message) []byte {
	size := 2
	for i := range messages {
		size += len(messages[i].Object) + 64
	}
	answer := append(make([]byte, 0, size), '[')
	for i := range messages {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = messages[i].AppendAnswer(answer)
	}
	return append(answer, ']')
}
