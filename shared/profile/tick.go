package profile

import (
	"context"
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

// early is how far the scheduler's clock may be ahead of ours.
const early = 5 * time.Minute

// Tick records that a profile's slot has come, in one conditional write, and tells of it in one event. Late ticks and
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
	did := Recorded
	err = t.Slots.Record(ctx, id, slot, now)
	if fault.Is(err, fault.Conflict) {
		newest, err := t.Slots.Slot(ctx, id)
		switch {
		case err != nil:
			return "", err
		case newest.After(slot):
			return Older, nil
		}
		did = Repeated
	} else if err != nil {
		return "", err
	}
	// If we die here, the same tick is delivered again, and tells the same event.
	if _, err := t.Bus.Announce(ctx, event.Due(event.Subject{Tenant: t.Tenant, Profile: string(id)}, slot)); err != nil {
		return "", err
	}
	return did, nil
}
