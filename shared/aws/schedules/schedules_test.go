package schedules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/schedules"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

const (
	target = "arn:aws:lambda:" + standintest.Region + ":" + standintest.Account + ":function:triggers"
	queue  = "arn:aws:sqs:" + standintest.Region + ":" + standintest.Account + ":dead"
	id     = profile.ID("00000000000000000000000001")
)

func open(t *testing.T) (*standintest.Stack, schedules.Schedules) {
	t.Helper()
	s := standintest.New(t)
	if err := s.Scheduler.CreateGroup("zapas"); err != nil {
		t.Fatal(err)
	}
	return s, schedules.New(s.Config(), schedules.Schedules{Group: "zapas", Target: target, Role: standintest.RoleARN("scheduler"), DeadLetter: queue})
}

func nightly(enabled bool) profile.Timer {
	return profile.Timer{Expression: "cron(0 2 * * ? *)", Zone: "Europe/Warsaw", Enabled: enabled}
}

// TestSet makes a schedule, changes it, and finds it to be so.
func TestSet(t *testing.T) {
	t.Parallel()
	_, s := open(t)
	for _, timer := range []profile.Timer{nightly(true), nightly(false), {Expression: "cron(0 0/4 * * ? *)", Zone: "Asia/Kathmandu", Enabled: true}} {
		if same, err := s.Is(t.Context(), id, timer); err != nil || same {
			t.Errorf("before: %v %v", same, err)
		}
		for range 2 {
			if err := s.Set(t.Context(), id, timer); err != nil {
				t.Fatal(err)
			}
		}
		if same, err := s.Is(t.Context(), id, timer); err != nil || !same {
			t.Errorf("after: %v %v", same, err)
		}
	}
	got, err := s.Client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{GroupName: aws.String("zapas"), Name: aws.String(string(id))})
	if err != nil {
		t.Fatal(err)
	}
	want := types.Target{Arn: aws.String(target), RoleArn: aws.String(standintest.RoleARN("scheduler")), DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(queue)},
		Input:       aws.String(`{"profile":"00000000000000000000000001","slot":"<aws.scheduler.scheduled-time>"}`),
		RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(3600), MaximumRetryAttempts: aws.Int32(60)}}
	if got.FlexibleTimeWindow.Mode != types.FlexibleTimeWindowModeOff || got.State != types.ScheduleStateEnabled {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff(want.Input, got.Target.Input); d != "" {
		t.Error(d)
	}
	got.Target.Input, want.Input = nil, nil
	if *got.Target.Arn != *want.Arn || *got.Target.RoleArn != *want.RoleArn || *got.Target.DeadLetterConfig.Arn != *want.DeadLetterConfig.Arn ||
		*got.Target.RetryPolicy.MaximumEventAgeInSeconds != 3600 || *got.Target.RetryPolicy.MaximumRetryAttempts != 60 {
		t.Errorf("%+v", got.Target)
	}
}

