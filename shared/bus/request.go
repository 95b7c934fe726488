package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/channelstream/channelstream/shared/contract"
)

// Large answers. What does not fit into one part comes in several. A part is itself a request: the answer to it asks for
// the next one, and says where to.
//
//	caller → responder   the request
//	responder → caller   a part, with headerParts and a subject to reply to
//	caller → responder   nothing, with a subject to reply to
//	responder → caller   the last part, with headerParts
//
// So a request is run once, whatever the size of its answer, and the parts come in order and no faster than the caller
// takes them. A part that is lost is waited for in vain. Who knows nothing of parts sees by the header that what came is
// not all.
const (
	headerParts = "Cs-Parts" // bytes of the whole answer
	maxPart     = 512 << 10
	maxAnswer   = 64 << 20
)

// Headers of NATS micro's error replies (ADR-32).
const (
	headerErrorCode = "Nats-Service-Error-Code"
	headerError     = "Nats-Service-Error"
)

// Call sends a JSON request and decodes the JSON answer. Its errors are those of Ask.
func Call[A any](ctx context.Context, c *Conn, subject string, request any) (A, error) {
	var answer A
	data, err := c.Ask(ctx, subject, request)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("decode answer of %s: %w", subject, err)
	}
	return answer, nil
}

// Ask sends a JSON request and gives the JSON answer as it came, which is the caller's. A fault that the other side
// answered is returned as *contract.Fault; nobody there as ErrNobody; no answer before ctx ends as ErrUnavailable; a request
// that no message can hold as ErrTooLarge.
func (c *Conn) Ask(ctx context.Context, subject string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request to %s: %w", subject, err)
	}
	if !c.nc.IsConnected() {
		return nil, ErrUnavailable
	}
	if limit := c.nc.MaxPayload(); limit > 0 && int64(len(body)) > limit {
		return nil, fmt.Errorf("request %s: %w", subject, ErrTooLarge)
	}
	reply, err := c.exchange(ctx, asked(ctx, &nats.Msg{Subject: subject, Data: body}))
	if err == nil && reply.Header.Get(headerParts) != "" {
		body, _, err = c.gather(ctx, reply)
	} else if err == nil {
		body = reply.Data
	}
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", subject, err)
	}
	return body, nil
}

// exchange sends a message and gives the reply, unless that is a fault.
func (c *Conn) exchange(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	reply, err := c.nc.RequestMsgWithContext(ctx, m)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return reply, faultOf(reply)
}

// gather asks for one part after the other and gives the whole answer, and its last part.
func (c *Conn) gather(ctx context.Context, part *nats.Msg) (whole []byte, last *nats.Msg, err error) {
	size, err := strconv.Atoi(part.Header.Get(headerParts))
	if err != nil || size < len(part.Data) || size > maxAnswer {
		return nil, nil, fmt.Errorf("an answer in parts of %q bytes", part.Header.Get(headerParts))
	}
	whole = append(make([]byte, 0, size), part.Data...)
	for part.Reply != "" && len(whole) < size {
		if part, err = c.exchange(ctx, &nats.Msg{Subject: part.Reply}); err != nil {
			return nil, nil, fmt.Errorf("after %d of %d bytes: %w", len(whole), size, err)
		}
		if len(whole)+len(part.Data) > size {
			break
		}
		whole = append(whole, part.Data...)
	}
	if len(whole) != size {
		return nil, nil, fmt.Errorf("the parts of an answer of %d bytes do not add up", size)
	}
	return whole, part, nil
}

// faultOf reads the fault in an error reply, or gives nil.
func faultOf(reply *nats.Msg) error {
	code := reply.Header.Get(headerErrorCode)
	if code == "" {
		if reply.Header.Get("Status") == "503" {
			return ErrNobody
		}
		return nil
	}
	fault := new(contract.Fault)
	if err := json.Unmarshal(reply.Data, fault); err != nil || fault.Code == "" {
		return errors.New("the other side failed: " + reply.Header.Get(headerError))
	}
	return fault
}
