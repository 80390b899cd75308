package scheduler

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin/scheduler/timetable"
)

// definition is what a caller says of a schedule, in the members of the page CreateSchedule (API Reference).
type definition struct {
	Expression  string `json:"ScheduleExpression"`
	Zone        string `json:"ScheduleExpressionTimezone,omitzero"`
	Start       epoch  `json:"StartDate,omitzero"`
	End         epoch  `json:"EndDate,omitzero"`
	Description string `json:"Description,omitzero"`
	State       string `json:"State,omitzero"`
	Completion  string `json:"ActionAfterCompletion,omitzero"`
	Window      window `json:"FlexibleTimeWindow"`
	Target      target `json:"Target"`
}

type window struct {
	Mode    string `json:"Mode"`
	Minutes *int   `json:"MaximumWindowInMinutes,omitzero"`
}

type target struct {
	ARN        string      `json:"Arn"`
	RoleARN    string      `json:"RoleArn"`
	Input      string      `json:"Input,omitzero"`
	DeadLetter *deadLetter `json:"DeadLetterConfig,omitzero"`
	Retry      *retry      `json:"RetryPolicy,omitzero"`
}

type deadLetter struct {
	ARN string `json:"Arn,omitzero"`
}

type retry struct {
	Age      *int `json:"MaximumEventAgeInSeconds,omitzero"`
	Attempts *int `json:"MaximumRetryAttempts,omitzero"`
}

// The values of State, Mode and ActionAfterCompletion.
const (
	enabled, disabled = "ENABLED", "DISABLED"
	off, flexible     = "OFF", "FLEXIBLE"
	none, remove      = "NONE", "DELETE"
)

// schedule is one as it is kept.
type schedule struct {
	Group, Name string
	definition
	Created, Modified time.Time
	Next              time.Time  `json:",omitzero"` // the first time not begun yet; zero: there is none
	Pending           []delivery `json:",omitzero"`
}

func (s *schedule) id() id { return id{s.Group, s.Name} }

// clone is a schedule to change.
func (s *schedule) clone() *schedule {
	c := *s
	c.Pending = slices.Clone(s.Pending)
	return &c
}

// epoch is a time in seconds since 1970, as the protocol has it.
type epoch struct{ time.Time }

// MarshalJSON writes a number with milliseconds.
func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.UnixMilli())/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads a number.
func (e *epoch) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil || seconds < 0 || seconds > 1e11 {
		return fmt.Errorf("%q is no time in seconds", data)
	}
	e.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

func namePattern() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-zA-Z\-_.]{1,64}$`) }

const (
	defaultAge      = 86400
	defaultAttempts = 185
	maxInput        = 256 << 10 // page "Quotas for Amazon EventBridge Scheduler": invocation payload size
	startPast       = 5 * time.Minute
)

// complete puts in what is left out, as GetSchedule shows it.
func (d *definition) complete() {
	d.Zone, d.State, d.Completion = cmp.Or(d.Zone, "UTC"), cmp.Or(d.State, enabled), cmp.Or(d.Completion, none)
	r := retry{}
	if d.Target.Retry != nil {
		r = *d.Target.Retry
	}
	r.Age, r.Attempts = cmp.Or(r.Age, new(defaultAge)), cmp.Or(r.Attempts, new(defaultAttempts))
	d.Target.Retry = &r
}

// check refuses what AWS refuses. The definition is complete.
func (d *definition) check(cfg Config) error {
	if err := d.checkMembers(); err != nil {
		return err
	}
	if err := d.Target.check(cfg); err != nil {
		return err
	}
	zone, err := timetable.Zone(d.Zone)
	if err != nil {
		return refuse("Invalid ScheduleExpressionTimezone " + d.Zone + ".")
	}
	if _, err := timetable.Parse(d.Expression, zone, time.Time{}); err != nil {
		return refuse("Invalid Schedule Expression " + d.Expression + ".")
	}
	switch {
	case !d.Start.IsZero() && d.Start.Before(cfg.Now().Add(-startPast)):
		return refuse("The StartDate you specify cannot be earlier than 5 minutes ago.")
	case !d.Start.IsZero() && !d.End.IsZero() && !d.Start.Before(d.End.Time):
		return refuse("The StartDate you specify must come before the EndDate.")
	case d.Window.Mode == off && d.Window.Minutes != nil:
		return refuse("MaximumWindowInMinutes must not be specified when the FlexibleTimeWindow mode is OFF.")
	case d.Window.Mode == flexible && d.Window.Minutes == nil:
		return refuse("MaximumWindowInMinutes must be specified when the FlexibleTimeWindow mode is FLEXIBLE.")
	}
	return nil
}

func (d *definition) checkMembers() error {
	return firstOf(
		length("scheduleExpression", d.Expression, 1, 256),
		length("scheduleExpressionTimezone", d.Zone, 1, 50),
		length("description", d.Description, 0, 512),
		oneOf("state", d.State, enabled, disabled),
		oneOf("actionAfterCompletion", d.Completion, none, remove),
		oneOf("flexibleTimeWindow.mode", d.Window.Mode, off, flexible),
		between("flexibleTimeWindow.maximumWindowInMinutes", d.Window.Minutes, 1, 1440),
		length("target.arn", d.Target.ARN, 1, 1600),
		pattern("target.roleArn", d.Target.RoleARN, `arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@\/-]+`),
		between("target.retryPolicy.maximumEventAgeInSeconds", d.Target.Retry.Age, 60, 86400),
		between("target.retryPolicy.maximumRetryAttempts", d.Target.Retry.Attempts, 0, 185),
	)
}

// check refuses targets, and says which ones AWS would take.
func (t target) check(cfg Config) error {
	parts := strings.SplitN(t.ARN, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] == "" || parts[5] == "" {
		return refuse("Provided Arn is not in correct format.")
	}
	if t.function(cfg) == "" {
		return missing("A target that is no Lambda function of this account and region")
	}
	if t.DeadLetter != nil && t.DeadLetter.ARN != "" {
		if err := pattern("target.deadLetterConfig.arn", t.DeadLetter.ARN, `arn:aws[a-z-]*:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+`); err != nil {
			return err
		}
	}
	switch {
	case t.Input == "":
		return missing("A target without Input")
	case len(t.Input) > maxInput:
		return refuse("The input of a target must not be larger than 256 KB.")
	case !jsontext.Value(t.Input).IsValid():
		return refuse("Invalid JSON input for target.")
	}
	return nil
}

// function is the name of the function that is the target, or "".
func (t target) function(cfg Config) string {
	name, ok := strings.CutPrefix(t.ARN, "arn:aws:lambda:"+cfg.Region+":"+cfg.Account+":function:")
	if !ok || !regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`).MatchString(name) {
		return ""
	}
	return name
}

