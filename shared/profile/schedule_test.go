package profile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/shared/profile"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSlots(t *testing.T) {
	t.Parallel()
	daily := func(clock, zone string) profile.Schedule {
		return profile.Schedule{Kind: profile.Daily, At: clock, Zone: zone}
	}
	for _, tt := range []struct {
		name     string
		schedule profile.Schedule
		now      string
		last     string
		next     []string
	}{
		{"a day like any other", daily("02:00", "Europe/Warsaw"), "2026-11-22T12:00:00Z",
			"2026-11-22T01:00:00Z", []string{"2026-11-23T01:00:00Z", "2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z"}},
		{"at the very moment it is the last", daily("02:00", "Europe/Warsaw"), "2026-11-22T01:00:00Z",
			"2026-11-22T01:00:00Z", []string{"2026-11-23T01:00:00Z"}},
		{"a second before it is the next", daily("02:00", "Europe/Warsaw"), "2026-11-22T00:59:59Z",
			"2026-11-21T01:00:00Z", []string{"2026-11-22T01:00:00Z"}},
		{"a time that the clock leaps over is no slot", daily("02:30", "Europe/Warsaw"), "2027-03-28T12:00:00Z",
			"2027-03-27T01:30:00Z", []string{"2027-03-29T00:30:00Z"}},
		{"a time that the clock shows twice is a slot once, the first time", daily("02:30", "Europe/Warsaw"), "2026-10-25T12:00:00Z",
			"2026-10-25T00:30:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"between the two showings the first has passed", daily("02:30", "Europe/Warsaw"), "2026-10-25T01:00:00Z",
			"2026-10-25T00:30:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"an odd offset", daily("00:15", "Asia/Kathmandu"), "2026-11-22T12:00:00Z",
			"2026-11-21T18:30:00Z", []string{"2026-11-22T18:30:00Z"}},
		{"every six hours, from midnight of the zone", profile.Schedule{Kind: profile.Hourly, Hours: 6, Zone: "America/New_York"}, "2026-11-22T12:00:00Z",
			"2026-11-22T11:00:00Z", []string{"2026-11-22T17:00:00Z", "2026-11-22T23:00:00Z", "2026-11-23T05:00:00Z"}},
		{"weekly, over the end of a year", profile.Schedule{Kind: profile.Weekly, Days: []string{"fri", "mon"}, At: "23:59", Zone: "UTC"}, "2026-12-31T00:00:00Z",
			"2026-12-28T23:59:00Z", []string{"2027-01-01T23:59:00Z", "2027-01-04T23:59:00Z"}},
		{"the leap day", daily("12:00", "UTC"), "2028-02-28T13:00:00Z", "2028-02-28T12:00:00Z", []string{"2028-02-29T12:00:00Z", "2028-03-01T12:00:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := at(t, tt.now)
			if got := tt.schedule.Last(now); !got.Equal(at(t, tt.last)) {
				t.Errorf("the last slot is %s and not %s", got, tt.last)
			}
			var want []string
			for _, s := range tt.schedule.Next(now, len(tt.next)) {
				want = append(want, s.UTC().Format(time.RFC3339))
			}
			if d := cmp.Diff(want, tt.next); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestSlotsAgree holds Last and Next against each other at random moments in zones that change their clocks.
func TestSlotsAgree(t *testing.T) {
	t.Parallel()
	zones := []string{"Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]profile.Schedule{
			{Kind: profile.Hourly, Hours: 1}, {Kind: profile.Hourly, Hours: 8}, {Kind: profile.Daily, At: "02:30"},
			{Kind: profile.Daily, At: "00:00"}, {Kind: profile.Weekly, At: "01:15", Days: []string{"sun", "wed"}},
		}).Draw(t, "schedule")
		s.Zone = rapid.SampledFrom(zones).Draw(t, "zone")
		now := time.Unix(rapid.Int64Range(1_700_000_000, 2_100_000_000).Draw(t, "now"), 0)
		next := s.Next(now, 3)
		if len(next) != 3 {
			t.Fatalf("%d slots follow", len(next))
		}
		if last := s.Last(now); last.After(now) || now.Sub(last) > 14*24*time.Hour {
			t.Fatalf("the last slot before %s is %s", now, last)
		}
		for i, slot := range next {
			if !slot.After(now) || i > 0 && !slot.After(next[i-1]) {
				t.Fatalf("slots %v do not follow %s in order", next, now)
			}
			if last := s.Last(slot); !last.Equal(slot) {
				t.Fatalf("%s is a slot, and the last one at its moment is %s", slot, last)
			}
			if before := s.Last(slot.Add(-time.Second)); i > 0 && !before.Equal(next[i-1]) {
				t.Fatalf("before %s the last slot is %s and not %s", slot, before, next[i-1])
			}
		}
	})
}
