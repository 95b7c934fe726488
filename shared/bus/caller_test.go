package bus_test

import (
	"context"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestWhoAnswersKnowsForWhichRequestItIsAsked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "", map[string]bus.Handler{
		"tell": bus.On(func(ctx context.Context, _ question) (answer, error) {
			return answer{Text: telemetry.RequestOf(ctx)}, nil
		}),
	})
	conn := s.dial()
	ctx, cancel := patiently()
	defer cancel()
	for _, id := range []string{"r-1", "", "not well formed"} {
		want := id
		if !telemetry.IsRequestID(id) {
			want = ""
		}
		got, err := bus.Call[answer](telemetry.WithRequest(ctx, id), conn, "test.tell", question{})
		if err != nil || got.Text != want {
			t.Errorf("asked for %q it knows %q, %v", id, got.Text, err)
		}
	}
	got, err := bus.Call[answer](ctx, conn, "test.tell", question{})
	if err != nil || got.Text != "" {
		t.Errorf("asked for nobody it knows %q, %v", got.Text, err)
	}
}
