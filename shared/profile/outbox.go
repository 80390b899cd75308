package profile

import (
	"context"
	"errors"
	"time"

	"zapas/shared/event"
	"zapas/shared/fault"
)

// Bus is where is told what has happened.
type Bus interface {
	// Announce hands events over. left are those that the bus has not surely taken, and err says why there are some. It is
	// safe to repeat: an event has the same id each time.
	Announce(ctx context.Context, events ...event.Event) (left []event.Event, err error)
}

// Notes are where the outbox notes what has arrived. Reads are strongly consistent.
type Notes interface {
	// Profiles reads all of them, in no order.
	Profiles(ctx context.Context) ([]Profile, error)
	// Profile reads one; fault.NotFound when there is none.
	Profile(ctx context.Context, id ID) (Profile, error)
	// Note sets Scheduled, or Told, or both to this version, and changes nothing else; fault.Conflict when another version is
	// there, or none. Safe to repeat.
	Note(ctx context.Context, id ID, version int64, scheduled, told bool) error
}

// Outbox brings a profile that was saved to those who must know of it: the scheduler, and whoever hears events. What of it
// fails, or is cut off, is known by the profile's row, or by a timer without a profile, and Mend does it again.
type Outbox struct {
	Notes  Notes
	Timers Timers
	Bus    Bus
	Tenant string
	Now    func() time.Time
}

// tries bounds how often Deliver begins anew because the profile has changed meanwhile.
const tries = 5

// Deliver tells of the version that p is, and answers it with what of it is known to have arrived. An error leaves the rest
// to Mend.
//
// Of several versions that are told at once the newest stays: whoever tells of one notes it after that, on the condition
// that it is still the newest; if it is not, the scheduler may have got the older one last, and he tells of the newest again.
func (o Outbox) Deliver(ctx context.Context, p Profile) (Profile, error) {
	return o.deliver(ctx, p, false)
}

func (o Outbox) deliver(ctx context.Context, p Profile, anew bool) (Profile, error) {
	for range tries {
		var failed []error
		set, told := anew || p.Scheduled < p.Version, p.Told < p.Version
		anew = set // should p have been overtaken, the scheduler may have it all the same
		if set {
			err := o.Timers.Set(ctx, p.ID, p.Timer())
			failed, set = append(failed, err), err == nil
		}
		if told {
			_, err := o.Bus.Announce(ctx, event.Changed(o.subject(p.ID), p.Version, p.UpdatedAt))
			failed, told = append(failed, err), err == nil
		}
		if !set && !told {
			return p, errors.Join(failed...)
		}
		// If we die here, both are done again: with the same timer, and with the same id.
		err := o.Notes.Note(ctx, p.ID, p.Version, set, told)
		if err == nil {
			return p.noted(set, told), errors.Join(failed...)
		}
		if !fault.Is(err, fault.Conflict) {
			return p, errors.Join(append(failed, err)...)
		}
		newest, err := o.Notes.Profile(ctx, p.ID)
		if fault.Is(err, fault.NotFound) { // deleted; the timer may have been set after it was removed
			return p, o.Timers.Remove(ctx, p.ID)
		}
		if err != nil {
			return p, errors.Join(append(failed, err)...)
		}
		p = newest
	}
	return p, fault.New(fault.Unavailable, "unavailable", "The profile is being changed too often to be told of; it will be told of in a while.")
}

func (p Profile) noted(scheduled, told bool) Profile {
	if scheduled {
		p.Scheduled = p.Version
	}
	if told {
		p.Told = p.Version
	}
	return p
}

// Withdraw tells that a profile is gone. The timer goes last: one whose profile is gone says that this was not done.
func (o Outbox) Withdraw(ctx context.Context, id ID) error {
	if _, err := o.Bus.Announce(ctx, event.Deleted(o.subject(id), o.Now())); err != nil {
		return err
	}
	return o.Timers.Remove(ctx, id)
}

func (o Outbox) subject(id ID) event.Subject {
	return event.Subject{Tenant: o.Tenant, Profile: string(id)}
}
