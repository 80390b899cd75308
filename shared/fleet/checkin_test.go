package fleet_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/localstack/standin"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// nightlyFor stores nightly, and lets the clock be at noon.
func (w *world) nightlyFor(t *testing.T, change func(p *profile.Profile)) profile.Profile {
	t.Helper()
	now := w.clock.Now().UTC()
	w.clock.Advance(now.Truncate(24 * time.Hour).Add(36 * time.Hour).Sub(now))
	p := nightly()
	p.Name, p.Elements, p.Location, p.CreatedAt, p.Since = "P", []string{"calls"}, "eu", w.clock.Now(), w.clock.Now()
	if change != nil {
		change(&p)
	}
	if err := w.profiles.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCheckIn_Waiting: what the profile wants and the device has not is named, in one order, and noted; the device is due
// all the same.
func TestCheckIn_Waiting(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	w.nightlyFor(t, func(p *profile.Profile) {
		p.Conditions = profile.Conditions{Unmetered: true, Charging: true, Battery: 30}
	})
	for _, tt := range []struct {
		are  *fleet.Conditions
		want string
	}{
		{nil, ""},
		{&fleet.Conditions{}, "unmetered charging battery"},
		{&fleet.Conditions{Unmetered: true, Battery: 29}, "charging battery"},
		{&fleet.Conditions{Unmetered: true, Charging: true, Battery: 30}, ""},
	} {
		a, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: "1", Conditions: tt.are})
		if got := strings.Join(a.Waiting, " "); err != nil || !a.Due || a.Why != fleet.First || got != tt.want {
			t.Errorf("%+v waits for %q, due %v (%s) %v; want %q", tt.are, got, a.Due, a.Why, err, tt.want)
		}
		if c, err := w.Card(t.Context(), d); err != nil || strings.Join(c.Seen.Waiting, " ") != tt.want || c.Standing.State != fleet.NoBackup {
			t.Errorf("the card says %v (%s) %v, want %q", c.Seen.Waiting, c.Standing.State, err, tt.want)
		}
	}
	w.order(t, d)
	a, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: "1", Conditions: &fleet.Conditions{}})
	if err != nil || a.Why != fleet.Ordered || !slices.Equal(a.Waiting, []string{fleet.WaitUnmetered}) || !a.NotBefore.IsZero() {
		t.Errorf("ordered, it waits for %v until %s (%s) %v", a.Waiting, a.NotBefore, a.Why, err)
	}
}

// TestCheckIn_NotBefore: a device that is due is told its own moment, and asks again then; an order does not wait.
func TestCheckIn_NotBefore(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	p := w.nightlyFor(t, func(p *profile.Profile) { p.Window, p.QuietHours = 60, profile.QuietHours{From: "11:00", To: "13:00"} })
	noon := w.clock.Now()
	if a := w.checkIn(t, d); !a.Due || !a.NotBefore.Equal(p.Start(noon, d.ID)) || a.NotBefore.Before(noon.Add(time.Hour)) || !a.NotBefore.Before(noon.Add(2*time.Hour)) || a.PollAfter < time.Hour || a.PollAfter > 66*time.Minute {
		t.Errorf("in quiet hours: due %v from %s on, ask after %s", a.Due, a.NotBefore, a.PollAfter)
	}
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Run: &fleet.Run{At: noon, Profile: p.ID}}); err != nil {
		t.Fatal(err)
	}
	slot := noon.Add(14 * time.Hour)
	start := p.Start(slot, d.ID)
	w.clock.Advance(slot.Sub(noon) - 10*time.Minute)
	if a := w.checkIn(t, d); a.Due || !a.NotBefore.IsZero() || a.PollAfter < min(start.Sub(w.clock.Now()), time.Hour) || len(a.Agenda) != 24 || !a.Agenda[0].Slot.Equal(slot) || !a.Agenda[0].Start.Equal(start) {
		t.Errorf("ten minutes before the slot: due %v, ask after %s, agenda %v", a.Due, a.PollAfter, a.Agenda)
	}
	w.clock.Advance(10 * time.Minute)
	if a := w.checkIn(t, d); !a.Due || !a.NotBefore.Equal(start) {
		t.Errorf("at the slot: due %v from %s on, want %s", a.Due, a.NotBefore, start)
	}
	w.clock.Advance(start.Sub(slot))
	if a := w.checkIn(t, d); !a.Due || !a.NotBefore.IsZero() {
		t.Errorf("at its own moment: due %v from %s on", a.Due, a.NotBefore)
	}
}

