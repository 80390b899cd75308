package profile

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // a function's runtime has no zones of its own

	"zapas/shared/fault"
)

// Schedule says when backups fall due, on the clock of a named zone. A moment that the zone's clock leaps over is no
// slot; one that it shows twice is a slot once.
type Schedule struct {
	Kind  Kind
	Hours int      // Hourly: every so many hours, from midnight
	At    string   // Daily, Weekly: HH:MM
	Days  []string // Weekly: mon to sun
	Zone  string   // IANA
}

// Kind is a form of schedule.
type Kind string

const (
	Hourly Kind = "hours"
	Daily  Kind = "daily"
	Weekly Kind = "weekly"
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
		if _, err := time.Parse("15:04", s.At); err != nil || len(s.At) != 5 {
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
	default:
		add("kind", "it must be hours, daily or weekly")
	}
	if s.Kind != Hourly && s.Hours != 0 || s.Kind != Weekly && len(s.Days) > 0 || s.Kind == Hourly && s.At != "" {
		add("kind", "a schedule of kind %s has a member that belongs to another kind", s.Kind)
	}
	return f
}

func (s Schedule) zone() (*time.Location, error) {
	if s.Zone == "" || s.Zone == "Local" {
		return nil, fmt.Errorf("no zone")
	}
	return time.LoadLocation(s.Zone)
}

// Last is the newest slot at or before t; zero when there is none within a fortnight.
func (s Schedule) Last(t time.Time) time.Time {
	for back := range 14 {
		day := s.day(t, -back)
		for _, slot := range slices.Backward(day) {
			if !slot.After(t) {
				return slot
			}
		}
	}
	return time.Time{}
}

// Next are the n slots that follow t.
func (s Schedule) Next(t time.Time, n int) []time.Time {
	var out []time.Time
	for ahead := 0; ahead < 14*n && len(out) < n; ahead++ {
		for _, slot := range s.day(t, ahead) {
			if slot.After(t) && len(out) < n {
				out = append(out, slot)
			}
		}
	}
	return out
}

// day lists the slots of the day that is so many days from t's, in order.
func (s Schedule) day(t time.Time, off int) []time.Time {
	zone, err := s.zone()
	if err != nil {
		return nil
	}
	y, m, d := t.In(zone).Date()
	noon := time.Date(y, m, d+off, 12, 0, 0, 0, zone)
	y, m, d = noon.Date()
	if s.Kind == Weekly && !slices.Contains(s.Days, days[noon.Weekday()]) {
		return nil
	}
	var out []time.Time
	for _, c := range s.clock() {
		slot := time.Date(y, m, d, c.hour, c.minute, 0, 0, zone)
		if earlier := slot.Add(-time.Hour); earlier.Hour() == c.hour && earlier.Minute() == c.minute {
			slot = earlier
		}
		if slot.Hour() == c.hour && slot.Minute() == c.minute {
			out = append(out, slot)
		}
	}
	return out
}

type clock struct{ hour, minute int }

// clock lists the times of day.
func (s Schedule) clock() (out []clock) {
	if s.Kind == Hourly && s.Hours > 0 {
		for h := 0; h < 24; h += s.Hours {
			out = append(out, clock{hour: h})
		}
		return out
	}
	if at, err := time.Parse("15:04", s.At); err == nil {
		out = append(out, clock{at.Hour(), at.Minute()})
	}
	return out
}
