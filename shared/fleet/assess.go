package fleet

import (
	"slices"
	"time"

	"zapas/shared/profile"
	"zapas/shared/vault"
)

// State says in one word how a device's backups stand.
type State string

const (
	OK       State = "ok"
	Running  State = "running"   // a backup began and has not ended
	Unseen   State = "unseen"    // it has never checked in
	NoBackup State = "no_backup" // it has, and nothing is stored
	Late     State = "overdue"   // it owes a backup, and the profile's patience is at its end
	Failing  State = "failed"    // its last run ended without a backup
	Disabled State = "disabled"  // no profile governs it
	Over     State = "retired"   // it makes no backup any more
)

// States are all of them, but that of devices which lists leave out.
func States() []State { return []State{OK, Running, Unseen, NoBackup, Late, Failing, Disabled} }

// again is how long after its run was given up a device is due once more.
const again = time.Hour

// Standing is how a device stands at a moment.
type Standing struct {
	Profile    profile.Profile
	Governs    profile.Why // why that profile does; "" when none does
	Since      time.Time   // since when it governs this device, or nothing does
	Slot, Next time.Time   // of its schedule; zero when there is none within nine years
	Due        bool
	Why        Why
	// NotBefore is when it may start, never in quiet hours: at its own moment of the window after the first slot that it has not
	// run for, also where a newer slot has come since. When it is not due, it is when it will start next: at that of the next slot,
	// or an hour after it gave up.
	NotBefore time.Time
	Owes      time.Time // the first slot since it last ran well, for which a run is still wanted or will be
	Deadline  time.Time // by when a run for Owes must have started and ended well; zero when no slot follows
	State     State
	Overdue   time.Time // since when, if State is Late
}

// Through is the start of the last run that ended well; zero when none has.
func (s Status) Through() time.Time {
	through := s.Stored.Started
	if through.IsZero() {
		through = s.Stored.At
	}
	return latest(through, s.UnchangedAt)
}

// Assess says how a device stands at a moment, given all profiles.
//
// A run that starts after a slot serves it, and every slot before it: after missed slots there is one catch-up, and a device
// that ran by its own copy of the schedule is asked for nothing. A run that was given up serves its slot for an hour: then
// the device is due again, and so at most once an hour until a run ends well or the next slot comes. Being overdue follows
// from slots, never from an age: what counts is the first slot after the last good run, after the profile last moved and
// after it came to govern this device, so that nobody is late for what was not asked of him.
func Assess(s Status, all profile.Set, now time.Time) Standing {
	st := Standing{Why: NoProfile, Since: s.Governs.Since}
	p, why, ok := all.Governing(s.Explicit, s.Group)
	if !ok {
		if s.Governs.Profile != "" || st.Since.IsZero() {
			st.Since = now
		}
		st.State = s.state(st, now)
		return st
	}
	st.Profile, st.Governs = p.Profile, why
	if s.Governs.Profile != p.ID {
		st.Since = now
	}
	st.Slot, st.Next = all.Last(p, now).UTC(), p.Next(now).UTC()
	st.Due, st.Why = due(s, p.ID, st.Slot, now)
	switch {
	case st.Due:
		st.NotBefore = p.Awake(now, s.Device).UTC()
		if start := p.Start(s.unserved(p, st), s.Device).UTC(); start.After(now) && !s.served(p.ID, st.Slot) {
			st.NotBefore = start
		}
	case !st.Next.IsZero():
		st.NotBefore = p.Start(st.Next, s.Device).UTC()
	}
	if retry := s.retry(st.Slot); !st.Due && !retry.IsZero() && (st.Next.IsZero() || retry.Before(st.Next)) {
		st.NotBefore = p.Awake(retry, s.Device).UTC()
	}
	st.Owes, st.Deadline = p.Deadline(latest(s.Through(), p.Since, st.Since, s.EnrolledAt), s.Device)
	st.State = s.state(st, now)
	if st.State == Late {
		st.Overdue = st.Deadline
		if s.late() {
			st.Overdue = s.Overdue.Since
		}
	}
	return st
}

