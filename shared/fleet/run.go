package fleet

import (
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// RunBook is what becomes of the backups that devices start.
type RunBook struct {
	Statuses Statuses
	News     Announcer
	Now      func() time.Time
}

const (
	runTries = 4               // under contention
	ahead    = 5 * time.Minute // so far a device's clock may be before ours when it starts at a slot
)

// Begun notes that a session of a device began a Run. Repeating it changes nothing.
func (b RunBook) Begun(ctx context.Context, device caller.DeviceID, session string, run Run) error {
	run.Session = session
	_, err := b.Statuses.Note(ctx, device, Change{Run: &run})
	return err
}

// Run is RunOf a backup that begins now.
func (b RunBook) Run(device caller.DeviceID, p profile.Profile, slot time.Time) Run {
	return RunOf(device, p, moment(b.Now), slot)
}

// RunOf is what a device's backup for a profile is known by. slot is the one that the device means to serve, or zero: its
// clock may be ahead of ours, and what it serves is served.
func RunOf(device caller.DeviceID, p profile.Profile, at, slot time.Time) Run {
	if slot.After(at) && !slot.After(at.Add(ahead)) {
		at = slot.UTC().Truncate(time.Millisecond)
	}
	plan := p.Plan()
	_, deadline := plan.Deadline(latest(at, p.Since), device)
	return Run{At: at, Profile: p.ID, Deadline: deadline}
}

// Unchanged notes that a device found nothing new to store for a profile, and answers as of when.
func (b RunBook) Unchanged(ctx context.Context, device caller.DeviceID, p profile.Profile, slot time.Time) (time.Time, error) {
	now := moment(b.Now)
	run := RunOf(device, p, now, slot)
	err := b.settle(ctx, device, func(s Status) (Change, []event.Event, bool) {
		if s.UnchangedAt.Equal(run.At) && s.Run.Session == "" { // this very note, whose answer was lost
			return Change{}, nil, false
		}
		c := s.ended(run.At, run.Deadline, now)
		c.UnchangedAt, c.Run = &run.At, &run
		return c, b.recovered(s, run.At, now), true
	})
	return run.At, err
}

// Committed notes the backup that a session has become, which needs no Started. run is the session's, or has no At where that
// is not known, or where this may have been noted; shrunk says that it lost so much that the one before it is held. Repeating it changes nothing. It answers a
// Status of the device from before or after.
func (b RunBook) Committed(ctx context.Context, who caller.Caller, session string, run Run, stored Stored, shrunk bool) (Status, error) {
	events := func(s Status) []event.Event {
		all := []event.Event{event.Committed(b.News.of(s), session, stored.At)}
		if shrunk {
			all = append(all, event.Shrunk(b.News.of(s), session, stored.At))
		}
		return all
	}
	told := false
	if !run.At.IsZero() { // mostly nothing else is to be known of the device, and it need not be read
		s := Status{Device: who.Device, Owner: who.User, Governs: Governs{Profile: run.Profile}}
		stored.Started = run.At
		c := Change{Stored: &stored, Look: &Look{At: run.Deadline}, Of: session}
		b.News.did(ctx, s, &c, events(s)...)
		// If we die on this line, the device asks again, and the same is announced.
		s, err := b.Statuses.Note(ctx, who.Device, c)
		if !fault.Is(err, fault.Conflict) {
			return s, err
		}
		told = len(c.Tell) == 0
	}
	now := moment(b.Now)
	var before Status
	err := b.settle(ctx, who.Device, func(s Status) (Change, []event.Event, bool) {
		if before = s; s.Stored.Seq >= stored.Seq { // it was noted, and perhaps another after it
			return Change{}, nil, false
		}
		started, deadline := stored.At, now // of a run that is not noted, when there is a next one has yet to be looked up
		if s.Run.Session == session {
			started, deadline = s.Run.At, s.Run.Deadline
		}
		stored.Started = started
		c := s.ended(started, deadline, now)
		c.Stored = &stored
		news := b.recovered(s, started, stored.At)
		if !told {
			news = append(events(s), news...)
		}
		return c, news, true
	})
	return before, err
}

// GivenUp notes that a session ended without a backup. Repeating it changes nothing. It answers how the device stood before.
func (b RunBook) GivenUp(ctx context.Context, device caller.DeviceID, session string) (before Status, err error) {
	now := moment(b.Now)
	err = b.settle(ctx, device, func(s Status) (Change, []event.Event, bool) {
		before = s
		return Change{Failed: &Failed{At: now, Session: session}}, []event.Event{event.Failed(b.News.of(s), session, now)},
			s.Run.Session == session && s.Failed.Session != session && s.Run.At.After(s.Through())
	})
	return before, err
}

// settle reads a device's status, announces what has happened and notes what follows, until nothing comes between.
func (b RunBook) settle(ctx context.Context, device caller.DeviceID, change func(Status) (Change, []event.Event, bool)) error {
	for range runTries {
		s, err := b.Statuses.Status(ctx, device)
		if err != nil {
			return err
		}
		c, events, needed := change(s)
		if !needed {
			return nil
		}
		b.News.did(ctx, s, &c, events...)
		// If we die on this line, the device asks again, and the same is announced.
		c.Rev = &s.Rev
		if _, err = b.Statuses.Note(ctx, device, c); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return fault.New(fault.Unavailable, "busy", "This device has just changed; try the same again in a moment.")
}

// recovered is what there is to tell of a device that was announced as overdue, when a run that started then has ended well.
func (b RunBook) recovered(s Status, started, at time.Time) []event.Event {
	if !s.Recovers(started) {
		return nil
	}
	return []event.Event{event.Recovered(b.News.of(s), s.Overdue.Slot, at)}
}

// Recovers reports whether a device that was announced as overdue is so no more when a run that started then ends well.
func (s Status) Recovers(started time.Time) bool {
	return !s.Overdue.Slot.IsZero() && !started.Before(s.Overdue.Slot)
}

// ended is what a run that ended well changes beside itself: the device is late no more, if it started after the slot that
// it was late for, and is looked at when the next run is.
func (s Status) ended(started, deadline, now time.Time) (c Change) {
	if !s.Overdue.Slot.IsZero() {
		if !s.Recovers(started) {
			return Change{}
		}
		c.Overdue = &Overdue{}
	}
	c.Look = &Look{At: deadline}
	if len(s.Tell) > 0 {
		c.Look = &Look{At: now}
	}
	return c
}
