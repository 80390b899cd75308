package profile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/shared/caller"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	night := QuietHours{"22:00", "06:00"}
	for _, tt := range []struct {
		name, zone string
		quiet      QuietHours
		at, want   string
	}{
		{"None", "UTC", QuietHours{}, "2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z"},
		{"BeforeThem", "UTC", night, "2026-11-22T21:59:59Z", "2026-11-22T21:59:59Z"},
		{"AtTheirBeginning", "UTC", night, "2026-11-22T22:00:00Z", "2026-11-23T06:00:00Z"},
		{"AfterMidnight", "UTC", night, "2026-12-31T23:00:30Z", "2027-01-01T06:00:00Z"},
		{"InTheirLastSecond", "UTC", night, "2026-11-22T05:59:59Z", "2026-11-22T06:00:00Z"},
		{"AtTheirEnd", "UTC", night, "2026-11-22T06:00:00Z", "2026-11-22T06:00:00Z"},
		{"ByDay", "Asia/Kathmandu", QuietHours{"08:00", "17:15"}, "2026-11-22T06:00:00Z", "2026-11-22T11:30:00Z"},
		{"OnTheNightOfTheChange", "Europe/Warsaw", night, "2027-03-27T22:00:00Z", "2027-03-28T04:00:00Z"},
		{"TheirEndIsLeaptOver", "Europe/Warsaw", QuietHours{"00:00", "02:30"}, "2027-03-28T00:00:00Z", "2027-03-28T01:00:00Z"},
		{"TheirEndIsShownTwice", "Europe/Warsaw", QuietHours{"00:00", "02:30"}, "2027-10-30T23:00:00Z", "2027-10-31T00:30:00Z"},
		{"OnlyTheirEndIsLeaptOver", "Australia/Lord_Howe", QuietHours{"02:15", "02:00"}, "2026-10-03T00:00:00Z", "2026-10-04T15:00:00Z"},
		{"SetBackIntoThem", "Europe/Warsaw", QuietHours{"00:00", "02:30"}, "2027-10-31T01:15:00Z", "2027-10-31T01:15:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.quiet.after(instant(t, tt.at), zone); !got.Equal(instant(t, tt.want)) {
				t.Errorf("it is moved to %s and not to %s", got.UTC(), tt.want)
			}
		})
	}
}

// TestStart: starts are spread evenly over the window, each device has its own place in it, and none lies in quiet hours.
func TestStart(t *testing.T) {
	t.Parallel()
	p := lawful()
	slot := instant(t, "2026-11-22T01:00:00Z")
	if got := p.Start(slot, "A"); !got.Equal(slot) {
		t.Errorf("without a window it starts at %s", got)
	}
	p.Window = 120
	var quarters [4]int
	for n := range 4000 {
		device := caller.DeviceID(fmt.Sprintf("%026d", n))
		at := p.Start(slot, device)
		if into := at.Sub(slot); into < 0 || into >= 2*time.Hour || p.Start(slot.Add(24*time.Hour), device).Sub(at) != 24*time.Hour {
			t.Fatalf("%s starts after %s, and on the next day otherwise", device, into)
		}
		quarters[at.Sub(slot)/(30*time.Minute)]++
	}
	for _, n := range quarters {
		if n < 900 || n > 1100 {
			t.Errorf("they are spread over the quarters of the window as %v", quarters)
		}
	}
	p.QuietHours = QuietHours{"02:30", "03:30"} // in Warsaw
	early, at, thirds := 0, slot.Add(90*time.Minute), [3]int{}
	for n := range 400 {
		got := p.Start(slot, caller.DeviceID(fmt.Sprintf("%026d", n)))
		if later := got.Sub(at); later >= 0 && later < 90*time.Minute {
			thirds[later/(30*time.Minute)]++
		} else if later >= 0 {
			t.Errorf("one starts %s after the quiet hours", later)
		}
		if got.After(slot.Add(30*time.Minute)) && got.Before(at) {
			t.Errorf("one starts at %s, in quiet hours", got)
		}
		if got.Before(at) {
			early++
		}
	}
	if early < 60 || early > 140 {
		t.Errorf("%d of 400 start before the quiet hours", early)
	}
	for _, n := range thirds {
		if n < 60 || n > 140 {
			t.Errorf("after the quiet hours they start as %v", thirds)
		}
	}
	p.QuietHours = QuietHours{"01:00", "06:00"} // the whole window lies in them
	quarters = [4]int{}
	for n := range 400 {
		device := caller.DeviceID(fmt.Sprintf("%026d", n))
		later := p.Start(slot, device).Sub(slot.Add(4 * time.Hour))
		if later < 0 || later >= 2*time.Hour {
			t.Fatalf("one starts %s after the quiet hours", later)
		}
		quarters[later/(30*time.Minute)]++
		all := NewSet([]Profile{p})
		plan := all.plans[p.ID]
		if got := plan.Awake(slot.Add(time.Hour), device); got.Sub(slot.Add(4*time.Hour)) != later {
			t.Fatalf("what is due in quiet hours starts at %s", got)
		}
		if got := plan.Awake(slot.Add(5*time.Hour), device); !got.Equal(slot.Add(5 * time.Hour)) {
			t.Fatalf("what is due later starts at %s", got)
		}
	}
	for _, n := range quarters {
		if n < 60 || n > 140 {
			t.Errorf("a window that lies in quiet hours is %v", quarters)
		}
	}
}

