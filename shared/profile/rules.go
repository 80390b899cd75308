package profile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"zapas/shared/fault"
)

// Limits of what a profile asks of its devices, and of how long it keeps what they store.
const (
	MaxWindow     = minutesOfDay      // minutes
	MaxAttachment = 100 << 20         // bytes
	MinOverdue    = 15                // minutes: nobody looks more often
	MaxOverdue    = 30 * minutesOfDay // minutes
)

// Messages says what of the messages is backed up.
type Messages struct {
	WithoutAttachments bool
	MaxAttachment      int64 // bytes of one that is backed up; 0: any
}

// Conditions are what a device waits for before it starts.
type Conditions struct {
	Unmetered bool // a network that costs nothing by volume
	Charging  bool
	Battery   int // least charge in per cent; 0: any
}

// QuietHours are hours of the day, on the clock of the schedule's zone, in which no backup starts; those that would start
// then start after their end. From may be later than To: they go on past midnight. The zero value is none.
type QuietHours struct {
	From, To string // HH:MM
}

// Keep is one rule of a retention.
type Keep string

const (
	KeepLast    Keep = "last"
	KeepDaily   Keep = "daily"
	KeepWeekly  Keep = "weekly"
	KeepMonthly Keep = "monthly"
	KeepYearly  Keep = "yearly"
)

// keeps are the rules there are, with the most that each may keep.
var keeps = map[Keep]int{KeepLast: 1000, KeepDaily: 366, KeepWeekly: 520, KeepMonthly: 120, KeepYearly: 100}

// Retention says how many backups of a device are kept: the last so many, and one for each of the last so many days, weeks,
// months and years that have one. What any rule keeps is kept; a rule that is missing keeps nothing.
type Retention map[Keep]int

// Alerts say when something is wrong.
type Alerts struct {
	OverdueAfter int // minutes after a slot at which a device that has not backed up is overdue
	ShrinkOver   int // per cent of an element's items that may be gone at once; 100: all of them
}

// DefaultRetention is that of a profile that says nothing of it.
func DefaultRetention() Retention { return Retention{KeepLast: 7, KeepDaily: 30, KeepMonthly: 12} }

// DefaultAlerts are those of a profile that says nothing of them.
func DefaultAlerts() Alerts { return Alerts{OverdueAfter: minutesOfDay, ShrinkOver: 30} }

// checkRules names what is not lawful of the members that say how devices back up.
func (p Profile) checkRules() (f []fault.Field) {
	add := func(pointer, format string, args ...any) {
		f = append(f, fault.Field{Pointer: pointer, Code: "invalid", Detail: fmt.Sprintf(format, args...)})
	}
	between := func(pointer string, n, least, most int64) {
		if n < least || n > most {
			add(pointer, "it is %d and must be %d to %d", n, least, most)
		}
	}
	between("/messages/maxBytes", p.Messages.MaxAttachment, 0, MaxAttachment)
	if p.Messages.WithoutAttachments && p.Messages.MaxAttachment != 0 {
		add("/messages/maxBytes", "without attachments there is nothing to limit")
	}
	between("/window", int64(p.Window), 0, MaxWindow)
	if due, err := p.Schedule.times(); err == nil && due.minutes != 0 && due.hours != 0 && p.Window > due.shortest() {
		add("/window", "it has %d minutes, and backups fall due every %d; starts must be spread before the next ones", p.Window, due.shortest())
	}
	between("/conditions/battery", int64(p.Conditions.Battery), 0, 100)
	f = append(f, p.QuietHours.check()...)
	if len(p.Retention) == 0 {
		add("/retention", "it must keep something: say how many of last, daily, weekly, monthly or yearly")
	}
	for _, k := range slices.Sorted(maps.Keys(p.Retention)) {
		between("/retention/"+string(k), int64(p.Retention[k]), 1, int64(keeps[k]))
	}
	between("/alerts/overdueAfter", int64(p.Alerts.OverdueAfter), MinOverdue, MaxOverdue)
	between("/alerts/shrinkOver", int64(p.Alerts.ShrinkOver), 1, 100)
	return f
}

