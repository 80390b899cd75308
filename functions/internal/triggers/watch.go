package triggers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// Part is one thing that the watch looks after. Each time it does a bounded piece, from where it stopped the last time.
type Part struct {
	Name string
	// Do goes on from a position, "" being the beginning, counts what it has done, and says where to go on: also when it
	// fails, so that what fails does not keep it from the rest. It is safe to repeat, and to run beside itself. function is
	// the ARN of this function.
	Do func(ctx context.Context, function, from string) (counts map[string]int, next string, err error)
}

// Positions keep where each part goes on.
type Positions interface {
	// Position reads one, strongly consistently; "" when there is none.
	Position(ctx context.Context, part string) (string, error)
	// SetPosition stores one; at is when.
	SetPosition(ctx context.Context, part, position string, at time.Time) error
}

// Watch is what is done every quarter of an hour, whatever has happened.
type Watch struct {
	Parts     []Part
	Positions Positions
	Now       func() time.Time
}

// Run does a piece of each part. One that fails does not keep the others from theirs, and each has its share of the time
// that is left. The error joins those of all parts, so that the invocation fails and is seen to.
func (w Watch) Run(ctx context.Context, function string) (map[string]map[string]int, error) {
	all := map[string]map[string]int{}
	var failed []error
	for i, p := range w.Parts {
		counts, err := w.part(ctx, p, function, len(w.Parts)-i)
		if err != nil {
			failed = append(failed, fmt.Errorf("the watch of %s: %w", p.Name, err))
		}
		all[p.Name] = counts
	}
	return all, errors.Join(failed...)
}

func (w Watch) part(ctx context.Context, p Part, function string, left int) (map[string]int, error) {
	from, err := w.Positions.Position(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	share, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		share, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(left+1))
	}
	defer cancel()
	counts, next, err := p.Do(share, function, from)
	if next != from { // if we die here, the same piece is done again
		err = errors.Join(err, w.Positions.SetPosition(ctx, p.Name, next, w.Now()))
	}
	return counts, err
}

// Profiles is the part that brings profiles to those who must know of them, and compares schedules with them. outbox is
// that of a function's schedules.
func Profiles(outbox func(function string) profile.Outbox) Part {
	return Part{Name: "profiles", Do: func(ctx context.Context, function, from string) (map[string]int, string, error) {
		done, next, err := outbox(function).Mend(ctx, from)
		return map[string]int{"told": done.Told, "compared": done.Compared, "drifted": done.Drifted, "withdrawn": done.Withdrawn}, next, err
	}}
}

// Ticks is the part that sees to slots which no tick has recorded.
func Ticks(t profile.Ticks) Part {
	return Part{Name: "ticks", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
		recorded, next, err := t.Missed(ctx, from)
		return map[string]int{"recorded": recorded}, next, err
	}}
}

// Devices is the part that looks at devices whose time has come.
func Devices(w fleet.Watch) Part {
	return Part{Name: "devices", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
		done, next, err := w.Due(ctx, from)
		return map[string]int{"looked": done.Looked, "overdue": done.Overdue, "busy": done.Busy}, next, err
	}}
}

// Walk is the part that goes through all devices.
func Walk(w fleet.Watch) Part {
	return Part{Name: "walk", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
		done, err := w.Walk(ctx) // it keeps its position itself, beside what it has counted
		return map[string]int{"walked": done.Walked, "moved": done.Moved, "busy": done.Busy, "ended": done.Ended}, from, err
	}}
}

// Orders is the part that gives devices the orders that were given for many.
func Orders(f *fleet.Fleet) Part {
	return Part{Name: "orders", Do: func(ctx context.Context, _, from string) (map[string]int, string, error) {
		done, err := f.Further(ctx) // each keeps its position itself
		return map[string]int{"bulks": done.Bulks, "asked": done.Asked, "ended": done.Ended}, from, err
	}}
}
