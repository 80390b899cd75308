package profile

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
	_ "time/tzdata" // a function's runtime has no zones of its own

	"zapas/shared/fault"
)

// Schedule says when backups fall due, on the clock of a named zone. A time that the zone's clock leaps over is no slot;
// one that it shows twice is a slot once, the first time. EventBridge Scheduler does the same (EventBridge Scheduler User
// Guide, "Schedule types", daylight saving time: in spring an invocation at a time that does not exist is skipped, in
// autumn it runs once and is not repeated).
type Schedule struct {
	Kind  Kind
	Hours int      // Hourly: every so many hours, from midnight
	At    string   // Daily, Weekly: HH:MM
	Days  []string // Weekly: mon to sun
	Cron  string   // Cron: minute, hour, day of the month, month, day of the week
	Zone  string   // IANA, as it was given: an alias stays one
}

// Kind is a form of schedule.
type Kind string

const (
	Hourly Kind = "hours"
	Daily  Kind = "daily"
	Weekly Kind = "weekly"
	Cron   Kind = "cron"
)

const (
	minutesOfDay = 24 * 60
	horizon      = 9 * 366       // days: 29 February comes after eight years at the latest
	leap         = 3 * time.Hour // more than any clock is set by
)

var (
	everyHours = []int{1, 2, 3, 4, 6, 8, 12}
	days       = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts
)

func (s Schedule) check() (f []fault.Field) {
	add := func(pointer, format string, args ...any) {
		f = append(f, fault.Field{Pointer: "/schedule/" + pointer, Code: "invalid", Detail: fmt.Sprintf(format, args...)})
	}
	if _, err := s.zone(); err != nil {
		add("zone", "it is no IANA time zone, such as Europe/Warsaw")
	}
	at := func() {
		if _, ok := minuteOf(s.At); !ok {
			add("at", "it must be a time as HH:MM")
		}
	}
	switch s.Kind {
	case Hourly:
		if !slices.Contains(everyHours, s.Hours) {
			add("hours", "it is %d and must be 1, 2, 3, 4, 6, 8 or 12", s.Hours)
		}
	case Daily:
		at()
	case Weekly:
		at()
		if len(s.Days) == 0 {
			add("days", "choose at least one day, mon to sun")
		}
		for i, d := range s.Days {
			if !slices.Contains(days, d) || slices.Index(s.Days, d) != i {
				add("days", "%q is no day of mon to sun, or stands there twice", d)
			}
		}
	case Cron:
		if _, err := parseCron(s.Cron); err != nil {
			add("cron", "%s", err)
		}
	default:
		add("kind", "it must be hours, daily, weekly or cron")
		return f
	}
	if s.Kind != Hourly && s.Hours != 0 || s.Kind != Weekly && len(s.Days) > 0 || s.Kind != Daily && s.Kind != Weekly && s.At != "" ||
		s.Kind != Cron && s.Cron != "" {
		add("kind", "a schedule of kind %s has a member that belongs to another kind", s.Kind)
	}
	return f
}

// zone is the one that it names. What some machines have beside the zones of IANA is none.
func (s Schedule) zone() (*time.Location, error) {
	top, _, _ := strings.Cut(s.Zone, "/")
	if slices.Contains([]string{"", "Local", "localtime", "posixrules", "posix", "right", "Factory"}, top) {
		return nil, fmt.Errorf("no zone")
	}
	return time.LoadLocation(s.Zone)
}

// times are the schedule's, whatever its form; of one that is not lawful an error.
func (s Schedule) times() (times, error) {
	t := allTimes
	if s.Kind == Cron {
		return parseCron(s.Cron)
	}
	if s.Kind == Hourly {
		if s.Hours < 1 {
			return times{}, fmt.Errorf("no hours")
		}
		t.minutes, t.hours = 1, 0
		for h := 0; h < 24; h += s.Hours {
			t.hours |= 1 << h
		}
		return t, nil
	}
	at, err := time.Parse("15:04", s.At)
	t.minutes, t.hours = 1<<at.Minute(), 1<<at.Hour()
	if s.Kind == Weekly {
		t.weekdays = 0
		for _, d := range s.Days {
			if i := slices.Index(days, d); i >= 0 {
				t.weekdays |= 1 << i
			}
		}
	}
	return t, err
}

// Expression is the schedule as EventBridge Scheduler takes it, with the zone in which it is evaluated; "" when it is not
// lawful. A rate would count from the moment at which it was made, so it is always a cron.
func (s Schedule) Expression() (expression, zone string) {
	t, err := s.times()
	if err != nil {
		return "", ""
	}
	return t.expression(), s.Zone
}

