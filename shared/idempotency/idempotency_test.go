package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/idempotency"
)

const ada, olek = caller.UserID("0ADA0000000000000000000000"), caller.UserID("00KEK000000000000000000000")

// world is a keeper, and what it has let take effect.
type world struct {
	idempotency.Keeper
	stack *standintest.Stack
	ids   atomic.Int64

	mu      sync.Mutex
	effects map[string]int // by the id of what was created: how often it was asked for
}

func open(t *testing.T, patient bool) *world {
	t.Helper()
	w := &world{stack: standintest.New(t), effects: map[string]int{}}
	if err := deployment.Tables(w.stack.AWS); err != nil {
		t.Fatal(err)
	}
	cfg := w.stack.Config()
	if patient {
		cfg.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}
	}
	w.Keeper = idempotency.Keeper{Store: table.Requests{DB: table.Open(cfg), Name: deployment.Table}, Now: w.stack.Clock.Now,
		NewID: func() string { return fmt.Sprint("id ", w.ids.Add(1)) }}
	return w
}

// create creates what an id names; its answer is another each time that it is asked for.
func (w *world) create(id string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects[id]++
	return fmt.Appendf(nil, "%s, attempt %d", id, w.effects[id]), nil
}

func (w *world) once(t *testing.T, who caller.UserID, key, digest string) string {
	t.Helper()
	answer, err := w.Once(t.Context(), who, key, digest, w.create)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func (w *world) wantEffects(t *testing.T, want int) {
	t.Helper()
	if len(w.effects) != want {
		t.Errorf("there are %v, want %d", w.effects, want)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()

	t.Run("SentAgainIsAnsweredTheSame", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		first := w.once(t, ada, "k", "body")
		w.stack.Clock.Advance(idempotency.For - time.Millisecond)
		if again := w.once(t, ada, "k", "body"); again != first || first == "" {
			t.Errorf("%q, then %q", first, again)
		}
		w.wantEffects(t, 1)
	})

	t.Run("AKeyEndsAfterADay", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		first := w.once(t, ada, "k", "body")
		w.stack.Clock.Advance(idempotency.For)
		second := w.once(t, ada, "k", "another body")
		if again := w.once(t, ada, "k", "another body"); second == first || again != second {
			t.Errorf("%q, then %q, then %q", first, second, again)
		}
		w.wantEffects(t, 2)
	})

	t.Run("AnotherRequestUnderTheKeyIsRefused", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		first := w.once(t, ada, "k", "body")
		_, err := w.Once(t.Context(), ada, "k", "another body", w.create)
		if !fault.Is(err, fault.Unprocessable) {
			t.Error(err)
		}
		if again := w.once(t, ada, "k", "body"); again != first {
			t.Errorf("%q, then %q", first, again)
		}
		w.wantEffects(t, 1)
	})

	t.Run("KeysAreTheirCallersOwn", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		if w.once(t, ada, "k", "body") == w.once(t, olek, "k", "body") || w.once(t, ada, "k", "body") == w.once(t, ada, "K", "body") {
			t.Error("one caller is answered as another, or one key as another")
		}
		w.wantEffects(t, 3)
	})

	t.Run("AFailureIsNotKept", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		failure, id := errors.New("no"), ""
		_, err := w.Once(t.Context(), ada, "k", "body", func(given string) ([]byte, error) { id = given; return nil, failure })
		if !errors.Is(err, failure) {
			t.Error(err)
		}
		if got := w.once(t, ada, "k", "body"); got != id+", attempt 1" {
			t.Errorf("%s, then %s", id, got)
		}
		_, err = w.Once(t.Context(), ada, "k", "another body", w.create)
		if !fault.Is(err, fault.Unprocessable) {
			t.Error(err)
		}
	})

	t.Run("ARefusalLetsTheKeyGo", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		for _, kind := range []fault.Kind{fault.Invalid, fault.NotFound, fault.Conflict, fault.Forbidden} {
			refusal := fault.New(kind, "no", "No.")
			if _, err := w.Once(t.Context(), ada, "k", "body", func(string) ([]byte, error) { return nil, refusal }); !errors.Is(err, refusal) {
				t.Error(err)
			}
		}
		first := w.once(t, ada, "k", "mended")
		if again := w.once(t, ada, "k", "mended"); again != first {
			t.Errorf("%q, then %q", first, again)
		}
		for _, kind := range []fault.Kind{fault.Internal, fault.Unavailable} { // it may have taken effect
			_, err := w.Once(t.Context(), ada, "u", "body", func(string) ([]byte, error) { return nil, fault.New(kind, "no", "No.") })
			if fault.KindOf(err) != kind {
				t.Error(err)
			}
			_, err = w.Once(t.Context(), ada, "u", "mended", w.create)
			if !fault.Is(err, fault.Unprocessable) {
				t.Error(err)
			}
		}
		w.wantEffects(t, 1)
	})

	t.Run("RefusedBesideAnother", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		answer, err := w.Once(t.Context(), ada, "k", "body", func(string) ([]byte, error) {
			_, err := w.Once(t.Context(), ada, "k", "body", func(string) ([]byte, error) { return nil, fault.New(fault.Conflict, "no", "No.") })
			if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
			w.once(t, ada, "k", "mended")
			return []byte("mine"), nil
		})
		if err != nil || string(answer) != "mine" {
			t.Errorf("%q %v", answer, err)
		}
	})

	t.Run("ManyAtOnceAreAnsweredTheSame", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		answers := make([]string, 8)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				answer, err := w.Once(context.Background(), ada, "k", "body", w.create)
				if answers[i] = string(answer); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, a := range answers {
			if a != answers[0] || a == "" {
				t.Errorf("%q", answers)
			}
		}
		w.wantEffects(t, 1)
	})
}

// TestFaults: whatever befalls one call, asking again until there is an answer creates one thing, and from then on the
// answer is one.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, patient := range []bool{false, true} {
		for _, f := range []standin.Fault{standin.Before, standin.After, standin.Throttled} {
			for n := range 2 {
				t.Run(fmt.Sprintf("%d/%d/%v", n, f, patient), func(t *testing.T) {
					t.Parallel()
					w := open(t, patient)
					calls := 0
					w.stack.Strike(func(standin.Call) standin.Fault {
						if calls++; calls == n+1 {
							return f
						}
						return standin.None
					})
					answer, err := w.Once(t.Context(), ada, "k", "body", w.create)
					if fault.Is(err, fault.Unavailable) && !patient {
						answer, err = w.Once(t.Context(), ada, "k", "body", w.create)
					}
					if err != nil || calls < n+1 {
						t.Fatalf("after %d calls: %v", calls, err)
					}
					if again := w.once(t, ada, "k", "body"); again != string(answer) || again == "" {
						t.Errorf("%q, then %q", answer, again)
					}
					w.wantEffects(t, 1)
				})
			}
		}
	}
}
