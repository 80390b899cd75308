// Package schedules knows how EventBridge Scheduler keeps the timers of profiles: one schedule for each, in a group of
// their own, under the profile's id. It does not know when profiles are due, nor what their ticks do.
package schedules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"zapas/shared/aws"
	"zapas/shared/profile"
)

// Schedules are those of one group.
type Schedules struct {
	Client     *scheduler.Client
	Group      string
	Target     string // ARN of the function that they call
	Role       string // ARN of the role as which Scheduler calls it
	DeadLetter string // ARN of the queue of the calls that did not come about
}

var _ profile.Timers = Schedules{}

// New makes schedules with a client of their own.
func New(cfg sdk.Config, s Schedules) Schedules {
	s.Client = scheduler.NewFromConfig(cfg)
	return s
}

// A call that cannot be handed to the function is tried again for as long as its slot is the newest of an hourly schedule:
// a later one does the same. What the function fails at is Lambda's to try again.
const (
	maxAge      = 3600 // seconds
	maxAttempts = 60
)

// Input is the event that a tick of the profile calls the function with. Scheduler puts the time of the slot in (User Guide,
// "Adding context attributes in EventBridge Scheduler").
func Input(id profile.ID) (string, error) {
	text, err := json.Marshal(struct {
		Profile profile.ID `json:"profile"`
	}{id})
	if err != nil {
		return "", err
	}
	return string(text[:len(text)-1]) + `,"slot":"<aws.scheduler.scheduled-time>"}`, nil
}

// definition is all that a profile's schedule is.
func (s Schedules) definition(id profile.ID, t profile.Timer) (*scheduler.UpdateScheduleInput, error) {
	input, err := Input(id)
	if err != nil {
		return nil, err
	}
	state := types.ScheduleStateDisabled
	if t.Enabled {
		state = types.ScheduleStateEnabled
	}
	return &scheduler.UpdateScheduleInput{
		Name: new(string(id)), GroupName: &s.Group, ScheduleExpression: &t.Expression, ScheduleExpressionTimezone: &t.Zone, State: state,
		ActionAfterCompletion: types.ActionAfterCompletionNone, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: &s.Target, RoleArn: &s.Role, Input: &input, DeadLetterConfig: &types.DeadLetterConfig{Arn: &s.DeadLetter},
			RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: new(int32(maxAge)), MaximumRetryAttempts: new(int32(maxAttempts))}},
	}, nil
}

// Set makes the profile's schedule so. One that is changed by another at the same moment is left to be set again.
func (s Schedules) Set(ctx context.Context, id profile.ID, t profile.Timer) error {
	d, err := s.definition(id, t)
	if err != nil {
		return err
	}
	_, err = s.Client.UpdateSchedule(ctx, d)
	if !missing(err) {
		return failed(err, "change a schedule")
	}
	// ClientToken is left to the SDK: each attempt of this one call has the same.
	_, err = s.Client.CreateSchedule(ctx, &scheduler.CreateScheduleInput{Name: d.Name, GroupName: d.GroupName, ScheduleExpression: d.ScheduleExpression,
		ScheduleExpressionTimezone: d.ScheduleExpressionTimezone, State: d.State, ActionAfterCompletion: d.ActionAfterCompletion,
		FlexibleTimeWindow: d.FlexibleTimeWindow, Target: d.Target})
	return failed(err, "make a schedule")
}

// Is compares all that Set sets.
func (s Schedules) Is(ctx context.Context, id profile.ID, t profile.Timer) (bool, error) {
	want, err := s.definition(id, t)
	if err != nil {
		return false, err
	}
	got, err := s.Client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: want.Name, GroupName: &s.Group})
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, failed(err, "read a schedule")
	}
	return reflect.DeepEqual(want, &scheduler.UpdateScheduleInput{Name: got.Name, GroupName: got.GroupName, ScheduleExpression: got.ScheduleExpression,
		ScheduleExpressionTimezone: got.ScheduleExpressionTimezone, State: got.State, ActionAfterCompletion: got.ActionAfterCompletion,
		FlexibleTimeWindow: got.FlexibleTimeWindow, Target: got.Target, StartDate: got.StartDate, EndDate: got.EndDate}), nil
}

// Remove deletes the profile's schedule, if there is one.
func (s Schedules) Remove(ctx context.Context, id profile.ID) error {
	_, err := s.Client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: new(string(id)), GroupName: &s.Group})
	if missing(err) {
		return nil
	}
	return failed(err, "delete a schedule")
}

// Page lists a page of the group.
func (s Schedules) Page(ctx context.Context, cursor string) (ids []profile.ID, next string, err error) {
	in := &scheduler.ListSchedulesInput{GroupName: &s.Group, MaxResults: new(int32(100))}
	if cursor != "" {
		in.NextToken = &cursor
	}
	out, err := s.Client.ListSchedules(ctx, in)
	if err != nil {
		return nil, "", failed(err, "list schedules")
	}
	for _, one := range out.Schedules {
		ids = append(ids, profile.ID(sdk.ToString(one.Name)))
	}
	return ids, sdk.ToString(out.NextToken), nil
}

func missing(err error) bool {
	_, ok := errors.AsType[*types.ResourceNotFoundException](err)
	return ok
}

// failed says what a failed call means. A conflict is another call on the same schedule at the same time.
func failed(err error, doing string) error {
	if _, ok := errors.AsType[*types.ConflictException](err); ok {
		return aws.Busy(fmt.Errorf("%s: %w", doing, err))
	}
	return aws.Fault(err, doing)
}
