package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

const (
	pageCreateSchedule = "EventBridge Scheduler API Reference, CreateSchedule"
	pageGetSchedule    = "EventBridge Scheduler API Reference, GetSchedule"
	pageUpdateSchedule = "EventBridge Scheduler API Reference, UpdateSchedule"
	pageDeleteSchedule = "EventBridge Scheduler API Reference, DeleteSchedule"
	pageListSchedules  = "EventBridge Scheduler API Reference, ListSchedules"
	pageScheduleTypes  = "EventBridge Scheduler User Guide, Schedule types in EventBridge Scheduler"
	pageWindow         = "EventBridge Scheduler API Reference, FlexibleTimeWindow"
	pageRetryPolicy    = "EventBridge Scheduler API Reference, RetryPolicy"
)

// Error codes.
const (
	conflict     = "ConflictException"
	noResource   = "ResourceNotFoundException"
	notValidated = "ValidationException"
)

func scheduleCases() []Case {
	return []Case{
		{"Schedule/RoundTrip", pageGetSchedule, "", scheduleRoundTrip},
		{"Schedule/NameTaken", pageCreateSchedule, "", scheduleNameTaken},
		{"Schedule/SameTokenIsOne", pageCreateSchedule, "", scheduleSameToken},
		{"Schedule/UnknownGroup", pageCreateSchedule, "", scheduleUnknownGroup},
		{"Schedule/Absent", pageDeleteSchedule, "", scheduleAbsent},
		{"Schedule/UpdateIsWhole", pageUpdateSchedule, "", scheduleUpdate},
		{"Schedule/ListPrefix", pageListSchedules, "", scheduleList},
		{"Schedule/Expressions", pageScheduleTypes, "", scheduleExpressions},
		{"Schedule/NoExpressions", pageScheduleTypes, Schedules, noExpressions},
		{"Schedule/NoZone", pageScheduleTypes, Schedules, noZone},
		{"Schedule/NoWindow", pageWindow, Schedules, noWindow},
		{"Schedule/NoRetryPolicy", pageRetryPolicy, Schedules, noRetryPolicy},
	}
}

// schedule is a lawful one that never calls its target, which need not be there.
func (t *Target) schedule(name string) *scheduler.CreateScheduleInput {
	parts := strings.Split(t.Key, ":") // of the account and the region that are asked
	role := t.Role
	if role == "" {
		role = "arn:aws:iam::" + parts[4] + ":role/zapas-conformance"
	}
	return &scheduler.CreateScheduleInput{Name: aws.String(strings.ReplaceAll(t.Prefix, "/", "-") + "." + name), State: types.ScheduleStateDisabled,
		ScheduleExpression: aws.String("cron(15 10 ? * 6L 2198-2199)"), FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String("arn:aws:lambda:" + parts[3] + ":" + parts[4] + ":function:zapas-conformance"), RoleArn: &role, Input: aws.String(`{"a":1}`)}}
}

// make makes a schedule, and a way to take it away, which errors do not hide.
func (t *Target) make(ctx context.Context, in *scheduler.CreateScheduleInput) (remove func(*error), err error) {
	_, err = t.scheduler.CreateSchedule(ctx, in)
	return func(err *error) {
		_, failed := t.scheduler.DeleteSchedule(context.WithoutCancel(ctx), &scheduler.DeleteScheduleInput{Name: in.Name})
		*err = errors.Join(*err, at("remove a schedule", failed))
	}, err
}

func (t *Target) scheduled(ctx context.Context, name *string) (*scheduler.GetScheduleOutput, error) {
	return t.scheduler.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: name})
}