// TestIs: whatever of it is changed is found.
func TestIs(t *testing.T) {
	t.Parallel()
	_, s := open(t)
	if err := s.Set(t.Context(), id, nightly(true)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*schedules.Schedules, *profile.Timer){
		"Expression": func(_ *schedules.Schedules, t *profile.Timer) { t.Expression = "cron(0 3 * * ? *)" },
		"Zone":       func(_ *schedules.Schedules, t *profile.Timer) { t.Zone = "Europe/Berlin" },
		"State":      func(_ *schedules.Schedules, t *profile.Timer) { t.Enabled = false },
		"Target":     func(s *schedules.Schedules, _ *profile.Timer) { s.Target += "2" },
		"Role":       func(s *schedules.Schedules, _ *profile.Timer) { s.Role += "2" },
		"DeadLetter": func(s *schedules.Schedules, _ *profile.Timer) { s.DeadLetter += "2" },
	} {
		other, timer := s, nightly(true)
		change(&other, &timer)
		if same, err := other.Is(t.Context(), id, timer); err != nil || same {
			t.Errorf("%s: %v %v", name, same, err)
		}
	}
	if same, err := s.Is(t.Context(), "00000000000000000000000002", nightly(true)); err != nil || same {
		t.Errorf("a schedule that is not there: %v %v", same, err)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	_, s := open(t)
	if err := s.Set(t.Context(), id, nightly(true)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if same, err := s.Is(t.Context(), id, nightly(true)); err != nil || same {
		t.Errorf("it is still there: %v", err)
	}
}

// TestPage lists the group, and nothing beside it.
func TestPage(t *testing.T) {
	t.Parallel()
	st, s := open(t)
	if err := st.Scheduler.CreateGroup("other"); err != nil {
		t.Fatal(err)
	}
	foreign := s
	foreign.Group = "other"
	if err := foreign.Set(t.Context(), id, nightly(true)); err != nil {
		t.Fatal(err)
	}
	var want, got []profile.ID
	for n := range 101 {
		want = append(want, profile.ID(caller.Base32([16]byte{15: byte(n)})))
		if err := s.Set(t.Context(), want[n], nightly(true)); err != nil {
			t.Fatal(err)
		}
	}
	pages := 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		ids, next, err := s.Page(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		got, cursor = append(got, ids...), next
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || pages != 2 {
		t.Errorf("in %d pages: %s", pages, d)
	}
}

// TestFires: what a schedule calls with is what Input says, with the slot.
func TestFires(t *testing.T) {
	t.Parallel()
	st, s := open(t)
	if err := s.Set(t.Context(), id, profile.Timer{Expression: "cron(* * * * ? *)", Zone: "UTC", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	at, ok := st.Scheduler.Due()
	text, err := schedules.Input(id)
	if err != nil || !ok {
		t.Fatal(at, err)
	}
	var in struct {
		Profile profile.ID
		Slot    time.Time
	}
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "<aws.scheduler.scheduled-time>", at.Format(time.RFC3339))), &in); err != nil || in.Profile != id || !in.Slot.Equal(at) {
		t.Errorf("%+v at %v: %v", in, at, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	calls := map[string]func(*testing.T, schedules.Schedules) error{
		"Make": func(t *testing.T, s schedules.Schedules) error {
			return s.Set(t.Context(), "00000000000000000000000002", nightly(true))
		},
		"Change": func(t *testing.T, s schedules.Schedules) error { return s.Set(t.Context(), id, nightly(false)) },
		"Is": func(t *testing.T, s schedules.Schedules) error {
			_, err := s.Is(t.Context(), id, nightly(false))
			return err
		},
		"Remove": func(t *testing.T, s schedules.Schedules) error { return s.Remove(t.Context(), id) },
		"Page": func(t *testing.T, s schedules.Schedules) error {
			_, _, err := s.Page(t.Context(), "")
			return err
		},
	}
	operation := map[string]string{"Make": "CreateSchedule", "Change": "UpdateSchedule", "Is": "GetSchedule", "Remove": "DeleteSchedule", "Page": "ListSchedules"}
	for name, call := range calls {
		for how, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				st, s := open(t)
				if err := s.Set(t.Context(), id, nightly(true)); err != nil {
					t.Fatal(err)
				}
				struck := false
				st.Strike(func(c standin.Call) standin.Fault {
					if c.Operation != operation[name] {
						return standin.None
					}
					struck = true
					return f
				})
				if err := call(t, s); !fault.Is(err, fault.Unavailable) || !struck {
					t.Errorf("it fails otherwise: %v", err)
				}
				st.Strike(nil)
				if err := call(t, s); err != nil {
					t.Errorf("again: %v", err)
				}
			})
		}
	}
}

// TestRefused: what will not pass is not told as if it would; two that make the same at once is told so.
func TestRefused(t *testing.T) {
	t.Parallel()
	st, s := open(t)
	if err := s.Set(t.Context(), id, profile.Timer{Expression: "cron(never)", Zone: "UTC"}); !fault.Is(err, fault.Internal) {
		t.Errorf("an expression that is none: %v", err)
	}
	nowhere := s
	nowhere.Group = "none"
	if err := nowhere.Set(t.Context(), id, nightly(true)); !fault.Is(err, fault.Internal) {
		t.Errorf("a group that is none: %v", err)
	}
	raced := false
	st.Strike(func(c standin.Call) standin.Fault {
		if c.Operation == "CreateSchedule" && !raced {
			raced = true
			if err := s.Set(t.Context(), id, nightly(false)); err != nil {
				t.Error(err)
			}
		}
		return standin.None
	})
	if err := s.Set(t.Context(), id, nightly(true)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("made by another meanwhile: %v", err)
	}
	if err := s.Set(t.Context(), id, nightly(true)); err != nil {
		t.Error(err)
	}
}
