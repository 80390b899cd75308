package fleet_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// walk goes through all devices, as often as it takes to the end.
func (w *watching) walk(t *testing.T) (done fleet.Walked) {
	t.Helper()
	for range 20 {
		one, err := w.Walk(t.Context())
		if err != nil && !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
		done.Walked, done.Moved, done.Busy, done.Ended = done.Walked+one.Walked, done.Moved+one.Moved, done.Busy+one.Busy, one.Ended
		if err == nil {
			return done
		}
	}
	t.Fatal("the walk never ends")
	return done
}

// some are devices of a class, by the shards of their ids.
func (w *watching) some(t *testing.T, from, n int, group string, explicit profile.ID) {
	t.Helper()
	for i := range n {
		s := fleet.Status{Device: caller.DeviceID(fmt.Sprintf("%026d", from+i)), Owner: anna.User, Trust: fleet.InUse, Label: fmt.Sprint("Phone ", from+i), EnrolledAt: w.clock.Now(), Group: group, Explicit: explicit}
		if err := w.statuses.CreateStatus(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWalk: a walk has every row say what is so, and counts; an edit of a profile begins another, as an hour does, and
// nothing else.
func TestWalk(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	none, err := w.Summary(t.Context())
	if d := cmp.Diff(fleet.Summary{}, none); err != nil || d != "" {
		t.Errorf("before the first walk there is %v %s", err, d)
	}
	p := w.nightlyFor(t, nil)
	deadline := w.clock.Now().Add(20 * time.Hour)
	w.some(t, 0, 3, "", "")
	w.some(t, 10, 2, "field", "")
	w.some(t, 20, 1, "field", p.ID)
	if done := w.walk(t); done != (fleet.Walked{Walked: 6, Moved: 6, Ended: 1}) {
		t.Errorf("the first walk does %+v", done)
	}
	w.state(t, "00000000000000000000000011", fleet.Unseen, fleet.Look{At: deadline})
	for _, later := range []time.Duration{0, time.Hour - time.Millisecond} {
		w.clock.Advance(later)
		if done := w.walk(t); done != (fleet.Walked{}) {
			t.Errorf("%s later it does %+v", later, done)
		}
	}
	w.clock.Advance(time.Millisecond)
	if done := w.walk(t); done != (fleet.Walked{Walked: 6, Ended: 1}) {
		t.Errorf("after an hour it does %+v", done)
	}
	field := nightly()
	field.ID, field.Name, field.DeviceGroups, field.CreatedAt, field.Since = otherProfile, "Field", []string{"field"}, w.clock.Now(), w.clock.Now()
	if err := w.profiles.Create(t.Context(), field); err != nil {
		t.Fatal(err)
	}
	if done := w.walk(t); done != (fleet.Walked{Walked: 6, Moved: 2, Ended: 1}) {
		t.Errorf("after a profile was made it does %+v", done)
	}
	got, err := w.Summary(t.Context())
	want := fleet.Summary{Totals: fleet.Totals{Devices: 6, States: map[fleet.State]int64{fleet.Unseen: 6},
		Profiles: map[profile.ID]map[fleet.State]int64{p.ID: {fleet.Unseen: 4}, field.ID: {fleet.Unseen: 2}}},
		Profiles: []fleet.ProfileTotals{{ID: p.ID, Name: "P", Devices: 4, States: map[fleet.State]int64{fleet.Unseen: 4}},
			{ID: field.ID, Name: "Field", Devices: 2, States: map[fleet.State]int64{fleet.Unseen: 2}}}}
	want.AsOf, want.Classes = w.clock.Now().UTC(), map[profile.Class]int64{{}: 3, {Group: "field"}: 2, {Group: "field", Explicit: p.ID}: 1}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if err := w.profiles.Delete(t.Context(), field.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got, err = w.Summary(t.Context()); err != nil || len(got.Profiles) != 2 || got.Profiles[1].Name != "" || got.Profiles[1].Devices != 2 {
		t.Errorf("of a profile that is gone it says %+v: %v", got.Profiles, err)
	}
}

// TestWalk_Overdue: who was announced as overdue for a profile that is gone leaves the list, and nobody is told.
func TestWalk_Overdue(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	p := w.nightlyFor(t, nil)
	d := w.enrol(t)
	w.due(t)
	w.clock.Advance(21 * time.Hour)
	w.due(t)
	if err := w.profiles.Delete(t.Context(), p.ID, p.Version); err != nil {
		t.Fatal(err)
	}
	if done := w.walk(t); done != (fleet.Walked{Walked: 1, Moved: 1, Ended: 1}) {
		t.Errorf("it does %+v", done)
	}
	w.state(t, d.ID, fleet.Disabled, fleet.Look{})
	if s, err := w.statuses.Status(t.Context(), d.ID); err != nil || s.Overdue != (fleet.Overdue{}) || s.Governs.Profile != "" {
		t.Errorf("its row says %+v: %v", s, err)
	}
	if _, times := w.told(t); times != 1 {
		t.Errorf("%d times it was told", times)
	}
}

// TestWalk_Faults: whatever befalls any call, all devices are counted once.
func TestWalk_Faults(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 13; n++ {
		for name, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				t.Parallel()
				w := openWatch(t)
				p := w.nightlyFor(t, nil)
				w.some(t, 0, 2, "", "")
				calls := 0
				w.stack.Strike(func(standin.Call) standin.Fault {
					if calls++; calls == n {
						return f
					}
					return standin.None
				})
				w.walk(t)
				w.walk(t)
				if calls < n {
					t.Fatalf("there are %d calls to befall", calls)
				}
				got, err := w.Summary(t.Context())
				if err != nil || got.Devices != 2 || got.Walking || got.Totals.Profiles[p.ID][fleet.Unseen] != 2 || got.Classes[profile.Class{}] != 2 {
					t.Errorf("%+v %v", got, err)
				}
			})
		}
	}
}

// pages is a fleet that is listed in small pages, and ends the time of who lists after some.
type pages struct {
	fleet.Watched
	t     *testing.T
	size  int
	after int
	end   func()
}

func (p *pages) Everyone(ctx context.Context, position string, limit int) ([]fleet.Status, string, error) {
	if limit != 1000 {
		p.t.Errorf("a page has %d devices", limit)
	}
	if p.after--; p.after < 0 {
		p.end()
	}
	return p.Watched.Everyone(ctx, position, p.size)
}

// TestWalk_Lost: a walk that cannot go on where it stopped begins anew.
func TestWalk_Lost(t *testing.T) {
	t.Parallel()
	for _, position := range []string{"4 00000000000000000000000000", "x", "0 00000000000000000000000009"} {
		w := openWatch(t)
		w.some(t, 0, 2, "", "")
		if err := w.Watch.Walks.SetWalk(t.Context(), fleet.Walk{Began: w.clock.Now(), Position: position, Found: fleet.Totals{Devices: 7}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Walk(t.Context()); err == nil {
			t.Errorf("nobody is told that there is nothing at %q", position)
		}
		w.walk(t)
		if got, err := w.Summary(t.Context()); err != nil || got.Devices != 2 {
			t.Errorf("%d devices are counted: %v", got.Devices, err)
		}
	}
}

// TestWalk_Resumed: a walk whose time is over goes on where it stopped, and each device is counted once.
func TestWalk_Resumed(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 6; size++ {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			w := openWatch(t)
			p := w.nightlyFor(t, nil)
			w.some(t, 0, 5, "", "")
			began, walked := w.clock.Now(), 0
			for goes := 0; ; goes++ {
				ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Minute))
				over := &ending{Context: ctx}
				w.Devices = &pages{w.statuses, t, size, 1, func() { over.over = true }}
				done, err := w.Walk(over)
				cancel()
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Fatal(err)
				}
				walked += done.Walked
				s, err := w.Summary(t.Context())
				if err != nil || s.Walking == (done.Ended == 1) {
					t.Errorf("it is walking: %v, and has ended: %d; %v", s.Walking, done.Ended, err)
				}
				w.clock.Advance(time.Second)
				if done.Ended == 1 {
					break
				}
				if goes > 10 {
					t.Fatal("it never ends")
				}
			}
			got, err := w.Summary(t.Context())
			if err != nil || walked != 5 || got.Devices != 5 || got.Totals.Profiles[p.ID][fleet.Unseen] != 5 || !got.AsOf.Equal(began) {
				t.Errorf("%d were walked: %+v %v", walked, got, err)
			}
		})
	}
}

