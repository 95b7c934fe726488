package pace

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const longest = 15 * time.Second

// loop has clients come back as soon as they are refused, and gives how many refusals a second they are told once all are
// at it.
func loop(clients int) float64 {
	const within = time.Minute
	p := New(longest)
	began := time.Now()
	var told atomic.Int64
	var come func()
	come = func() {
		p.Tell(func() {
			switch at := time.Since(began); {
			case at > within:
				return
			case at > within/2:
				told.Add(1)
			}
			come()
		})
	}
	for range clients {
		come()
	}
	time.Sleep(within + longest + time.Second)
	synctest.Wait()
	return float64(told.Load()) / (within / 2).Seconds()
}

func TestClientsThatLoopAreToldAtASteadyRate(t *testing.T) {
	t.Parallel()
	for clients, most := range map[int]float64{1: 1 / leastWait.Seconds(), 100: 500, 2_000: 500, 10_000: 1_000} {
		synctest.Test(t, func(t *testing.T) {
			got := loop(clients)
			t.Logf("%d clients: %.0f refusals a second", clients, got)
			if got > most*1.01 || got < float64(clients)/longest.Seconds()/1.01 {
				t.Errorf("%d clients that loop are told %.1f refusals a second, want %.0f at most", clients, got, most)
			}
		})
	}
}

func TestARefusalIsToldSoonWhereNoOtherWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(longest)
		waits := map[time.Duration]bool{}
		for range 100 {
			began, told := time.Now(), make(chan struct{})
			p.Tell(func() { close(told) })
			<-told
			wait := time.Since(began)
			waits[wait] = true
			if wait < leastWait || wait > leastWait+mostJitter {
				t.Errorf("a refusal waited for %v", wait)
			}
		}
		if len(waits) < 90 {
			t.Errorf("a hundred refusals waited for %d different times", len(waits))
		}
	})
}

func TestNoRefusalWaitsLongerThanTheLongestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const short = 300 * time.Millisecond
		p := New(short)
		began := time.Now()
		var late atomic.Int64
		for range 5_000 {
			p.Tell(func() {
				if time.Since(began) > short {
					late.Add(1)
				}
			})
		}
		time.Sleep(time.Minute)
		if n := late.Load(); n > 0 {
			t.Errorf("%d refusals came late", n)
		}
	})
}

func TestHardeningBeyondTheBoundRefusalsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(longest)
		var told atomic.Int64
		for range mostWaiting + 7 {
			p.Tell(func() { told.Add(1) })
		}
		if n := told.Load(); n != 7 {
			t.Errorf("%d refusals were told at once, want 7", n)
		}
		time.Sleep(longest)
		synctest.Wait()
		if n := told.Load(); n != mostWaiting+7 || p.waiting != 0 {
			t.Errorf("%d refusals were told, %d wait", n, p.waiting)
		}
	})
}