// Last is the newest slot at or before t; zero when there is none within nine years.
func (s Schedule) Last(t time.Time) time.Time {
	c, err := s.calendar()
	if err != nil {
		return time.Time{}
	}
	return c.last(t)
}

// Next are the n slots that follow t; fewer when there are years between them.
func (s Schedule) Next(t time.Time, n int) []time.Time {
	c, err := s.calendar()
	if err != nil {
		return nil
	}
	return c.next(t, n)
}

// calendar is a schedule that was read: what of it takes longer than to find a slot.
type calendar struct {
	due   times
	clock []int // minutes of a day
	zone  *time.Location
	known *atomic.Pointer[[]time.Time] // slots that follow each other, about the present; nil: none are kept
}

// remembered is how many slots a calendar keeps, from the last one on: all devices of a profile ask about the same.
const remembered = 64

// around is what is known of the slots about t: the last one and the n that follow it, or nothing.
func (c calendar) around(t time.Time, n int) (last time.Time, next []time.Time, ok bool) {
	if c.known == nil || n >= remembered {
		return last, nil, false
	}
	find := func() bool {
		all := c.known.Load()
		if all == nil || t.Before((*all)[0]) {
			return false
		}
		i := sort.Search(len(*all), func(i int) bool { return (*all)[i].After(t) })
		if i+n > len(*all) || i == len(*all) {
			return false
		}
		last, next = (*all)[i-1], (*all)[i:i+n:i+n]
		return true
	}
	if find() {
		return last, next, true
	}
	if all := c.known.Load(); all != nil && t.Before((*all)[0]) { // the past is not asked about twice
		return last, nil, false
	}
	first := c.searchLast(t)
	all := append([]time.Time{first}, c.search(t, remembered)...)
	if first.IsZero() || len(all) <= remembered {
		return last, nil, false
	}
	c.known.Store(&all)
	return all[0], all[1 : n+1 : n+1], true
}

func (s Schedule) calendar() (calendar, error) {
	due, err := s.times()
	if err != nil {
		return calendar{}, err
	}
	zone, err := s.zone()
	return calendar{due: due, clock: due.ofDay(), zone: zone}, err
}

func (c calendar) last(t time.Time) time.Time {
	if last, _, ok := c.around(t, 1); ok {
		return last
	}
	return c.searchLast(t)
}

// next are the n slots after t, not to be written to.
func (c calendar) next(t time.Time, n int) []time.Time {
	if _, next, ok := c.around(t, n); ok {
		return next
	}
	return c.search(t, n)
}

func (c calendar) searchLast(t time.Time) time.Time {
	now := wall(t.In(c.zone))
	for back := range horizon {
		day := now.Truncate(24*time.Hour).AddDate(0, 0, 1-back)
		if !c.due.on(day) {
			continue
		}
		for _, m := range slices.Backward(c.clock) {
			at := day.Add(time.Duration(m) * time.Minute)
			if at.After(now.Add(leap)) {
				continue
			}
			if slot, ok := moment(at, c.zone); ok && !slot.After(t) {
				return slot
			}
		}
	}
	return time.Time{}
}

func (c calendar) search(t time.Time, n int) (out []time.Time) {
	now := wall(t.In(c.zone))
	day := now.Truncate(24*time.Hour).AddDate(0, 0, -1)
	for idle := 0; idle < horizon && len(out) < n; idle++ {
		if c.due.on(day) {
			for _, m := range c.clock {
				at := day.Add(time.Duration(m) * time.Minute)
				if len(out) == n || at.Before(now.Add(-leap)) {
					continue
				}
				if slot, ok := moment(at, c.zone); ok && slot.After(t) {
					out, idle = append(out, slot), 0
				}
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return out
}

// wall is what the clock of t's zone shows then, as if the zone were UTC: a time to count in without leaps.
func wall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moment is when the clock of a zone first shows a wall's time; false when it never does. time.Date does not say which it
// answers of two, so it only serves to find the offsets that there are about then.
func moment(shown time.Time, zone *time.Location) (first time.Time, ok bool) {
	y, m, d := shown.Date()
	near := time.Date(y, m, d, shown.Hour(), shown.Minute(), 0, 0, zone)
	start, end := near.ZoneBounds()
	about := []time.Time{near}
	if !start.IsZero() {
		about = append(about, start.Add(-time.Second))
	}
	if !end.IsZero() {
		about = append(about, end)
	}
	for _, t := range about {
		_, offset := t.Zone()
		at := shown.Add(-time.Duration(offset) * time.Second).In(zone)
		if wall(at).Equal(shown) && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}