// due: the device has no started run for the profile, or the profile's last slot is newer than that run, or has not been
// served by it and it was given up an hour ago.
func due(s Status, p profile.ID, slot, now time.Time) (bool, Why) {
	retry := s.retry(slot)
	switch {
	case s.Run.Profile != p:
		return true, First
	case !s.served(p, slot), !retry.IsZero() && !now.Before(retry):
		return true, SlotPassed
	}
	return false, NotDue
}

// served: a run for the profile started at the slot or later, however it has ended.
func (s Status) served(p profile.ID, slot time.Time) bool {
	return s.Run.Profile == p && !slot.After(s.Run.At)
}

// unserved is the slot that a device which is due starts for: the first that no run has served, of those since the profile
// came to govern it, or last moved, and of the one that was the last then. Were it always the newest, who asks a little later
// than at his own moment, which may lie just before the next slot, would be told to wait for that slot's, and so each time.
func (s Status) unserved(p *profile.Plan, st Standing) time.Time {
	first := time.Time{}
	if s.Run.Profile == p.ID {
		if first = p.Next(s.Run.At); !first.IsZero() && !first.Before(st.Slot) {
			return st.Slot // mostly
		}
	}
	first = latest(first, p.Last(latest(p.Since, st.Since)))
	if first.IsZero() || first.After(st.Slot) { // a slot that was ticked stays one, whatever the schedule says since
		return st.Slot
	}
	return first
}

// retry is when the device is due again for a slot, since its last run was given up and none has ended well for that slot;
// zero when that is not so.
func (s Status) retry(slot time.Time) time.Time {
	if s.Run.Session == "" || s.Run.Session != s.Failed.Session || !s.Through().Before(slot) {
		return time.Time{}
	}
	return s.Failed.At.Add(again)
}

// late: it is announced as overdue, and has not run well since the slot that it is late for.
func (s Status) late() bool {
	return !s.Overdue.Slot.IsZero() && s.Through().Before(s.Overdue.Slot)
}

// running: a backup began, nothing says that it has ended, and its session still is what it was.
func (s Status) running(now time.Time) bool {
	return s.Run.Session != "" && s.Run.At.After(s.Through()) && s.Run.Session != s.Failed.Session && now.Before(s.Run.At.Add(vault.Lease))
}

func (s Status) state(st Standing, now time.Time) State {
	switch {
	case s.Trust == Retired:
		return Over
	case st.Governs == "" && (!s.Seen.At.IsZero() || !s.Governs.Since.IsZero()):
		return Disabled
	case st.Governs != "" && (s.late() || !st.Deadline.IsZero() && now.After(st.Deadline)):
		return Late
	case s.running(now):
		return Running
	case s.Failed.At.After(s.Through()):
		return Failing
	case s.Seen.At.IsZero():
		return Unseen
	case s.Stored.At.IsZero():
		return NoBackup
	}
	return OK
}

// Look is where the watch's index should have the device.
func (s Status) look(st Standing, now time.Time) Look {
	switch {
	case st.State == Over:
		return Look{}
	case len(s.Tell) > 0:
		if s.Look.Overdue == "" && !s.Look.At.IsZero() && !s.Look.At.After(now) { // it is waiting to be looked at
			return s.Look
		}
		return Look{At: now}
	case st.State == Late && s.late():
		return Look{At: s.Overdue.Since, Overdue: st.Profile.ID}
	}
	return Look{At: st.Deadline} // zero when nothing governs it
}

// Placed is what must be written of a device so that its row says what Assess says: which profile governs it, when it is
// looked at next, and that it is not overdue, where no run but a profile's end has ended that. A member that says so already
// is nil.
func (s Status) Placed(st Standing, now time.Time) (c Change) {
	if g := (Governs{st.Profile.ID, st.Since}); g.Profile != s.Governs.Profile || !g.Since.Equal(s.Governs.Since) {
		c.Governs = &g
	}
	if l := s.look(st, now); l.Overdue != s.Look.Overdue || !l.At.Equal(s.Look.At) {
		c.Look = &l
	}
	if st.State != Late && st.State != Over && s.Overdue != (Overdue{}) {
		c.Overdue = &Overdue{}
	}
	return c
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