// TestCheckIn_OldestApp: versions are compared part by part, as numbers.
func TestCheckIn_OldestApp(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	if w.oldest = "2"; w.checkIn(t, d).Why != fleet.NoProfile {
		t.Error("without a profile it is told that its app is too old")
	}
	w.nightlyFor(t, nil)
	w.order(t, d)
	for _, tt := range []struct {
		version, oldest string
		old             bool
	}{
		{"1.0", "", false}, {"1.10", "1.9", false}, {"1.9", "1.10", true}, {"2", "1.99.99", false}, {"1.0", "1", false}, {"1", "1.0.0.1", true},
		{"1.4-beta", "1.4", false}, {"1.3-beta", "1.4", true}, {"next", "0.1", true}, {"99999999999999999999999", "1", false}, {"1.0", "1.0", false},
	} {
		w.oldest = tt.oldest
		a, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: tt.version})
		if err != nil || a.Due == tt.old || (a.Why == fleet.TooOld) != tt.old || a.OldestApp != tt.oldest {
			t.Errorf("%q, where %q may: due %v (%s), told %q: %v", tt.version, tt.oldest, a.Due, a.Why, a.OldestApp, err)
		}
	}
}

// TestCheckIn_Version: the name of an app's version says what it says, and nothing of what stands beside it.
func TestCheckIn_Version(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	for version, lawful := range map[string]bool{"1.2 (beta)": true, "1\n2": false, "1\u009b2": false, "1\u202e2": false} {
		_, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: version})
		if lawful != (err == nil) || !lawful && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// TestCheckIn_Noted: a check-in writes when it has news, or when the last one that was noted is four hours old.
func TestCheckIn_Noted(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	w.nightlyFor(t, func(p *profile.Profile) { p.Conditions.Charging = true })
	noon := w.clock.Now()
	for _, tt := range []struct {
		name  string
		after time.Duration
		r     fleet.Report
		want  bool
	}{
		{"First", 0, fleet.Report{AppVersion: "1"}, true},
		{"TheSame", time.Minute, fleet.Report{AppVersion: "1"}, false},
		{"TheSameJustBeforeFourHours", 4*time.Hour - time.Millisecond, fleet.Report{AppVersion: "1"}, false},
		{"TheSameAfterFourHours", 4 * time.Hour, fleet.Report{AppVersion: "1"}, true},
		{"AnotherApp", 4 * time.Hour, fleet.Report{AppVersion: "2"}, true},
		{"Conditions", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Battery: 50}}, true},
		{"AnotherCharge", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Battery: 49}}, false},
		{"Charging", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Charging: true, Battery: 50}}, true},
		{"AnotherNetwork", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Charging: true, Unmetered: true}}, false},
		{"Coverage", 4 * time.Hour, fleet.Report{AppVersion: "2", Coverage: map[string]string{"calls": "full"}, Conditions: &fleet.Conditions{Charging: true}}, true},
		{"NoWordOfCoverage", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Charging: true}}, false},
		{"PushToken", 4 * time.Hour, fleet.Report{AppVersion: "2", PushToken: "t", Conditions: &fleet.Conditions{Charging: true}}, true},
		{"NoWordOfPushToken", 4 * time.Hour, fleet.Report{AppVersion: "2", Conditions: &fleet.Conditions{Charging: true}}, false},
		{"AnotherPlatform", 4 * time.Hour, fleet.Report{AppVersion: "2", Platform: "ios", Conditions: &fleet.Conditions{Charging: true}}, true},
		{"ThatPlatform", 4 * time.Hour, fleet.Report{AppVersion: "2", Platform: "ios", Conditions: &fleet.Conditions{Charging: true}}, false},
	} {
		w.clock.Advance(noon.Add(tt.after).Sub(w.clock.Now()))
		writes := 0
		w.stack.Strike(func(c standin.Call) standin.Fault {
			if c.Operation == "UpdateItem" {
				writes++
			}
			return standin.None
		})
		if _, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, tt.r); err != nil {
			t.Fatal(err)
		}
		if (writes == 1) != tt.want || writes > 1 {
			t.Errorf("%s: there were %d writes", tt.name, writes)
		}
	}
	w.stack.Strike(nil)
	s, err := w.statuses.Status(t.Context(), d.ID)
	want := fleet.Seen{AppVersion: "2", PushToken: "t"}
	if err != nil || s.Platform != "ios" || s.Seen.AppVersion != want.AppVersion || s.Seen.PushToken != want.PushToken || s.Seen.Coverage["calls"] != "full" || s.Governs.Profile != theProfile {
		t.Errorf("%+v %v", s, err)
	}
}

