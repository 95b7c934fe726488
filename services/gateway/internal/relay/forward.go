package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Forward hands a request to the holder of a session and answers as the holder does. On an error it has answered nothing,
// and the error is the request's own, if its body could not be read, or one of this package.
func (r *Relay) Forward(w http.ResponseWriter, request *http.Request, sid string) error {
	if r.requests.Add(1) > maxRequests || r.bytes.Load() > maxBytes {
		r.requests.Add(-1)
		return ErrBusy
	}
	defer r.requests.Add(-1)
	body, err := io.ReadAll(io.LimitReader(request.Body, int64(r.config.MaxBody)+1))
	if err != nil {
		return err //nolint:wrapcheck // it is for the client
	}
	message, err := encode(headOf(request, r.config.Caller(request)), body)
	if err != nil {
		return err
	}
	r.bytes.Add(int64(len(message)))
	defer r.bytes.Add(-int64(len(message)))
	answer, err := r.ask(request.Context(), routeOf(sid), message)
	if err != nil {
		return err
	}
	r.bytes.Add(int64(len(answer)))
	defer r.bytes.Add(-int64(len(answer)))
	head, body, err := answerOf(answer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	write(w, head, body)
	return nil
}

// headroom is what NATS needs of a message for its header.
const headroom = 1 << 10

// ask sends a request and waits for the answer. If it gives up, it tells the holder.
func (r *Relay) ask(ctx context.Context, route string, message []byte) ([]byte, error) {
	conn, subject := r.config.Conn, r.subject(route)
	if limit := conn.MaxPayload(); limit > 0 && int64(len(message))+headroom > limit {
		return nil, ErrTooLarge
	}
	const replies = 2 // the answer begins with one; or NATS says that nobody is there
	inbox, err := conn.OpenInbox(replies)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	defer inbox.Close()
	gone, done := r.watch(route)
	defer done()
	if err := conn.Send(&bus.Msg{Subject: subject, Reply: inbox.Subject, Data: message}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	answer, err := r.await(ctx, inbox, gone)
	if err != nil && !errors.Is(err, errNobody) {
		_ = conn.Publish(subject, bus.Header{contract.HeaderCancel: {inbox.Subject}}, nil) // if NATS is away, the delivery fails
	}
	return answer, err
}

// errNobody is the ErrGone of a gateway that is not there.
var errNobody = fmt.Errorf("%w: it is not there", ErrGone)

// await gives the whole answer.
func (r *Relay) await(ctx context.Context, inbox *bus.Inbox, gone <-chan struct{}) ([]byte, error) {
	longest := time.NewTimer(r.config.Longest)
	defer longest.Stop()
	select {
	case reply := <-inbox.C:
		if bus.IsNobody(reply) {
			return nil, errNobody
		}
		within, cancel := context.WithTimeout(ctx, r.config.Silence)
		defer cancel()
		answer, err := r.config.Conn.Receive(within, reply)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrGone, err)
		}
		return answer, nil
	case <-gone:
		return nil, ErrGone
	case <-longest.C:
		return nil, ErrGone
	case <-r.leaving:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Relay) subject(route string) string {
	return r.config.Namespace.Gateway(route, contract.VerbRelay)
}
