package profile

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// maxCron is how long the text of a cron may be.
const maxCron = 256

// set are small numbers: bit n is set when n belongs to it.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// numbers are the members, in order.
func (s set) numbers() (all []int) {
	for ; s != 0; s &= s - 1 {
		all = append(all, bits.TrailingZeros64(uint64(s)))
	}
	return all
}

// span are the numbers from one to another.
func span(from, to int) set { return set(1)<<(to+1) - set(1)<<from }

// times are the minutes on a zone's clock at which backups fall due: those that belong to all five sets. Every form of
// schedule is one; of days and weekdays one is always full.
type times struct {
	minutes, hours, days, months, weekdays set
}

var allTimes = times{minutes: span(0, 59), hours: span(0, 23), days: span(1, 31), months: span(1, 12), weekdays: span(0, 6)}

// field is one of the five of a cron.
type field struct {
	name      string
	low, high int
	names     []string // of the numbers from low on
}

var (
	monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	cronFields = []field{{"minute", 0, 59, nil}, {"hour", 0, 23, nil}, {"day of the month", 1, 31, nil}, {"month", 1, 12, monthNames}, {"day of the week", 0, 7, days}}
)

// parseCron reads minute, hour, day of the month, month and day of the week, as crontab(5) writes them: *, numbers, names,
// ranges, lists and steps. Its error is a sentence for who wrote it.
func parseCron(text string) (times, error) {
	words := strings.Fields(text)
	switch {
	case len(text) > maxCron:
		return times{}, fmt.Errorf("it has %d characters and at most %d fit", len(text), maxCron)
	case len(words) != len(cronFields):
		return times{}, fmt.Errorf("it has %d fields and must have five: minute, hour, day of the month, month, day of the week", len(words))
	case words[2] != "*" && words[4] != "*":
		return times{}, fmt.Errorf("it restricts both the day of the month and the day of the week; leave one of them *")
	}
	var read [5]set
	for i, f := range cronFields {
		var err error
		if read[i], err = f.parse(words[i]); err != nil {
			return times{}, err
		}
	}
	if read[4].has(7) {
		read[4] = read[4]&^(1<<7) | 1 // Sunday is 0 and 7
	}
	t := times{read[0], read[1], read[2], read[3], read[4]}
	if !t.everFire() {
		return times{}, fmt.Errorf("it never fires: no month that it names has such a day")
	}
	return t, nil
}

func (f field) parse(text string) (all set, err error) {
	for part := range strings.SplitSeq(text, ",") {
		one, err := f.part(part)
		if err != nil {
			return 0, fmt.Errorf("its %s %q is not lawful: %w", f.name, part, err)
		}
		all |= one
	}
	return all, nil
}

// part reads *, 5, 5-9, */2 or 5-9/2.
func (f field) part(text string) (all set, err error) {
	text, by, stepped := strings.Cut(text, "/")
	low, high, ranged := strings.Cut(text, "-")
	from, to, step := f.low, f.high, 1
	if f.high == 7 {
		to = 6 // * counts Sunday once
	}
	if text != "*" {
		if from, err = f.number(low); err != nil {
			return 0, err
		}
		to = from
		if ranged {
			if to, err = f.number(high); err != nil {
				return 0, err
			}
		}
	}
	if stepped {
		step, err = strconv.Atoi(by)
		switch {
		case err != nil || step < 1 || step > f.high || by[0] == '+':
			return 0, fmt.Errorf("a step must be 1 to %d", f.high)
		case text != "*" && !ranged:
			return 0, fmt.Errorf("a step needs a range, such as %d-%d/%d", from, f.high, step)
		}
	}
	if to < from {
		return 0, fmt.Errorf("it runs backwards")
	}
	for n := from; n <= to; n += step {
		all |= 1 << n
	}
	return all, nil
}

func (f field) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || int(n) < f.low || int(n) > f.high {
		return 0, fmt.Errorf("it must be %d to %d", f.low, f.high)
	}
	return int(n), nil
}

// everFire reports whether there is a day that belongs to it.
func (t times) everFire() bool {
	for _, m := range t.months.numbers() {
		longest := time.Date(2000, time.Month(m+1), 0, 0, 0, 0, 0, time.UTC).Day() // of a leap year
		if t.days&span(1, longest) != 0 {
			return true
		}
	}
	return false
}

// on reports whether it has times on the day of a wall clock.
func (t times) on(day time.Time) bool {
	return t.months.has(int(day.Month())) && t.days.has(day.Day()) && t.weekdays.has(int(day.Weekday()))
}

// ofDay lists the times of a day in order, as minutes from midnight.
func (t times) ofDay() (all []int) {
	for _, h := range t.hours.numbers() {
		for _, m := range t.minutes.numbers() {
			all = append(all, 60*h+m)
		}
	}
	return all
}

// shortest is the least number of minutes between two of the times that follow each other, or more than a day.
func (t times) shortest() int {
	all := t.ofDay()
	least := 2 * minutesOfDay
	for i, m := range all[1:] {
		least = min(least, m-all[i])
	}
	first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range horizon { // are there two such days in a row?
		if t.on(first.AddDate(0, 0, n)) && t.on(first.AddDate(0, 0, n+1)) {
			return min(least, all[0]+minutesOfDay-all[len(all)-1])
		}
	}
	return least
}

// expression writes the times as EventBridge Scheduler reads them (EventBridge Scheduler User Guide, "Schedule types",
// cron-based schedules): six fields with the year, weekdays by name, and ? for the field of days that is not restricted.
// What it writes is never longer than the 256 characters of a ScheduleExpression.
func (t times) expression() string {
	day, weekday := runs(t.days, allTimes.days, nil), "?"
	if t.weekdays != allTimes.weekdays {
		day, weekday = "?", runs(t.weekdays, allTimes.weekdays, days)
	}
	return fmt.Sprintf("cron(%s %s %s %s %s *)", runs(t.minutes, allTimes.minutes, nil), runs(t.hours, allTimes.hours, nil),
		day, runs(t.months, allTimes.months, nil), weekday)
}

// runs writes a set as a list of numbers, or of their names, and of ranges.
func runs(s, full set, names []string) string {
	if s == full {
		return "*"
	}
	word := func(n int) string {
		if names != nil {
			return strings.ToUpper(names[n])
		}
		return strconv.Itoa(n)
	}
	var out []string
	all := s.numbers()
	for i := 0; i < len(all); i++ {
		from := i
		for i+1 < len(all) && all[i+1] == all[i]+1 {
			i++
		}
		one := word(all[from])
		if i > from {
			one += "-" + word(all[i])
		}
		out = append(out, one)
	}
	return strings.Join(out, ",")
}
