package profile

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCron(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ cron, want string }{
		{"0 2 * * *", ""}, {"*/15 8-18 * * mon-fri", ""}, {"0 0 1,15 * *", ""}, {"5-59/10 3 * jan,JUL *", ""}, {"0 2 29 2 *", ""},
		{"0 2 * * 7", ""}, {"0 2 * * 5-7", ""}, {"0 2 31 * *", ""}, {"59 23 31 12 *", ""}, {"0-0 2 * * *", ""}, {" 0\t2 * * * ", ""},
		{"", "five"}, {"0 2 * *", "five"}, {"0 2 * * * *", "five"}, {"@daily", "five"}, {strings.Repeat("0", maxCron) + " 2 * * *", "characters"},
		{"0 2 1 * 1", "both"}, {"0 2 */2 * mon", "both"}, {"0 2 1-31 * 0-6", "both"},
		{"0 2 30 2 *", "never"}, {"0 2 30,31 2 *", "never"}, {"0 2 31 4,6,9,11 *", "never"}, {"0 2 31 4-6 *", ""},
		{"60 2 * * *", "0 to 59"}, {"0 24 * * *", "0 to 23"}, {"0 2 0 * *", "1 to 31"}, {"0 2 32 * *", "1 to 31"}, {"0 2 * 0 *", "1 to 12"},
		{"0 2 * 13 *", "1 to 12"}, {"0 2 * * 8", "0 to 7"}, {"0 2 * * mo", "0 to 7"}, {"0 2 mon * *", "1 to 31"}, {"0 2 * * fri-sun", "backwards"},
		{"9-5 2 * * *", "backwards"}, {"*/0 2 * * *", "step"}, {"*/60 2 * * *", "step"}, {"*/+5 2 * * *", "step"}, {"*/ 2 * * *", "step"},
		{"5/15 2 * * *", "range"}, {"+5 2 * * *", "0 to 59"}, {"-5 2 * * *", "0 to 59"}, {"5- 2 * * *", "0 to 59"}, {"1,,2 2 * * *", "0 to 59"},
		{"? 2 * * *", "0 to 59"}, {"0 2 L * *", "1 to 31"}, {"0 2 ? * 1", "both"}, {"0 2 * * 1#2", "0 to 7"}, {"*-5 2 * * *", "0 to 59"}, {"1-2-3 2 * * *", "0 to 59"},
	} {
		s := Schedule{Kind: Cron, Cron: tt.cron, Zone: "UTC"}
		f := s.check()
		switch {
		case tt.want == "" && len(f) > 0:
			t.Errorf("%q is refused: %v", tt.cron, f)
		case tt.want != "" && (len(f) != 1 || f[0].Pointer != "/schedule/cron" || !strings.Contains(f[0].Detail, tt.want)):
			t.Errorf("%q is answered with %v and not with %q", tt.cron, f, tt.want)
		}
	}
}

func TestExpression(t *testing.T) {
	t.Parallel()
	cron := func(text string) Schedule { return Schedule{Kind: Cron, Cron: text} }
	for _, tt := range []struct {
		schedule Schedule
		want     string
	}{
		{Schedule{Kind: Hourly, Hours: 1}, "cron(0 * * * ? *)"},
		{Schedule{Kind: Hourly, Hours: 6}, "cron(0 0,6,12,18 * * ? *)"},
		{Schedule{Kind: Daily, At: "02:30"}, "cron(30 2 * * ? *)"},
		{Schedule{Kind: Weekly, At: "23:59", Days: []string{"sun", "wed", "sat"}}, "cron(59 23 ? * SUN,WED,SAT *)"},
		{Schedule{Kind: Weekly, At: "23:59", Days: []string{"fri", "thu", "mon"}}, "cron(59 23 ? * MON,THU-FRI *)"},
		{Schedule{Kind: Weekly, At: "00:00", Days: days}, "cron(0 0 * * ? *)"},
		{cron("*/15 8-18 * * 1-5"), "cron(0,15,30,45 8-18 ? * MON-FRI *)"},
		{cron("0 2 29 feb *"), "cron(0 2 29 2 ? *)"},
		{cron("0 2 * * 7"), "cron(0 2 ? * SUN *)"},
		{cron("* * * * *"), "cron(* * * * ? *)"},
	} {
		tt.schedule.Zone = "Europe/Kiev"
		if got, zone := tt.schedule.Expression(); got != tt.want || zone != "Europe/Kiev" {
			t.Errorf("%+v is written as %s in %s, want %s", tt.schedule, got, zone, tt.want)
		}
	}
	// Twos with a gap between them are the longest to write.
	longest := times{weekdays: allTimes.weekdays}
	for n := range 60 {
		if n%3 != 2 {
			longest.minutes |= 1 << n
			longest.hours |= 1 << n & allTimes.hours
			longest.months |= 1 << (n + 1) & allTimes.months
		}
	}
	for n := 1; n <= 31; n++ {
		if n%3 != 0 {
			longest.days |= 1 << n
		}
	}
	if s := longest.expression(); len(s) > 256 || len(s) < 220 {
		t.Errorf("the longest expression has %d characters: %s", len(s), s)
	}
}

