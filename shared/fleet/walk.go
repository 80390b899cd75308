package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"zapas/shared/fault"
	"zapas/shared/profile"
)

// Totals are how the fleet stood: devices that are not retired.
type Totals struct {
	profile.Census
	Devices  int64
	States   map[State]int64
	Profiles map[profile.ID]map[State]int64 // of the devices that each governs
}

// Walk is one way through all devices.
type Walk struct {
	Began    time.Time // zero: there was none yet
	Rev      int64     // of the profiles when it began
	Position string    // where it goes on
	Done     bool
	Found    Totals // until now
	Version  int64  // grows with every write
}

// Walks keep the walk that is or was the last, and the totals of the last that came to its end. Reads are strongly
// consistent.
type Walks interface {
	// Rev reads a number that grows with every write of a profile.
	Rev(ctx context.Context) (int64, error)
	// Walk reads the walk.
	Walk(ctx context.Context) (Walk, error)
	// SetWalk stores it with the next Version; fault.Conflict when the stored one has not w.Version.
	SetWalk(ctx context.Context, w Walk) error
	// Totals reads them; the zero value when no walk has ended yet.
	Totals(ctx context.Context) (Totals, error)
	// SetTotals stores them unless later ones are there.
	SetTotals(ctx context.Context, t Totals) error
}

// What the watch does in one go, and when.
const (
	walkedAtOnce = 200_000         // devices
	walkPage     = 1_000           // of them, so many are read at once
	walkEvery    = time.Hour       //
	maxClasses   = 2_000           // that are counted apart
	classBytes   = 200_000         // of their names, likewise: all there is to know of a walk is one row, of 400 KB at most
	toSave       = 3 * time.Second // of the time that there is
)

// Walked counts what Walk has found and done.
type Walked struct {
	Walked int // devices
	Moved  int // of them, devices whose row did not say what is so
	Busy   int // of them, devices of which something else was written meanwhile: what has written it says what is so
	Ended  int // 1: it has come to its end
}

// Walk goes through all devices once an hour, and whenever a profile was changed: it has their rows say which profile
// governs them and when to look at them, and counts them. One go does a bounded part; what it has counted of that is
// written at its end, so that who dies before counts the same part again. Of two at once one counts.
func (w Watch) Walk(ctx context.Context) (done Walked, err error) {
	walk, err := w.Walks.Walk(ctx)
	if err != nil {
		return done, err
	}
	rev, err := w.Walks.Rev(ctx)
	if err != nil {
		return done, err
	}
	now := moment(w.Now)
	if walk.Done || walk.Began.IsZero() {
		if walk.Done && walk.Rev == rev && now.Before(walk.Began.Add(walkEvery)) {
			return done, nil
		}
		walk = Walk{Began: now, Rev: rev, Version: walk.Version}
	}
	all, err := w.Profiles.Set(ctx)
	if err != nil {
		return done, err
	}
	var failed []error
	for done.Walked < walkedAtOnce && !walk.Done && !short(ctx) {
		page, next, err := w.Devices.Everyone(ctx, walk.Position, min(walkPage, walkedAtOnce-done.Walked))
		if page != nil {
			err = errors.Join(err, w.place(ctx, page, all, &done))
		}
		failed = append(failed, err)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // where it stopped there is nothing any more
			walk.Began, walk.Position, walk.Found = time.Time{}, "", Totals{}
			break
		}
		if ctx.Err() != nil || page == nil && err != nil || fault.Is(err, fault.Unavailable) {
			break // the page is not counted, and is gone through again
		}
		for _, s := range page {
			walk.Found.add(s, Assess(s, all, now))
		}
		done.Walked, walk.Position, walk.Done = done.Walked+len(page), next, next == ""
	}
	if walk.Done {
		done.Ended = 1
		walk.Found.AsOf = walk.Began
		err = w.Walks.SetTotals(ctx, walk.Found)
		walk.Found = Totals{}
	}
	if err == nil {
		err = w.Walks.SetWalk(ctx, walk)
	}
	return done, errors.Join(append(failed, err)...)
}

// short: there is no time left but to write what was found.
func short(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(end) < toSave
}

// place has rows say what is so.
func (w Watch) place(ctx context.Context, page []Status, all profile.Set, done *Walked) error {
	now := moment(w.Now)
	var failed []error
	for _, s := range page {
		if s.Placed(Assess(s, all, now), now).Empty() {
			continue
		}
		if short(ctx) {
			return errors.Join(append(failed, fault.New(fault.Unavailable, "busy", "There was no time to go through all devices; the next watch goes on."))...)
		}
		s, err := w.Devices.Status(ctx, s.Device)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		c := s.Placed(Assess(s, all, now), now)
		if c.Empty() { // the list lags behind
			continue
		}
		c.Rev = &s.Rev
		_, err = w.Devices.Note(ctx, s.Device, c)
		switch {
		case err == nil:
			done.Moved++
		case fault.Is(err, fault.Conflict):
			done.Busy++
		default:
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// add counts one device.
func (t *Totals) add(s Status, st Standing) {
	if st.State == Over {
		return
	}
	if t.States == nil {
		t.States, t.Profiles, t.Classes = map[State]int64{}, map[profile.ID]map[State]int64{}, map[profile.Class]int64{}
	}
	t.Devices++
	t.States[st.State]++
	if st.Governs != "" {
		of := t.Profiles[st.Profile.ID]
		if of == nil {
			of = map[State]int64{}
			t.Profiles[st.Profile.ID] = of
		}
		of[st.State]++
	}
	class := profile.Class{Explicit: s.Explicit, Group: s.Group}
	if _, there := t.Classes[class]; !there && t.full() {
		t.Others++
		return
	}
	t.Classes[class]++
}

// full: there is no room for another class. It stays so: when some were not counted apart, the others tell too little.
func (t *Totals) full() bool {
	if t.Others > 0 || len(t.Classes) >= maxClasses {
		return true
	}
	size := 0
	for c := range t.Classes {
		size += len(c.Explicit) + len(c.Group) + 32 // its number, and the names of its members
	}
	return size >= classBytes
}

// Summary is what there is to show of the fleet.
type Summary struct {
	Totals
	Walking  bool // another is being made
	Profiles []ProfileTotals
}

// ProfileTotals are how the devices stand that a profile governs.
type ProfileTotals struct {
	ID      profile.ID
	Name    string // "": it is gone
	Devices int64
	States  map[State]int64
}

// Summary answers the totals of the last walk, by profile: those there are, and those that have governed a device then.
func (f *Fleet) Summary(ctx context.Context) (out Summary, err error) {
	if out.Totals, err = f.Walks.Totals(ctx); err != nil {
		return out, err
	}
	walk, err := f.Walks.Walk(ctx)
	if err != nil {
		return out, err
	}
	all, err := f.Profiles.Set(ctx)
	if err != nil {
		return out, err
	}
	out.Walking = !walk.Done && !walk.Began.IsZero()
	left := maps.Clone(out.Totals.Profiles)
	add := func(id profile.ID, name string) {
		one := ProfileTotals{ID: id, Name: name, States: out.Totals.Profiles[id]}
		for _, n := range one.States {
			one.Devices += n
		}
		out.Profiles = append(out.Profiles, one)
		delete(left, id)
	}
	for _, p := range all.All() {
		add(p.ID, p.Name)
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		add(id, "")
	}
	return out, nil
}
