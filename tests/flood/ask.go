package flood

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// answer reads one HTTP answer to its end, and gives its status.
func (w *wire) answer(r *record) string {
	status, _, err := w.exchange()
	if err != nil {
		return ending(err)
	}
	r.answered(1)
	return status
}

// exchange reads one HTTP answer.
func (w *wire) exchange() (how, body string, err error) {
	response, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	return status(response), string(text), err
}

// request sends a request and reads the answer.
func (w *wire) request(method, path string, body []byte) (how, answer string, err error) {
	request := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: flood\r\nContent-Length: %d\r\n\r\n", method, path, len(body))
	if strings.HasPrefix(path, "/ws") {
		request = upgradeRequest(path, false)
	}
	if _, err := w.Write(append(request, body...)); err != nil {
		return "", "", err
	}
	return w.exchange()
}

// ask makes requests on Many connections, each as soon as the one before it is answered, to Paths in turn. A %d in a path is
// the number of the request.
func ask(ctx context.Context, o *order, r *record) {
	var asked atomic.Int64
	workers(ctx, o, r, func(ctx context.Context, w *wire) error {
		for {
			n := int(asked.Add(1))
			path := strings.ReplaceAll(o.Paths[n%len(o.Paths)], "%d", fmt.Sprint(n))
			how, _, err := w.request(http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			r.sent(1)
			r.answered(1)
			r.ended(how)
		}
	})
}

// workers runs work on Many connections, and on new ones when it has ended those.
func workers(ctx context.Context, o *order, r *record, work func(context.Context, *wire) error) {
	var connections sync.WaitGroup
	for range o.Many {
		connections.Go(func() {
			for ctx.Err() == nil {
				w, err := dial(ctx, o)
				if err == nil {
					err = work(ctx, w)
					w.Close() //nolint:errcheck // it is done with
				}
				if err != nil && ctx.Err() == nil {
					r.ended(ending(err))
				}
			}
		})
	}
	connections.Wait()
}

const enginePath = "/socket.io/?EIO=4&transport=polling"

// session opens an Engine.IO session that polls, says Hello in it, and gives its path; refused is how the server refused it.
func (w *wire) session(o *order) (path, refused string, err error) {
	how, body, err := w.request(http.MethodGet, enginePath, nil)
	if err != nil || how != "HTTP 200" {
		return "", how, err
	}
	_, sid, _ := strings.Cut(body, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	path = enginePath + "&sid=" + sid
	for _, packet := range o.Hello {
		if how, _, err = w.request(http.MethodPost, path, []byte(packet)); err != nil || how != "HTTP 200" {
			return "", how, err
		}
		if _, _, err = w.request(http.MethodGet, path, nil); err != nil {
			return "", "", err
		}
	}
	return path, "", nil
}

// post opens Many Engine.IO sessions that poll no more once they have said Hello, and posts Chunk to each again and again.
// A session that the server has ended is followed by another.
func post(ctx context.Context, o *order, r *record) {
	workers(ctx, o, r, func(ctx context.Context, w *wire) error {
		path, how, err := w.session(o)
		for err == nil && how == "" {
			var answer string
			if answer, _, err = w.request(http.MethodPost, path, o.Chunk); answer != "HTTP 200" {
				how = answer
				break
			}
			r.sent(o.Units)
		}
		if how != "" {
			r.ended(how)
		}
		return err
	})
}

// chase opens an Engine.IO session and has two polls of it wait at the same time, again and again.
func chase(ctx context.Context, o *order, r *record) {
	workers(ctx, o, r, func(ctx context.Context, w *wire) error {
		path, how, err := w.session(o)
		if how != "" {
			r.ended(how)
		}
		if path == "" {
			return err
		}
		var pollers sync.WaitGroup
		for range 2 {
			pollers.Go(func() { r.ended(poll(ctx, o, path, r)) })
		}
		pollers.Wait()
		return nil
	})
}

// poll polls until the server refuses.
func poll(ctx context.Context, o *order, path string, r *record) string {
	w, err := dial(ctx, o)
	if err != nil {
		return ending(err)
	}
	defer w.Close() //nolint:errcheck // it is done with
	for {
		r.sent(1)
		how, body, err := w.request(http.MethodGet, path, nil)
		if err != nil {
			return ending(err)
		}
		r.answered(1)
		if how != "HTTP 200" {
			return how
		}
		if strings.HasSuffix(body, "1") { // the packet that ends a session
			return "the end"
		}
		if body == "2" { // a heartbeat
			if _, _, err := w.request(http.MethodPost, path, []byte("3")); err != nil {
				return ending(err)
			}
		}
	}
}

// payload gives as many Engine.IO packets in one body.
func payload(many int, packet string) []byte {
	return bytes.TrimSuffix(bytes.Repeat([]byte(packet+"\x1e"), many), []byte("\x1e"))
}
