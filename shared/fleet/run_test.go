package fleet_test

import (
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// ran is what the steps of a device's runs leave.
type ran struct {
	*world
	fleet.RunBook
	device fleet.Device
	p      profile.Profile
	noon   time.Time
}

func openRun(t *testing.T) *ran {
	t.Helper()
	r := &ran{world: open(t)}
	r.p = r.nightlyFor(t, nil)
	r.noon, r.device = r.clock.Now(), r.enrol(t)
	r.RunBook = fleet.RunBook{Statuses: r.statuses, News: r.Fleet.News, Now: r.clock.Now}
	return r
}

// phone is the device, as it asks.
func (r *ran) phone() caller.Caller { return caller.Caller{Device: r.device.ID, User: r.device.Owner} }

func (r *ran) status(t *testing.T) fleet.Status {
	t.Helper()
	s, err := r.statuses.Status(t.Context(), r.device.ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// overdue lets the device be announced as overdue for a slot.
func (r *ran) overdue(t *testing.T, slot time.Time) {
	t.Helper()
	since := slot.Add(6 * time.Hour)
	c := fleet.Change{Overdue: &fleet.Overdue{Slot: slot, Since: since}, Look: &fleet.Look{At: since, Overdue: r.p.ID}, Governs: &fleet.Governs{Profile: r.p.ID, Since: r.noon}}
	if _, err := r.statuses.Note(t.Context(), r.device.ID, c); err != nil {
		t.Fatal(err)
	}
}

// TestRunBook: what each run leaves in the row of its device, however often it is told, whatever befalls the calls. The
// first slot is 14 hours after it all begins, and its deadline 20.
func TestRunBook(t *testing.T) {
	t.Parallel()
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	begun := func(t *testing.T, r *ran) error {
		return r.Begun(t.Context(), r.device.ID, one, fleet.RunOf(r.device.ID, r.p, r.noon.Add(hours(30)), time.Time{}))
	}
	committed := func(t *testing.T, r *ran) error {
		_, err := r.Committed(t.Context(), r.phone(), one, fleet.Run{}, fleet.Stored{At: r.noon.Add(hours(31)), Seq: 3}, false)
		return err
	}
	known := func(t *testing.T, r *ran) error { // the session remembers its run
		run := fleet.RunOf(r.device.ID, r.p, r.noon.Add(hours(30)), time.Time{})
		_, err := r.Committed(t.Context(), r.phone(), one, run, fleet.Stored{At: r.noon.Add(hours(31)), Seq: 3}, false)
		return err
	}
	givenUp := func(t *testing.T, r *ran) error {
		_, err := r.GivenUp(t.Context(), r.device.ID, one)
		return err
	}
	unchanged := func(t *testing.T, r *ran) error {
		_, err := r.Unchanged(t.Context(), r.device.ID, r.p, time.Time{})
		return err
	}
	for _, tt := range []struct {
		name    string
		overdue int // hours after noon of the slot for which it is announced as overdue; 0: it is not
		steps   []func(*testing.T, *ran) error
		through int // hours after noon; 0: it has not run well
		look    int // hours after noon
		late    bool
		failed  bool
	}{
		{"Begun", 0, []func(*testing.T, *ran) error{begun}, 0, 0, false, false},
		{"Committed", 0, []func(*testing.T, *ran) error{begun, committed}, 30, 44, false, false},
		{"CommittedThoughTheBeginningIsNotNoted", 0, []func(*testing.T, *ran) error{committed}, 31, 36, false, false},
		{"CommittedOfAKnownRun", 0, []func(*testing.T, *ran) error{begun, known}, 30, 44, false, false},
		{"CommittedOfAKnownRunThatIsNotNoted", 0, []func(*testing.T, *ran) error{known}, 31, 36, false, false},
		{"CommittedTwice", 0, []func(*testing.T, *ran) error{begun, known, known}, 30, 44, false, false},
		{"RecoveredOfAKnownRun", 14, []func(*testing.T, *ran) error{begun, known}, 30, 44, false, false},
		{"LateForASlotAfterAKnownRunBegan", 32, []func(*testing.T, *ran) error{begun, known}, 30, 38, true, false},
		{"Unchanged", 0, []func(*testing.T, *ran) error{unchanged}, 36, 44, false, false},
		{"GivenUp", 0, []func(*testing.T, *ran) error{begun, givenUp}, 0, 0, false, true},
		{"GivenUpAfterItsEnd", 0, []func(*testing.T, *ran) error{begun, committed, givenUp}, 30, 44, false, false},
		{"AnotherGivenUp", 0, []func(*testing.T, *ran) error{givenUp}, 0, 0, false, false},
		{"Recovered", 14, []func(*testing.T, *ran) error{begun, committed}, 30, 44, false, false},
		{"RecoveredUnchanged", 14, []func(*testing.T, *ran) error{unchanged}, 36, 44, false, false},
		{"StillLate", 14, []func(*testing.T, *ran) error{begun, givenUp}, 0, 20, true, true},
		{"LateForASlotAfterItBegan", 32, []func(*testing.T, *ran) error{begun, committed}, 30, 38, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, befalls := range []standin.Fault{standin.None, standin.Before, standin.After} {
				for n := 1; ; n++ {
					r, calls := openRun(t), 0
					if tt.overdue > 0 {
						r.overdue(t, r.noon.Add(hours(tt.overdue)))
					}
					r.clock.Advance(hours(36))
					r.stack.Strike(func(standin.Call) standin.Fault {
						if calls++; calls == n {
							return befalls
						}
						return standin.None
					})
					for _, step := range tt.steps {
						for range 2 { // repeated, it changes nothing
							err := step(t, r)
							if fault.Is(err, fault.Unavailable) {
								err = step(t, r)
							}
							if err != nil {
								t.Fatalf("fault %d at call %d: %v", befalls, n, err)
							}
						}
					}
					r.stack.Strike(nil)
					s := r.status(t)
					at := func(n int) time.Time {
						if n == 0 {
							return time.Time{}
						}
						return r.noon.Add(hours(n))
					}
					look := at(tt.look)
					if tt.look == 0 {
						look = r.noon // since it enrolled
					}
					listed := tt.late
					if len(s.Tell) > 0 { // the call that failed was the bus's
						look, listed = r.clock.Now(), false
					}
					if !s.Through().Equal(at(tt.through)) || !s.Look.At.Equal(look) || (s.Overdue.Slot.IsZero()) == tt.late || (s.Look.Overdue != "") != listed || s.Failed.At.IsZero() == tt.failed {
						t.Fatalf("fault %d at call %d: %+v", befalls, n, s)
					}
					if calls < n || befalls == standin.None {
						break
					}
				}
			}
		})
	}
}

// TestRunBook_Replayed: a commit that is told again when more has happened since takes nothing of that back.
func TestRunBook_Replayed(t *testing.T) {
	t.Parallel()
	r := openRun(t)
	commit := func(session string, seq int64) {
		t.Helper()
		if _, err := r.Committed(t.Context(), r.phone(), session, fleet.Run{}, fleet.Stored{At: r.clock.Now(), Seq: seq}, false); err != nil {
			t.Fatal(err)
		}
	}
	for n, session := range []string{one, another} {
		if err := r.Begun(t.Context(), r.device.ID, session, fleet.RunOf(r.device.ID, r.p, r.clock.Now(), time.Time{})); err != nil {
			t.Fatal(err)
		}
		commit(session, int64(n+1))
		r.clock.Advance(time.Hour)
	}
	r.overdue(t, r.noon.Add(14*time.Hour))
	before := r.status(t)
	r.clock.Advance(48 * time.Hour)
	commit(one, 1)
	commit(another, 2)
	if s := r.status(t); s.Rev != before.Rev || s.Overdue != before.Overdue {
		t.Errorf("%+v, before %+v", s, before)
	}
}

// TestRunBook_ClockAhead: a device whose clock is a little ahead has served the slot that it says, and is not asked again.
func TestRunBook_ClockAhead(t *testing.T) {
	t.Parallel()
	r := openRun(t)
	slot := r.noon.Add(14 * time.Hour)
	for _, tt := range []struct {
		before time.Duration
		due    bool // at the slot
	}{{time.Second, false}, {5 * time.Minute, false}, {5*time.Minute + time.Millisecond, true}, {-time.Minute, false}} {
		for name, run := range map[string]func() error{
			"Begun": func() error {
				return r.Begun(t.Context(), r.device.ID, one, fleet.RunOf(r.device.ID, r.p, slot.Add(-tt.before), slot))
			},
			"Unchanged": func() error {
				r.clock.Advance(slot.Add(-tt.before).Sub(r.clock.Now()))
				_, err := r.Unchanged(t.Context(), r.device.ID, r.p, slot)
				return err
			},
		} {
			if err := run(); err != nil {
				t.Fatal(err)
			}
			if st := fleet.Assess(r.status(t), profile.NewSet([]profile.Profile{r.p}), slot); st.Due != tt.due {
				t.Errorf("%s %s before the slot: at the slot it is due: %v", name, tt.before, st.Due)
			}
		}
	}
}
