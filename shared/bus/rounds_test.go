package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

// slow is a question that takes a second of the bubble's clock; its answers are numbered.
func slow(asked *int, fail error) func(context.Context, []string) (int, error) {
	return func(ctx context.Context, _ []string) (int, error) {
		*asked++
		number := *asked
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
			return number, fail
		}
	}
}

func TestARoundIsSharedByThoseWhoAskAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := newRounds(&listeners[bool]{}, time.Minute, slow(&asked, nil))
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := g.wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if asked > 2 || time.Since(began) > 2*time.Second {
			t.Errorf("%d rounds in %v", asked, time.Since(began))
		}
	})
}

func TestARoundIsAboutTheSubjectsOfAllWhoAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRounds(&listeners[bool]{}, time.Minute, func(_ context.Context, subjects []string) (map[string]bool, error) {
			time.Sleep(time.Second) // of the bubble's clock: others come meanwhile
			found := map[string]bool{}
			for _, subject := range subjects {
				found[subject] = true
			}
			return found, nil
		})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				one, other := fmt.Sprint("one ", i), fmt.Sprint("other ", i)
				if found, err := g.wait(t.Context(), one, other); err != nil || !found[one] || !found[other] {
					t.Errorf("%v, %v", found, err)
				}
			})
		}
		all.Wait()
	})
}

func TestAnAnswerIsToAQuestionAskedAfterTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := newRounds(&listeners[bool]{}, time.Minute, slow(&asked, nil))
		var all sync.WaitGroup
		all.Go(func() { _, _ = g.wait(t.Context()) })
		time.Sleep(500 * time.Millisecond) // of the bubble's clock: half of the first round
		if number, err := g.wait(t.Context()); err != nil || number != 2 {
			t.Errorf("round %d, %v: it began before the call", number, err)
		}
		all.Wait()
	})
}

func TestACallerWhoGoesAwayDoesNotSpoilTheRoundOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := newRounds(&listeners[bool]{}, time.Minute, slow(&asked, nil))
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = g.wait(t.Context()) }) // the first round
		synctest.Wait()
		all.Go(func() { _, _ = g.wait(ctx) }) // leads the second
		synctest.Wait()
		all.Go(func() {
			if _, err := g.wait(t.Context()); err != nil {
				t.Errorf("wait: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
	})
}

func TestEverybodyInARoundLearnsThatItFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := newRounds(&listeners[bool]{}, time.Minute, slow(&asked, errDown))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := g.wait(t.Context()); !errors.Is(err, errDown) {
					t.Errorf("wait: %v", err)
				}
			})
		}
		all.Wait()
	})
}

func TestWhoAsksFirstDoesNotWaitLongerThanItWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		g := newRounds(&listeners[bool]{}, time.Minute, slow(&asked, nil))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := g.wait(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 100*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if number, err := g.wait(t.Context()); err != nil || number != 2 {
			t.Errorf("round %d, %v", number, err)
		}
	})
}

func TestAQuestionThatWasLostWithTheConnectionIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		changes := &listeners[bool]{}
		asked := 0
		g := newRounds(changes, time.Minute, func(ctx context.Context, _ []string) (int, error) {
			if asked++; asked == 1 { // nobody answers
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return asked, nil
		})
		go func() {
			time.Sleep(time.Second) // of the bubble's clock
			changes.tell(false)
			time.Sleep(time.Second)
			changes.tell(true)
		}()
		began := time.Now()
		answer, err := g.wait(t.Context())
		if took := time.Since(began); err != nil || answer != 2 || took != 2*time.Second {
			t.Errorf("got %d, %v after %v", answer, err, took)
		}
	})
}