func TestShortest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		schedule Schedule
		want     int
	}{
		{Schedule{Kind: Hourly, Hours: 1}, 60},
		{Schedule{Kind: Hourly, Hours: 12}, 720},
		{Schedule{Kind: Daily, At: "02:30"}, 1440},
		{Schedule{Kind: Weekly, At: "02:30", Days: []string{"sun", "mon"}}, 1440},
		{Schedule{Kind: Weekly, At: "02:30", Days: []string{"sun", "tue"}}, 2880},
		{Schedule{Kind: Cron, Cron: "0,40 * * * *"}, 20},
		{Schedule{Kind: Cron, Cron: "10 1,20 * * *"}, 300},
		{Schedule{Kind: Cron, Cron: "10 1,20 1,15 * *"}, 1140},
		{Schedule{Kind: Cron, Cron: "10 1,20 1,31 * *"}, 300},
		{Schedule{Kind: Cron, Cron: "0 1,20 29 2 *"}, 1140},
		{Schedule{Kind: Cron, Cron: "* * * * *"}, 1},
	} {
		due, err := tt.schedule.times()
		if got := due.shortest(); err != nil || got != tt.want {
			t.Errorf("%+v: %d minutes and not %d, %v", tt.schedule, got, tt.want, err)
		}
	}
}

