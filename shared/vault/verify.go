package vault

import (
	"context"
	"slices"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// Outcome is what a device found when it proved a snapshot; "" when it has not said.
type Outcome string

const (
	Proven  Outcome = "proven"  // all of it can be restored
	Sampled Outcome = "sampled" // what was looked at can be, and it was not all
	Damaged Outcome = "damaged" // something cannot be
)

// owns reports whether a proof or a rebuild may have the keys of these sessions: backups of the same device, no younger than what it
// reads, or of the devices that these rest on, which are all that its snapshot can consist of. These rows can be written by a function that may never have a
// key; that the device is in use is written by another. fault.NotFound for every other session, whoever's it is.
func (o *Opener) owns(ctx context.Context, user caller.UserID, h *Head, e Entry, asked []SessionID) error {
	active, err := o.Active(ctx, e.Device)
	if err != nil {
		return err
	}
	if !active {
		return sessionOver()
	}
	for _, id := range asked {
		s, err := o.Table.Session(ctx, user, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		ok := err == nil && s.State == Committed && !h.dead(s.Version)
		if ok && (s.Device != e.Device || s.Seq > e.BaseSeq) {
			if ok, err = o.restsOn(ctx, user, e, s); err != nil {
				return err
			}
		}
		if !ok {
			return fault.New(fault.NotFound, "not_found", "There is no such session.")
		}
	}
	return nil
}

// restsOn reports whether what an open session reads may hold chunks of another device's session.
func (o *Opener) restsOn(ctx context.Context, user caller.UserID, e Entry, on Session) (bool, error) {
	s, err := o.Table.Session(ctx, user, e.Session)
	if err != nil {
		return false, moved(err)
	}
	return slices.ContainsFunc(s.Origins, func(from Origin) bool { return from.Device == on.Device && on.Seq <= from.Seq }), nil
}

// Prove ends a verify session with what its device found. Before, note is called with the session; it may be called again
// for the same one when the request is repeated. A session that never was, or is another's, is over, as for End.
// fault.Invalid for a session of another kind; fault.Gone "session_over" for one that ended otherwise: nothing is noted.
func (o *Opener) Prove(ctx context.Context, user caller.UserID, device caller.DeviceID, id SessionID, found Outcome, note func(ctx context.Context, s Session) error) error {
	noted := false
	return serially(ctx, func() error {
		h, err := o.Table.Head(ctx, user)
		if err != nil {
			return err
		}
		s, err := o.Table.Session(ctx, user, id)
		switch {
		case fault.Is(err, fault.NotFound) || err == nil && s.Device != device:
			return nil
		case err != nil:
			return err
		case s.Kind != Verify:
			return fault.New(fault.Invalid, "invalid", "outcome: only a session of kind verify has one; end this one without.")
		case s.State == Closed && s.Outcome == found:
			return nil
		}
		e, ok := h.byID(device, id)
		if !ok || s.State != Open || h.State != Active {
			return sessionOver()
		}
		if !noted {
			if err := note(ctx, s); err != nil {
				return err
			}
			noted = true
		}
		// If we die on this line, the session is open, and its device ends it again.
		s.State, s.Outcome = Closed, found
		c := Change{Head: h, Sessions: []Session{s}}
		c.Head.remove(e.Device, e.Kind)
		return write(ctx, o.Table, user, c)
	})
}
