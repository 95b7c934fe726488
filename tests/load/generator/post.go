package generator

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A poster is one keep-alive HTTP/1.1 connection that makes one request at a time. It is net/http's client without what
// that does beyond writing a request and reading an answer, because at 20,000 requests a second on the server's own machine
// the client's cost decides the result.
type poster struct {
	address string
	timeout time.Duration // of one request
	idle    time.Duration // after which the connection is not used again
	conn    net.Conn
	used    time.Time // last
	in      *bufio.Reader
	out     []byte
	answer  []byte
}

const (
	postTimeout = 10 * time.Second
	// postIdle is how long a connection that posts is used again. Servers close idle ones (Node after 5 s), and a request that
	// meets the close can not be sent again without the risk that it is published twice.
	postIdle = 2 * time.Second
)

func dialPoster(ctx context.Context, address string) (*poster, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial publisher: %w", err)
	}
	return &poster{address: address, timeout: postTimeout, idle: postIdle, conn: conn, used: time.Now(), in: bufio.NewReader(conn)}, nil
}

// renew replaces a connection that the server may be about to close.
func (p *poster) renew(now time.Time) error {
	if now.Sub(p.used) < p.idle {
		return nil
	}
	conn, err := net.DialTimeout("tcp", p.address, postTimeout)
	if err != nil {
		return err
	}
	p.close()
	p.conn = conn
	p.in.Reset(conn)
	return nil
}

func (p *poster) close() { _ = p.conn.Close() }

// post sends body and returns an error unless the answer's status is 200. header is whole lines, each with its CRLF.
func (p *poster) post(path, header string, body []byte) error {
	p.out = append(p.out[:0], "POST "...)
	p.out = append(p.out, path...)
	p.out = append(p.out, " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "...)
	p.out = strconv.AppendInt(p.out, int64(len(body)), 10)
	p.out = append(p.out, "\r\n"...)
	p.out = append(p.out, header...)
	p.out = append(p.out, "\r\n"...)
	p.out = append(p.out, body...)
	return p.do("post", path)
}

// get asks for a path and returns an error unless the answer's status is 200.
func (p *poster) get(path string) error {
	p.out = append(p.out[:0], "GET "...)
	p.out = append(p.out, path...)
	p.out = append(p.out, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
	return p.do("get", path)
}

// do sends the request in p.out and leaves the answer's body in p.answer.
func (p *poster) do(what, path string) error {
	now := time.Now()
	if err := p.renew(now); err != nil {
		return fmt.Errorf("%s %s: %w", what, path, err)
	}
	p.used = now
	if err := p.conn.SetDeadline(now.Add(p.timeout)); err != nil {
		return fmt.Errorf("%s %s: %w", what, path, err)
	}
	if _, err := p.conn.Write(p.out); err != nil {
		return fmt.Errorf("%s %s: %w", what, path, err)
	}
	status, err := p.readAnswer()
	if err != nil {
		return fmt.Errorf("read answer to %s %s: %w", what, path, err)
	}
	if status != 200 {
		return fmt.Errorf("%s %s: status %d: %.300s", what, path, status, p.answer)
	}
	return nil
}

// readAnswer reads a whole answer (RFC 9112 §6.3: chunked, or by length) and leaves the body in p.answer.
func (p *poster) readAnswer() (status int, err error) {
	line, err := p.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("malformed status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("malformed status line %q", line)
	}
	length, chunked, err := p.readHeader()
	if err != nil {
		return 0, err
	}
	p.answer = p.answer[:0]
	if !chunked {
		return status, p.readBody(length)
	}
	for {
		if line, err = p.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return 0, fmt.Errorf("malformed chunk size: %w", err)
		}
		if err := p.readBody(int(size)); err != nil {
			return 0, err
		}
		if _, err := p.in.Discard(len("\r\n")); err != nil || size == 0 {
			return status, err
		}
	}
}

func (p *poster) readHeader() (length int, chunked bool, err error) {
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		name, value, found := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case !found:
			return length, chunked, nil
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, false, fmt.Errorf("malformed content-length %q", value)
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
}

func (p *poster) readBody(size int) error {
	at := len(p.answer)
	p.answer = append(p.answer, make([]byte, size)...)
	_, err := io.ReadFull(p.in, p.answer[at:])
	return err
}