func scheduleRoundTrip(ctx context.Context, t *Target) (err error) {
	in := t.schedule("a")
	in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(1440)}
	in.ScheduleExpressionTimezone, in.Description = aws.String("Europe/Berlin"), aws.String("a description")
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(3600), MaximumRetryAttempts: aws.Int32(0)}
	end := time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
	in.EndDate = &end
	remove, err := t.make(ctx, in)
	if err != nil {
		return err
	}
	defer remove(&err)
	got, err := t.scheduled(ctx, in.Name)
	if err != nil {
		return err
	}
	if got.FlexibleTimeWindow == nil || got.Target == nil || got.Target.RetryPolicy == nil {
		return differs("the schedule", *got, "one with a window, a target and a retry policy")
	}
	shown := fmt.Sprint(aws.ToString(got.Name), aws.ToString(got.GroupName), aws.ToString(got.ScheduleExpression), aws.ToString(got.ScheduleExpressionTimezone),
		aws.ToString(got.Description), got.State, got.FlexibleTimeWindow.Mode, aws.ToInt32(got.FlexibleTimeWindow.MaximumWindowInMinutes),
		aws.ToString(got.Target.Arn), aws.ToString(got.Target.RoleArn), aws.ToString(got.Target.Input),
		aws.ToInt32(got.Target.RetryPolicy.MaximumEventAgeInSeconds), aws.ToInt32(got.Target.RetryPolicy.MaximumRetryAttempts), aws.ToTime(got.EndDate).Unix())
	want := fmt.Sprint(*in.Name, "default", *in.ScheduleExpression, *in.ScheduleExpressionTimezone, *in.Description, in.State,
		in.FlexibleTimeWindow.Mode, *in.FlexibleTimeWindow.MaximumWindowInMinutes, *in.Target.Arn, *in.Target.RoleArn, *in.Target.Input, 3600, 0, end.Unix())
	if shown != want {
		return differs("the schedule", shown, want)
	}
	if arn := aws.ToString(got.Arn); !strings.HasSuffix(arn, ":schedule/default/"+*in.Name) {
		return differs("its ARN", arn, "one that ends in its group and name")
	}
	return nil
}

func scheduleNameTaken(ctx context.Context, t *Target) (err error) {
	remove, err := t.make(ctx, t.schedule("a"))
	if err != nil {
		return err
	}
	defer remove(&err)
	_, err = t.scheduler.CreateSchedule(ctx, t.schedule("a"))
	return refused(err, "a second schedule of one name", conflict)
}

func scheduleSameToken(ctx context.Context, t *Target) (err error) {
	in := t.schedule("a")
	in.ClientToken = aws.String("one-request")
	remove, err := t.make(ctx, in)
	if err != nil {
		return err
	}
	defer remove(&err)
	_, err = t.scheduler.CreateSchedule(ctx, in)
	return at("the same request again", err)
}

func scheduleUnknownGroup(ctx context.Context, t *Target) error {
	in := t.schedule("a")
	in.GroupName = aws.String("zapas-conformance-none")
	_, err := t.scheduler.CreateSchedule(ctx, in)
	return refused(err, "a schedule in a group that is not there", noResource)
}

func scheduleAbsent(ctx context.Context, t *Target) error {
	in := t.schedule("none")
	_, got := t.scheduled(ctx, in.Name)
	updated := t.reschedule(ctx, in)
	_, deleted := t.scheduler.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name})
	return errors.Join(refused(got, "a look at no schedule", noResource), refused(updated, "a change of no schedule", noResource), refused(deleted, "the end of no schedule", noResource))
}

func (t *Target) reschedule(ctx context.Context, in *scheduler.CreateScheduleInput) error {
	_, err := t.scheduler.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{Name: in.Name, ScheduleExpression: in.ScheduleExpression, State: in.State,
		FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target})
	return err
}

// scheduleUpdate: what an update leaves out has its default again.
func scheduleUpdate(ctx context.Context, t *Target) (err error) {
	in := t.schedule("a")
	in.Description, in.ScheduleExpressionTimezone = aws.String("before"), aws.String("Asia/Tokyo")
	remove, err := t.make(ctx, in)
	if err != nil {
		return err
	}
	defer remove(&err)
	in.ScheduleExpression = aws.String("cron(0 0 1 1 ? 2199)")
	if err := t.reschedule(ctx, in); err != nil {
		return err
	}
	got, err := t.scheduled(ctx, in.Name)
	if err != nil {
		return err
	}
	shown := []string{aws.ToString(got.ScheduleExpression), aws.ToString(got.ScheduleExpressionTimezone), aws.ToString(got.Description)}
	if want := []string{*in.ScheduleExpression, "UTC", ""}; fmt.Sprint(shown) != fmt.Sprint(want) {
		return differs("the expression, the zone and the description", shown, want)
	}
	return nil
}