func (q QuietHours) check() (f []fault.Field) {
	if q == (QuietHours{}) {
		return nil
	}
	for pointer, text := range map[string]string{"/quietHours/from": q.From, "/quietHours/to": q.To} {
		if _, ok := minuteOf(text); !ok {
			f = append(f, fault.Field{Pointer: pointer, Code: "invalid", Detail: "it must be a time as HH:MM"})
		}
	}
	slices.SortFunc(f, func(a, b fault.Field) int { return len(b.Pointer) - len(a.Pointer) })
	if q.From == q.To && len(f) == 0 {
		f = append(f, fault.Field{Pointer: "/quietHours/to", Code: "invalid", Detail: "they must not end when they begin; no start would be left"})
	}
	return f
}

// minuteOf reads HH:MM as minutes from midnight.
func minuteOf(text string) (int, bool) {
	at, err := time.Parse("15:04", text)
	return 60*at.Hour() + at.Minute(), err == nil && len(text) == 5
}

// span answers when they begin, in minutes from midnight, and how many minutes they last; 0 when there are none.
func (q QuietHours) span() (from, length int) {
	from, begins := minuteOf(q.From)
	to, ends := minuteOf(q.To)
	if !begins || !ends {
		return 0, 0
	}
	return from, (to - from + minutesOfDay) % minutesOfDay
}

// past is so long after t as is not in them.
func (q QuietHours) past(t time.Time, length time.Duration, zone *time.Location) time.Time {
	t = q.after(t, zone)
	if q == (QuietHours{}) {
		return t.Add(length)
	}
	for length > 0 {
		next := q.begin(t, zone)
		if awake := next.Sub(t); length < awake {
			return q.after(t.Add(length), zone)
		}
		length -= next.Sub(t)
		t = q.after(next, zone)
	}
	return t
}

// awake is how long it is not in them from t until then, or most, if that is less.
func (q QuietHours) awake(t, until time.Time, most time.Duration, zone *time.Location) (all time.Duration) {
	for t = q.after(t, zone); t.Before(until) && all < most; {
		next := q.begin(t, zone)
		if next.After(until) {
			next = until
		}
		all += next.Sub(t)
		t = q.after(next, zone)
	}
	return min(all, most)
}

// begin is when they begin after t. A beginning that the clock leaps over is the moment after the leap; one that it shows
// again is a beginning each time.
func (q QuietHours) begin(t time.Time, zone *time.Location) time.Time {
	from, _ := q.span()
	shown := wall(t.In(zone)).Truncate(time.Minute)
	until := time.Duration((from-60*shown.Hour()-shown.Minute()-1+2*minutesOfDay)%minutesOfDay+1) * time.Minute
	for n := range minutesOfDay {
		if at, ok := moment(shown.Add(until+time.Duration(n)*time.Minute), zone); ok && at.After(t) {
			return at
		} else if ok {
			break
		}
	}
	return t.Truncate(time.Minute).Add(until)
}

// after is t, or the end of the quiet hours in which the zone's clock shows it. An end that the clock leaps over is the
// moment after the leap.
func (q QuietHours) after(t time.Time, zone *time.Location) time.Time {
	if q == (QuietHours{}) {
		return t
	}
	from, length := q.span()
	shown := wall(t.In(zone))
	into := (60*shown.Hour() + shown.Minute() - from + minutesOfDay) % minutesOfDay
	if into >= length {
		return t
	}
	end := shown.Truncate(time.Minute).Add(time.Duration(length-into) * time.Minute)
	for range minutesOfDay {
		if at, ok := moment(end, zone); ok {
			if at.After(t) {
				return q.after(at, zone) // a leap may lead into the next ones
			}
			return t // the clock was set back into hours that had ended
		}
		end = end.Add(time.Minute)
	}
	return t
}