// TestCheckIn_Conditions: what a phone that waits for nothing says of its charger and its network is written four hours after
// the last note, and not before.
func TestCheckIn_Conditions(t *testing.T) {
	t.Parallel()
	w := open(t)
	d := w.enrol(t)
	p := w.nightlyFor(t, func(p *profile.Profile) { p.Conditions = profile.Conditions{Charging: true, Unmetered: true} })
	noon := w.clock.Now()
	if _, err := w.statuses.Note(t.Context(), d.ID, fleet.Change{Run: &fleet.Run{At: noon, Profile: p.ID}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after time.Duration
		are   fleet.Conditions
		seen  time.Duration // as of which the card shows them
	}{
		{0, fleet.Conditions{Charging: true, Unmetered: true, Battery: 90}, 0},
		{time.Hour, fleet.Conditions{Unmetered: true, Battery: 80}, 0},
		{2 * time.Hour, fleet.Conditions{Battery: 70}, 0},
		{4*time.Hour - time.Millisecond, fleet.Conditions{Battery: 60}, 0},
		{4 * time.Hour, fleet.Conditions{Charging: true, Battery: 50}, 4 * time.Hour},
		{8*time.Hour - time.Millisecond, fleet.Conditions{Battery: 60}, 4 * time.Hour},
	} {
		w.clock.Advance(noon.Add(tt.after).Sub(w.clock.Now()))
		a, err := w.CheckIn(t.Context(), caller.Caller{User: d.Owner, Device: d.ID}, fleet.Report{AppVersion: "1", Conditions: &tt.are})
		if err != nil || a.Due {
			t.Fatalf("after %s: due %v, %v", tt.after, a.Due, err)
		}
		s, err := w.statuses.Status(t.Context(), d.ID)
		if err != nil || !s.Seen.At.Equal(noon.Add(tt.seen)) || (*s.Seen.Conditions == tt.are) != (tt.seen == tt.after) {
			t.Errorf("after %s it was seen at %s with %+v: %v", tt.after, s.Seen.At, s.Seen.Conditions, err)
		}
	}
}

// TestCheckIn_Poll: devices that wait for one slot do not all ask at one moment, and each asks at the same one again.
func TestCheckIn_Poll(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.nightlyFor(t, nil)
	after := map[time.Duration]bool{}
	for range 8 {
		d := w.enrol(t)
		first, again := w.checkIn(t, d).PollAfter, w.checkIn(t, d).PollAfter
		if first != again || first < time.Hour || first >= 66*time.Minute {
			t.Errorf("it asks after %s, and then after %s", first, again)
		}
		after[first] = true
	}
	if len(after) < 6 {
		t.Errorf("eight devices ask after %v", after)
	}
}
