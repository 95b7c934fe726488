package natsembed_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/channelstream/channelstream/shared/bus"
)

// A cluster may leave a request without an answer. Here the first one is led astray.
func TestAStreamIsAskedForAgainWhenNATSDoesNotAnswer(t *testing.T) {
	t.Parallel()
	deaf, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	deaf.Start()
	t.Cleanup(func() { deaf.Shutdown(); deaf.WaitForShutdown() })
	const asked, astray = "$JS.API.STREAM.CREATE.LOG", "astray"
	if err := deaf.GlobalAccount().AddMapping(asked, astray); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := bus.Connect(ctx, bus.Options{URL: deaf.ClientURL(), Name: t.Name(), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lost := c.NewIntake(1)
	if _, err := lost.Subscribe(astray); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := c.OpenLog(ctx, bus.LogConfig{Name: "LOG", Subjects: "log.>", Bytes: 1 << 20})
		opened <- err
	}()
	select {
	case <-lost.C():
	case err := <-opened:
		t.Fatalf("it was answered: %v", err)
	}
	deaf.GlobalAccount().RemoveMapping(asked)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}
