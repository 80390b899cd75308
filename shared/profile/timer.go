package profile

import "context"

// Timer is what a scheduler has to know of a profile.
type Timer struct {
	Expression string // of EventBridge Scheduler
	Zone       string // in which it is evaluated
	Enabled    bool
}

// Timer is the profile's.
func (p Profile) Timer() Timer {
	expression, zone := p.Schedule.Expression()
	return Timer{Expression: expression, Zone: zone, Enabled: p.Enabled}
}

// Timers keep one timer for each profile, under its id; when it is due, the function triggers is called. Each method is
// safe to repeat; fault.Unavailable when it may go well in a moment, as after throttling.
type Timers interface {
	// Set makes the profile's timer so, whatever it was.
	Set(ctx context.Context, id ID, t Timer) error
	// Is reports whether the profile has a timer and it is so, in all that Set sets.
	Is(ctx context.Context, id ID, t Timer) (bool, error)
	// Remove sees to it that the profile has no timer.
	Remove(ctx context.Context, id ID) error
	// Page lists whose timers there are, some at a time; cursor is "" for the first, next is "" after the last.
	Page(ctx context.Context, cursor string) (ids []ID, next string, err error)
}
