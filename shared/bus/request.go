package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/channelstream/channelstream/shared/contract"
)

// Large answers. A reply of up to maxPart bytes is one message. For a larger one the server answers with headerParts
// and no body; the caller asks again with headerParts on an inbox of its own, and gets the parts in order, each with
// headerParts set to how many there are.
const (
	headerParts = "Cs-Parts"
	maxPart     = 512 << 10
	maxParts    = 1 << 12 // that wait to be put together
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
// answered is returned as *contract.Fault; nobody there, or no answer before ctx ends, as ErrUnavailable; a request that
// no message can hold, as ErrTooLarge.
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
	reply, err := c.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: body})
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", subject, unavailable(err))
	}
	if reply.Header.Get(headerParts) != "" {
		return c.callParts(ctx, subject, body)
	}
	return reply.Data, faultOf(reply)
}

func (c *Conn) callParts(ctx context.Context, subject string, body []byte) ([]byte, error) {
	reply, replies, done, err := c.replies.open(maxParts)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", subject, err)
	}
	defer done()
	request := &nats.Msg{Subject: subject, Reply: reply, Data: body, Header: nats.Header{headerParts: {"1"}}}
	if err := c.nc.PublishMsg(request); err != nil {
		return nil, fmt.Errorf("request %s: %w", subject, unavailable(err))
	}
	var whole bytes.Buffer
	for got, want := 0, 1; got < want; got++ {
		var part *nats.Msg
		select {
		case part = <-replies:
		case <-ctx.Done():
			return nil, fmt.Errorf("part %d of the answer of %s: %w", got, subject, unavailable(ctx.Err()))
		}
		if err := faultOf(part); err != nil {
			return nil, err
		}
		if want, err = strconv.Atoi(part.Header.Get(headerParts)); err != nil || want < 1 {
			return nil, fmt.Errorf("part %d of the answer of %s: bad %s header", got, subject, headerParts)
		}
		whole.Write(part.Data)
	}
	return whole.Bytes(), nil
}

// faultOf reads the fault in an error reply, or gives nil.
func faultOf(reply *nats.Msg) error {
	code := reply.Header.Get(headerErrorCode)
	if code == "" {
		if reply.Header.Get("Status") == "503" {
			return fmt.Errorf("%w: nobody answers", ErrUnavailable)
		}
		return nil
	}
	fault := new(contract.Fault)
	if err := json.Unmarshal(reply.Data, fault); err != nil || fault.Code == "" {
		return errors.New("the other side failed: " + reply.Header.Get(headerError))
	}
	return fault
}
