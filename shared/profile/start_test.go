package profile

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/shared/caller"
)

// TestStartComes: a device serves a slot before the next one comes. It may be otherwise at slots in quiet hours, but not at all
// of them.
func TestStartComes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.SampledFrom([]int{1, 2, 3, 4, 6, 8, 12, 24}).Draw(t, "hours")
		p := Profile{Schedule: Schedule{Kind: Hourly, Hours: every, Zone: "Europe/Warsaw"}}
		if every == 24 {
			p.Schedule = Schedule{Kind: Daily, At: "02:00", Zone: "Europe/Warsaw"}
		}
		p.Window = rapid.IntRange(0, 60*every).Draw(t, "window")
		clock := func(n int) string { return fmt.Sprintf("%02d:%02d", n/60%24, n%60) }
		from := rapid.IntRange(0, minutesOfDay-1).Draw(t, "from")
		p.QuietHours = QuietHours{clock(from), clock(from + rapid.IntRange(1, minutesOfDay-1).Draw(t, "length"))}
		device := caller.DeviceID(fmt.Sprintf("%026d", rapid.IntRange(0, 1000).Draw(t, "device")))
		plan := p.Plan()
		slot := plan.Next(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
		for tomorrow := slot.AddDate(0, 0, 2); slot.Before(tomorrow); slot = plan.Next(slot) {
			if plan.Start(slot, device).Before(plan.Next(slot)) {
				return
			}
		}
		t.Fatalf("no start of %+v comes before the next slot", p)
	})
}

// TestStart_AllDayLong: a window of the whole day, of which some is quiet, is as long as what is left of the day.
func TestStart_AllDayLong(t *testing.T) {
	t.Parallel()
	p := Profile{Schedule: Schedule{Kind: Daily, At: "02:00", Zone: "UTC"}, Window: minutesOfDay, QuietHours: QuietHours{"22:00", "06:00"}}
	slot := time.Date(2026, 7, 1, 2, 0, 0, 0, time.UTC)
	quarters := [4]int{}
	for n := range 400 {
		later := p.Start(slot, caller.DeviceID(fmt.Sprintf("%026d", n))).Sub(slot.Add(4 * time.Hour))
		if later < 0 || later >= 16*time.Hour {
			t.Fatalf("one starts %s after the quiet hours", later)
		}
		quarters[later/(4*time.Hour)]++
	}
	for _, n := range quarters {
		if n < 60 || n > 140 {
			t.Errorf("they start as %v", quarters)
		}
	}
}
