package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// batches are when, and how large.
type batches struct {
	at    []time.Duration
	sizes []int
}

// let has so many clients wait in a line, each with a name, and then lets them in. A batch takes so long.
func let(t *testing.T, l *line, clients int, name string, took time.Duration) (got batches) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l.arrivals = make(chan *arrival)
		var waiting, opening sync.WaitGroup
		for range clients {
			waiting.Go(func() {
				a := &arrival{session: &Session{entered: make(chan struct{})}, request: contract.AttachRequest{ConnID: name}}
				if err := l.wait(ctx, a, nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		var mu sync.Mutex
		opening.Go(func() {
			l.keep(ctx, &opening, func(some []*arrival) {
				mu.Lock()
				got.at, got.sizes = append(got.at, time.Since(began)), append(got.sizes, len(some))
				mu.Unlock()
				time.Sleep(took)
				for _, a := range some {
					a.session.opened()
				}
			})
		})
		waiting.Wait()
		synctest.Wait()
		cancel()
		opening.Wait()
	})
	return got
}

func TestALineLetsABatchInAfterTheOther(t *testing.T) {
	t.Parallel()
	got := let(t, &line{batch: 4}, 10, "c", 10*time.Millisecond)
	if !slices.Equal(got.sizes, []int{4, 4, 2}) || got.at[1] != 10*time.Millisecond || got.at[2] != 20*time.Millisecond {
		t.Errorf("batches of %v at %v", got.sizes, got.at)
	}
}

func TestALineThatRestsLetsNobodyInForAsLongAsABatchTook(t *testing.T) {
	t.Parallel()
	got := let(t, &line{batch: 4, rests: true}, 10, "c", 10*time.Millisecond)
	if !slices.Equal(got.sizes, []int{4, 4, 2}) || got.at[1] != 20*time.Millisecond || got.at[2] != 40*time.Millisecond {
		t.Errorf("batches of %v at %v", got.sizes, got.at)
	}
}

func TestABatchThatIsNotInHoldsUpTheNextForALimitedTime(t *testing.T) {
	t.Parallel()
	got := let(t, &line{batch: 4, rests: true}, 8, "c", time.Hour)
	if !slices.Equal(got.sizes, []int{4, 4}) || got.at[1] != patience {
		t.Errorf("batches of %v at %v", got.sizes, got.at)
	}
}

func TestABatchIsFullWithSoManyBytesOfNames(t *testing.T) {
	t.Parallel()
	got := let(t, &line{batch: 64}, 10, strings.Repeat("c", maxName), time.Millisecond)
	if !slices.Equal(got.sizes, []int{4, 4, 2}) {
		t.Errorf("batches of %v", got.sizes)
	}
}

func TestAClientLeavesTheLineWhenItGoesOrNobodyIsLetIn(t *testing.T) {
	t.Parallel()
	l := newLine(true)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := l.wait(gone, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("one who goes: %v", err)
	}
	shut := make(chan struct{})
	close(shut)
	var fault *contract.Fault
	if err := l.wait(t.Context(), nil, shut); !errors.As(err, &fault) || fault.Code != contract.CodeUnavailable {
		t.Errorf("nobody is let in: %v", err)
	}
}

func TestALineIsBoundedInLengthAndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most = 3
		b, l := &Book{most: most, patience: time.Second, refused: func(string) {}}, newLine(false)
		l.arrivals = make(chan *arrival)
		came := make(chan time.Duration, most)
		began := time.Now()
		for range most {
			go func() {
				if err := b.queue(t.Context(), &l, nil); !errors.Is(err, errCrowd) {
					t.Errorf("one that waited for too long: %v", err)
				}
				came <- time.Since(began)
			}()
		}
		synctest.Wait()
		if n := b.Waiting(); n != most {
			t.Errorf("%d wait", n)
		}
		if err := b.queue(t.Context(), &l, nil); !errors.Is(err, errCrowd) || time.Since(began) > 0 {
			t.Errorf("one that does not fit: %v after %v", err, time.Since(began))
		}
		for range most {
			if waited := <-came; waited != b.patience {
				t.Errorf("one waited for %v", waited)
			}
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := b.queue(gone, &l, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("one whose client has gone: %v", err)
		}
		if n := b.Waiting(); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}
