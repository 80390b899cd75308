package vault

import (
	"context"

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
