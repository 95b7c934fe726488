package netfault

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// echo answers all that it gets, until the end of the test.
func echo(t *testing.T) (at string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) //nolint:errcheck // nobody asks any more
	go func() {                            // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				io.Copy(conn, conn) //nolint:errcheck // it ends
				conn.Close()        //nolint:errcheck // it has ended
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, r *Road) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", r.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) //nolint:errcheck // the test is over
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hears(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience)) //nolint:errcheck // it is open
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, []byte(text)) {
		t.Fatalf("heard %q, %v", got, err)
	}
}

// ending waits for the end of a connection through which nothing comes.
func ending(conn net.Conn) error {
	conn.SetReadDeadline(time.Now().Add(patience)) //nolint:errcheck // it may be closed
	_, err := conn.Read(make([]byte, 1))
	return err
}

func TestASilentRoadLetsNothingThroughAndNobodyIn(t *testing.T) {
	t.Parallel()
	r := NewRoad(t, echo(t))
	conn := dial(t, r)
	say(t, conn, "before")
	hears(t, conn, "before")
	r.Silence()
	say(t, conn, "meanwhile")
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) //nolint:errcheck // it is open
	if n, err := conn.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes came, %v", n, err)
	}
	if late, err := net.DialTimeout("tcp", r.Addr(), 100*time.Millisecond); err == nil {
		late.Close() //nolint:errcheck // it should not be there
		t.Error("somebody was let in")
	}
	r.Unblock()
	hears(t, conn, "meanwhile")
	later := dial(t, r)
	say(t, later, "after")
	hears(t, later, "after")
}

func TestARoadThatRefusesResetsWhoIsThereAndWhoComes(t *testing.T) {
	t.Parallel()
	r := NewRoad(t, echo(t))
	conn := dial(t, r)
	say(t, conn, "before")
	hears(t, conn, "before")
	r.Refuse()
	if err := ending(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
	late, err := net.DialTimeout("tcp", r.Addr(), patience)
	if err == nil {
		defer late.Close() //nolint:errcheck // it is reset
		err = ending(late)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new connection ended with %v", err)
	}
	r.Unblock()
	later := dial(t, r)
	say(t, later, "after")
	hears(t, later, "after")
}