// ending is a context of which nothing is left when it is said so.
type ending struct {
	context.Context
	over bool
}

func (e *ending) Deadline() (time.Time, bool) {
	if e.over {
		return time.Now().Add(2 * time.Second), true
	}
	return e.Context.Deadline()
}

// TestWalk_Classes: as many classes are counted apart as there is room for; of the others it is known that there are some.
func TestWalk_Classes(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	w.Devices = &crowd{w.statuses, "g", 2001}
	w.walk(t)
	got, err := w.Summary(t.Context())
	if err != nil || got.Devices != 2002 || len(got.Classes) != 2000 || got.Others != 1 || got.Classes[profile.Class{Group: "g0"}] != 2 {
		t.Errorf("%d devices in %d classes, and %d others: %v", got.Devices, len(got.Classes), got.Others, err)
	}
}

// TestWalk_LongClasses: a walk ends however long the names of groups are.
func TestWalk_LongClasses(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	w.Devices = &crowd{w.statuses, strings.Repeat("𠮷", profile.MaxGroupName-4), 2000}
	w.walk(t)
	got, err := w.Summary(t.Context())
	if err != nil || got.Devices != 2001 || got.Walking || len(got.Classes) == 0 || got.Others == 0 {
		t.Errorf("%d devices in %d classes, and %d others: %v", got.Devices, len(got.Classes), got.Others, err)
	}
}

// crowd is a fleet of many groups, the first of which has two devices; all of its rows say what is so.
type crowd struct {
	fleet.Watched
	name   string // how those of all groups begin
	groups int
}

func (c *crowd) Everyone(context.Context, string, int) (all []fleet.Status, next string, err error) {
	for i := range c.groups + 1 {
		all = append(all, fleet.Status{Device: "00000000000000000000000000", Group: fmt.Sprint(c.name, i%c.groups), Governs: fleet.Governs{Since: time.UnixMilli(1)}})
	}
	return all, "", nil
}
