package profile

import (
	"context"
	"slices"
	"time"

	"zapas/shared/fault"
)

// Class is what of a device decides which profile governs it.
type Class struct {
	Explicit ID     // chosen for this device alone
	Group    string // its device group
}

// Census is how many devices there were of each class.
type Census struct {
	AsOf    time.Time // zero: nobody has counted yet
	Classes map[Class]int64
	Others  int64 // devices of classes that were too many to be counted apart
}

// Censuses keep the last one.
type Censuses interface {
	// Census reads it; it may lag by a moment.
	Census(ctx context.Context) (Census, error)
}

// Moves says how many devices p would begin to govern, and how many it would cease to, were it stored among all profiles, in
// the place of the one of its id if there is one.
func (c Census) Moves(all []Profile, p Profile) (starts, stops int64) {
	before := NewSet(all)
	after := NewSet(append(slices.DeleteFunc(slices.Clone(all), func(o Profile) bool { return o.ID == p.ID }), p))
	governs := func(s Set, of Class) bool {
		by, _, ok := s.Governing(of.Explicit, of.Group)
		return ok && by.ID == p.ID
	}
	for of, n := range c.Classes {
		switch was, is := governs(before, of), governs(after, of); {
		case is && !was:
			starts += n
		case was && !is:
			stops += n
		}
	}
	return starts, stops
}

// Moved is what saving a profile would move.
type Moved struct {
	Starts, Stops int64
	AsOf          time.Time
}

// Moves says what saving p would move; nil when nobody can tell: not all devices were counted yet, or not apart. An id that
// is given must be that of a profile; fault.Invalid when it is none.
func (s *Service) Moves(ctx context.Context, p Profile) (*Moved, error) {
	c, err := s.Censuses.Census(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Profiles(ctx)
	if err != nil {
		return nil, err
	}
	p.CreatedAt = s.now()
	if p.ID != "" { // else it is new, and the youngest
		i := slices.IndexFunc(all, func(o Profile) bool { return o.ID == p.ID })
		if i < 0 {
			return nil, fault.Fields([]fault.Field{{Pointer: "/id", Code: "unknown", Detail: "there is no such profile; leave it out for one that is new"}})
		}
		p.CreatedAt = all[i].CreatedAt
	}
	if c.AsOf.IsZero() || c.Others > 0 {
		return nil, nil
	}
	m := Moved{AsOf: c.AsOf}
	m.Starts, m.Stops = c.Moves(all, p)
	return &m, nil
}
