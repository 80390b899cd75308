package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/aws/bus"
	"zapas/shared/caller"
	"zapas/shared/event"
	"zapas/shared/fault"
	"zapas/shared/fleet"
)

// watching is a fleet that is watched.
type watching struct {
	*world
	fleet.Watch
}

func openWatch(t *testing.T) *watching {
	t.Helper()
	w := &watching{world: open(t)}
	if err := w.stack.EventBridge.CreateBus("zapas"); err != nil {
		t.Fatal(err)
	}
	w.Watch = fleet.Watch{Devices: w.statuses, Profiles: w.Fleet.Profiles, Walks: w.Fleet.Walks, Bus: bus.New(w.stack.Config(), "zapas"), Tenant: "acme", Now: w.clock.Now}
	return w
}

// due has the watch look at devices, as often as it takes.
func (w *watching) due(t *testing.T) (done fleet.Looked) {
	t.Helper()
	from := ""
	for range 20 {
		one, next, err := w.Due(t.Context(), from)
		if err != nil && !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
		done.Looked, done.Overdue, done.Busy = done.Looked+one.Looked, done.Overdue+one.Overdue, done.Busy+one.Busy
		if from = next; from == "" && err == nil {
			return done
		}
	}
	t.Fatal("the watch never ends")
	return done
}

// told is what was announced, each event once, and in all how often; that devices are enrolled is not told here.
func (w *watching) told(t *testing.T) (all []event.Event, times int) {
	t.Helper()
	for _, text := range w.stack.EventBridge.Seen.Events() {
		var e struct{ Detail event.Event }
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		if e.Detail.Type == event.DeviceEnrolled {
			continue
		}
		times++
		if !slices.ContainsFunc(all, func(o event.Event) bool { return o.ID == e.Detail.ID }) {
			all = append(all, e.Detail)
		}
	}
	return all, times
}

func (w *watching) state(t *testing.T, id caller.DeviceID, want fleet.State, look fleet.Look) {
	t.Helper()
	s, err := w.statuses.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.Fleet.Profiles.Set(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st := fleet.Assess(s, all, w.clock.Now()); st.State != want {
		t.Errorf("it is %s, want %s", st.State, want)
	}
	if s.Look.Overdue != look.Overdue || !s.Look.At.Equal(look.At) {
		t.Errorf("it is looked at %+v, want %+v", s.Look, look)
	}
}

// TestDue: a phone that enrols and is never heard of again is looked at, is overdue after its first deadline, is announced
// once, and leaves the list when no profile governs it, or when it is retired.
func TestDue(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	p := w.nightlyFor(t, nil)
	noon := w.clock.Now()
	slot, deadline := noon.Add(14*time.Hour), noon.Add(20*time.Hour)
	d, retired := w.enrol(t), w.enrol(t)
	if done := w.due(t); done != (fleet.Looked{Looked: 2}) {
		t.Errorf("the first time it does %+v", done)
	}
	w.state(t, d.ID, fleet.Unseen, fleet.Look{At: deadline})
	if done := w.due(t); done != (fleet.Looked{}) {
		t.Errorf("then there is nothing to look at, and it does %+v", done)
	}
	w.clock.Advance(20 * time.Hour)
	if done := w.due(t); done != (fleet.Looked{Looked: 2}) {
		t.Errorf("at the very deadline it does %+v", done)
	}
	w.state(t, d.ID, fleet.Unseen, fleet.Look{At: deadline})
	card, err := w.Card(t.Context(), retired)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Retire(t.Context(), anna, retired, card.Version()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	for _, want := range []fleet.Looked{{Looked: 1, Overdue: 1}, {}} {
		if done := w.due(t); done != want {
			t.Errorf("after it it does %+v, want %+v", done, want)
		}
		w.state(t, d.ID, fleet.Late, fleet.Look{At: deadline, Overdue: p.ID})
	}
	all, times := w.told(t)
	if len(all) != 1 || times != 1 || all[0].Type != event.BackupOverdue || all[0].Device != d.ID || all[0].User != d.Owner ||
		all[0].Profile != string(p.ID) || !all[0].Slot.Equal(slot) || all[0].Tenant != "acme" {
		t.Errorf("%d times it was told of %+v", times, all)
	}
	s, err := w.statuses.Status(t.Context(), d.ID)
	if err != nil || !s.Overdue.Slot.Equal(slot) || !s.Overdue.Since.Equal(deadline) {
		t.Errorf("its row says %+v: %v", s.Overdue, err)
	}
}

// TestDue_Faults: whatever befalls any call, before or after its effect, the device is announced under one id and ends up
// where it belongs.
func TestDue_Faults(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 24; n++ {
		for name, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				t.Parallel()
				w := openWatch(t)
				p := w.nightlyFor(t, nil)
				deadline := w.clock.Now().Add(20 * time.Hour)
				d := w.enrol(t)
				w.due(t)
				w.clock.Advance(21 * time.Hour)
				calls := 0
				w.stack.Strike(func(standin.Call) standin.Fault {
					if calls++; calls == n {
						return f
					}
					return standin.None
				})
				w.due(t)
				w.due(t)
				if calls < 20 {
					t.Fatalf("there are %d calls to befall", calls)
				}
				w.state(t, d.ID, fleet.Late, fleet.Look{At: deadline, Overdue: p.ID})
				if all, times := w.told(t); len(all) != 1 || times > 2 {
					t.Errorf("%d times it was told of %v", times, all)
				}
			})
		}
	}
}