// timetable is when the schedule is due, but for its dates.
func (s *schedule) timetable() (timetable.Table, error) {
	zone, err := timetable.Zone(s.Zone)
	if err != nil {
		return nil, err
	}
	anchor := s.Start.Time
	if anchor.IsZero() {
		anchor = s.Modified.Truncate(time.Second)
	}
	return timetable.Parse(s.Expression, zone, anchor)
}

// after is the first time after t at which the schedule is due, or zero. One-time schedules heed no dates.
func (s *schedule) after(t time.Time) time.Time {
	table, err := s.timetable()
	if err != nil {
		return time.Time{} // it was checked when it was stored, and when it was read
	}
	_, oneTime := table.(timetable.Once)
	if early := s.Start.Add(-1); !oneTime && !s.Start.IsZero() && t.Before(early) {
		t = early
	}
	next, ok := table.After(t)
	if !ok || !oneTime && !s.End.IsZero() && !next.Before(s.End.Time) {
		return time.Time{}
	}
	return next.UTC()
}

// begin is the first time at which a schedule that was just made or changed is due: a rate without a start date begins at
// once.
func (s *schedule) begin() time.Time {
	if s.isRate() && s.Start.IsZero() {
		return s.after(s.Modified.Truncate(time.Second).Add(-1))
	}
	return s.after(s.Modified)
}

// ofMinutes reports whether it is a rate that is due every few minutes.
func (s *schedule) ofMinutes() bool { return s.isRate() && strings.Contains(s.Expression, "minute") }

func (s *schedule) isRate() bool { return strings.HasPrefix(s.Expression, "rate(") }

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func length(member, value string, least, most int) error {
	switch n := utf8.RuneCountInString(value); {
	case value == "" && least > 0:
		return violated(member, "null", "Member must not be null")
	case n > most:
		return violated(member, value, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	return nil
}

func pattern(member, value, form string) error {
	if !regexp.MustCompile("^" + form + "$").MatchString(value) {
		return violated(member, value, "Member must satisfy regular expression pattern: ^"+form+"$")
	}
	return nil
}

func oneOf(member, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return violated(member, value, "Member must satisfy enum value set: ["+strings.Join(allowed, ", ")+"]")
	}
	return nil
}

func between(member string, value *int, least, most int) error {
	switch {
	case value == nil:
		return nil
	case *value < least:
		return violated(member, strconv.Itoa(*value), fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case *value > most:
		return violated(member, strconv.Itoa(*value), fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return nil
}

func violated(member, value, constraint string) error {
	return refuse("1 validation error detected: Value '" + value + "' at '" + member + "' failed to satisfy constraint: " + constraint)
}

// sum tells one request's content from another's.
func sum(v any) (string, error) {
	text, err := json.Marshal(v, json.Deterministic(true))
	return digest(text), err
}
