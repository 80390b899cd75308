package fleet

import (
	"context"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Why says why a device should or should not back up now.
type Why string

const (
	NoProfile      Why = "no_profile" // no profile governs it
	First          Why = "first"      // it has never run for this profile
	SlotPassed     Why = "slot"       // the profile's last slot is newer than its last run
	NotDue         Why = "not_due"
	NotConfirmed   Why = "unconfirmed" // its user has yet to confirm it on my card
	Ordered        Why = "order"       // somebody wants it now, whatever the schedule says
	pollMost           = time.Hour     // an order or a restore is seen after this at the latest
	pollLeast          = time.Minute
	maxCheckInText     = 32
)

// Answer is what a device that checks in should do.
type Answer struct {
	Due        bool
	Why        Why
	Profile    profile.Profile
	Governs    profile.Why // "" when no profile governs it
	Slot, Next time.Time
	Order      *Order // that is open
	PollAfter  time.Duration
	Time       time.Time
}

// CheckIn records that a device is there and answers what it should do.
func (f *Fleet) CheckIn(ctx context.Context, who caller.Caller, appVersion string, coverage map[string]string) (Answer, error) {
	if err := checkSeen(appVersion, coverage); err != nil {
		return Answer{}, err
	}
	s, err := f.Statuses.Status(ctx, who.Device)
	if err != nil {
		return Answer{}, err
	}
	all, err := f.Profiles.Profiles(ctx)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Time: f.now(), Why: NoProfile, PollAfter: pollMost}
	p, why, ok := profile.Governing(all, s.Explicit, s.Group)
	if ok {
		a.Profile, a.Governs = p, why
		a.Slot = p.Schedule.Last(a.Time)
		if next := p.Schedule.Next(a.Time, 1); len(next) > 0 {
			a.Next = next[0]
			a.PollAfter = min(max(a.Next.Sub(a.Time), pollLeast), pollMost)
		}
		a.Due, a.Why = due(s, p, a.Slot)
	}
	if a.Order, err = f.Orders.Delivered(ctx, s.Order); err != nil {
		return Answer{}, err
	}
	switch {
	case who.Unconfirmed:
		a.Due, a.Why = false, NotConfirmed
	case a.Order != nil && a.Governs != "": // without a profile nobody knows what to back up, nor where to
		a.Due, a.Why = true, Ordered
	}
	if coverage == nil { // it says nothing of it, and what it has said stays
		coverage = s.Seen.Coverage
	}
	seen := Seen{At: a.Time, AppVersion: appVersion, Profile: a.Profile.ID, Coverage: coverage}
	_, err = f.Statuses.Note(ctx, who.Device, Change{Seen: &seen})
	return a, err
}

// due: the device has no started run for the profile, or the profile's last slot is newer than that run.
func due(s Status, p profile.Profile, slot time.Time) (bool, Why) {
	switch {
	case s.Run.Profile != p.ID:
		return true, First
	case slot.After(s.Run.At):
		return true, SlotPassed
	}
	return false, NotDue
}

func checkSeen(appVersion string, coverage map[string]string) error {
	if n := len(appVersion); n < 1 || n > maxCheckInText {
		return fault.Fields([]fault.Field{{Pointer: "/appVersion", Code: "invalid", Detail: "it must have 1 to 32 characters"}})
	}
	for element, how := range coverage {
		switch element + "=" + how {
		case "contacts=full", "contacts=limited", "contacts=denied", "contacts=unavailable",
			"messages=full", "messages=limited", "messages=denied", "messages=unavailable",
			"calls=full", "calls=limited", "calls=denied", "calls=unavailable":
		default:
			return fault.Fields([]fault.Field{{Pointer: "/coverage", Code: "invalid", Detail: "it names an element or a coverage that there is not"}})
		}
	}
	return nil
}