// TestDue_BesideOthers: what a device does between the reading and the note is not written over; the next watch sees it.
func TestDue_BesideOthers(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	p := w.nightlyFor(t, nil)
	d := w.enrol(t)
	w.due(t)
	w.clock.Advance(21 * time.Hour)
	runs, struck := fleet.RunBook{Statuses: w.statuses, Now: w.clock.Now}, false
	w.stack.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "PutEvents" && !struck {
			struck = true
			if _, err := runs.Unchanged(t.Context(), d.ID, p, time.Time{}); err != nil {
				t.Error(err)
			}
		}
		return standin.None
	})
	if done := w.due(t); done != (fleet.Looked{Looked: 1, Busy: 1}) {
		t.Errorf("it does %+v", done)
	}
	w.state(t, d.ID, fleet.Unseen, fleet.Look{At: w.clock.Now().Add(23 * time.Hour)})
}

// TestDue_Tell: what the row says was not announced is handed on, and what then was is taken out; the device is looked at
// again when its time comes, or, as long as something is left, by the next watch.
func TestDue_Tell(t *testing.T) {
	t.Parallel()
	w := openWatch(t)
	w.nightlyFor(t, nil)
	d := w.enrol(t)
	w.due(t)
	deadline, now := w.clock.Now().Add(20*time.Hour), w.clock.Now()
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Tell: []string{"a", "b"}, Look: &fleet.Look{At: now}}); err != nil {
		t.Fatal(err)
	}
	w.due(t)
	w.state(t, d.ID, fleet.Unseen, fleet.Look{At: now})
	for _, e := range []string{"a", "b"} {
		w.Tell = func(_ context.Context, s fleet.Status) ([]string, error) {
			if !slices.Contains(s.Tell, e) {
				t.Errorf("what is left to tell is %v", s.Tell)
			}
			return []string{e}, nil
		}
		w.due(t)
	}
	w.state(t, d.ID, fleet.Unseen, fleet.Look{At: deadline})
	if s, err := w.statuses.Status(t.Context(), d.ID); err != nil || len(s.Tell) > 0 {
		t.Errorf("%v are left: %v", s.Tell, err)
	}
}

// few is a list that gives fewer than is asked for.
type few struct {
	fleet.Watched
	t    *testing.T
	give int
}

func (f few) ToLookAt(ctx context.Context, position string, until time.Time, limit int) ([]caller.DeviceID, string, error) {
	if limit != 2000 {
		f.t.Errorf("one go looks at %d devices", limit)
	}
	return f.Watched.ToLookAt(ctx, position, until, f.give)
}

// TestDue_Bounded: one go looks at so many devices, and the next at those that follow, until all have had their turn.
func TestDue_Bounded(t *testing.T) {
	t.Parallel()
	for give, goes := range map[int]int{1: 5, 2: 3, 3: 3, 4: 2, 5: 1} {
		t.Run(fmt.Sprint(give), func(t *testing.T) {
			t.Parallel()
			w := openWatch(t)
			now := w.clock.Now()
			for _, n := range []int{0, 16, 2, 31} { // shards 0, 6, 2, 1
				id := caller.DeviceID(fmt.Sprintf("%026d", n))
				if err := w.statuses.CreateStatus(t.Context(), fleet.Status{Device: id, Owner: anna.User, Label: "a", EnrolledAt: now, Look: fleet.Look{At: now}}); err != nil {
					t.Fatal(err)
				}
			}
			w.Devices = few{w.statuses, t, give}
			looked, from := 0, ""
			for range goes {
				done, next, err := w.Due(t.Context(), from)
				if err != nil || done.Looked > give {
					t.Errorf("a go does %+v: %v", done, err)
				}
				looked, from = looked+done.Looked, next
			}
			if looked != 4 {
				t.Errorf("%d were looked at", looked)
			}
		})
	}
	for _, position := range []string{"16", "-1", "x"} {
		w := openWatch(t)
		if _, next, err := w.Due(t.Context(), position); !fault.Is(err, fault.Invalid) || next != position {
			t.Errorf("a position that was never given: %q, %v", next, err)
		}
	}
}
