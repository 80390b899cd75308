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

// TestVersion: a card is another version after what people say of a device, and after nothing else.
func TestVersion(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.given(t)
	note := func(c fleet.Change) func() error {
		return func() error { _, err := w.statuses.Note(t.Context(), d.ID, c); return err }
	}
	for _, tt := range []struct {
		name    string
		act     func() error
		changes bool
	}{
		{"CheckIn", func() error {
			_, err := w.CheckIn(t.Context(), caller.Caller{User: anna.User, Device: d.ID, Unconfirmed: true}, fleet.Report{AppVersion: "2"})
			return err
		}, false},
		{"Confirm", func() error { _, err := w.Confirm(t.Context(), w.fresh(anna), d.ID, true); return err }, true},
		{"ConfirmAgain", func() error { _, err := w.Confirm(t.Context(), w.fresh(anna), d.ID, true); return err }, false},
		{"Order", func() error { _, err := w.Order(t.Context(), anna, w.stored(t, d.ID), ""); return err }, false},
		{"Run", note(fleet.Change{Run: &fleet.Run{At: w.clock.Now(), Session: "S"}}), false},
		{"Backup", note(fleet.Change{Stored: &fleet.Stored{At: w.clock.Now(), Seq: 1, Counts: map[string]int64{"sms": 7}}}), false},
		{"Unchanged", note(fleet.Change{UnchangedAt: new(w.clock.Now())}), false},
		{"Label", func() error {
			_, err := w.Rename(t.Context(), anna, w.stored(t, d.ID), w.version(t, d), "Other")
			return err
		}, true},
		{"Group", note(fleet.Change{Group: new("field")}), true},
		{"Profile", note(fleet.Change{Explicit: new(profile.ID("P"))}), true},
		{"GroupTakenAway", note(fleet.Change{Group: new("")}), true},
		{"Retire", func() error { d = w.stored(t, d.ID); return w.Retire(t.Context(), ada, d, w.version(t, d)) }, true},
	} {
		d = w.stored(t, d.ID)
		before := w.version(t, d)
		if err := tt.act(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		w.clock.Advance(time.Minute)
		if after := w.version(t, w.stored(t, d.ID)); (after != before) != tt.changes {
			t.Errorf("%s: the version was %d and is %d", tt.name, before, after)
		}
	}
}

// TestStale: nobody writes over what he has not read; what is there already is not stale.
func TestStale(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	read := w.version(t, d)
	if _, err := w.Govern(t.Context(), ada, d, read, new("field"), nil); err != nil {
		t.Fatal(err)
	}
	_, err := w.Rename(t.Context(), anna, d, read, "Other")
	refused(t, err, fault.Stale, "stale")
	_, err = w.Govern(t.Context(), ada, d, read, new("office"), nil)
	refused(t, err, fault.Stale, "stale")
	if c, err := w.Govern(t.Context(), ada, d, read, new("field"), nil); err != nil || c.Group != "field" {
		t.Errorf("the same again is answered with %+v %v", c, err)
	}
	refused(t, w.Retire(t.Context(), ada, d, read), fault.Stale, "stale")
	w.trusts(t, d.ID, fleet.InUse)
	if err := w.Retire(t.Context(), ada, d, w.version(t, d)); err != nil {
		t.Fatal(err)
	}
	if err := w.Retire(t.Context(), ada, w.stored(t, d.ID), read); err != nil {
		t.Errorf("what is retired is retired again with %v", err)
	}
}

// TestChange_Meeting: of two who have read the same version one writes; the other learns of it, also when both write the
// same.
func TestChange_Meeting(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		other string
		code  string
	}{"Another": {"Hers", "stale"}, "TheSame": {"Mine", ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			d := w.enrol(t)
			read, met := w.version(t, d), false
			w.stack.Strike(func(c standin.Call) standin.Fault {
				if c.Operation == "PutItem" && !met { // the record: the other writes right after it
					met = true
					if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Label: &tt.other}); err != nil {
						t.Error(err)
					}
				}
				return standin.None
			})
			c, err := w.Rename(t.Context(), anna, d, read, "Mine")
			if !met {
				t.Fatal("nobody met")
			}
			if tt.code != "" {
				refused(t, err, fault.Stale, tt.code)
			} else if err != nil || c.Label != "Mine" {
				t.Errorf("%+v %v", c, err)
			}
		})
	}
}

// TestChange_LostAnswers: whichever call is lost, before or after its effect, the same change asked for again is there.
func TestChange_LostAnswers(t *testing.T) {
	t.Parallel()
	for _, strike := range []standin.Fault{standin.Before, standin.After} {
		for n := range 3 {
			w := open(t)
			d := w.enrol(t)
			read, calls := w.version(t, d), 0
			w.stack.Strike(func(standin.Call) standin.Fault {
				if calls++; calls == n+1 {
					return strike
				}
				return standin.None
			})
			_, err := w.Rename(t.Context(), anna, d, read, "Mine")
			if err != nil {
				_, err = w.Rename(t.Context(), anna, d, read, "Mine")
			}
			w.stack.Strike(nil)
			if calls <= n {
				t.Errorf("there is no call %d", n)
			}
			if s, read := w.statuses.Status(t.Context(), d.ID); err != nil || read != nil || s.Label != "Mine" {
				t.Errorf("fault %d of call %d: %q %v %v", strike, n, s.Label, err, read)
			}
		}
	}
}
