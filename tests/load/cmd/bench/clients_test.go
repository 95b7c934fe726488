package main

import (
	"slices"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/load/generator"
)

// A turn in which somebody else used the machine is one of many, and does not decide.
func TestKindsOfClientsAreComparedTurnByTurn(t *testing.T) {
	t.Parallel()
	w := compare("", "", generator.Work{}, generator.WebSocket, generator.EventSource)
	turn := func(client generator.Client, cpu time.Duration) generator.Turn {
		return generator.Turn{Client: client, Deliveries: 1000, ServerCPU: cpu}
	}
	r := generator.Result{Turns: []generator.Turn{
		turn(generator.WebSocket, 10*time.Millisecond), turn(generator.EventSource, 11*time.Millisecond),
		turn(generator.EventSource, 22*time.Millisecond), turn(generator.WebSocket, 20*time.Millisecond),
		turn(generator.WebSocket, 12*time.Millisecond), turn(generator.EventSource, 60*time.Millisecond),
	}}
	var got []float64
	for _, f := range w.figures[:3] {
		got = append(got, f.of(r))
	}
	if want := []float64{12, 22, 1.1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
