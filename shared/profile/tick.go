package profile

import (
	"context"
	"errors"
	"time"

	"zapas/shared/event"
	"zapas/shared/fault"
)

// Slots keep the newest slot of each profile that a tick has recorded.
type Slots interface {
	// Record stores a slot where none is, or an older one; at is when. fault.Conflict when one as new is there: an attempt
	// whose answer was lost may have stored it.
	Record(ctx context.Context, id ID, slot, at time.Time) error
	// Slot reads the newest, strongly consistently; zero when there is none.
	Slot(ctx context.Context, id ID) (time.Time, error)
}

// Ticks are what a scheduler's calls become.
type Ticks struct {
	Profiles interface {
		// Profile reads one, strongly consistently; fault.NotFound when there is none.
		Profile(ctx context.Context, id ID) (Profile, error)
		// Profiles reads all, in no order.
		Profiles(ctx context.Context) ([]Profile, error)
	}
	Slots  Slots
	Bus    Bus
	Tenant string
	Now    func() time.Time
}

// Ticked is what became of a tick.
type Ticked string

const (
	Recorded Ticked = "recorded" // its slot is the newest, and was told
	Repeated Ticked = "repeated" // its slot was the newest before, and was told again
	Older    Ticked = "older"    // a newer slot was recorded before
	NoMore   Ticked = "gone"     // there is no such profile
	Off      Ticked = "disabled"
	NoSlot   Ticked = "no_slot" // the schedule does not have this time now: it was edited
)

const (
	early  = 5 * time.Minute  // so far the scheduler's clock may be ahead of ours
	tried  = 15 * time.Minute // so long a tick is left to the scheduler, and to the attempts of the function that it calls
	minded = 200              // profiles that Missed sees to in one go
)

// Tick tells that a profile's slot has come in one event, then records it, in one conditional write: what is not recorded may
// not have been told. Late ticks and
// repeated ones come to the same; those out of order, of a profile that is gone or disabled, or of a schedule that has
// changed do nothing. fault.Invalid for a slot that is still to come.
func (t Ticks) Tick(ctx context.Context, id ID, slot time.Time) (Ticked, error) {
	slot = slot.UTC().Truncate(time.Minute) // slots are whole minutes
	now := t.Now()
	if slot.After(now.Add(early)) {
		return "", fault.New(fault.Invalid, "too_early", "slot: it is %s and has not come: mend the clock of whoever sent it.", slot.Format(time.RFC3339))
	}
	p, err := t.Profiles.Profile(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return NoMore, nil
	case err != nil:
		return "", err
	case !p.Enabled:
		return Off, nil
	case !p.Schedule.Last(slot).Equal(slot):
		return NoSlot, nil
	}
	newest, err := t.Slots.Slot(ctx, id)
	switch {
	case err != nil:
		return "", err
	case newest.After(slot):
		return Older, nil
	}
	if _, err := t.Bus.Announce(ctx, event.Due(event.Subject{Tenant: t.Tenant, Profile: string(id)}, slot)); err != nil {
		return "", err
	}
	if newest.Equal(slot) {
		return Repeated, nil
	}
	// If we die here, the same tick is delivered again, or missed, and tells the same event.
	err = t.Slots.Record(ctx, id, slot, now)
	if fault.Is(err, fault.Conflict) { // another attempt at the same time has recorded it, or a newer one
		return Repeated, nil
	}
	return Recorded, err
}

// Missed sees to slots that no tick has recorded, since the scheduler has not called, or each attempt has failed: it ticks for
// the last slot of each profile, of a part of them in one go, from where the last go ended; "" is the beginning. What came
// before a profile was made, or last moved, is none. It answers how many it has recorded. One failure does not keep it from the
// rest; but what fails because something is too busy, or no time is left, fails for all, and ends it.
func (t Ticks) Missed(ctx context.Context, from string) (recorded int, next string, err error) {
	all, err := t.Profiles.Profiles(ctx)
	if err != nil {
		return 0, from, err
	}
	now := t.Now()
	var failed []error
	all = around(all, ID(from))
	for _, p := range all[:min(len(all), minded)] {
		did, err := t.missed(ctx, p, now)
		failed = append(failed, err)
		if ctx.Err() != nil || fault.Is(err, fault.Unavailable) { // what was not seen to is still to be seen to
			break
		}
		if from = string(p.ID); did == Recorded {
			recorded++
		}
	}
	return recorded, from, errors.Join(failed...)
}

// missed ticks for the last slot of a profile, if nothing has.
func (t Ticks) missed(ctx context.Context, p Profile, now time.Time) (Ticked, error) {
	slot := p.Schedule.Last(now.Add(-tried))
	if !p.Enabled || !slot.After(p.Since) || !slot.After(p.CreatedAt) {
		return NoSlot, nil
	}
	newest, err := t.Slots.Slot(ctx, p.ID)
	if err != nil || !newest.Before(slot) {
		return Older, err
	}
	return t.Tick(ctx, p.ID, slot)
}
