package stack

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// clockOffset tells a function how far its clock is ahead of the machine's.
	clockOffset = "ZAPAS_CLOCK_OFFSET"
	// mostMoments bounds a move: each moment at which schedules are due costs new processes of the functions they call.
	mostMoments = 2000
)

// clock is the machine's, set to another time.
type clock struct {
	machine func() time.Time
	moving  sync.Mutex // held by whoever sets it

	mu    sync.Mutex
	ahead time.Duration
}

func newClock(cfg Config) *clock {
	c := &clock{machine: cfg.Now}
	if !cfg.Begins.IsZero() && cfg.Elsewhere == nil {
		c.ahead = cfg.Begins.Sub(cfg.Now())
	}
	return c
}

// Now is what the stack's clock shows. All that is on the machine goes by it but signatures of calls of AWS, which the
// SDK dates by the machine's own.
func (s *Stack) Now() time.Time { return s.clock.machine().Add(s.Ahead()) }

// Ahead is how far the stack's clock is ahead of the machine's.
func (s *Stack) Ahead() time.Duration {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	return s.clock.ahead
}

// SetClock sets the stack's clock forward. On the way schedules fire as they would have, each at its own time and one
// after the other, and all calls have ended when it returns; items whose time to live has passed are gone. Functions end
// what they are at, and their processes are new ones.
func (s *Stack) SetClock(ctx context.Context, to time.Time) error {
	if s.aws == nil {
		return ErrElsewhere
	}
	s.clock.moving.Lock()
	defer s.clock.moving.Unlock()
	if now := s.Now(); to.Before(now) {
		return fmt.Errorf("the clock shows %s and cannot be set back to %s: what is stored would be of a time to come", now.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	}
	set := func(at time.Time) error { return s.setClock(ctx, at) }
	if err := s.aws.Scheduler.Advance(ctx, to, mostMoments, set, s.invoke); err != nil {
		return err
	}
	_, err := s.aws.DynamoDB.Reap()
	return err
}

func (s *Stack) setClock(ctx context.Context, at time.Time) error {
	ahead := at.Sub(s.clock.machine())
	if err := s.functions.Setenv(ctx, clockOffset, ahead.String()); err != nil {
		return err
	}
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.ahead = ahead
	return nil
}
