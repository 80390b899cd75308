package fleet

import (
	"context"

	"zapas/shared/audit"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
)

// Confirm is its user's word whether a device is his own; one that is not is retired. He must have signed in just now.
// Repeating it changes nothing. fault.Forbidden "sign_in_again"; fault.Conflict "device_retired".
func (f *Fleet) Confirm(ctx context.Context, who caller.Caller, id caller.DeviceID, mine bool) (Card, error) {
	if !who.Fresh(f.Now()) {
		return Card{}, fault.New(fault.Forbidden, "sign_in_again",
			"Confirming a device needs a sign-in of the last five minutes; sign in again, then repeat it.")
	}
	d, err := f.Own(ctx, who.User, id)
	if err != nil {
		return Card{}, err
	}
	switch {
	case !mine:
		err = f.turn(ctx, who, &d, Retired, audit.DeviceNotMine)
	case d.State == Retired:
		err = retired()
	default:
		err = f.turn(ctx, who, &d, InUse, audit.DeviceMine)
	}
	if err != nil {
		return Card{}, err
	}
	return f.Card(ctx, d)
}

// Retire has a device refused from now on, if its card is still the version that was read; fault.Stale when there is
// another. Its user's backups stay as they are; an order for it has failed. Repeating it changes nothing.
func (f *Fleet) Retire(ctx context.Context, who caller.Caller, d Device, version int64) error {
	if d.State != Retired { // else it is what is wished for, whatever was read
		c, err := f.Card(ctx, d)
		switch {
		case err != nil:
			return err
		case c.Version() != version:
			return stale()
		}
	}
	return f.turn(ctx, who, &d, Retired, audit.DeviceRetired)
}

// turn takes a device from the state in which it was read to another.
func (f *Fleet) turn(ctx context.Context, who caller.Caller, d *Device, to DeviceState, action audit.Action) error {
	if d.State != to {
		if err := f.Audit.Record(ctx, who, action, string(d.ID), string(d.Owner)); err != nil {
			return err
		}
		err := f.Identities.SetState(ctx, d.ID, d.State, to)
		if fault.Is(err, fault.Conflict) {
			return fault.Wrap(err, fault.Unavailable, "busy", "This device has just changed; try the same again in a moment.")
		}
		if err != nil {
			return err
		}
		d.State = to
	}
	// If we die on this line, the device is what it should be; lists say so, and the world hears of it, when this is repeated.
	s, err := f.noteTrust(ctx, *d)
	if fault.Is(err, fault.NotFound) { // it has enrolled and never said what it is: no list has it
		return nil
	}
	if err == nil && to == Retired {
		// If we die on this line, its order expires by itself, unless this is repeated.
		err = f.Orders.Retired(ctx, s)
	}
	return err
}

// noteTrust brings a device's status to its state, and tells of it when its user knows it now and did not before.
func (f *Fleet) noteTrust(ctx context.Context, d Device) (Status, error) {
	c := Change{Trust: &d.State}
	if d.State != InUse {
		return f.Statuses.Note(ctx, d.ID, c)
	}
	s, err := f.Statuses.Status(ctx, d.ID)
	if err != nil || s.Trust == InUse {
		return s, err
	}
	now := f.now()
	confirmed := event.Confirmed(f.News.whose(d), now)
	kept := Keep(now, confirmed)
	c.Tell, c.Look = kept.Tell, kept.Look
	if s, err = f.Statuses.Note(ctx, d.ID, c); err == nil {
		f.News.Kept(ctx, d.ID, confirmed)
	}
	return s, err
}

func retired() error {
	return fault.New(fault.Conflict, "device_retired", "This device is retired; enrol the phone again with a new code.")
}
