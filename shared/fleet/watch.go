package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Watched are the devices of which somebody must think though nobody asks. Reads of one device are strongly consistent,
// lists may lag by a moment.
type Watched interface {
	// Status reads one; fault.NotFound when there is none.
	Status(ctx context.Context, id caller.DeviceID) (Status, error)
	// Note is that of Statuses.
	Note(ctx context.Context, id caller.DeviceID, c Change) (Status, error)
	// ToLookAt lists devices whose Look has come by a time, those that are announced as overdue aside: at most limit, from a
	// position on, "" being the beginning. next is "" when the end was reached.
	ToLookAt(ctx context.Context, position string, until time.Time, limit int) (page []caller.DeviceID, next string, err error)
	// Everyone lists all devices that are not retired, in no order: at most limit, from a position on, likewise. An error
	// beside a page, which may be empty and is not nil, is of devices that are passed over, since nobody can read them.
	Everyone(ctx context.Context, position string, limit int) (page []Status, next string, err error)
}

// Watch finds out how devices stand that do not ask for it themselves.
type Watch struct {
	Devices  Watched
	Profiles Profiles
	Walks    Walks
	Bus      profile.Bus
	Tenant   string
	// Tell announces what the row of a device says was not announced yet, and answers what need not stay there; nil: it all stays.
	Tell func(ctx context.Context, s Status) (told []string, err error)
	Now  func() time.Time
}

// What the watch does in one go.
const (
	lookedAt = 2_000 // devices
	together = 10    // of them, so many are read before what there is to announce of them is: the bus takes so many at once
)

// Looked counts what Due has found and done.
type Looked struct {
	Looked  int // devices
	Overdue int // of them, devices that were announced
	Busy    int // of them, devices of which something else was written meanwhile: the next watch looks at them
}

// Due looks at the devices whose time has come, at a bounded number in one go, from where the last go ended; "" is the
// beginning. Which are late is announced, then noted, so that who dies in between announces the same again; of the others
// it is noted which profile governs them and when to look next. One failure does not keep it from the rest; but what fails
// because something is too busy fails for all, and ends it.
func (w Watch) Due(ctx context.Context, from string) (done Looked, next string, err error) {
	all, err := w.Profiles.Set(ctx)
	if err != nil {
		return done, from, err
	}
	ids, next, err := w.Devices.ToLookAt(ctx, from, moment(w.Now), lookedAt)
	if err != nil {
		return done, from, err
	}
	var failed []error
	for batch := range slices.Chunk(ids, together) {
		err := w.look(ctx, batch, all, &done)
		failed = append(failed, err)
		if ctx.Err() != nil || fault.Is(err, fault.Unavailable) { // what was not looked at is still to be looked at
			return done, from, errors.Join(failed...)
		}
	}
	return done, next, errors.Join(failed...)
}

// watched is a device as the watch has read it, and what it will write of it.
type watched struct {
	Status
	told []string
	late event.Event // unless its ID is ""
}

func (w Watch) look(ctx context.Context, ids []caller.DeviceID, all profile.Set, done *Looked) error {
	now := moment(w.Now)
	var some []watched
	var events []event.Event
	var failed []error
	for _, id := range ids {
		done.Looked++
		s, err := w.Devices.Status(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		one := watched{Status: s}
		if w.Tell != nil && len(s.Tell) > 0 {
			one.told, err = w.Tell(ctx, s)
			one.Tell = slices.DeleteFunc(slices.Clone(s.Tell), func(e string) bool { return slices.Contains(one.told, e) })
			failed = append(failed, err)
		}
		if st := Assess(s, all, now); st.State == Late && !s.late() {
			one.Overdue = Overdue{Slot: st.Owes, Since: st.Deadline}
			one.late = event.Overdue(event.Subject{Tenant: w.Tenant, Device: s.Device, User: s.Owner, Profile: string(st.Profile.ID)}, st.Owes, now)
			events = append(events, one.late)
		}
		some = append(some, one)
	}
	left, err := w.Bus.Announce(ctx, events...)
	failed = append(failed, err)
	for _, one := range some {
		if slices.ContainsFunc(left, func(e event.Event) bool { return e.ID == one.late.ID }) {
			continue
		}
		failed = append(failed, w.note(ctx, one, all, now, done))
	}
	return errors.Join(failed...)
}

// note writes what was found of a device in the place of what was read.
func (w Watch) note(ctx context.Context, one watched, all profile.Set, now time.Time, done *Looked) error {
	c := one.Placed(Assess(one.Status, all, now), now)
	c.Told = one.told
	if one.late.ID != "" {
		c.Overdue = &one.Overdue
	}
	if c.Empty() { // the list that it was found in lags behind
		return nil
	}
	c.Rev = &one.Rev
	_, err := w.Devices.Note(ctx, one.Device, c)
	switch {
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound):
		done.Busy++
		return nil
	case err == nil && one.late.ID != "":
		done.Overdue++
	}
	return err
}