// scheduleList: the pages of a prefix together have its schedules once each, and no other.
func scheduleList(ctx context.Context, t *Target) (err error) {
	for _, name := range []string{"b1", "b2", "b3", "c"} {
		remove, err2 := t.make(ctx, t.schedule(name))
		if err2 != nil {
			return err2
		}
		defer remove(&err)
	}
	prefix := *t.schedule("b").Name
	return t.within(ctx, func() error {
		found := map[string]int{}
		in := &scheduler.ListSchedulesInput{NamePrefix: &prefix, GroupName: aws.String("default"), MaxResults: aws.Int32(2)}
		for pages := 1; ; pages++ {
			out, err := t.scheduler.ListSchedules(ctx, in)
			if err != nil {
				return err
			}
			if len(out.Schedules) > 2 || pages > 10 {
				return differs("schedules on a page, and pages", []int{len(out.Schedules), pages}, "at most 2, and few")
			}
			for _, one := range out.Schedules {
				found[strings.TrimPrefix(aws.ToString(one.Name), prefix)]++
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if want := map[string]int{"1": 1, "2": 1, "3": 1}; fmt.Sprint(found) != fmt.Sprint(want) {
			return differs("the schedules", found, want)
		}
		return nil
	})
}

func scheduleExpressions(ctx context.Context, t *Target) (err error) {
	in := t.schedule("a")
	remove, err := t.make(ctx, in)
	if err != nil {
		return err
	}
	defer remove(&err)
	for _, expression := range []string{"rate(1 hour)", "rate(12 hours)", "at(2199-12-31T23:59:59)", "cron(0/15 8-17 ? * MON-FRI *)", "cron(0 0 L * ? *)", "cron(0 0 3W * ? *)", "cron(0 0 ? * 3#2 *)", "cron(15 10 ? * 6L 2022-2030)", "cron(0 3 1,15 JAN-MAR ? *)"} {
		in.ScheduleExpression = &expression
		if err := t.reschedule(ctx, in); err != nil {
			return at(expression, err)
		}
	}
	return nil
}

// refuse asks for a schedule that is not lawful.
func (t *Target) refuse(ctx context.Context, what string, change func(*scheduler.CreateScheduleInput)) (err error) {
	in := t.schedule("a")
	change(in)
	remove, err := t.make(ctx, in)
	if err == nil {
		err = accepted{what}
		remove(&err)
		return err
	}
	return refused(err, what, notValidated)
}

func noExpressions(ctx context.Context, t *Target) error {
	for _, expression := range []string{"every day", "cron(0 0 * * ?)", "cron(0 0 * * * *)", "cron(0 0 1 * MON *)", "cron(61 0 * * ? *)", "rate(0 minutes)", "rate(5 fortnights)", "at(2199-13-01T00:00:00)"} {
		if err := t.refuse(ctx, "the expression "+expression, func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = &expression }); err != nil {
			return err
		}
	}
	return nil
}

func noZone(ctx context.Context, t *Target) error {
	return t.refuse(ctx, "a zone that does not exist", func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = aws.String("Europe/Zapas") })
}

func noWindow(ctx context.Context, t *Target) error {
	for what, w := range map[string]types.FlexibleTimeWindow{
		"a window of 1,441 minutes":          {Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(1441)},
		"a window of no minutes":             {Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(0)},
		"a window of no mode that there is ": {Mode: "ON"},
	} {
		if err := t.refuse(ctx, what, func(in *scheduler.CreateScheduleInput) { in.FlexibleTimeWindow = &w }); err != nil {
			return err
		}
	}
	return nil
}

func noRetryPolicy(ctx context.Context, t *Target) error {
	for what, p := range map[string]types.RetryPolicy{
		"an event age of 59 seconds":     {MaximumEventAgeInSeconds: aws.Int32(59)},
		"an event age of 86,401 seconds": {MaximumEventAgeInSeconds: aws.Int32(86401)},
		"186 attempts":                   {MaximumRetryAttempts: aws.Int32(186)},
	} {
		if err := t.refuse(ctx, what, func(in *scheduler.CreateScheduleInput) { in.Target.RetryPolicy = &p }); err != nil {
			return err
		}
	}
	return nil
}
