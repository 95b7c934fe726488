package flood

import (
	"context"
	"sync"
	"time"
)

// pour opens a WebSocket at each of Paths, says Hello, sends First and then Chunk again and again, as fast as the socket
// takes it. Without a chunk it waits for the end. Without Paths it does so on Many bare connections.
func pour(ctx context.Context, o *order, r *record) {
	paths := o.Paths
	if len(paths) == 0 {
		paths = make([]string, o.Many)
	}
	var sockets sync.WaitGroup
	for _, path := range paths {
		sockets.Go(func() {
			for again := true; again && ctx.Err() == nil; again = o.Again {
				r.ended(pourInto(ctx, o, path, r))
			}
		})
	}
	sockets.Wait()
}

func pourInto(ctx context.Context, o *order, path string, r *record) (end string) {
	w, refused := connect(ctx, o, path)
	if refused != "" {
		return refused
	}
	defer w.Close() //nolint:errcheck // the attack is over
	ends := make(chan string, 1)
	read := func() { ends <- w.listen(path, r) }
	if o.Read {
		go read() // ends with the connection
	}
	_, err := w.Write(o.First)
	if err == nil && len(o.Chunk) == 0 {
		r.sent(o.Units)
	}
	for err == nil && len(o.Chunk) > 0 {
		err = w.pour(o, r)
	}
	if err != nil && ctx.Err() == nil { // the server has ended it, and may have said why
		w.SetReadDeadline(time.Now().Add(time.Second)) //nolint:errcheck // it is closed then
	}
	if !o.Read {
		go read()
	}
	return <-ends
}

// listen reads all that comes until the connection ends, and gives how it did: frames, or one answer of HTTP if there is no
// path.
func (w *wire) listen(path string, r *record) string {
	if path == "" {
		return w.answer(r)
	}
	return w.rest(func(byte, []byte) { r.answered(1) })
}

// connect opens a WebSocket, or a bare connection if there is no path.
func connect(ctx context.Context, o *order, path string) (w *wire, refused string) {
	if path != "" {
		return open(ctx, o, path)
	}
	w, err := dial(ctx, o)
	return w, ending(err)
}

// pour writes a chunk once.
func (w *wire) pour(o *order, r *record) error {
	step := o.Step
	if step == 0 {
		step = len(o.Chunk)
	}
	for rest := o.Chunk; len(rest) > 0; {
		n, err := w.Write(rest[:min(step, len(rest))])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	r.sent(o.Units)
	return nil
}
