package profile

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"zapas/shared/caller"
)

// Set is all profiles as they were read together, prepared so that of many devices it is soon said which one governs each.
// It does not change, and many may share it; what it answers is not to be written to.
type Set struct {
	plans    map[ID]*Plan // those that are disabled, too
	groups   map[string]*Plan
	everyone *Plan // governs what no group's profile governs; nil: none does
	ticked   ID
	tick     time.Time
}

// Plan is a profile whose schedule was read.
type Plan struct {
	Profile
	calendar calendar
	err      error // of the schedule: it has no slots
}

// Plan reads the profile's schedule.
func (p Profile) Plan() Plan {
	c, err := p.Schedule.calendar()
	return Plan{p, c, err}
}

// NewSet prepares profiles that were read together.
func NewSet(all []Profile) Set {
	s := Set{plans: make(map[ID]*Plan, len(all)), groups: map[string]*Plan{}}
	for _, p := range slices.SortedFunc(slices.Values(all), byAge) {
		plan := new(p.Plan())
		plan.calendar.known = new(atomic.Pointer[[]time.Time])
		s.plans[p.ID] = plan
		if !p.Enabled {
			continue
		}
		if len(p.DeviceGroups) == 0 && s.everyone == nil {
			s.everyone = plan
		}
		for _, g := range p.DeviceGroups {
			g = strings.TrimSpace(g) // in older rows, of profiles and of devices, there are spaces about names
			if best := s.groups[g]; best == nil || p.Priority > best.Priority {
				s.groups[g] = plan
			}
		}
	}
	return s
}

// All are the profiles, oldest first.
func (s Set) All() []Profile {
	all := make([]Profile, 0, len(s.plans))
	for _, p := range s.plans {
		all = append(all, p.Profile)
	}
	slices.SortFunc(all, byAge)
	return all
}

// Has reports whether there is such a profile, enabled or not.
func (s Set) Has(id ID) bool { return s.plans[id] != nil }

// Ticked is the set when a tick has recorded this slot of a profile, which may not have come yet by our own clock.
func (s Set) Ticked(id ID, slot time.Time) Set {
	s.ticked, s.tick = id, slot
	return s
}

// Governing is the profile that governs a device: the explicit one, else the highest priority among the profiles whose
// device groups match, else the oldest of those for every device. Disabled profiles govern nothing.
func (s Set) Governing(explicit ID, group string) (*Plan, Why, bool) {
	if p := s.plans[explicit]; p != nil && p.Enabled {
		return p, Explicit, true
	}
	if group = strings.TrimSpace(group); group != "" && s.groups[group] != nil {
		return s.groups[group], ByGroup, true
	}
	if s.everyone == nil {
		return nil, "", false
	}
	return s.everyone, ByAge, true
}

// Last is the newest slot of a profile at t: the schedule's own, or the one that a tick recorded, where that is later.
func (s Set) Last(p *Plan, t time.Time) time.Time {
	slot := p.Last(t)
	if p.ID == s.ticked && s.tick.After(slot) {
		return s.tick
	}
	return slot
}

// Last is the newest slot of the schedule at or before t; zero when there is none within nine years.
func (p *Plan) Last(t time.Time) time.Time {
	if p.err != nil {
		return time.Time{}
	}
	return p.calendar.last(t)
}

// Next is the first slot after t; zero when there is none within nine years.
func (p *Plan) Next(t time.Time) time.Time {
	if p.err != nil {
		return time.Time{}
	}
	if next := p.calendar.next(t, 1); len(next) > 0 {
		return next[0]
	}
	return time.Time{}
}

// Planned is a slot, and when a device starts its backup.
type Planned struct{ Slot, Start time.Time }

// Agenda are the n slots that follow t, as a device will serve them; fewer when there are years between them.
func (p *Plan) Agenda(t time.Time, n int, device caller.DeviceID) (all []Planned) {
	if p.err != nil {
		return nil
	}
	slots := p.calendar.next(t, n)
	all = make([]Planned, 0, len(slots))
	for _, slot := range slots {
		all = append(all, Planned{slot.UTC(), p.Start(slot, device).UTC()})
	}
	return all
}

// Start is Profile.Start.
func (p *Plan) Start(slot time.Time, device caller.DeviceID) time.Time {
	offset := p.offset(device)
	if p.err != nil {
		return slot.Add(offset)
	}
	if next := p.Next(slot); offset > 0 && p.QuietHours != (QuietHours{}) && !next.IsZero() {
		window := time.Duration(p.Window) * time.Minute
		if awake := p.QuietHours.awake(slot, next, window, p.calendar.zone); awake > 0 {
			offset = offset / time.Second * (awake / time.Second) / (window / time.Second) * time.Second
		}
	}
	return p.QuietHours.past(slot, offset, p.calendar.zone)
}

// Awake is t, or, in quiet hours, when a device starts that would have started then: as for a slot that lies in them.
func (p *Plan) Awake(t time.Time, device caller.DeviceID) time.Time {
	if p.err != nil || !p.QuietHours.after(t, p.calendar.zone).After(t) {
		return t
	}
	return p.Start(t, device)
}

// Deadline is by when a device must have backed up that was good until base: it owes a backup for the first slot after
// that, starts at its own moment, and is overdue some while later. Both are zero when no slot follows.
func (p *Plan) Deadline(base time.Time, device caller.DeviceID) (owes, deadline time.Time) {
	owes = p.Next(base)
	if owes.IsZero() {
		return owes, owes
	}
	return owes.UTC(), p.Start(owes, device).Add(time.Duration(p.Alerts.OverdueAfter) * time.Minute).UTC()
}