// scheduler reads a cron-based expression as the EventBridge Scheduler User Guide describes it ("Schedule types", fields and
// wildcards) and says whether it matches what a wall clock shows.
func scheduler(t fataler, expression string) func(shown time.Time) bool {
	t.Helper()
	inside, ok := strings.CutPrefix(expression, "cron(")
	inside, closed := strings.CutSuffix(inside, ")")
	fields := strings.Fields(inside)
	if !ok || !closed || len(fields) != 6 || len(expression) > 256 || (fields[2] == "?") == (fields[4] == "?") {
		t.Fatalf("%q is no expression of EventBridge Scheduler", expression)
	}
	number := func(text string) int {
		if i := slices.Index([]string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, text); i >= 0 {
			return i + 1
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%q: %v", expression, err)
		}
		return n
	}
	matches := func(field string, n int) bool {
		if field == "*" || field == "?" {
			return true
		}
		for part := range strings.SplitSeq(field, ",") {
			low, high, ranged := strings.Cut(part, "-")
			if !ranged {
				high = low
			}
			if number(low) <= n && n <= number(high) {
				return true
			}
		}
		return false
	}
	return func(w time.Time) bool {
		return matches(fields[0], w.Minute()) && matches(fields[1], w.Hour()) && matches(fields[2], w.Day()) &&
			matches(fields[3], int(w.Month())) && matches(fields[4], int(w.Weekday())+1) && matches(fields[5], w.Year())
	}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// byMinute goes through all minutes from one moment to another and notes those at which the zone's clock shows, for the
// first time, what matches.
func byMinute(from, to time.Time, zone *time.Location, matches func(shown time.Time) bool) (slots []string) {
	shown := map[string]bool{}
	for at := from.Add(-4 * time.Hour); !at.After(to); at = at.Add(time.Minute) {
		local := at.In(zone)
		text := local.Format("2006-01-02 15:04")
		if !shown[text] && at.After(from) && matches(local) {
			slots = append(slots, at.UTC().Format(time.RFC3339))
		}
		shown[text] = true
	}
	return slots
}

// changes are moments at which clocks are set, or at which the calendar is odd, in zones of all kinds.
var changes = []struct{ zone, at, what string }{
	{"Europe/Warsaw", "2027-03-28T01:00:00Z", "forward"},
	{"Europe/Warsaw", "2027-10-31T01:00:00Z", "back"},
	{"Europe/Kiev", "2027-03-28T01:00:00Z", "forward, by an alias"},
	{"Europe/Kyiv", "2027-10-31T01:00:00Z", "back, by the newer name"},
	{"Australia/Lord_Howe", "2027-10-02T15:30:00Z", "forward by half an hour"},
	{"Australia/Lord_Howe", "2027-04-03T15:00:00Z", "back by half an hour"},
	{"America/St_Johns", "2027-03-14T05:30:00Z", "forward"},
	{"America/St_Johns", "2027-11-07T04:30:00Z", "back"},
	{"Africa/Casablanca", "2027-02-07T02:00:00Z", "back, for Ramadan"},
	{"Africa/Casablanca", "2027-03-14T02:00:00Z", "forward, after Ramadan"},
	{"Asia/Beirut", "2027-03-27T22:00:00Z", "forward at midnight"},
	{"Asia/Beirut", "2027-10-30T21:00:00Z", "back at midnight, into the day before"},
	{"America/New_York", "2027-11-07T06:00:00Z", "back"},
	{"America/St_Johns", "2010-11-07T02:31:00Z", "back a minute after midnight, into the day before"},
	{"Pacific/Chatham", "2027-09-25T14:00:00Z", "forward at a quarter to three"},
	{"Asia/Kathmandu", "2028-02-29T00:00:00Z", "leap day"},
	{"UTC", "2100-03-01T00:00:00Z", "no leap day"},
	{"Asia/Kathmandu", "2026-12-31T18:15:00Z", "end of a year"},
}

var schedules = []Schedule{
	{Kind: Hourly, Hours: 1}, {Kind: Hourly, Hours: 4}, {Kind: Hourly, Hours: 12}, {Kind: Daily, At: "01:45"}, {Kind: Daily, At: "02:00"},
	{Kind: Daily, At: "02:30"}, {Kind: Daily, At: "00:00"}, {Kind: Daily, At: "23:30"}, {Kind: Daily, At: "03:00"},
	{Kind: Weekly, At: "02:15", Days: []string{"sun", "thu"}}, {Kind: Weekly, At: "00:30", Days: []string{"mon", "sat"}},
	{Kind: Cron, Cron: "*/15 * * * *"}, {Kind: Cron, Cron: "* 1-3 * * sun"}, {Kind: Cron, Cron: "30 2 28-31 * *"}, {Kind: Cron, Cron: "0 12 31 * *"},
	{Kind: Cron, Cron: "0 0 29 2 *"}, {Kind: Cron, Cron: "15 2 1 1,3 *"},
}

// TestClockChanges holds slots, the expression for EventBridge Scheduler and a walk through all minutes against each other,
// in the days about moments at which clocks are set.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		t.Run(strings.ReplaceAll(c.zone+" "+c.what, "/", "_"), func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			_, before := at.Add(-time.Second).In(zone).Zone()
			if _, after := at.In(zone).Zone(); strings.Contains(c.what, "forward") != (after > before) || strings.Contains(c.what, "back") != (after < before) {
				t.Fatalf("the clock is set from %d to %d: this is not %s", before, after, c.what)
			}
			for _, s := range schedules {
				s.Zone = c.zone
				agree(t, s, at.Add(-30*time.Hour), at.Add(30*time.Hour))
			}
		})
	}
}

