package timetable

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is a cron-based schedule, in the fields of the page "Schedule types in EventBridge Scheduler". By the same page
// ("Daylight savings time") a wall time that the clocks skip is skipped, and one that they show twice is due once: the
// page does not say which time; here it is the first.
type cron struct {
	minutes, hours, months, years []int // in order
	day                           func(time.Time) bool
	zone                          *time.Location
}

const (
	firstYear = 1970
	lastYear  = 2199
)

func monthNames() []string {
	return []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
}

func dayNames() []string { return []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"} }

func parseCron(text string, zone *time.Location) (c cron, err error) {
	parts := strings.Fields(text)
	if len(parts) != 6 {
		return c, errExpression
	}
	c.zone = zone
	for i, f := range map[int]struct {
		into *[]int
		field
	}{
		0: {&c.minutes, field{0, 59, nil, true}},
		1: {&c.hours, field{0, 23, nil, true}},
		3: {&c.months, field{1, 12, monthNames(), true}},
		5: {&c.years, field{firstYear, lastYear, nil, true}},
	} {
		if *f.into, err = f.parse(parts[i]); err != nil {
			return c, err
		}
	}
	switch {
	case (parts[2] == "?") == (parts[4] == "?"):
		return c, errExpression
	case parts[4] == "?":
		c.day, err = parseDayOfMonth(parts[2])
	default:
		c.day, err = parseDayOfWeek(parts[4])
	}
	return c, err
}

// field is what the values of one field can be.
type field struct {
	low, high int
	names     []string // of low and those that follow
	steps     bool     // the field has the wildcard /
}

// parse reads a list of values, ranges and increments.
func (f field) parse(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		low, high, err := f.span(span)
		if err != nil || stepped && !f.steps {
			return nil, errExpression
		}
		every := 1
		if stepped {
			if every, err = number(step); err != nil || every < 1 || every > f.high {
				return nil, errExpression
			}
			if !strings.Contains(span, "-") {
				high = f.high // 1/10 is from 1 on
			}
		}
		for v := low; v <= high; v += every {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (f field) span(text string) (low, high int, err error) {
	if text == "*" {
		return f.low, f.high, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if low, err = f.value(from); err != nil || !isRange {
		return low, low, err
	}
	if high, err = f.value(to); err != nil || high < low {
		return 0, 0, errExpression
	}
	return low, high, nil
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.low + i, nil
	}
	n, err := number(text)
	if err != nil || n < f.low || n > f.high {
		return 0, errExpression
	}
	return n, nil
}

func number(text string) (int, error) {
	if !regexp.MustCompile(`^[0-9]{1,4}$`).MatchString(text) {
		return 0, errExpression
	}
	return strconv.Atoi(text)
}

// parseDayOfMonth reads days, L or 3W. A list or a range with L or W is refused: the page has none.
func parseDayOfMonth(text string) (func(time.Time) bool, error) {
	f := field{1, 31, nil, true}
	if text == "L" {
		return func(day time.Time) bool { return day.Day() == daysIn(day) }, nil
	}
	if at, ok := strings.CutSuffix(text, "W"); ok {
		n, err := f.value(at)
		return func(day time.Time) bool { return day.Day() == weekdayClosest(n, day) }, err
	}
	days, err := f.parse(text)
	return func(day time.Time) bool { return slices.Contains(days, day.Day()) }, err
}

// parseDayOfWeek reads days (1 is SUN), L (the week's last), 6L (the month's last FRI) or 6#3 (its third).
func parseDayOfWeek(text string) (func(time.Time) bool, error) {
	f := field{1, 7, dayNames(), false}
	if text == "L" {
		text = "SAT"
	}
	if at, ok := strings.CutSuffix(text, "L"); ok {
		n, err := f.value(at)
		return func(day time.Time) bool { return f.low+int(day.Weekday()) == n && day.Day() > daysIn(day)-7 }, err
	}
	if at, instance, ok := strings.Cut(text, "#"); ok {
		n, err := f.value(at)
		i, errInstance := field{low: 1, high: 5}.value(instance)
		if err == nil {
			err = errInstance
		}
		return func(day time.Time) bool { return f.low+int(day.Weekday()) == n && (day.Day()+6)/7 == i }, err
	}
	days, err := f.parse(text)
	return func(day time.Time) bool { return slices.Contains(days, f.low+int(day.Weekday())) }, err
}

func daysIn(month time.Time) int {
	return time.Date(month.Year(), month.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// weekdayClosest is the day from Monday to Friday that is closest to the nth, in the same month; 0: the month has no nth.
func weekdayClosest(n int, month time.Time) int {
	last := daysIn(month)
	if n > last {
		return 0
	}
	switch time.Date(month.Year(), month.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

// After walks the calendar, as if it were UTC's, from the day before.
func (c cron) After(t time.Time) (time.Time, bool) {
	y, m, d := t.In(c.zone).Date()
	begin := time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC)
	for _, year := range c.years {
		if year < begin.Year() {
			continue
		}
		for _, month := range c.months {
			end := time.Date(year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC)
			for day := time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC); day.Before(end); day = day.AddDate(0, 0, 1) {
				if day.Before(begin) || !c.day(day) {
					continue
				}
				if instant, found := c.on(day, t); found {
					return instant, true
				}
			}
		}
	}
	return time.Time{}, false
}

// on is the first time on a day that is after t.
func (c cron) on(day, t time.Time) (time.Time, bool) {
	for _, hour := range c.hours {
		for _, minute := range c.minutes {
			wall := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
			if instant, exists := first(wall, c.zone); exists && instant.After(t) {
				return instant, true
			}
		}
	}
	return time.Time{}, false
}
