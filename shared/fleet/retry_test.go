package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/shared/caller"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// TestAssess_GivesUpAtOnce: a phone that gives each backup up at once begins one at a slot, and then at most one an hour; it is
// never told to begin in quiet hours, and begins every day.
func TestAssess_GivesUpAtOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.SampledFrom([]int{1, 2, 6, 12, 24}).Draw(t, "hours")
		p := profile.Profile{ID: "P", Enabled: true, Schedule: profile.Schedule{Kind: profile.Hourly, Hours: every, Zone: "Europe/Warsaw"}, Alerts: profile.DefaultAlerts()}
		if every == 24 {
			p.Schedule = profile.Schedule{Kind: profile.Daily, At: "02:30", Zone: "Europe/Warsaw"}
		}
		p.Window = rapid.IntRange(0, 60*every).Draw(t, "window")
		clock := func(n int) string { return fmt.Sprintf("%02d:%02d", n/60%24, n%60) }
		from, length := rapid.IntRange(0, 1439).Draw(t, "from"), rapid.IntRange(0, 1200).Draw(t, "length")
		if length > 0 {
			p.QuietHours = profile.QuietHours{From: clock(from), To: clock(from + length)}
		}
		all := profile.NewSet([]profile.Profile{p})
		zone, err := time.LoadLocation("Europe/Warsaw")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2026, 10, 23, rapid.IntRange(0, 23).Draw(t, "start"), 0, 0, 0, time.UTC) // the clock is set back on the 25th
		s := fleet.Status{Device: caller.DeviceID(fmt.Sprintf("%026d", rapid.IntRange(0, 999).Draw(t, "device"))), Trust: fleet.InUse, EnrolledAt: start,
			Governs: fleet.Governs{Profile: "P", Since: start}}
		last, begun := start, 0
		var next time.Time
		for now := start; now.Before(start.AddDate(0, 0, 4)); now = next {
			st := fleet.Assess(s, all, now)
			next = now.Add(5 * time.Minute)
			if !st.Due || st.NotBefore.After(now) {
				if st.NotBefore.After(now) && st.NotBefore.Before(next) {
					next = st.NotBefore // it wakes when it may start
				}
				if now.Sub(last) > 49*time.Hour {
					t.Fatalf("%+v: none begins from %s to %s", p, last, now)
				}
				continue
			}
			if at := now.In(zone); length > 0 && (60*at.Hour()+at.Minute()-from+1440)%1440 < length {
				t.Fatalf("%+v: it begins at %s, in quiet hours", p, at)
			}
			if begun > 0 && now.Sub(s.Failed.At) < time.Hour && !st.Slot.After(s.Failed.At) {
				t.Fatalf("%+v: it begins at %s, after %s", p, now, s.Failed.At)
			}
			begun++
			s.Run = fleet.Run{Profile: "P", At: now, Session: fmt.Sprint(begun)}
			s.Failed = fleet.Failed{At: now, Session: s.Run.Session}
			last = now
		}
	})
}

// TestAssess_AsksLate: a phone that asks some while after its moment, which may lie just before the next slot, starts then: while
// it is due, time alone never moves its start beyond what it was told. It may then serve the newer slot, too, so that at most two
// intervals lie between its runs.
func TestAssess_AsksLate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.SampledFrom([]int{1, 2, 3, 6, 24}).Draw(t, "hours")
		p := profile.Profile{ID: "P", Enabled: true, Schedule: profile.Schedule{Kind: profile.Hourly, Hours: every, Zone: "Europe/Warsaw"}, Alerts: profile.DefaultAlerts()}
		if every == 24 {
			p.Schedule = profile.Schedule{Kind: profile.Daily, At: "02:30", Zone: "Europe/Warsaw"}
		}
		p.Window = 60*every - rapid.IntRange(0, 5).Draw(t, "narrower")
		all := profile.NewSet([]profile.Profile{p})
		start := time.Date(2026, 10, 24, rapid.IntRange(0, 23).Draw(t, "start"), 20, 0, 0, time.UTC) // the clock is set back the day after
		s := fleet.Status{Device: caller.DeviceID(fmt.Sprintf("%026d", rapid.IntRange(0, 99_999).Draw(t, "device"))), Trust: fleet.InUse, EnrolledAt: start,
			Governs: fleet.Governs{Profile: "P", Since: start}}
		told, last := time.Time{}, start
		for now := start; now.Before(start.AddDate(0, 0, 4)); {
			st := fleet.Assess(s, all, now)
			if st.Due && !told.IsZero() && st.NotBefore.After(now) && st.NotBefore.After(told) {
				t.Fatalf("window %d, every %d hours: at %s it is to wait until %s; it had been told %s", p.Window, every, now, st.NotBefore, told)
			}
			switch {
			case st.Due && !st.NotBefore.After(now):
				s.Run, told = fleet.Run{Profile: "P", At: now}, time.Time{}
				s.UnchangedAt, last = now, now
			case st.Due:
				told = st.NotBefore
			}
			if now.Sub(last) > time.Duration(2*every)*time.Hour+80*time.Minute {
				t.Fatalf("window %d, every %d hours: none begins from %s to %s", p.Window, every, last, now)
			}
			now = now.Add(time.Minute)
			if !st.NotBefore.Before(now) {
				now = st.NotBefore.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "late")) * time.Second)
			}
		}
	})
}
