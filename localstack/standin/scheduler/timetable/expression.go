// Package timetable knows when Amazon EventBridge Scheduler finds a schedule expression due: at, rate and cron, in the zones
// of the IANA database. It does not know what is scheduled.
//
// It follows the page "Schedule types in EventBridge Scheduler" (EventBridge Scheduler User Guide), and where that leaves
// a form open (ranges that wrap around, lists with L or W, names in lower case, LW) it refuses it, so that what passes here
// passes there.
package timetable

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // AWS has every IANA zone, whatever this machine has
)

// A Table says when a schedule is due.
type Table interface {
	// After is the first time after t, or false: there is none.
	After(t time.Time) (time.Time, bool)
}

// errExpression says no more than AWS does.
var errExpression = errors.New("the schedule expression is not one that EventBridge Scheduler takes")

// Parse reads at(...), rate(...) or cron(...), whose times are those of a zone. A rate runs from the anchor on.
func Parse(expression string, zone *time.Location, anchor time.Time) (Table, error) {
	parts := regexp.MustCompile(`^(at|rate|cron)\((.*)\)$`).FindStringSubmatch(expression)
	if parts == nil {
		return nil, errExpression
	}
	switch parts[1] {
	case "at":
		return parseAt(parts[2], zone)
	case "rate":
		return parseRate(parts[2], anchor)
	}
	c, err := parseCron(parts[2], zone)
	if err != nil {
		return nil, err
	}
	if _, ever := c.After(time.Time{}); !ever {
		return nil, errExpression // such as the 30th of February
	}
	return c, nil
}

// Once is a one-time schedule.
type Once time.Time

func parseAt(text string, zone *time.Location) (Table, error) {
	at, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil || at.Format("2006-01-02T15:04:05") != text {
		return nil, errExpression
	}
	instant, exists := first(at, zone)
	if !exists {
		return nil, errExpression
	}
	return Once(instant), nil
}

// After is the time, if it is yet to come.
func (o Once) After(t time.Time) (time.Time, bool) { return time.Time(o), time.Time(o).After(t) }

// rate is due at its anchor and every so often after it. A day has 24 hours, whatever the clocks do.
type rate struct {
	anchor time.Time
	every  time.Duration
}

func parseRate(text string, anchor time.Time) (Table, error) {
	parts := regexp.MustCompile(`^([0-9]{1,6}) (minute|hour|day)s?$`).FindStringSubmatch(text)
	if parts == nil {
		return nil, errExpression
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n == 0 {
		return nil, errExpression
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]]
	if time.Duration(n) > (1<<63-1)/unit {
		return nil, errExpression
	}
	return rate{anchor, time.Duration(n) * unit}, nil
}

// After counts on from the anchor.
func (r rate) After(t time.Time) (time.Time, bool) {
	if t.Before(r.anchor) {
		return r.anchor, true
	}
	return r.anchor.Add((t.Sub(r.anchor)/r.every + 1) * r.every), true
}

// first is the instant at which a zone's clocks first show a wall time (held as if it were UTC's), or false if they skip
// it.
func first(wall time.Time, zone *time.Location) (instant time.Time, exists bool) {
	const farther = 36 * time.Hour // than any zone is from UTC, and any clock has been moved
	for _, near := range []time.Duration{-farther, 0, farther} {
		_, offset := wall.Add(near).In(zone).Zone()
		candidate := wall.Add(-time.Duration(offset) * time.Second)
		if _, actual := candidate.In(zone).Zone(); actual != offset {
			continue
		}
		if !exists || candidate.Before(instant) {
			instant, exists = candidate, true
		}
	}
	return instant, exists
}

// Zone finds a zone by its IANA name.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || strings.HasPrefix(name, "posix") {
		return nil, errors.New("no zone of the IANA database")
	}
	return time.LoadLocation(name)
}