// TestSlotsOfAnySchedule does so for random schedules at random moments.
func TestSlotsOfAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anySchedule(t)
		from := time.Unix(60*rapid.Int64Range(29_000_000, 40_000_000).Draw(t, "minute"), 0)
		if rapid.Bool().Draw(t, "near a change") {
			c := rapid.SampledFrom(changes).Draw(t, "change")
			at, _ := time.Parse(time.RFC3339, c.at)
			s.Zone, from = c.zone, at.Add(-time.Duration(rapid.IntRange(0, 48*60).Draw(t, "before"))*time.Minute)
		}
		agree(t, s, from, from.Add(48*time.Hour))
	})
}

func anySchedule(t *rapid.T) Schedule {
	s := Schedule{Zone: rapid.SampledFrom(changes).Draw(t, "zone").zone}
	at := fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"))
	switch s.Kind = rapid.SampledFrom([]Kind{Hourly, Daily, Weekly, Cron}).Draw(t, "kind"); s.Kind {
	case Hourly:
		s.Hours = rapid.SampledFrom(everyHours).Draw(t, "hours")
	case Daily:
		s.At = at
	case Weekly:
		s.At, s.Days = at, rapid.SliceOfNDistinct(rapid.SampledFrom(days), 1, 7, rapid.ID[string]).Draw(t, "days")
	case Cron:
		minute := rapid.SampledFrom([]string{"0", "30", "*/20", "7,37", "10-50/20", "*", "55-59"}).Draw(t, "minutes")
		hour := rapid.SampledFrom([]string{"*", "2", "0-3", "*/3", "1-5/2", "0,23"}).Draw(t, "hours")
		rest := rapid.SampledFrom([]string{"* * *", "1 * *", "28-31 * *", "*/2 * *", "* mar,oct *", "* * 1-5", "* * 0,6", "* * 5-7", "* * sun", "* 2-4 thu"}).Draw(t, "days")
		s.Cron = minute + " " + hour + " " + rest
	}
	return s
}

// agree: Next, Last, the expression, for a cron what another reads of it, and a walk through all minutes have the same slots.
func agree(t interface {
	fataler
	Errorf(format string, args ...any)
}, s Schedule, from, to time.Time) {
	t.Helper()
	if f := s.check(); len(f) > 0 {
		t.Fatalf("%+v is refused: %v", s, f)
	}
	zone, err := s.zone()
	if err != nil {
		t.Fatalf("%v", err)
	}
	expression, _ := s.Expression()
	want := byMinute(from, to, zone, scheduler(t, expression))
	if s.Kind == Cron {
		other := gronx.New()
		walked := byMinute(from, to, zone, func(shown time.Time) bool {
			due, err := other.IsDue(s.Cron, shown)
			if err != nil {
				t.Fatalf("%q: %v", s.Cron, err)
			}
			return due
		})
		if d := cmp.Diff(walked, want); d != "" {
			t.Errorf("%q (-) is written as %s (+), which is something else in %s:\n%s", s.Cron, expression, s.Zone, d)
		}
	}
	var got []string
	for _, slot := range s.Next(from, len(want)+1) {
		if !slot.After(to) {
			got = append(got, slot.UTC().Format(time.RFC3339))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%+v has other slots (+) than %s (-):\n%s", s, expression, d)
	}
	for at := from; at.Before(to); at = at.Add(47 * time.Minute) {
		n, now := sort.Find(len(want), func(i int) int { return strings.Compare(at.UTC().Format(time.RFC3339), want[i]) })
		if now {
			n++
		}
		if n > 0 && s.Last(at).UTC().Format(time.RFC3339) != want[n-1] {
			t.Fatalf("%+v: at %s the last slot is %s and not %s", s, at, s.Last(at), want[n-1])
		}
		if next := s.Next(at, 1); n < len(want) && (len(next) == 0 || next[0].UTC().Format(time.RFC3339) != want[n]) {
			t.Fatalf("%+v: after %s follows %s and not %s", s, at, next, want[n])
		}
	}
}