// TestPast: whatever the clock does, a start is at the end of as many minutes that are not quiet as the device has to let pass.
func TestPast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "UTC"}).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		clock := func(n int) string { return fmt.Sprintf("%02d:%02d", n/4%24, n%4*15) }
		from := rapid.IntRange(0, 95).Draw(t, "from")
		q := QuietHours{clock(from), clock(from + rapid.IntRange(1, 95).Draw(t, "length"))}
		day := rapid.SampledFrom([]string{"2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31", "2026-07-01"}).Draw(t, "day")
		midnight, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		slot := midnight.Add(time.Duration(rapid.IntRange(0, 2*24*60).Draw(t, "minute")) * time.Minute)
		length := rapid.IntRange(0, 400).Draw(t, "awake")
		want := q.after(slot, zone)
		for range length {
			want = q.after(want.Add(time.Minute), zone)
		}
		if got := q.past(slot, time.Duration(length)*time.Minute, zone); !got.Equal(want) {
			t.Fatalf("%v in %s: %d minutes after %s it is %s, minute by minute %s", q, name, length, slot, got, want)
		}
	})
}

func TestRuns(t *testing.T) {
	t.Parallel()
	hourly := lawful()
	hourly.Schedule = Schedule{Kind: Hourly, Hours: 1, Zone: "Europe/Warsaw"}
	for _, tt := range []struct {
		name  string
		quiet QuietHours
		now   string
		want  string
	}{
		{"WithoutQuietHours", QuietHours{}, "2026-11-22T20:30:00Z", "22:00 23:00 00:00 01:00"},
		{"TheSlotsInsideAreOneAtTheEnd", QuietHours{"22:30", "06:00"}, "2026-11-22T20:30:00Z", "22:00 06:00 07:00 08:00"},
		{"TheEndIsNoSlot", QuietHours{"22:30", "06:15"}, "2026-11-22T20:30:00Z", "22:00 06:15 07:00 08:00"},
		{"NowIsInsideAndASlotHasPassed", QuietHours{"22:30", "06:15"}, "2026-11-23T01:20:00Z", "06:15 07:00 08:00 09:00"},
		{"NowIsInsideAndNoSlotHasPassed", QuietHours{"22:30", "23:15"}, "2026-11-22T21:45:00Z", "23:15 00:00 01:00 02:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := hourly
			p.QuietHours = tt.quiet
			var got []string
			for _, run := range p.Runs(instant(t, tt.now), 4) {
				got = append(got, run.Format("15:04"))
			}
			if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestRunsOfAnyProfile: whatever the schedule and the quiet hours, runs are in order, never quiet, and every one is a slot
// or the end of quiet hours.
func TestRunsOfAnyProfile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Profile{Schedule: anySchedule(t)}
		clock := func(label string) string {
			return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, label), 15*rapid.IntRange(0, 3).Draw(t, label))
		}
		p.QuietHours = QuietHours{clock("from"), clock("to")}
		if len(p.QuietHours.check()) > 0 {
			return
		}
		zone, _ := p.Schedule.zone()
		now := time.Unix(60*rapid.Int64Range(29_000_000, 40_000_000).Draw(t, "minute"), 0)
		runs := p.Runs(now, 5)
		if len(runs) != 5 {
			t.Fatalf("there are %v", runs)
		}
		for i, run := range runs {
			if !run.After(now) || i > 0 && !run.After(runs[i-1]) {
				t.Fatalf("after %s there are %v", now, runs)
			}
			if !p.QuietHours.after(run, zone).Equal(run) {
				t.Fatalf("%s is in quiet hours", run)
			}
			slot := p.Schedule.Last(run)
			if !p.QuietHours.after(slot, zone).Equal(run) {
				t.Fatalf("%s comes of the slot %s", run, slot)
			}
		}
	})
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		window int
		quiet  QuietHours
		want   string
	}{
		{"NoQuietHours", 60, QuietHours{}, ""},
		{"Outside", 60, QuietHours{"04:00", "06:00"}, ""},
		{"PartlyInside", 121, QuietHours{"01:00", "04:00"}, ""},
		{"TheLastStartIsAtTheirEnd", 120, QuietHours{"01:00", "04:00"}, ""},
		{"Inside", 119, QuietHours{"01:00", "04:00"}, "1 of the 1 windows"},
		{"InsidePastMidnight", 60, QuietHours{"22:00", "06:00"}, "06:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := lawful() // at 02:00
			p.Window, p.QuietHours = tt.window, tt.quiet
			f := p.Notes()
			if (len(f) == 0) != (tt.want == "") || len(f) > 0 && (f[0].Pointer != "/quietHours" || !strings.Contains(f[0].Detail, tt.want)) {
				t.Errorf("it says %v", f)
			}
		})
	}
	p := lawful()
	p.Schedule, p.QuietHours = Schedule{Kind: Hourly, Hours: 4, Zone: "UTC"}, QuietHours{"22:00", "06:00"}
	if f := p.Notes(); len(f) != 1 || !strings.HasPrefix(f[0].Detail, "2 of the 6") {
		t.Errorf("it says %v", f)
	}
}
