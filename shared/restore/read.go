package restore

import (
	"context"
	"slices"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// at is a restore as it stands at a moment: a hold ends, and a consent expires, by the clock alone.
func (r Restore) at(now time.Time) Restore {
	switch {
	case !r.Live():
	case !now.Before(r.ExpiresAt):
		r.State = Expired
	case r.State == Waiting && now.Before(r.HeldUntil):
		r.State = Held
	}
	return r
}

// Live reports whether a restore is not over.
func (r Restore) Live() bool { return r.State == Held || r.State == Waiting || r.State == Opened }

// Brought are the elements that a restore has brought in full: its consent names them, nothing of them failed, and nothing was
// left out. What is said when the consent has expired counts as little as what is said of one that was cancelled: it would win
// keys that it gives no more.
func (r Restore) Brought() (elements []string) {
	if r.State != Done && r.State != PartlyDone || !r.UpdatedAt.Before(r.ExpiresAt) {
		return nil
	}
	for _, e := range r.Elements {
		if r.Ledger[e].full() {
			elements = append(elements, e)
		}
	}
	return elements
}

// full reports whether nothing failed, and nothing was left out: it was not chosen, a restore before this one is said to have
// brought it, or it had not failed to come. What stands under "other", since there were too many reasons, may be one of these.
func (l Ledger) full() bool {
	return l.Failed == 0 && !slices.ContainsFunc([]string{"not_chosen", "restored_before", "not_failed", "other"}, func(why string) bool {
		return l.Reasons[why] > 0
	})
}

// isFor reports whether a restore goes to the device that asks: it was named, or came of the enrolment that was named.
func (r Restore) isFor(who caller.Caller) bool {
	return !who.Unconfirmed && who.Device != "" && (r.Device == who.Device || r.Device == "" && r.Enrolment != "" && r.Enrolment == who.Enrolment)
}

// read reads one as it is kept.
func (s *Service) read(ctx context.Context, user caller.UserID, id ID) (Restore, error) {
	if !caller.ValidID(string(id)) {
		return Restore{}, notFound()
	}
	return s.Store.Restore(ctx, user, id)
}

// shown is a restore as its user sees it now: with the device that has come of its enrolment, and expired when no device
// can come of it any more, or that device is not in use any more.
func (s *Service) shown(ctx context.Context, r Restore) (Restore, error) {
	if r = r.at(s.Now()); !r.Live() {
		return r, nil
	}
	if r.Device == "" {
		device, expires, err := s.Enrolled(ctx, r.User, r.Enrolment)
		switch {
		case fault.Is(err, fault.NotFound) || err == nil && device == "" && !s.Now().Before(expires): // without a row, no device has come of it
			r.State = Expired
			return r, nil
		case err != nil:
			return Restore{}, err
		case device == "":
			return r, nil
		}
		r.Device = device
	}
	switch err := s.Owns(ctx, r.User, r.Device); {
	case fault.Is(err, fault.NotFound):
		r.State = Expired
	case err != nil:
		return Restore{}, err
	}
	return r, nil
}

// Get reads one of the user's restores.
func (s *Service) Get(ctx context.Context, user caller.UserID, id ID) (Restore, error) {
	r, err := s.read(ctx, user, id)
	if err != nil {
		return Restore{}, err
	}
	return s.shown(ctx, r)
}

// List reads the user's restores, newest first, at most limit from a position on; next is "" at the end.
func (s *Service) List(ctx context.Context, user caller.UserID, position string, limit int) (page []Restore, next string, err error) {
	page, next, err = s.Store.Restores(ctx, user, position, limit)
	for i := 0; i < len(page) && err == nil; i++ {
		page[i], err = s.shown(ctx, page[i])
	}
	return page, next, err
}

// recent reads all that may still be open, newest first, whatever else the user has asked for before.
func (s *Service) recent(ctx context.Context, user caller.UserID) (all []Restore, err error) {
	const page = 50
	for position := ""; ; {
		some, next, err := s.Store.Restores(ctx, user, position, page)
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			if s.Now().Sub(r.CreatedAt) > longest {
				return all, nil
			}
			all = append(all, r)
		}
		if position = next; next == "" {
			return all, nil
		}
	}
}

// ForDevice lists what is held or waits for a device, or is open on it, oldest first.
func (s *Service) ForDevice(ctx context.Context, who caller.Caller) (all []Restore, err error) {
	recent, err := s.recent(ctx, who.User)
	for _, r := range slices.Backward(recent) {
		if r = r.at(s.Now()); r.isFor(who) && r.Live() {
			r.Device = who.Device
			all = append(all, r)
		}
	}
	return all, err
}

// ToOpen reads a restore that this device may open now, or has open.
func (s *Service) ToOpen(ctx context.Context, who caller.Caller, id ID) (Restore, error) {
	r, err := s.read(ctx, who.User, id)
	if err != nil {
		return Restore{}, err
	}
	if !r.isFor(who) {
		return Restore{}, notFound()
	}
	r.Device = who.Device
	switch r = r.at(s.Now()); r.State {
	case Waiting, Opened:
		return r, nil
	case Held:
		return Restore{}, fault.New(fault.Conflict, "restore_held", "This restore is held until %s; open it then.", r.HeldUntil.UTC().Format(time.RFC3339Nano))
	case Expired:
		return Restore{}, fault.New(fault.Gone, "restore_expired", "This restore expired at %s; ask for a new one on my card.", r.ExpiresAt.UTC().Format(time.RFC3339Nano))
	default:
		return Restore{}, fault.New(fault.Gone, "restore_over", "This restore is over (%s); ask for a new one on my card.", r.State)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// now is what a row can keep of it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }
